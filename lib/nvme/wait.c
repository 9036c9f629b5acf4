/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Waiting for completions: spinning for a while, then sleeping where the queue pair has an
 * interrupt.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mmio.h"
#include "nvme/ctrl.h"
#include "nvme/tend.h"
#include "vfio/device.h"

/* Roughly what falling asleep and waking up costs. */
#define SPIN_NS 20000u
/* How long nothing may come before the controller is looked after. */
#define LOOK_NS 500000000ull

/*
 * Sleeps until the interrupt, at most for a time. None is lost: the caller polled after the eventfd
 * was last read, and a completion since then has signalled it.
 */
static int sleep_until(struct nvio_qpair *qpair, uint64_t now, uint64_t until)
{
	struct pollfd fds[] = {
		{ .fd = qpair->fd, .events = POLLIN },
		{ .fd = nvio_device_hangup_fd(qpair->ctrl->device), .events = POLLRDHUP },
	};
	struct timespec ts = {
		.tv_sec = (time_t)((until - now) / 1000000000u),
		.tv_nsec = (long)((until - now) % 1000000000u),
	};
	uint64_t count;

	if (ppoll(fds, 2, &ts, NULL) < 0 && errno != EINTR)
		return nvio_error(errno, "waiting for queue pair %u: %s", qpair->qid,
				  strerror(errno));
	if (read(qpair->fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return nvio_error(errno, "reading the eventfd of queue pair %u: %s", qpair->qid,
				  strerror(errno));
	if (fds[1].revents)
		nvio_qpair_check_alive(qpair);
	return 0;
}

/*
 * Looks whether the controller can still complete anything. By call and not through the mapping,
 * which raises SIGBUS once the device was taken away.
 */
static int check_ctrl(struct nvio_qpair *qpair)
{
	uint32_t csts;

	if (!qpair->ctrl->device)
		return 0;
	if (nvio_device_region_read(qpair->ctrl->device, NVIO_REGION_BAR0, NVIO_REG_CSTS, &csts,
				    sizeof(csts)) ||
	    csts == NVIO_REG_GONE) {
		/* The next poll says so, and completes what is outstanding. */
		nvio_qpair_gone(qpair);
		return 0;
	}
	if (FIELD_GET(CSTS_CFS, csts))
		return nvio_error(EIO, "%s reports a fatal status (CSTS 0x%x)",
				  qpair->ctrl->info.name, csts);
	return 0;
}

struct waiting {
	uint64_t spin_until;
	uint64_t look_at; /* when the controller is looked after next */
	uint64_t deadline;
};

/* Passes time after a poll that found nothing. Returns 0, -ETIMEDOUT or -errno. */
static int idle(struct nvio_qpair *qpair, struct waiting *w)
{
	uint64_t now = nvio_now();

	if (now >= w->deadline)
		return -ETIMEDOUT;
	if (now >= w->look_at) {
		w->look_at = now + LOOK_NS;
		return check_ctrl(qpair);
	}
	if (qpair->fd >= 0 && now >= w->spin_until)
		return sleep_until(qpair, now, min_u64(w->deadline, w->look_at));
	nvio_cpu_relax();
	return 0;
}

int nvio_wait(struct nvio_qpair *qpair, struct nvio_completion *done, int min, int max,
	      int64_t timeout_ns)
{
	uint64_t start = nvio_now();
	struct waiting w = {
		.spin_until = start + SPIN_NS,
		.look_at = start + LOOK_NS,
		.deadline = timeout_ns < 0 ? UINT64_MAX : start + (uint64_t)timeout_ns,
	};
	int outstanding = (int)nvio_qpair_outstanding(qpair);
	int n = 0;

	if (min > max || min < 1)
		return nvio_error(EINVAL, "waiting for %d of at most %d completions makes no sense",
				  min, max);
	if (min > outstanding)
		min = outstanding;
	while (n < min) {
		int got = nvio_poll(qpair, done + n, max - n);

		if (!got)
			got = idle(qpair, &w);
		if (got < 0)
			return n ? n : got;
		n += got;
	}
	return n;
}
