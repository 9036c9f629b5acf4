/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * epoll [DEVICE]: an event loop that has other work too. A timer ticks a thousand times a second,
 * and every tick reads the next few blocks of namespace 1; completions come by interrupt. The
 * thread sleeps whenever there is nothing to do.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <nvio/nvio.h>

#define TICKS 250
#define BURST 4 /* reads of a tick */
#define DEPTH 64 /* at most so many at once */

struct reader {
	struct nvio_ctrl *ctrl;
	struct nvio_qpair *qpair;
	struct nvio_ns *ns;
	struct nvio_ns_info info;
	size_t len; /* of a block with its metadata */
	char *bufs; /* a block for each read that is outstanding */
	unsigned int free_bufs[DEPTH];
	unsigned int nr_free_bufs;
	int epoll_fd;
	int timer_fd;
	unsigned int ticks;
	unsigned int queued;
	unsigned int completed;
	unsigned int failed;
	unsigned int wakeups;
};

static int open_drive(struct reader *r, const char *device)
{
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;

	opts.depth = DEPTH;
	opts.interrupts = true;
	if (nvio_ctrl_open(device, NULL, &r->ctrl) ||
	    nvio_qpair_create(r->ctrl, &opts, &r->qpair) || !(r->ns = nvio_ctrl_ns(r->ctrl, 1)))
		return -1;
	nvio_ns_get_info(r->ns, &r->info, sizeof(r->info));
	r->len = r->info.block_len + r->info.metadata_len;
	r->bufs = nvio_alloc(nvio_ctrl_iommu(r->ctrl), DEPTH * r->len, 4096);
	for (unsigned int i = 0; i < DEPTH; i++)
		r->free_bufs[r->nr_free_bufs++] = i;
	return r->bufs ? 0 : -1;
}

static int watch(const struct reader *r, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static int open_loop(struct reader *r)
{
	const struct itimerspec every_ms = { { 0, 1000000 }, { 0, 1000000 } };

	r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (r->epoll_fd < 0 || r->timer_fd < 0 ||
	    timerfd_settime(r->timer_fd, 0, &every_ms, NULL) || watch(r, r->timer_fd) ||
	    watch(r, nvio_qpair_fd(r->qpair)))
		return -1;
	return 0;
}

/* Reads the next block; what comes back with the completion is the number of its buffer. */
static int read_next(struct reader *r)
{
	unsigned int nr = r->free_bufs[r->nr_free_bufs - 1];
	int err = nvio_read(r->qpair, r->ns, r->bufs + nr * r->len, r->queued % r->info.nr_blocks,
			    1, 0, nr);

	if (err)
		return err;
	r->nr_free_bufs--;
	r->queued++;
	return 0;
}

static int tick(struct reader *r)
{
	uint64_t expirations;

	if (read(r->timer_fd, &expirations, sizeof(expirations)) < 0 || r->ticks == TICKS)
		return 0;
	r->ticks++;
	/* A drive that is slower than the timer gets fewer. */
	for (int i = 0; i < BURST && r->nr_free_bufs; i++) {
		if (read_next(r))
			return -1;
	}
	return nvio_submit(r->qpair) < 0 ? -1 : 0;
}

/* First the descriptor is armed, and then polled: what the poll does not find wakes the loop. */
static int reap(struct reader *r)
{
	struct nvio_completion done[DEPTH];
	int n;

	if (nvio_qpair_arm(r->qpair) < 0)
		return -1;
	n = nvio_poll(r->qpair, done, DEPTH);
	for (int i = 0; i < n; i++) {
		r->free_bufs[r->nr_free_bufs++] = (unsigned int)done[i].user_data;
		r->completed++;
		r->failed += done[i].status != 0;
	}
	return n < 0 ? n : 0;
}

static int run(struct reader *r)
{
	while (r->ticks < TICKS || r->completed < r->queued) {
		struct epoll_event events[2];
		int64_t ns = nvio_qpair_timeout(r->qpair); /* -1 when it has nothing to do */
		int n = epoll_wait(r->epoll_fd, events, 2,
				   ns < 0 ? -1 : (int)((ns + 999999) / 1000000));

		if (n < 0 && errno != EINTR)
			return -1;
		r->wakeups++;
		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == r->timer_fd && tick(r))
				return -1;
		}
		/* Not only when its descriptor is readable: it may have been the timeout. */
		if (reap(r))
			return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct reader r = { .epoll_fd = -1, .timer_fd = -1 };
	int err = open_drive(&r, argc > 1 ? argv[1] : "emu:");

	if (err) {
		fprintf(stderr, "%s\n", nvio_last_error());
	} else if ((err = open_loop(&r))) {
		perror("epoll");
	} else {
		err = run(&r);
		if (err)
			fprintf(stderr, "%s\n", nvio_last_error());
		printf("%u ticks, %u reads, %u completed, %u failed, %u wake-ups\n", r.ticks,
		       r.queued, r.completed, r.failed, r.wakeups);
	}
	nvio_ctrl_close(r.ctrl);
	if (r.timer_fd >= 0)
		close(r.timer_fd);
	if (r.epoll_fd >= 0)
		close(r.epoll_fd);
	return err || r.failed;
}
