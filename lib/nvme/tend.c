/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a queue pair needs besides submitting and reaping; see tend.h.
 *
 * Time is taken once in many polls. A command's deadline is counted in ticks of an eighth of the
 * timeout, and a tick is at least that long however rarely anybody polls: who comes back after a
 * pause finds what finished meanwhile before anything counts as late.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/error.h"
#include "nvme/command.h"
#include "nvme/finish.h"
#include "nvme/parent.h"
#include "nvme/tend.h"
#include "vfio/device.h"

/* How often the device is looked after. */
#define LOOK_MS 500u

/* Ticks after which a command is late: the one it began in may have been at its end. */
#define LATE_TICKS 9

/* An entry that is never there: its phase tag stays the other one. */
static struct nvio_cqe never;

void nvio_qpair_fail(struct nvio_qpair *qpair)
{
	if (qpair->attention & NVIO_ATTENTION_FAILED)
		return;
	qpair->free = NULL;
	/* Nor is anything taken any more, whatever the controller writes: it would be free again.
	 */
	qpair->cq_next = &never;
	qpair->expected |= NVIO_ANSWER_PHASE;
	qpair->cq_lag = UINT64_MAX; /* and the doorbell stays as it is */
	nvio_attend(qpair, NVIO_ATTENTION_FAILED);
}

void nvio_qpair_gone(struct nvio_qpair *qpair)
{
	if (qpair->gone)
		return;
	nvio_qpair_fail(qpair);
	qpair->gone = true;
	nvio_log(NVIO_LOG_ERROR,
		 "the device of queue pair %u is gone; %u commands end with an error", qpair->qid,
		 nvio_qpair_outstanding(qpair));
}

void nvio_qpair_check_alive(struct nvio_qpair *qpair)
{
	if (qpair->ctrl->device && !nvio_device_alive(qpair->ctrl->device))
		nvio_qpair_gone(qpair);
}

static bool is_late(const struct nvio_qpair *qpair, const struct nvio_tracker *t)
{
	unsigned int kind = nvio_tracker_kind(t);
	uint8_t age = (uint8_t)(qpair->tick - FIELD_GET(TRACKER_TICK, t->state));

	return (kind == NVIO_TRACKER_WHOLE || kind == NVIO_TRACKER_PART) && age >= LATE_TICKS;
}

static void look_for_late(struct nvio_qpair *qpair)
{
	for (uint32_t i = 0; i < qpair->nr_trackers; i++) {
		if (!is_late(qpair, &qpair->trackers[i]))
			continue;
		nvio_log(NVIO_LOG_ERROR,
			 "queue pair %u failed: command %u was not completed within %u ms",
			 qpair->qid, i, qpair->tick_ms * 8);
		nvio_qpair_fail(qpair);
		return;
	}
}

static void take_time(struct nvio_qpair *qpair)
{
	uint64_t now = nvio_coarse_ms();

	if (now >= qpair->look_at) {
		qpair->look_at = now + LOOK_MS;
		nvio_qpair_check_alive(qpair);
	}
	if (!qpair->tick_ms || now < qpair->tick_at)
		return;
	qpair->tick_at = now + qpair->tick_ms;
	qpair->tick++;
	qpair->sent_word = FIELD_SET(TRACKER_TICK, (uint32_t)qpair->tick);
	look_for_late(qpair);
}

/* Sends what has waited long enough. */
static void send_waiting(struct nvio_qpair *qpair)
{
	struct nvio_tracker **at = &qpair->first_waiting;
	uint64_t now = nvio_coarse_ms();

	while (*at) {
		struct nvio_tracker *t = *at;

		if (nvio_tracker_due_in(t, now) > 0) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		qpair->nr_waiting--;
		nvio_command_again(qpair, t);
	}
	if (!qpair->first_waiting)
		nvio_attended(qpair, NVIO_ATTENTION_WAITING);
}

/* Completes what the device left behind. Returns how many, or why there are none. */
static int complete_lost(struct nvio_qpair *qpair, struct nvio_completion *done, int max)
{
	int n = 0;

	for (uint32_t i = 0; qpair->gone && i < qpair->nr_trackers && n < max; i++) {
		struct nvio_tracker *t = &qpair->trackers[i];

		if (nvio_tracker_kind(t) == NVIO_TRACKER_FREE)
			continue;
		qpair->nr_drained++;
		n += nvio_finish_with(qpair, t, NVIO_STATUS_HOST_ABORTED, 0, done + n);
	}
	n += qpair->gone ? nvio_parents_end(qpair, done + n, max - n) : 0;
	return n ? n : nvio_no_slot(qpair);
}

int nvio_tend(struct nvio_qpair *qpair, struct nvio_completion *done, int n, int max, bool look)
{
	if (look && !(qpair->attention & NVIO_ATTENTION_FAILED))
		take_time(qpair);
	if (qpair->attention & NVIO_ATTENTION_FAILED)
		return n ? n : complete_lost(qpair, done, max);
	if (qpair->attention & NVIO_ATTENTION_WAITING)
		send_waiting(qpair);
	if (qpair->attention & NVIO_ATTENTION_PARTS)
		nvio_parents_go_on(qpair);
	return n;
}
