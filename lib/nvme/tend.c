/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a queue pair needs besides submitting and reaping; see tend.h.
 *
 * Time is taken once in many polls: in so many that little of a tick passes between. A command's
 * deadline is counted in ticks of an eighth of the timeout, and a tick is at least that long
 * however rarely anybody polls: who comes back after a pause finds what finished meanwhile before
 * anything counts as late.
 */
#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "nvme/command.h"
#include "nvme/finish.h"
#include "nvme/parent.h"
#include "nvme/recovery.h"
#include "nvme/restart.h"
#include "nvme/tend.h"
#include "vfio/device.h"
#include "vfio/eeh.h"

/* How often the device is looked after; its registers when nothing was completed meanwhile: then
 * within a second of its end. */
#define LOOK_MS 400u

/* The most polls between two looks at the clock, less one. */
#define LOOK_MASK_MAX 1023u

/* Ticks after which a command is late: the one it began in may have been at its end. */
#define LATE_TICKS 9

/* ...and after which aborting it has not helped. */
#define STUCK_TICKS 11

/* Nothing is logged: whoever asks it for anything is told. */
void nvio_qpair_fail(struct nvio_qpair *qpair, const char *why)
{
	if (qpair->attention & NVIO_ATTENTION_FAILED)
		return;
	snprintf(qpair->why, sizeof(qpair->why), "%s", why);
	qpair->free = NULL;
	/* Nor is anything taken any more, whatever the controller writes: it would be free again.
	 */
	nvio_restart_distrust(qpair);
	nvio_attend(qpair, NVIO_ATTENTION_FAILED);
}

static void abandon(struct nvio_qpair *qpair, const char *why)
{
	nvio_qpair_fail(qpair, why);
	qpair->gone = true;
	nvio_log(NVIO_LOG_ERROR, "the %s; %u commands of queue pair %u end with an error", why,
		 nvio_qpair_outstanding(qpair), qpair->qid);
}

void nvio_qpair_gone(struct nvio_qpair *qpair)
{
	if (qpair->gone)
		return;
	/* Only its registers may be. Buffers are about to be the caller's again. */
	if (qpair->ctrl->device && (nvio_device_alive(qpair->ctrl->device) ||
				    nvio_device_was_revoked(qpair->ctrl->device)))
		nvio_device_bus_master(qpair->ctrl->device, false);
	abandon(qpair, "device is gone");
}

void nvio_qpair_give_up(struct nvio_qpair *qpair)
{
	if (qpair->gone)
		return;
	qpair->given_up = true;
	abandon(qpair, "controller was given up");
}

void nvio_qpair_check_alive(struct nvio_qpair *qpair)
{
	if (qpair->ctrl->device && !nvio_device_alive(qpair->ctrl->device))
		nvio_qpair_gone(qpair);
}

/* What is wrong with a controller that should work; NULL when nothing is. */
static const char *is_wrong(uint32_t csts)
{
	if (FIELD_GET(CSTS_CFS, csts))
		return "it reports a fatal status";
	return FIELD_GET(CSTS_RDY, csts) ? NULL : "it is not enabled any more";
}

/*
 * Its registers read as all ones, or not at all: it is gone, cut off, or does not decode its
 * memory. The recovery finds out which; without one it is gone. The next poll says so, and
 * completes what is outstanding.
 */
static void no_registers(struct nvio_qpair *qpair)
{
	struct nvio_ctrl *ctrl = qpair->ctrl;
	const char *why = nvio_eeh_is_frozen(ctrl->device) ? "its host bridge has cut it off (EEH)"
							   : "its registers read as all ones";

	if (!nvio_device_alive(ctrl->device) || !nvio_recovery_ask(ctrl, qpair, why))
		nvio_qpair_gone(qpair);
}

/* By call and not through a mapping, which raises SIGBUS once the device was taken away. */
int nvio_qpair_check_ctrl(struct nvio_qpair *qpair)
{
	struct nvio_ctrl *ctrl = qpair->ctrl;
	char why[sizeof(qpair->why)];
	const char *wrong;
	uint32_t csts;

	if (!ctrl->device || nvio_restart_is_called(qpair) || qpair->answered)
		return 0;
	if (nvio_device_region_read(ctrl->device, NVIO_REGION_BAR0, NVIO_REG_CSTS, &csts,
				    sizeof(csts)) ||
	    csts == NVIO_REG_GONE) {
		no_registers(qpair);
		return 0;
	}
	wrong = is_wrong(csts);
	if (!wrong || nvio_recovery_ask(ctrl, qpair, wrong))
		return 0;
	snprintf(why, sizeof(why), "%s: %s (CSTS 0x%x)", ctrl->info.name, wrong, csts);
	nvio_qpair_fail(qpair, why);
	return nvio_no_slot(qpair);
}

static uint8_t age(const struct nvio_qpair *qpair, const struct nvio_tracker *t)
{
	return (uint8_t)(qpair->tick - FIELD_GET(TRACKER_TICK, t->state));
}

static bool is_late(const struct nvio_qpair *qpair, const struct nvio_tracker *t)
{
	unsigned int kind = nvio_tracker_kind(t);

	return (kind == NVIO_TRACKER_WHOLE || kind == NVIO_TRACKER_PART) &&
	       age(qpair, t) >= LATE_TICKS;
}

/* Aborting it has not helped: the controller is reset, or else the queue pair has failed. */
static void is_stuck(struct nvio_qpair *qpair, const struct nvio_tracker *t)
{
	char why[sizeof(qpair->why)];

	snprintf(why, sizeof(why), "command %zu of queue pair %u was not completed within %u ms",
		 nvio_tracker_idx(qpair, t), qpair->qid, qpair->tick_ms * NVIO_TIMEOUT_TICKS);
	if (nvio_recovery_ask(qpair->ctrl, qpair, why))
		return;
	nvio_qpair_fail(qpair, why);
}

/* Returns whether it is at its end. */
static bool handle_late(struct nvio_qpair *qpair, struct nvio_tracker *t)
{
	bool in_vain =
		t->state & NVIO_TRACKER_ABORTING &&
		__atomic_load_n(&qpair->not_aborted, __ATOMIC_RELAXED) == nvio_tracker_cid(t) + 1u;

	if (age(qpair, t) >= STUCK_TICKS || in_vain)
		return true;
	if (t->state & NVIO_TRACKER_ABORTING)
		return false;
	if (!nvio_recovery_abort(qpair, nvio_tracker_cid(t)))
		return true;
	nvio_track_state(t, t->state | NVIO_TRACKER_ABORTING);
	return false;
}

static void look_for_late(struct nvio_qpair *qpair)
{
	for (uint32_t i = 0; i < qpair->nr_trackers; i++) {
		struct nvio_tracker *t = &qpair->trackers[i];

		if (!is_late(qpair, t) || !handle_late(qpair, t))
			continue;
		is_stuck(qpair, t);
		return;
	}
}

/* What nobody tells of: a device that went, or a controller that stopped. */
static void look(struct nvio_qpair *qpair)
{
	bool quiet = qpair->stats.completed == qpair->seen_completed;

	qpair->seen_completed = qpair->stats.completed;
	nvio_qpair_check_alive(qpair);
	if (qpair->ctrl->device)
		nvio_device_look(qpair->ctrl->device);
	/* Whoever waits for an admin command does that. */
	if (quiet && qpair->qid && !qpair->gone && nvio_qpair_outstanding(qpair))
		nvio_qpair_check_ctrl(qpair);
}

/*
 * Polls until time is taken next: so many that they take an eighth of a tick to a quarter when they
 * go on coming as they did. That they come less often than that is believed at once.
 */
static void adapt(struct nvio_qpair *qpair, uint64_t now)
{
	const uint64_t tick_ms = qpair->tick_ms ? min_u64(qpair->tick_ms, LOOK_MS) : LOOK_MS;
	const uint64_t passed = now - qpair->looked_at;
	uint32_t mask = qpair->look_usually;

	qpair->looked_at = now;
	if (passed * 2 > tick_ms)
		qpair->look_usually = 0;
	else if (passed * 8 < tick_ms && mask < LOOK_MASK_MAX)
		qpair->look_usually = mask * 2 + 1;
	else
		return;
	/* Unless nvio_restart_hold() was called meanwhile. */
	__atomic_compare_exchange_n(&qpair->look_mask, &mask, qpair->look_usually, false,
				    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static void take_time(struct nvio_qpair *qpair)
{
	uint64_t now = nvio_coarse_ms();

	/* Each poll is wanted while the controller is reset. */
	if (qpair->look_adapts && qpair->answered == NVIO_CALL_NONE &&
	    !nvio_restart_is_called(qpair))
		adapt(qpair, now);
	if (now >= qpair->look_at) {
		qpair->look_at = now + LOOK_MS;
		look(qpair);
	}
	if (!qpair->tick_ms || now < qpair->tick_at)
		return;
	qpair->tick_at = now + qpair->tick_ms;
	qpair->tick++;
	qpair->sent_word = (uint64_t)FIELD_SET(TRACKER_TICK, (uint32_t)qpair->tick) << 32;
	/* While the controller is reset, nothing is late. */
	if (qpair->answered == NVIO_CALL_NONE && !nvio_restart_is_called(qpair) &&
	    !(qpair->attention & NVIO_ATTENTION_FAILED))
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
		nvio_drained(qpair, 1);
		n += nvio_finish_with(qpair, t, NVIO_STATUS_HOST_ABORTED, 0, done + n);
	}
	n += qpair->gone ? nvio_parents_end(qpair, done + n, max - n) : 0;
	return n ? n : nvio_no_slot(qpair);
}

int nvio_tend(struct nvio_qpair *qpair, struct nvio_completion *done, int n, int max, bool look)
{
	if (look && !(qpair->attention & NVIO_ATTENTION_FAILED))
		take_time(qpair);
	if (look && nvio_restart_is_called(qpair))
		nvio_restart_answer(qpair);
	if (qpair->attention & NVIO_ATTENTION_FAILED)
		return n ? n : complete_lost(qpair, done, max);
	if (qpair->attention & NVIO_ATTENTION_WAITING)
		send_waiting(qpair);
	if (qpair->attention & NVIO_ATTENTION_ENDED)
		n += nvio_restart_deliver(qpair, done + n, max - n);
	if (qpair->attention & NVIO_ATTENTION_PARTS)
		nvio_parents_go_on(qpair);
	return n;
}
