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
	__atomic_store_n(&qpair->held, true, __ATOMIC_RELAXED);
	__atomic_store_n(&qpair->sq_doorbell, NULL, __ATOMIC_RELAXED);
	__atomic_store_n(&qpair->cq_doorbell, NULL, __ATOMIC_RELAXED);
}

void nvio_restart_distrust(struct nvio_qpair *qpair)
{
	qpair->cq_next = &never;
	qpair->expected |= NVIO_ANSWER_PHASE;
	qpair->cq_lag = UINT64_MAX; /* and the doorbell stays as it is */
	qpair->cq_owed = false;
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
	nvio_doorbells_forget(qpair);
	__atomic_store_n(&qpair->completed_before, qpair->stats.completed, __ATOMIC_RELAXED);
	nvio_qpair_set_id(qpair, qpair->qid);
}

static bool is_under_way(const struct nvio_tracker *t)
{
	unsigned int kind = nvio_tracker_kind(t);

	return kind == NVIO_TRACKER_WHOLE || kind == NVIO_TRACKER_PART;
}

/* Whether to send a command that the controller was never told of, so that it has not run. What is
 * saved may name data or lists in memory of the device, which need not have what it had. */
static bool may_send(const struct nvio_qpair *qpair, const struct nvio_tracker *t)
{
	return !(t->state & NVIO_TRACKER_SAVED && nvio_local_is_used(qpair->ctrl));
}

/* Whether to send one again. */
static bool may_resend(const struct nvio_qpair *qpair, const struct nvio_tracker *t)
{
	return !(t->state & NVIO_TRACKER_ONCE) && !qpair->no_resend &&
	       FIELD_GET(TRACKER_RESENDS, t->state) < RESENDS_MAX && may_send(qpair, t);
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
	/*
	 * What is queued while it is called is not told to the controller, so that this is all that
	 * counts of the reset. Else, whatever the last one was: a controller that says so of
	 * whatever it is sent goes on.
	 */
	nvio_command_resend(qpair, t, !nvio_restart_is_called(qpair) || counts(qpair));
	return 0;
}

/*
 * Finds the last @nr commands of the ring, of which the controller was not told, in their order: a
 * fused pair is one. Those in memory of the device may not be there any more, and nothing is known
 * of them.
 */
static struct nvio_tracker *find_untold(struct nvio_qpair *qpair, uint32_t nr)
{
	const struct nvio_sqe *slot = qpair->sq_next;
	struct nvio_tracker *first = NULL;

	if (qpair->in_cmb & NVIO_CMB_QUEUE)
		return NULL;
	for (nr = (uint32_t)min_u64(nr, qpair->depth); nr; nr--) {
		struct nvio_tracker *t;

		slot = slot == qpair->sq ? qpair->sq_end - 1 : slot - 1;
		t = nvio_tracker_of(qpair, (uint64_t)slot->cid << NVIO_ANSWER_CID_SHIFT);
		/* What was completed, though the controller did not know it, is no command any
		 * more. */
		if (!is_under_way(t) || t->state & NVIO_TRACKER_UNTOLD)
			continue;
		nvio_track_state(t, t->state | NVIO_TRACKER_UNTOLD);
		t->next = first;
		first = t;
	}
	return first;
}

/* Those that the controller was told of. Returns how many. */
static uint32_t restart_told(struct nvio_qpair *qpair)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < qpair->nr_trackers; i++) {
		struct nvio_tracker *t = &qpair->trackers[i];

		if (!is_under_way(t) || t->state & NVIO_TRACKER_UNTOLD)
			continue;
		nr++;
		if (may_resend(qpair, t))
			nvio_command_resend(qpair, t, counts(qpair));
		else
			end(qpair, t);
	}
	return nr;
}

static void restart(struct nvio_qpair *qpair)
{
	uint32_t nr_pending = nvio_sq_pending(qpair), nr;
	struct nvio_tracker *untold, *next;

	untold = find_untold(qpair, nr_pending + qpair->nr_untold);
	restart_rings(qpair);
	nr = restart_told(qpair);
	for (struct nvio_tracker *t = untold; t; t = next) {
		next = t->next;
		nr++;
		if (may_send(qpair, t))
			nvio_command_resend(qpair, t, false);
		else
			end(qpair, t);
	}
	/* Of those that were submitted, no completion will come. */
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

/* Its queues are there. Tells the controller of what was queued meanwhile. */
static void resume(struct nvio_qpair *qpair)
{
	__atomic_store_n(&qpair->held, false, __ATOMIC_RELAXED);
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
	nvio_doorbells_settle(qpair);
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
		if (nvio_qpair_outstanding(qpair) && nvio_idle_is_over(qpair))
			resume(qpair);
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
