/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Queueing commands off the short way, and queueing them again; see command.h.
 */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "nvme/command.h"
#include "nvme/registered.h"

int nvio_no_slot(const struct nvio_qpair *qpair)
{
	if (!(qpair->attention & NVIO_ATTENTION_FAILED))
		return -EAGAIN;
	if (qpair->given_up)
		return nvio_error(EIO, "the controller of queue pair %u was given up", qpair->qid);
	if (qpair->gone)
		return nvio_error(ENODEV, "the device of queue pair %u is gone", qpair->qid);
	return nvio_error(EIO, "queue pair %u failed: %s", qpair->qid, qpair->why);
}

int nvio_sq_come_to(struct nvio_qpair *qpair, struct nvio_sqe *slot)
{
	struct nvio_sqe *next = slot == qpair->sq_end ? qpair->sq : slot;
	uint64_t *words = nvio_sqe_words(next);
	uint8_t *spoilt = &qpair->spoilt[next - qpair->sq];

	qpair->sq_next = next;
	if (*spoilt) {
		words[1] = words[2] = words[7] = 0;
		*spoilt = 0;
		if (!--qpair->nr_spoilt)
			qpair->sq_round = qpair->sq;
	}
	/* Where to stop next: mostly at once, or only at the end. */
	if (++next < qpair->sq_end && !*++spoilt) {
		spoilt = memchr(spoilt, 1, (size_t)(qpair->sq_end - next));
		next = spoilt ? &qpair->sq[spoilt - qpair->spoilt] : qpair->sq_end;
	}
	qpair->sq_stop = next;
	return 0;
}

void nvio_sq_begin(struct nvio_qpair *qpair, bool spoilt)
{
	memset(qpair->spoilt, spoilt ? 1 : 0, qpair->sq_entries);
	qpair->nr_spoilt = spoilt ? qpair->sq_entries : 0;
	qpair->sq_round = spoilt ? NULL : qpair->sq;
	nvio_sq_come_to(qpair, qpair->sq);
}

/* Fills the next slot. */
static void fill(struct nvio_qpair *qpair, struct nvio_sqe *sqe)
{
	const uint64_t *words = nvio_sqe_words(sqe);
	struct nvio_sqe *slot = qpair->sq_next;

	*slot = *sqe;
	if (words[1] | words[2] | words[7]) {
		qpair->spoilt[slot - qpair->sq] = 1;
		qpair->nr_spoilt++;
		qpair->sq_round = NULL;
	}
	nvio_sq_advance(qpair, slot);
}

/* Now it is outstanding: it has its time, and says who gets the completion. */
static void start(struct nvio_qpair *qpair, struct nvio_tracker *t, uint32_t state)
{
	const uint32_t sent = (uint32_t)(qpair->sent_word >> 32);

	nvio_track_state(t, state | (sent & TRACKER_TICK_MASK << TRACKER_TICK_SHIFT));
	nvio_track_kind(t, state & NVIO_TRACKER_IS_PART ? NVIO_TRACKER_PART : NVIO_TRACKER_WHOLE);
}

void nvio_command_has_time(const struct nvio_qpair *qpair, struct nvio_tracker *t)
{
	const uint32_t tick = TRACKER_TICK_MASK << TRACKER_TICK_SHIFT;

	nvio_track_state(t, (t->state & ~tick) | ((uint32_t)(qpair->sent_word >> 32) & tick));
}

void nvio_command_queue(struct nvio_qpair *qpair, struct nvio_tracker *t,
			const struct nvio_sqe *sqe, uint32_t flags, uint64_t user_data)
{
	struct nvio_sqe *saved = nvio_saved(qpair, t);

	*saved = *sqe;
	saved->cid = nvio_tracker_cid(t);
	qpair->free = t->next;
	t->user_data = user_data;
	start(qpair, t, flags | NVIO_TRACKER_SAVED);
	fill(qpair, saved);
}

int nvio_command_post(struct nvio_qpair *qpair, const struct nvio_sqe *sqe, uint32_t flags,
		      uint64_t user_data)
{
	struct nvio_tracker *t = qpair->free;

	if (!t)
		return nvio_no_slot(qpair);
	nvio_track_memory(t, 0, 0);
	nvio_track_metadata(t, 0, 0);
	nvio_command_queue(qpair, t, sqe, flags, user_data);
	return 0;
}

/* A command of a short way. Its memory is where it was: it cannot be unregistered meanwhile, though
 * somebody may be trying to. */
static void rebuild(struct nvio_qpair *qpair, struct nvio_tracker *t, struct nvio_sqe *sqe)
{
	*sqe = (struct nvio_sqe){
		.opcode = (uint8_t)t->word0,
		.cid = nvio_tracker_cid(t),
		.nsid = (uint32_t)(t->word0 >> 32),
		.cdw10 = (uint32_t)t->slba,
		.cdw11 = (uint32_t)(t->slba >> 32),
		.cdw12 = t->cdw12,
	};
	if (nvio_describe_registered(qpair, t, 0, t->addr, t->len, sqe))
		return;
	nvio_memory_hold(qpair->memory);
	nvio_describe_registered(qpair, t, 0, t->addr, t->len, sqe);
	nvio_memory_release(qpair->memory);
}

/* An answer to the command as it was sent before is none to what is sent now. */
static void next_identifier(const struct nvio_qpair *qpair, struct nvio_tracker *t)
{
	t->cid_bits += (uint32_t)qpair->next_use;
	if (t->state & NVIO_TRACKER_SAVED)
		nvio_saved(qpair, t)->cid = nvio_tracker_cid(t);
}

/* Queues what a tracker knows; @more is added to its state. */
static void queue_again(struct nvio_qpair *qpair, struct nvio_tracker *t, uint32_t more)
{
	const uint32_t forget = TRACKER_TICK_MASK << TRACKER_TICK_SHIFT | NVIO_TRACKER_ABORTING |
				NVIO_TRACKER_UNTOLD;
	struct nvio_sqe rebuilt, *sqe = &rebuilt;

	next_identifier(qpair, t);
	if (t->state & NVIO_TRACKER_SAVED)
		sqe = nvio_saved(qpair, t);
	else
		rebuild(qpair, t, sqe);
	start(qpair, t, (t->state & ~forget) + more);
	fill(qpair, sqe);
}

void nvio_command_again(struct nvio_qpair *qpair, struct nvio_tracker *t)
{
	nvio_sq_make_room(qpair);
	queue_again(qpair, t, 1u << TRACKER_RETRIES_SHIFT);
	nvio_count(&qpair->stats.retries, 1);
}

void nvio_command_resend(struct nvio_qpair *qpair, struct nvio_tracker *t, bool count)
{
	queue_again(qpair, t, count ? 1u << TRACKER_RESENDS_SHIFT : 0);
	nvio_count(&qpair->stats.resent, 1);
}
