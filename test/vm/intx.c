/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * intx NAME: a controller whose queue pairs share one line of interrupts. Each of a thousand reads
 * is slept for, in poll() or in nvio_wait(), and none is found by looking only. Then a loop as in
 * examples/epoll.c and uring.c, in which nothing but the interrupt ends a sleep.
 */
#include <poll.h>
#include <time.h>

#include "vmtest.h"

#define NR_QPAIRS 3u
#define NR_READS  500u
#define NR_ROUNDS 64u
/* A look at the controller, which finds what no interrupt told of, takes half a second. */
#define LATE_NS (VMT_NS_PER_S / 3)

static unsigned int nr_lost;

static void count_lost(void *arg, enum nvio_log_level level, const char *line)
{
	vmt_log(arg, level, line);
	nr_lost += strstr(line, "interrupt") != NULL;
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * VMT_NS_PER_S + ts.tv_nsec;
}

/* Slept for in poll(), as in an application's loop. */
static void read_one(struct nvio_qpair *qpair, struct vmt_drive *drive, char *data, uint64_t slba)
{
	struct vmt_count count = { .queued = 1 };
	struct pollfd fd = { .fd = nvio_qpair_fd(qpair), .events = POLLIN };
	struct nvio_completion done;

	vmt_ok(nvio_read(qpair, drive->ns, data, slba, 1, 0, slba));
	vmt_submit(qpair, &count);
	while (!count.completed) {
		vmt_ok(nvio_qpair_arm(qpair));
		vmt_arrived(qpair, &count, &done, vmt_ok(nvio_poll(qpair, &done, 1)));
		if (!count.completed)
			vmt_check(poll(&fd, 1, 60000) == 1, "no interrupt");
	}
}

/*
 * Whenever it wakes up it arms, polls, and submits what is next: the line is still up when it arms,
 * and is let go by the poll. @waits: before each read one is waited for in nvio_wait(), after which
 * the loop sleeps without arming, as its descriptor has not been readable.
 */
static void loop(struct nvio_qpair *qpair, struct vmt_drive *drive, char *data, bool waits)
{
	struct pollfd fd = { .fd = nvio_qpair_fd(qpair), .events = POLLIN };
	struct vmt_count count = { 0 };
	unsigned int nr_sleeps = 0;
	struct nvio_completion done;

	while (count.completed < NR_ROUNDS) {
		if (count.queued == count.completed) {
			if (waits)
				vmt_io(qpair, drive->ns, VMT_READ, data, 0, 1);
			memset(data, 0, 512);
			vmt_ok(nvio_read(qpair, drive->ns, data, 0, 1, 0, count.queued++));
			vmt_submit(qpair, &count);
		}
		nr_sleeps++;
		vmt_check(poll(&fd, 1, 10000) == 1, "sleep %u, read %" PRIu64 ": no interrupt",
			  nr_sleeps, count.queued);
		vmt_ok(nvio_qpair_arm(qpair));
		vmt_arrived(qpair, &count, &done, vmt_ok(nvio_poll(qpair, &done, 1)));
		vmt_check(count.queued > count.completed || vmt_holds(data, 512, 3),
			  "the block holds something else");
	}
	printf("%u reads in a loop, %u sleeps\n", NR_ROUNDS, nr_sleeps);
}

int main(int argc, char **argv)
{
	struct nvio_ctrl_opts opts = NVIO_CTRL_OPTS;
	struct nvio_qpair_opts qpair_opts = NVIO_QPAIR_OPTS;
	struct nvio_qpair *qpairs[NR_QPAIRS];
	struct vmt_drive drive;
	int64_t worst = 0;
	char *data;

	vmt_check(argc == 2, "usage: intx NAME");
	nvio_log_set(count_lost, NULL, NVIO_LOG_WARN);
	qpair_opts.interrupts = true;
	/* QEMU's controller has none of these. */
	opts.interrupts = NVIO_INTERRUPTS_MSI;
	vmt_ok(nvio_ctrl_open(argv[1], &opts, &drive.ctrl));
	vmt_refused(nvio_qpair_create(drive.ctrl, &qpair_opts, &qpairs[0]), ENOTSUP,
		    "has no interrupts of that kind");
	nvio_ctrl_close(drive.ctrl);

	opts.interrupts = NVIO_INTERRUPTS_INTX;
	vmt_ok(nvio_ctrl_open(argv[1], &opts, &drive.ctrl));
	vmt_use_ctrl(&drive, 1);
	data = vmt_alloc(drive.iommu, 4096);
	for (uint32_t i = 0; i < NR_QPAIRS; i++)
		qpairs[i] = vmt_qpair(drive.ctrl, 8, true);
	vmt_fill(data, 512, 3);
	vmt_io(qpairs[0], drive.ns, VMT_WRITE, data, 0, 1);
	for (uint32_t i = 0; i < NR_READS; i++) {
		int64_t began = now_ns();

		read_one(qpairs[i % NR_QPAIRS], &drive, data, 0);
		vmt_io(qpairs[(i + 1) % NR_QPAIRS], drive.ns, VMT_READ, data, 0, 1);
		began = now_ns() - began;
		worst = began > worst ? began : worst;
		vmt_check(vmt_holds(data, 512, 3), "the block holds something else");
	}
	printf("the slowest of %u pairs of reads took %" PRId64 " us\n", NR_READS, worst / 1000);
	vmt_check(worst < LATE_NS, "a read was found by looking");
	loop(qpairs[0], &drive, data, false);
	loop(qpairs[0], &drive, data, true);
	vmt_check(!nr_lost, "%u interrupts got lost", nr_lost);
	nvio_ctrl_close(drive.ctrl);
	return 0;
}
