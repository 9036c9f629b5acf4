/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients that come and go, on one nvme_emu and on a controller of their own, a thousand times:
 * each reads what the one before has written, and neither process keeps a descriptor, a mapping, a
 * thread or memory. Some clients are killed in mid-I/O.
 *
 * Called with "client DEVICE" this program is such a victim: it says when its I/O has begun.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stack.h"
#include "usage.h"

/* Sanitizers and valgrind slow everything down tenfold and more. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CYCLES 250u
#else
#define CYCLES 1000u
#endif
#define SETTLED  5u /* a fraction of the cycles that may still grow */
#define KILLS    20u
#define DEPTH    32u
#define BUF_LEN  8192u
#define PATIENCE (10 * SECOND)

extern char **environ;

static char program[PATH_MAX];

static unsigned int nr_cycles(void)
{
	const char *asked = getenv("NVIO_TEST_CYCLES");

	return asked ? (unsigned int)strtoul(asked, NULL, 10) : CYCLES;
}

static bool transfer(struct nvio_qpair *qpair, struct nvio_ns *ns, char *buf, bool write)
{
	struct nvio_completion done;
	int err = write ? nvio_write(qpair, ns, buf, 0, BUF_LEN / BLOCK, 0, 7)
			: nvio_read(qpair, ns, buf, 0, BUF_LEN / BLOCK, 0, 7);

	return !err && nvio_wait(qpair, &done, 1, 1, PATIENCE) == 1 && !done.status &&
	       done.user_data == 7;
}

/* Whether the blocks hold what cycle @nr has left. */
static bool holds(const char *buf, unsigned int nr)
{
	for (unsigned int i = 0; i < BUF_LEN; i++)
		if (buf[i] != (char)(nr * 31 + i))
			return false;
	return true;
}

static void fill(char *buf, unsigned int nr)
{
	for (unsigned int i = 0; i < BUF_LEN; i++)
		buf[i] = (char)(nr * 31 + i);
}

/* Opens, checks what is there when it is @kept, writes something else, reads it, closes. */
static bool cycle(const char *device, unsigned int nr, bool kept)
{
	struct nvio_ctrl *ctrl;
	struct nvio_qpair *qpair;
	struct nvio_ns *ns;
	char *buf;
	bool ok = false;

	if (nvio_ctrl_open(device, NULL, &ctrl)) {
		printf("# %s: %s\n", device, nvio_last_error());
		return false;
	}
	ns = nvio_ctrl_ns(ctrl, 1);
	buf = nvio_alloc(nvio_ctrl_iommu(ctrl), BUF_LEN, 4096);
	if (ns && buf && !nvio_qpair_create(ctrl, NULL, &qpair)) {
		ok = transfer(qpair, ns, buf, false) && (!kept || holds(buf, nr - 1));
		fill(buf, nr);
		ok = ok && transfer(qpair, ns, buf, true);
		memset(buf, 0, BUF_LEN);
		ok = ok && transfer(qpair, ns, buf, false) && holds(buf, nr);
	}
	nvio_ctrl_close(ctrl);
	return ok;
}

/* A victim: keeps its queue full, on blocks that nobody else looks at, until it is killed. */
static int be_client(const char *device)
{
	struct nvio_completion done[DEPTH];
	struct nvio_qpair *qpair;
	struct nvio_ctrl *ctrl;
	struct nvio_ns *ns;
	uint64_t nr = 0;
	char *buf;

	if (nvio_ctrl_open(device, NULL, &ctrl) || nvio_qpair_create(ctrl, NULL, &qpair))
		return EXIT_FAILURE;
	ns = nvio_ctrl_ns(ctrl, 1);
	buf = nvio_alloc(nvio_ctrl_iommu(ctrl), 65536, 4096);
	if (!ns || !buf)
		return EXIT_FAILURE;
	for (;;) {
		for (; nvio_qpair_outstanding(qpair) < DEPTH; nr++)
			if (nvio_write(qpair, ns, buf, 128 + nr % 64, 16, 0, nr))
				return EXIT_FAILURE;
		if (nvio_wait(qpair, done, 1, DEPTH, PATIENCE) < 1)
			return EXIT_FAILURE;
		if (nr > DEPTH && nr <= 2 * DEPTH && write(STDOUT_FILENO, "+", 1) != 1)
			return EXIT_FAILURE;
	}
}

/* Starts a program with its output in a pipe, whose other end is returned. */
static int start(char *const argv[], pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int ends[2], err;

	CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	err = posix_spawn(pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	CU_ASSERT_EQUAL_FATAL(err, 0);
	return ends[0];
}

/* Waits until the server has seen its last client leave: nothing of it is open any more. */
static void wait_idle(const struct daemon *d, unsigned int idle_fds)
{
	for (int i = 0; i < 1000 && usage_count_fds(d->pid) != idle_fds; i++)
		usleep(10000);
	CU_ASSERT_EQUAL(usage_count_fds(d->pid), idle_fds);
}

static bool kill_a_client(const struct daemon *d)
{
	char *argv[] = { program, "client", (char *)d->name, NULL };
	int status, fd;
	pid_t pid;
	char c;
	bool began;

	fd = start(argv, &pid);
	began = read(fd, &c, 1) == 1;
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(fd);
	return began && WIFSIGNALED(status);
}

static void clients_of_one_server(void)
{
	unsigned int cycles = nr_cycles(), kill_each = cycles / KILLS + 1;
	unsigned int failed = 0, killed = 0, idle_fds;
	struct usage ours, theirs;
	struct daemon d;

	daemon_start(&d, NULL);
	idle_fds = usage_count_fds(d.pid);
	for (unsigned int nr = 0; nr < cycles && !failed; nr++) {
		failed += !cycle(d.name, nr, nr);
		if (nr % kill_each == 0)
			killed += kill_a_client(&d);
		if (nr == cycles / SETTLED) {
			wait_idle(&d, idle_fds);
			usage_take(&ours, getpid());
			usage_take(&theirs, d.pid);
		}
	}
	CU_ASSERT_EQUAL(failed, 0);
	CU_ASSERT_EQUAL(killed, (cycles + kill_each - 1) / kill_each);
	wait_idle(&d, idle_fds);
	usage_check(&ours, getpid());
	usage_check(&theirs, d.pid);
	daemon_stop(&d);
}

static void controllers_of_their_own(void)
{
	unsigned int cycles = nr_cycles(), failed = 0;
	struct usage usage;

	for (unsigned int nr = 0; nr < cycles && !failed; nr++) {
		failed += !cycle("emu:size=4M,lba=4096", nr, false);
		if (nr == cycles / SETTLED)
			usage_take(&usage, getpid());
	}
	CU_ASSERT_EQUAL(failed, 0);
	usage_check(&usage, getpid());
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		{ "clients of one server", clients_of_one_server },
		{ "controllers of their own", controllers_of_their_own },
	};

	if (argc == 3 && !strcmp(argv[1], "client"))
		return be_client(argv[2]);
	if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0)
		return EXIT_FAILURE;
	return tap_run("reconnect", tests, sizeof(tests) / sizeof(tests[0]));
}
