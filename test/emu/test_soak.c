/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Under load, again and again and each at a random moment: controller resets, devices that are
 * pulled out and put back, processes that are killed. Nothing is lost, doubled or corrupted, and
 * nothing stays behind.
 *
 * test_soak RESETS REMOVALS KILLS does so many of each, `make soak` as many as a night is good for.
 * One nvme_emu is there for all of it, and the blocks of its namespace are followed throughout.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"
#include "stack.h"
#include "usage.h"

#define NR_THREADS 4u
/* Nothing is to be late only because the machine is busy. */
#define TIMEOUT_MS 10000u
#define PATIENCE   (60 * SECOND)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOWER 4u
#else
#define SLOWER 1u
#endif

static unsigned int nr_resets = 100 / SLOWER, nr_removals = 20 / SLOWER, nr_kills = 20 / SLOWER;

/* In memory that a child which is killed leaves to us. */
struct soak {
	struct load load;
	struct load_model model;
};

static struct soak *soak;
static struct daemon d;
static struct load_counts sum;
static unsigned int nr_faults;

static void nap(unsigned int max_us)
{
	usleep((useconds_t)(rand() % (int)max_us));
}

static struct nvio_ctrl *begin(void)
{
	struct nvio_ctrl_opts opts = NVIO_CTRL_OPTS;
	struct nvio_ctrl *ctrl = NULL;

	CU_ASSERT_EQUAL_FATAL(nvio_ctrl_open(d.name, &opts, &ctrl), 0);
	load_start(&soak->load, ctrl, nvio_ctrl_ns(ctrl, 1), NR_THREADS, TIMEOUT_MS,
		   (uint64_t)rand(), &soak->model);
	return ctrl;
}

static void end(struct nvio_ctrl *ctrl)
{
	struct load_counts counts = load_stop(&soak->load);

	CU_ASSERT_EQUAL(counts.lost, 0);
	CU_ASSERT_EQUAL(counts.doubled, 0);
	CU_ASSERT_EQUAL(counts.corrupted, 0);
	CU_ASSERT_EQUAL(counts.submitted, counts.completed);
	CU_ASSERT_EQUAL(counts.failed, counts.abandoned);
	load_add(&sum, &counts);
	nvio_ctrl_close(ctrl);
}

static void resets(void)
{
	struct nvio_ctrl_stats stats;
	struct usage usage = { 0 };
	struct nvio_ctrl *ctrl;

	daemon_start(&d, NULL);
	ctrl = begin();
	CU_ASSERT_TRUE(load_goes_on(&soak->load, 100, PATIENCE));
	for (unsigned int i = 0; i < nr_resets; i++) {
		if (i == nr_resets / 5)
			usage_take(&usage, getpid());
		CU_ASSERT_EQUAL_FATAL(nvio_ctrl_reset(ctrl), 0);
		nr_faults++;
		nap(20000);
		/* Some come while queue pairs are coming back from the one before. */
		if (i % 4)
			CU_ASSERT_TRUE_FATAL(load_goes_on(&soak->load, 20, PATIENCE));
	}
	CU_ASSERT_TRUE(load_goes_on(&soak->load, 100, PATIENCE));
	nvio_ctrl_get_stats(ctrl, &stats, sizeof(stats));
	CU_ASSERT_EQUAL(stats.recoveries, nr_resets);
	CU_ASSERT_EQUAL(stats.controller_resets, nr_resets);
	CU_ASSERT_EQUAL(stats.subsystem_resets + stats.device_resets + stats.given_up, 0);
	usage_check(&usage, getpid());
	end(ctrl);
}

static void removals(void)
{
	struct usage usage = { 0 };

	for (unsigned int i = 0; i < nr_removals; i++) {
		struct nvio_ctrl *ctrl = begin();

		CU_ASSERT_TRUE_FATAL(load_goes_on(&soak->load, 10, PATIENCE));
		nap(20000);
		daemon_do(&d, "gone");
		nr_faults++;
		/* Every thread ends by itself. */
		end(ctrl);
		daemon_do(&d, "back");
		if (i == nr_removals / 5)
			usage_take(&usage, getpid());
	}
	usage_check(&usage, getpid());
}

/* The child; it does not return. */
static void run_until_killed(int ready)
{
	begin();
	if (load_goes_on(&soak->load, 10, PATIENCE) && write(ready, "", 1) == 1)
		pause();
	_exit(1);
}

static void kills(void)
{
	for (unsigned int i = 0; i < nr_kills; i++) {
		int ends[2], status;
		char byte;
		pid_t pid;

		CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
		pid = fork();
		CU_ASSERT_FATAL(pid >= 0);
		if (!pid)
			run_until_killed(ends[1]);
		close(ends[1]);
		CU_ASSERT_EQUAL_FATAL(read(ends[0], &byte, 1), 1);
		close(ends[0]);
		nap(20000);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		nr_faults++;
		for (unsigned int k = 0; k < NR_THREADS; k++) {
			struct load_counts counts = soak->load.threads[k].counts;

			/* What nobody waits for any more is not lost. */
			counts.submitted = counts.completed;
			CU_ASSERT_EQUAL(counts.doubled + counts.corrupted, 0);
			load_add(&sum, &counts);
		}
	}
}

/* Everything that was ever written is there. */
static void looks_at_all_of_it(void)
{
	struct nvio_ctrl *ctrl = begin();

	CU_ASSERT_TRUE(load_goes_on(&soak->load, 1000, PATIENCE));
	end(ctrl);
	daemon_stop(&d);
	load_tell(nr_faults, &sum);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		{ "resets", resets },
		{ "removals", removals },
		{ "kills", kills },
		{ "looks at all of it", looks_at_all_of_it },
	};

	if (argc == 4) {
		nr_resets = (unsigned int)strtoul(argv[1], NULL, 10);
		nr_removals = (unsigned int)strtoul(argv[2], NULL, 10);
		nr_kills = (unsigned int)strtoul(argv[3], NULL, 10);
	}
	srand(1);
	soak = mmap(NULL, sizeof(*soak), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (soak == MAP_FAILED)
		return 1;
	return tap_run("soak", tests, sizeof(tests) / sizeof(tests[0]));
}
