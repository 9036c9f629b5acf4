/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * soak PORT BDF RESETS REMOVALS KILLS: on a real VFIO device, under load and each at a random
 * moment: resets by nvio, for an error that the kernel tells of, and behind its back, of the
 * function and of the slot; the drive is unplugged and comes back; the process is killed. All the
 * while one block of the drive is bad, another one each time that it comes back. Nothing is lost,
 * doubled or corrupted, requests fail that have the bad block and no others, and nothing stays
 * behind.
 *
 * PORT leads to QEMU's monitor; the drive is plugged in as BDF.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "emu/load.h"
#include "emu/stack.h"
#include "emu/usage.h"
#include "qmp.h"

#define NR_THREADS 4u
#define TIMEOUT_MS 10000u
#define PATIENCE   (60 * SECOND)
#define SECTORS    (LOAD_BLOCK / 512u)

static unsigned int nr_resets, nr_removals, nr_kills, nr_faults;
static const char *bdf;
static struct qmp qmp;
static struct load_counts sum;

/* In memory that a child which is killed leaves to us. */
struct soak {
	struct load load;
	struct load_model model;
};

static struct soak *soak;

static void nap(unsigned int max_us)
{
	usleep((useconds_t)(rand() % (int)max_us));
}

/* Writes @text to a file of the device's, named "what". */
static void tell_kernel(const char *what, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", bdf, what);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static bool is_bound(void)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/vfio-pci/%s", bdf);
	return !access(path, F_OK);
}

static void await_bound(bool bound)
{
	uint64_t until = now_ns() + PATIENCE;

	while (is_bound() != bound && now_ns() < until)
		usleep(5000);
	CU_ASSERT_EQUAL_FATAL(is_bound(), bound);
}

/* Both ways end with an error for this block, whatever else a request has. */
static void plug(void)
{
	uint64_t block = (uint64_t)rand() % (NR_THREADS * LOAD_BLOCKS);
	unsigned long long sector = block * SECTORS + (unsigned int)rand() % SECTORS;

	soak->model.bad = block + 1;
	qmp_do(&qmp,
	       "{\"execute\": \"blockdev-add\", \"arguments\": {\"driver\": \"blkdebug\", "
	       "\"node-name\": \"bad\", \"image\": \"disk\", \"inject-error\": ["
	       "{\"event\": \"none\", \"iotype\": \"read\", \"sector\": %llu, \"errno\": 5},"
	       "{\"event\": \"none\", \"iotype\": \"write\", \"sector\": %llu, \"errno\": 5}]}}\n",
	       sector, sector);
	qmp_do(&qmp, "{\"execute\": \"device_add\", \"arguments\": {\"driver\": \"nvme\", "
		     "\"id\": \"soaked\", \"serial\": \"soaked\", \"bus\": \"port1\", "
		     "\"drive\": \"bad\", \"logical_block_size\": 4096, "
		     "\"physical_block_size\": 4096}}\n");
	await_bound(true);
}

static void unplug(void)
{
	qmp_do(&qmp, "{\"execute\": \"device_del\", \"arguments\": {\"id\": \"soaked\"}}\n");
}

static void await_unplugged(void)
{
	qmp_await_deleted(&qmp);
	await_bound(false);
	qmp_do(&qmp, "{\"execute\": \"blockdev-del\", \"arguments\": {\"node-name\": \"bad\"}}\n");
}

static struct nvio_ctrl *begin(void)
{
	struct nvio_watch_opts watch = NVIO_WATCH_OPTS;
	uint64_t until = now_ns() + PATIENCE;
	struct nvio_ctrl *ctrl = NULL;
	int err;

	watch.grace_ms = 100;
	/* It is bound before it has its files. */
	do {
		err = nvio_ctrl_open(bdf, NULL, &ctrl);
	} while ((err == -ENODEV || err == -ENOENT) && now_ns() < until && !usleep(5000));
	vmt_ok(err);
	CU_ASSERT_EQUAL(nvio_device_watch(nvio_ctrl_device(ctrl), &watch), 0);
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
	CU_ASSERT_EQUAL(counts.failed, counts.abandoned + counts.bad);
	load_add(&sum, &counts);
	nvio_ctrl_close(ctrl);
}

static uint64_t nr_recoveries(struct nvio_ctrl *ctrl)
{
	struct nvio_ctrl_stats stats;

	nvio_ctrl_get_stats(ctrl, &stats, sizeof(stats));
	CU_ASSERT_FALSE_FATAL(stats.given_up);
	return stats.recoveries;
}

static void reset_somehow(struct nvio_ctrl *ctrl, unsigned int how)
{
	uint64_t before = nr_recoveries(ctrl), until = now_ns() + PATIENCE;

	switch (how) {
	case 0:
		CU_ASSERT_EQUAL_FATAL(nvio_ctrl_reset(ctrl), 0);
		break;
	case 1:
		/* As the kernel does when the port reports an error of it. */
		vmt_ok(nvio_device_irq_trigger(nvio_ctrl_device(ctrl), NVIO_IRQ_ERR, 0));
		break;
	case 2:
		CU_ASSERT_EQUAL_FATAL(nvio_device_reset(nvio_ctrl_device(ctrl)), 0);
		break;
	default:
		tell_kernel("reset_method", "bus");
		tell_kernel("reset", "1");
		break;
	}
	nr_faults++;
	while (nr_recoveries(ctrl) == before && now_ns() < until)
		usleep(5000);
	CU_ASSERT_NOT_EQUAL_FATAL(nr_recoveries(ctrl), before);
}

static void resets(void)
{
	struct usage usage = { 0 };
	struct nvio_ctrl *ctrl;

	plug();
	ctrl = begin();
	CU_ASSERT_TRUE_FATAL(load_goes_on(&soak->load, 20, PATIENCE));
	for (unsigned int i = 0; i < nr_resets; i++) {
		if (i == nr_resets / 2)
			usage_take(&usage, getpid());
		nap(100000);
		reset_somehow(ctrl, i % 4);
		CU_ASSERT_TRUE_FATAL(load_goes_on(&soak->load, 20, PATIENCE));
	}
	usage_check(&usage, getpid());
	end(ctrl);
}

static void await_ends(void)
{
	uint64_t until = now_ns() + PATIENCE;

	for (unsigned int k = 0; k < NR_THREADS; k++) {
		const volatile int *ended = &soak->load.threads[k].end;

		while (!*ended && now_ns() < until)
			usleep(1000);
		CU_ASSERT_EQUAL(*ended, -ENODEV);
	}
}

static void removals(void)
{
	struct usage usage = { 0 };

	for (unsigned int i = 0; i < nr_removals; i++) {
		struct nvio_ctrl *ctrl = begin();

		CU_ASSERT_TRUE_FATAL(load_goes_on(&soak->load, 10, PATIENCE));
		nap(100000);
		unplug();
		nr_faults += 2; /* the bad block */
		/* Every thread ends by itself. */
		await_ends();
		end(ctrl);
		await_unplugged();
		plug();
		if (i == nr_removals / 2)
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
		nap(100000);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		CU_ASSERT_TRUE(WIFSIGNALED(status));
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

/* Everything that was ever written is there, and the bad block failed now and then. */
static void looks_at_all_of_it(void)
{
	struct nvio_ctrl *ctrl = begin();

	CU_ASSERT_TRUE(load_goes_on(&soak->load, 300, PATIENCE));
	end(ctrl);
	CU_ASSERT(sum.bad > 0);
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

	vmt_check(argc == 6, "usage: soak PORT BDF RESETS REMOVALS KILLS");
	bdf = argv[2];
	nr_resets = (unsigned int)strtoul(argv[3], NULL, 10);
	nr_removals = (unsigned int)strtoul(argv[4], NULL, 10);
	nr_kills = (unsigned int)strtoul(argv[5], NULL, 10);
	srand((unsigned int)vmt_seed("0"));
	soak = mmap(NULL, sizeof(*soak), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	vmt_check(soak != MAP_FAILED, "%s", strerror(errno));
	nvio_log_set(vmt_log, NULL, NVIO_LOG_ERROR);
	qmp_open(&qmp, argv[1]);
	return tap_run("soak", tests, sizeof(tests) / sizeof(tests[0]));
}
