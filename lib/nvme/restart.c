/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A queue pair that starts over; see restart.h.
 *
 * Commands that were not completed are queued again in the new ring where that is safe; the others
 * end with a status that says that they are not known to have run.
 */
#include <string.h>

#include "base/mmio.h"
#include "nvme/command.h"
#include "nvme/finish.h"
#include "nvme/recovery.h"
#include "nvme/restart.h"
#include "nvme/tend.h"

/* How many resets of the controller's own making a command is sent again after. */
#define RESENDS_MAX 2

/* An entry that is never there: its phase tag stays the other one. */
static struct nvio_cqe never;

static enum nvio_call called(const struct nvio_qpair *qpair)
{
	return __atomic_load_n(&qpair->call, __ATOMIC_ACQUIRE);
}

bool nvio_restart_is_called(const struct nvio_qpair *qpair)
{
	return called(qpair) != qpair->answered;
}

void nvio_restart_hold(struct nvio_qpair *qpair)
{
	/* What was said before what is taken back in resume(). */
	nvio_smp_mb();
	__atomic_store_n(&qpair->look_mask, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&qpair->sq_doorbell, &qpair->nowhere[0], __ATOMIC_RELAXED);
	__atomic_store_n(&qpair->cq_doorbell, &qpair->nowhere[1], __ATOMIC_RELAXED);
}

void nvio_restart_distrust(struct nvio_qpair *qpair)
{
	qpair->cq_next = &never;
	qpair->expected |= NVIO_ANSWER_PHASE;
	qpair->cq_lag = UINT64_MAX; /* and the doorbell stays as it is */
}

/* Makes the rings as new; no device looks at them. Commands are not touched. */
static void restart_rings(struct nvio_qpair *qpair)
{
	memset(qpair->cq, 0, qpair->cq_entries * sizeof(*qpair->cq));
	nvio_sq_begin(qpair, true);
	qpair->sq_told = qpair->sq;
	qpair->sq_rung = qpair->attention ? NULL : qpair->sq;
	qpair->cq_next = qpair->cq;
	qpair->cq_lag = qpair->cq_entries - qpair->depth - 1u;
	qpair->cq_rung = qpair->stats.completed;
	__atomic_store_n(&qpair->completed_before, qpair->stats.completed, __ATOMIC_RELAXED);
	nvio_qpair_set_id(qpair, qpair->qid);
}

static bool is_under_way(const struct nvio_tracker *t)
{
	unsigned int kind = nvio_tracker_kind(t);

	return kind == NVIO_TRACKER_WHOLE || kind == NVIO_TRACKER_PART;
}

/* Whether to send a command again. What is saved may name data or lists in memory of the device,
 * which need not have what it had. */
static bool may_resend(const struct nvio_qpair *qpair, const struct nvio_tracker *t)
{
	return !(t->state & NVIO_TRACKER_ONCE) && !qpair->no_resend &&
	       FIELD_GET(TRACKER_RESENDS, t->state) < RESENDS_MAX &&
	       !(t->state & NVIO_TRACKER_SAVED && nvio_local_is_used(qpair->ctrl));
}

/* It ends with an error, when there is room to say so. */
static void end(struct nvio_qpair *qpair, struct nvio_tracker *t)
{
	nvio_track_kind(t, NVIO_TRACKER_ENDED);
	qpair->nr_waiting++;
	nvio_count(&qpair->stats.abandoned, 1);
	nvio_attend(qpair, NVIO_ATTENTION_ENDED);
}

/* Whether a reset says something about the controller, or its commands. */
static bool counts(const struct nvio_qpair *qpair)
{
	return !__atomic_load_n(&qpair->reset_was_asked, __ATOMIC_RELAXED);
}

int nvio_restart_interrupted(struct nvio_qpair *qpair, struct nvio_tracker *t,
			     struct nvio_completion *out)
{
	if (!may_resend(qpair, t)) {
		nvio_count(&qpair->stats.abandoned, 1);
		return nvio_finish_with(qpair, t, NVIO_STATUS_HOST_ABORTED, 0, out);
	}
	nvio_sq_make_room(qpair);
	/* Whatever the last reset was: a controller that says so of whatever it is sent goes on. */
	nvio_command_resend(qpair, t, true);
	return 0;
}

static void restart(struct nvio_qpair *qpair)
{
	/* It slept when they were queued, and none has run. */
	const bool unheard = __atomic_load_n(&qpair->unheard, __ATOMIC_RELAXED);
	uint32_t nr_pending = nvio_sq_pending(qpair), nr = 0;

	restart_rings(qpair);
	for (uint32_t i = 0; i < qpair->nr_trackers; i++) {
		struct nvio_tracker *t = &qpair->trackers[i];

		if (!is_under_way(t))
			continue;
		nr++;
		if (unheard || may_resend(qpair, t))
			nvio_command_resend(qpair, t, counts(qpair));
		else
			end(qpair, t);
	}
	/* Of those that the controller was told of, no completion will come. */
	nvio_drained(qpair, nr - nr_pending);
}

/* Until somebody has heard it: each poll says so again. */
static void report_ready(struct nvio_qpair *qpair)
{
	if (nvio_recovery_ready(qpair))
		qpair->answered = NVIO_CALL_READY;
}

/* Starts over, unless there is still something to be taken, which is the next poll's. */
static void start_over(struct nvio_qpair *qpair)
{
	uint32_t was = NVIO_CALL_RESTART;

	if (nvio_cqe_is_there(qpair))
		return;
	restart(qpair);
	/* Unless it was told something else meanwhile. */
	if (__atomic_compare_exchange_n(&qpair->call, &was, NVIO_CALL_READY, false,
					__ATOMIC_RELEASE, __ATOMIC_RELAXED))
		report_ready(qpair);
}

/* The time that they have begins now: how long the queues took to be made is not theirs. */
static void restart_deadlines(struct nvio_qpair *qpair)
{
	for (uint32_t i = 0; i < qpair->nr_trackers; i++)
		nvio_command_has_time(qpair, &qpair->trackers[i]);
}

/* Its queues are there again. Tells the controller of what was queued meanwhile. */
static void resume(struct nvio_qpair *qpair)
{
	struct nvio_sqe *told = qpair->sq_rung ? qpair->sq_rung : qpair->sq_told;
	uint32_t *doorbell;

	nvio_doorbells_use(qpair);
	__atomic_store_n(&qpair->look_mask, qpair->look_usually, __ATOMIC_RELAXED);
	/* Ours before we look: one of nvio_restart_hold() and this sees the other. */
	nvio_smp_mb();
	if (called(qpair) != NVIO_CALL_NONE) {
		nvio_restart_hold(qpair);
		return;
	}
	qpair->answered = NVIO_CALL_NONE;
	restart_deadlines(qpair);
	if (told == qpair->sq)
		return;
	/* The entries before the doorbell that tells of them. */
	nvio_dma_mb();
	doorbell = NVIO_LOOK(qpair->sq_doorbell);
	if (doorbell)
		nvio_mmio_write32(doorbell, (uint32_t)(told - qpair->sq));
	else
		nvio_doorbell_ring(qpair, false, (uint16_t)(told - qpair->sq));
}

void nvio_restart_answer(struct nvio_qpair *qpair)
{
	enum nvio_call call = called(qpair);

	if (call == qpair->answered)
		return;
	if (qpair->attention & NVIO_ATTENTION_FAILED && call < NVIO_CALL_DEAD)
		return;
	switch (call) {
	case NVIO_CALL_NONE:
		resume(qpair);
		return;
	case NVIO_CALL_RESTART:
		start_over(qpair);
		return;
	case NVIO_CALL_READY:
		report_ready(qpair);
		return;
	case NVIO_CALL_ASLEEP:
		/* Each poll asks again. */
		if (nvio_qpair_outstanding(qpair))
			nvio_idle_wake(qpair->ctrl);
		return;
	case NVIO_CALL_DEAD:
		nvio_qpair_give_up(qpair);
		break;
	case NVIO_CALL_GONE:
		nvio_qpair_gone(qpair);
		break;
	default:
		break;
	}
	qpair->answered = call;
}

void nvio_restart_admin(struct nvio_qpair *qpair)
{
	uint32_t nr_pending = nvio_sq_pending(qpair), nr = 0;

	qpair->attention = 0;
	qpair->free = NULL;
	for (uint32_t i = qpair->nr_trackers; i-- > 0;) {
		struct nvio_tracker *t = &qpair->trackers[i];

		if (nvio_tracker_kind(t) != NVIO_TRACKER_FREE) {
			nvio_tracker_end(qpair, t);
			nr++;
		}
		t->next = qpair->free;
		qpair->free = t;
	}
	nvio_drained(qpair, nr - nr_pending);
	restart_rings(qpair);
}

int nvio_restart_deliver(struct nvio_qpair *qpair, struct nvio_completion *done, int max)
{
	int n = 0;

	for (uint32_t i = 0; i < qpair->nr_trackers; i++) {
		struct nvio_tracker *t = &qpair->trackers[i];

		if (nvio_tracker_kind(t) != NVIO_TRACKER_ENDED)
			continue;
		if (n == max)
			return n;
		qpair->nr_waiting--;
		n += nvio_finish_with(qpair, t, NVIO_STATUS_HOST_ABORTED, 0, done + n);
	}
	nvio_attended(qpair, NVIO_ATTENTION_ENDED);
	return n;
}
