/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * msix FAST SLOW N: completions by interrupt, N commands each waited for. SLOW is a drive that
 * takes long for each command.
 *
 * Every queue pair has a descriptor of its own; nvio_wait() sleeps, comes back in time, and misses
 * no wake-up.
 */
#include <poll.h>
#include <sys/resource.h>

#include "vmtest.h"

#define NR_QPAIRS   4u
#define BURST       16u
#define PATIENCE_MS 60000
#define BLOCKS      64u
#define SLOW_MAX    10u /* on any machine, however few there are */
#define SLOW_NS     (VMT_NS_PER_S / 3)

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * VMT_NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void wait_for_signal(struct nvio_qpair *qpair)
{
	struct pollfd fd = { .fd = nvio_qpair_fd(qpair), .events = POLLIN };
	int n = poll(&fd, 1, PATIENCE_MS);

	vmt_check(n == 1 && fd.revents == POLLIN, "no interrupt: %d, events 0x%x", n, fd.revents);
}

/* A burst of commands; the loop of a program that has the descriptor in its poll(). */
static void burst(struct vmt_drive *drive, struct nvio_qpair *qpair, char *buf, uint32_t nr)
{
	struct nvio_completion done[BURST];
	struct vmt_count count = { 0 };

	for (uint32_t i = 0; i < nr; i++)
		vmt_ok(nvio_read(qpair, drive->ns, buf, i, 1, 0, i));
	count.queued = nr;
	vmt_submit(qpair, &count);
	while (count.completed < nr) {
		wait_for_signal(qpair);
		vmt_check(vmt_ok(nvio_qpair_arm(qpair)) == 1, "it was not readable");
		vmt_check(nvio_qpair_timeout(qpair) >= 0, "nothing outstanding, %u of %" PRIu64, nr,
			  count.completed);
		vmt_arrived(qpair, &count, done, vmt_ok(nvio_poll(qpair, done, BURST)));
	}
}

static void check_silent(struct nvio_qpair **qpairs, unsigned int from, unsigned int to)
{
	for (unsigned int i = from; i < to; i++)
		vmt_check(!vmt_ok(nvio_qpair_arm(qpairs[i])),
			  "queue pair %u had no command and was signalled", i);
}

/*
 * Queue pairs come into use one by one, and where vectors are new those that had no command yet
 * never signal. (One that had may do so late, and whoever has its vector next: a completion can be
 * polled before its interrupt arrives.)
 */
static void use_in_turn(struct vmt_drive *drive, char *buf, bool is_new)
{
	struct nvio_qpair *qpairs[NR_QPAIRS], *polled = vmt_qpair(drive->ctrl, BURST, false);

	for (unsigned int i = 0; i < NR_QPAIRS; i++)
		qpairs[i] = vmt_qpair(drive->ctrl, BURST, true);
	vmt_refused(nvio_qpair_fd(polled), ENOTSUP, "without interrupts");
	vmt_io(polled, drive->ns, VMT_READ, buf, 0, 1);
	if (is_new)
		check_silent(qpairs, 0, NR_QPAIRS);
	for (unsigned int i = 0; i < NR_QPAIRS; i++) {
		unsigned int idx = is_new ? i : NR_QPAIRS - 1 - i;

		for (uint32_t nr = 1; nr <= BURST; nr++)
			burst(drive, qpairs[idx], buf, nr);
		if (is_new)
			check_silent(qpairs, idx + 1, NR_QPAIRS);
	}
	for (unsigned int i = 0; i < NR_QPAIRS; i++)
		nvio_qpair_free(qpairs[i]);
	nvio_qpair_free(polled);
}

/* How often this thread went to sleep. */
static long sleeps(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
}

/* The ways to wait for the only command that is outstanding. */
typedef int (*wait_fn)(struct nvio_qpair *qpair, struct nvio_completion *done);

static int wait_in_library(struct nvio_qpair *qpair, struct nvio_completion *done)
{
	return nvio_wait(qpair, done, 1, 2, VMT_PATIENCE_NS);
}

/* Each command has to wake this up: nothing else does. */
static int wait_in_poll(struct nvio_qpair *qpair, struct nvio_completion *done)
{
	int n = 0;

	while (!n) {
		wait_for_signal(qpair);
		nvio_qpair_arm(qpair);
		n = nvio_poll(qpair, done, 2);
	}
	return n;
}

static uint64_t timed_wait(struct nvio_qpair *qpair, struct vmt_count *count, uint64_t user_data,
			   wait_fn wait)
{
	uint64_t start = now_ns(CLOCK_MONOTONIC);
	struct nvio_completion done[2];
	int64_t n;

	vmt_submit(qpair, count);
	n = vmt_ok(wait(qpair, done));
	vmt_check(n == 1 && done[0].user_data == user_data, "%" PRId64 " completions, of %" PRIu64,
		  n, done[0].user_data);
	vmt_arrived(qpair, count, done, n);
	return now_ns(CLOCK_MONOTONIC) - start;
}

/*
 * One command after the other, each waited for: a write, then a read of what it wrote. nvio_wait()
 * looks after the controller twice a second, so that a wake-up that it missed makes a slow command
 * and not a failure; a busy machine has a few of those without it.
 */
static void test_wake_ups(struct vmt_drive *drive, char *buf, wait_fn wait, uint64_t nr)
{
	struct nvio_qpair *qpair = vmt_qpair(drive->ctrl, 1, true);
	uint32_t len = drive->info.block_len, nr_slow = 0;
	struct vmt_count count = { 0 };
	long slept = sleeps();

	for (uint64_t i = 0; i < nr; i++) {
		enum vmt_op op = i % 2 ? VMT_READ : VMT_WRITE;

		if (op == VMT_WRITE)
			vmt_fill(buf, len, i);
		else
			memset(buf, 0, len);
		vmt_ok(vmt_queue(qpair, drive->ns, op, buf, i / 2 % BLOCKS, 1, i));
		count.queued++;
		nr_slow += timed_wait(qpair, &count, i, wait) > SLOW_NS;
		vmt_check(vmt_holds(buf, len, i - i % 2), "what command %" PRIu64 " left", i);
	}
	slept = sleeps() - slept;
	printf("%" PRIu64 " commands, slept %ld times, %u were slow\n", count.completed, slept,
	       nr_slow);
	vmt_check(count.completed == nr, "%" PRIu64 " completed", count.completed);
	vmt_check(slept, "it never slept");
	vmt_check(nr_slow <= nr / 500 + SLOW_MAX, "%u wake-ups may have been missed", nr_slow);
	nvio_qpair_free(qpair);
}

/* A thread that waits leaves the processor to others, and comes back when it was told to. */
static void test_sleep(struct vmt_drive *drive, char *buf)
{
	const int64_t timeout = VMT_NS_PER_S / 5;
	struct nvio_qpair *qpair = vmt_qpair(drive->ctrl, 2, true);
	uint64_t wall = now_ns(CLOCK_MONOTONIC), cpu = now_ns(CLOCK_THREAD_CPUTIME_ID);
	struct vmt_count count = { .queued = 2 };
	struct nvio_completion done[2];
	long slept = sleeps();

	vmt_ok(nvio_read(qpair, drive->ns, buf, 0, 1, 0, 0));
	vmt_ok(nvio_read(qpair, drive->ns, buf, 1, 1, 0, 1));
	vmt_submit(qpair, &count);
	vmt_check(nvio_wait(qpair, done, 1, 2, timeout) == -ETIMEDOUT, "no time-out");
	vmt_check(now_ns(CLOCK_MONOTONIC) - wall >= (uint64_t)timeout, "it was too short");
	vmt_arrived(qpair, &count, done, vmt_ok(nvio_wait(qpair, done, 2, 2, VMT_PATIENCE_NS)));
	vmt_check(count.completed == 2, "%" PRIu64 " of 2", count.completed);
	wall = now_ns(CLOCK_MONOTONIC) - wall;
	cpu = now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
	slept = sleeps() - slept;
	printf("waited %" PRIu64 " us, worked %" PRIu64 " us\n", wall / 1000, cpu / 1000);
	vmt_check(cpu < wall / 2, "%" PRIu64 " ns of processor in %" PRIu64 " ns", cpu, wall);
	vmt_check(slept >= 2, "it slept %ld times", slept);
	/* Nothing to wait for is no reason to sleep. */
	vmt_check(nvio_wait(qpair, done, 1, 2, -1) == 0, "an idle queue pair");
	nvio_qpair_free(qpair);
}

int main(int argc, char **argv)
{
	struct vmt_drive fast, slow;
	uint64_t nr;
	char *buf;

	vmt_check(argc == 4, "usage: msix FAST SLOW N");
	nr = strtoull(argv[3], NULL, 0);
	vmt_open(&fast, argv[1], NULL);
	buf = vmt_alloc(fast.iommu, NVIO_MEM_PAGE);
	use_in_turn(&fast, buf, true);
	/* Vectors of queue pairs that are gone serve the next ones. */
	use_in_turn(&fast, buf, false);
	test_wake_ups(&fast, buf, wait_in_library, nr);
	test_wake_ups(&fast, buf, wait_in_poll, nr);
	nvio_ctrl_close(fast.ctrl);
	vmt_open(&slow, argv[2], NULL);
	buf = vmt_alloc(slow.iommu, NVIO_MEM_PAGE);
	test_sleep(&slow, buf);
	nvio_ctrl_close(slow.ctrl);
	return 0;
}
