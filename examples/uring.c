/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uring [DEVICE]: several queue pairs in one io_uring. Each has a multishot poll on its descriptor,
 * so that a thread which waits for anything else with io_uring, sockets say, waits for its drives
 * in the same place. Every queue pair keeps a few reads of namespace 1 outstanding.
 */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <nvio/nvio.h>

#define QPAIRS 4
#define DEPTH  8
#define READS  2500 /* of each queue pair */

struct lane {
	struct nvio_qpair *qpair;
	char *bufs; /* a block for each read that is outstanding */
	unsigned int queued;
	unsigned int completed;
	unsigned int failed;
};

struct reader {
	struct io_uring ring;
	struct nvio_ctrl *ctrl;
	struct nvio_ns *ns;
	struct nvio_ns_info info;
	size_t len; /* of a block with its metadata */
	struct lane lanes[QPAIRS];
	unsigned int wakeups;
};

static int open_drive(struct reader *r, const char *device)
{
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;

	opts.depth = DEPTH;
	opts.interrupts = true;
	if (nvio_ctrl_open(device, NULL, &r->ctrl) || !(r->ns = nvio_ctrl_ns(r->ctrl, 1)))
		return -1;
	nvio_ns_get_info(r->ns, &r->info, sizeof(r->info));
	r->len = r->info.block_len + r->info.metadata_len;
	for (int i = 0; i < QPAIRS; i++) {
		struct lane *lane = &r->lanes[i];

		lane->bufs = nvio_alloc(nvio_ctrl_iommu(r->ctrl), DEPTH * r->len, 4096);
		if (!lane->bufs || nvio_qpair_create(r->ctrl, &opts, &lane->qpair))
			return -1;
	}
	return 0;
}

/* One request that completes each time the descriptor becomes readable. */
static int watch(struct reader *r, unsigned int nr)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->ring);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_poll_multishot(sqe, nvio_qpair_fd(r->lanes[nr].qpair), POLLIN);
	io_uring_sqe_set_data64(sqe, nr);
	return 0;
}

/* @user_data is the read's buffer, too. */
static int read_next(struct reader *r, struct lane *lane, uint64_t user_data)
{
	uint64_t block = lane->queued++ % r->info.nr_blocks;

	return nvio_read(lane->qpair, r->ns, lane->bufs + user_data * r->len, block, 1, 0,
			 user_data);
}

/* Arms the descriptor first, and polls then: what the poll does not find signals again. */
static int serve(struct reader *r, struct lane *lane)
{
	struct nvio_completion done[DEPTH];
	int n = nvio_qpair_arm(lane->qpair);

	if (n >= 0)
		n = nvio_poll(lane->qpair, done, DEPTH);
	for (int i = 0; i < n; i++) {
		lane->completed++;
		lane->failed += done[i].status != 0;
		if (lane->queued < READS && read_next(r, lane, done[i].user_data))
			return -1;
	}
	return n < 0 ? n : nvio_submit(lane->qpair) < 0 ? -1 : 0;
}

/* How long the thread may sleep: as long as the most impatient queue pair. -1: for ever. */
static int64_t shortest_timeout(const struct reader *r)
{
	int64_t shortest = -1;

	for (int i = 0; i < QPAIRS; i++) {
		int64_t ns = nvio_qpair_timeout(r->lanes[i].qpair);

		if (ns >= 0 && (shortest < 0 || ns < shortest))
			shortest = ns;
	}
	return shortest;
}

/* Sleeps until a queue pair was signalled, and notes which. */
static int sleep_until_signal(struct reader *r, bool signalled[QPAIRS])
{
	int64_t ns = shortest_timeout(r);
	struct __kernel_timespec ts = { ns / 1000000000, ns % 1000000000 };
	struct io_uring_cqe *cqe;
	int err = io_uring_submit_and_wait_timeout(&r->ring, &cqe, 1, ns < 0 ? NULL : &ts, NULL);

	if (err < 0 && err != -ETIME && err != -EINTR)
		return err;
	r->wakeups++;
	while (!io_uring_peek_cqe(&r->ring, &cqe)) {
		unsigned int nr = (unsigned int)io_uring_cqe_get_data64(cqe);
		bool goes_on = cqe->flags & IORING_CQE_F_MORE;
		int res = cqe->res;

		io_uring_cqe_seen(&r->ring, cqe);
		if (res < 0)
			return res;
		signalled[nr] = true;
		/* The kernel may end a multishot request at any time. */
		if (!goes_on && watch(r, nr))
			return -EBUSY;
	}
	return err == -ETIME;
}

static int run(struct reader *r)
{
	unsigned int left = QPAIRS;

	while (left) {
		bool signalled[QPAIRS] = { false };
		int late = sleep_until_signal(r, signalled);

		if (late < 0)
			return late;
		left = QPAIRS;
		for (int i = 0; i < QPAIRS; i++) {
			/* When time was up, any of them may have something to do. */
			if ((signalled[i] || late) && serve(r, &r->lanes[i]))
				return -1;
			left -= r->lanes[i].completed == READS;
		}
	}
	return 0;
}

static int start(struct reader *r)
{
	for (unsigned int i = 0; i < QPAIRS; i++) {
		int err = watch(r, i);

		for (uint64_t j = 0; j < DEPTH && !err; j++)
			err = read_next(r, &r->lanes[i], j);
		if (err || nvio_submit(r->lanes[i].qpair) < 0)
			return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct reader r = { 0 };
	unsigned int failed = 0;
	int err = io_uring_queue_init(2 * QPAIRS, &r.ring, 0);

	if (err) {
		fprintf(stderr, "io_uring: %s\n", strerror(-err));
		return 1;
	}
	if (open_drive(&r, argc > 1 ? argv[1] : "emu:") || start(&r) || run(&r)) {
		fprintf(stderr, "%s\n", nvio_last_error());
		failed = 1;
	}
	for (int i = 0; i < QPAIRS; i++) {
		const struct lane *lane = &r.lanes[i];

		printf("queue pair %d: %u reads, %u completed, %u failed\n", i + 1, lane->queued,
		       lane->completed, lane->failed);
		failed += lane->failed;
	}
	printf("%u wake-ups\n", r.wakeups);
	io_uring_queue_exit(&r.ring);
	nvio_ctrl_close(r.ctrl);
	return failed != 0;
}
