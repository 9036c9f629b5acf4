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
#include "vfio/device.h"

/* Roughly what falling asleep and waking up costs. */
#define SPIN_NS 20000u

/*
 * Sleeps until the interrupt or the deadline. None is lost: the caller polled after the eventfd was
 * last read, and a completion since then has signalled it.
 */
static int sleep_until(struct nvio_qpair *qpair, uint64_t now, uint64_t deadline)
{
	struct pollfd fds[] = {
		{ .fd = qpair->fd, .events = POLLIN },
		{ .fd = nvio_device_hangup_fd(qpair->ctrl->device), .events = POLLRDHUP },
	};
	struct timespec ts, *timeout = NULL;
	uint64_t count;

	if (deadline != UINT64_MAX) {
		ts.tv_sec = (time_t)((deadline - now) / 1000000000u);
		ts.tv_nsec = (long)((deadline - now) % 1000000000u);
		timeout = &ts;
	}
	if (ppoll(fds, 2, timeout, NULL) < 0 && errno != EINTR)
		return nvio_error(errno, "waiting for queue pair %u: %s", qpair->qid,
				  strerror(errno));
	if (read(qpair->fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return nvio_error(errno, "reading the eventfd of queue pair %u: %s", qpair->qid,
				  strerror(errno));
	if (fds[1].revents)
		nvio_qpair_check_alive(qpair);
	return 0;
}

/* Passes time after a poll that found nothing. Returns 0, -ETIMEDOUT or -errno. */
static int idle(struct nvio_qpair *qpair, uint64_t spin_until, uint64_t deadline)
{
	uint64_t now = nvio_now();

	if (now >= deadline)
		return -ETIMEDOUT;
	if (qpair->fd >= 0 && now >= spin_until)
		return sleep_until(qpair, now, deadline);
	nvio_cpu_relax();
	return 0;
}

int nvio_wait(struct nvio_qpair *qpair, struct nvio_completion *done, int min, int max,
	      int64_t timeout_ns)
{
	uint64_t start = nvio_now();
	uint64_t deadline = timeout_ns < 0 ? UINT64_MAX : start + (uint64_t)timeout_ns;
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
			got = idle(qpair, start + SPIN_NS, deadline);
		if (got < 0)
			return n ? n : got;
		/* idle() returns 0 and nvio_poll() a count: neither is negative here. */
		n += got;
	}
	return n;
}
