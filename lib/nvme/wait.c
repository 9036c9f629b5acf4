/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Waiting for completions: spinning for a while, then sleeping where the queue pair has an
 * interrupt.
 *
 * No wake-up is lost: signals are taken before the poll that looks for what they told of, so that
 * what this poll does not find signals after it, and ends the next sleep.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mmio.h"
#include "nvme/command.h"
#include "nvme/restart.h"
#include "nvme/tend.h"
#include "nvme/vectors.h"
#include "vfio/device.h"

/* How long nothing may come before the controller is looked after. */
#define LOOK_MS 400u

/* Roughly what falling asleep and waking up costs, with a processor that has to come out of an idle
 * state. */
#define SPIN_NS 20000u
/* Where waits are too long to spin, every so many still spin, to see whether that has changed. */
#define PROBE 64u

/* How far an interrupt may be behind its completion: so far that a sleep was no short one. */
#define GRACE_NS 20000000u
/* And on a machine that stood still meanwhile, or does more than it has processors for: there the
 * clock and the interrupt wake in any order. Only who misses an interrupt waits that long, and has
 * given that much time. */
#define LATE_NS 500000000u

/* So many signals for nothing are nothing yet. After each that follows there is a rest, of a
 * millisecond more each time. */
#define FUTILE      8u
#define REST_MAX_MS 10u

void nvio_qpair_set_spin(struct nvio_qpair *qpair, uint32_t ns)
{
	qpair->spin_ns = !ns ? SPIN_NS : ns == NVIO_NO_SPIN ? 0 : ns;
}

/* Milliseconds until the first of the commands that wait to be sent again, at most @ms. */
static uint32_t until_retry(const struct nvio_qpair *qpair, uint32_t ms)
{
	uint64_t now = nvio_coarse_ms();

	for (const struct nvio_tracker *t = qpair->first_waiting; t; t = t->next) {
		int32_t left = nvio_tracker_due_in(t, now);

		ms = left < 0 ? 0 : (uint32_t)min_u64(ms, (uint32_t)left);
	}
	return ms;
}

int64_t nvio_qpair_timeout(const struct nvio_qpair *qpair)
{
	uint32_t ms = LOOK_MS;

	if (!nvio_qpair_outstanding(qpair))
		return -1;
	if (nvio_cqe_is_there(qpair) || nvio_sq_pending(qpair) ||
	    qpair->attention & NVIO_ATTENTION_FAILED || qpair->attention & NVIO_ATTENTION_ENDED ||
	    (qpair->attention & NVIO_ATTENTION_PARTS && qpair->free) ||
	    nvio_restart_is_called(qpair))
		return 0;
	/* A command's deadline is counted in ticks, of which none may be slept through. */
	if (qpair->tick_ms)
		ms = (uint32_t)min_u64(ms, qpair->tick_ms);
	if (qpair->first_waiting)
		ms = until_retry(qpair, ms);
	return (int64_t)(ms * NVIO_NS_PER_MS);
}

struct waiting {
	uint64_t deadline;
	uint64_t since; /* when polls began to find nothing; 0 while they find something */
	uint64_t spin_until;
	uint64_t look_at; /* when the controller is looked after next */
	bool probes; /* spins although waits are too long for it */
	bool overslept; /* the last sleep ended by the clock, and was no short one */
	bool slept;
	uint32_t nr_futile; /* signals in a row after which nothing was found */
};

static void begin(struct nvio_qpair *qpair, struct waiting *w, uint64_t now)
{
	w->since = now;
	w->look_at = now + LOOK_MS * NVIO_NS_PER_MS;
	w->overslept = false;
	w->nr_futile = 0;
	w->probes = qpair->wait_ns > qpair->spin_ns && !(++qpair->nr_long_waits % PROBE);
	w->spin_until = now;
	if (w->probes || qpair->wait_ns <= qpair->spin_ns)
		w->spin_until += qpair->spin_ns;
}

static int sleep_on(struct nvio_qpair *qpair, struct waiting *w, uint64_t now)
{
	int64_t timeout = nvio_qpair_timeout(qpair);
	uint64_t until = min_u64(w->deadline, w->look_at);
	int ret;

	if (timeout >= 0)
		until = min_u64(until, now + (uint64_t)timeout);
	w->slept = true;
	ret = nvio_signals_take(qpair, until - now);
	/* What was completed just before it, or soon after, may be ahead of its interrupt. */
	w->overslept = !ret && until < w->deadline && until - now > GRACE_NS;
	/* A line that others keep up signals again as soon as it is unmasked. */
	if (ret > 0 && ++w->nr_futile > FUTILE)
		nvio_line_rest(qpair, min_u64(min_u64(w->nr_futile - FUTILE, REST_MAX_MS) *
						      NVIO_NS_PER_MS,
					      until - now));
	return ret < 0 ? ret : 0;
}

/* Passes time after a poll that found nothing. Returns 0, -ETIMEDOUT or -errno. */
static int idle(struct nvio_qpair *qpair, struct waiting *w)
{
	uint64_t now = nvio_now();

	if (now >= w->deadline)
		return -ETIMEDOUT;
	if (!w->since)
		begin(qpair, w, now);
	if (now >= w->look_at) {
		w->look_at = now + LOOK_MS * NVIO_NS_PER_MS;
		return nvio_qpair_check_ctrl(qpair);
	}
	if (qpair->fd >= 0 && now >= w->spin_until)
		return sleep_on(qpair, w, now);
	nvio_cpu_relax();
	return 0;
}

/*
 * How long waits take on average decides whether the next one spins. One that is too long for it
 * counts as twice the longest spin, so that a few of them change nothing.
 */
static void learn(struct nvio_qpair *qpair, const struct waiting *w, uint64_t now)
{
	int64_t ns = (int64_t)min_u64(now - w->since, 2ull * qpair->spin_ns);

	if (w->probes && now < w->spin_until)
		qpair->wait_ns = (uint32_t)ns;
	else
		qpair->wait_ns = (uint32_t)(qpair->wait_ns + (ns - qpair->wait_ns) / 8);
}

/*
 * Something was found that no interrupt has told of: its interrupt got lost, or is late. Where the
 * caller's time is too short to tell, a later wait does, unless an interrupt has come by then.
 */
static void miss_interrupt(struct nvio_qpair *qpair, const struct waiting *w)
{
	uint64_t now = nvio_now();
	bool has_time = w->deadline > now && w->deadline - now > LATE_NS;

	if (nvio_signals_take(qpair, has_time ? LATE_NS : 0))
		return;
	if (!qpair->unsignalled_at)
		qpair->unsignalled_at = now;
	if (!has_time && now - qpair->unsignalled_at < LATE_NS)
		return;
	qpair->unsignalled_at = 0;
	nvio_log(NVIO_LOG_WARN,
		 "queue pair %u: a command was completed without an interrupt; seen %u ms late at "
		 "most",
		 qpair->qid, LOOK_MS);
}

/* After a poll that found something. */
static void end(struct nvio_qpair *qpair, struct waiting *w)
{
	if (!w->since || qpair->fd < 0)
		return;
	learn(qpair, w, nvio_now());
	w->since = 0;
	if (w->overslept && !qpair->gone)
		miss_interrupt(qpair, w);
}

int nvio_wait(struct nvio_qpair *qpair, struct nvio_completion *done, int min, int max,
	      int64_t timeout_ns)
{
	struct waiting w = {
		.deadline = timeout_ns < 0 ? UINT64_MAX : nvio_now() + (uint64_t)timeout_ns,
	};
	int outstanding = (int)nvio_qpair_outstanding(qpair);
	int n = 0, got = 0;

	if (min > max || min < 1)
		return nvio_error(EINVAL, "waiting for %d of at most %d completions makes no sense",
				  min, max);
	if (min > outstanding)
		min = outstanding;
	while (n < min && got >= 0) {
		got = nvio_poll(qpair, done + n, max - n);
		if (!got) {
			got = idle(qpair, &w);
		} else if (got > 0) {
			end(qpair, &w);
			n += got;
		}
	}
	/* The next to sleep may be an application's loop. */
	if (w.slept && (got >= 0 || got == -ETIMEDOUT))
		nvio_line_unmask(qpair);
	return n || got >= 0 ? n : got;
}
