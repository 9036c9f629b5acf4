/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a command that was built to one that is queued: what io.c does on its short way and the
 * files behind it on theirs.
 */
#ifndef NVIO_LIB_NVME_COMMAND_H
#define NVIO_LIB_NVME_COMMAND_H

#include "base/bits.h"
#include "base/mmio.h"
#include "nvme/ctrl.h"
#include "nvme/prp.h"

/*
 * Counters have one writer; other threads may read them at any time. A plain addition is one
 * instruction, and one store of the whole; only the sanitizer of threads wants to be told.
 */
static inline void nvio_count(uint64_t *counter, uint64_t n)
{
#ifdef __SANITIZE_THREAD__
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
#else
	*counter += n;
#endif
}

/*
 * What another thread writes when something has happened, which has all the time until the next
 * time: a plain load.
 */
#ifdef __SANITIZE_THREAD__
#define NVIO_LOOK(field) __atomic_load_n(&(field), __ATOMIC_RELAXED)
#else
#define NVIO_LOOK(field) (field)
#endif

/* Commands have ended without a completion; read by other threads, too. */
static inline void nvio_drained(struct nvio_qpair *qpair, uint32_t nr)
{
	__atomic_store_n(&qpair->nr_drained, qpair->nr_drained + nr, __ATOMIC_RELAXED);
}

/* A slot as the 8 words that it is written in. */
static inline uint64_t *nvio_sqe_words(struct nvio_sqe *sqe)
{
	return (uint64_t *)(void *)sqe;
}

/*
 * The short way writes the words of a slot that a read or write has something in, and finds the
 * others 0. What uses those spoils its slot, which is cleaned when the ring comes round to it.
 */

/* @slot, or the first one behind the ring's end, becomes the next, and is cleaned. Returns 0, so
 * that the short way can call it last. */
int nvio_sq_come_to(struct nvio_qpair *qpair, struct nvio_sqe *slot);

/* The ring's first slot does. @spoilt: nothing is known of what is in any of them. */
void nvio_sq_begin(struct nvio_qpair *qpair, bool spoilt);

/* From memory: else the compiler keeps a register for it. */
static inline struct nvio_sqe *nvio_sq_stop(const struct nvio_qpair *qpair)
{
	return __atomic_load_n(&qpair->sq_stop, __ATOMIC_RELAXED);
}

/* The slot that was just filled counts as queued. Returns 0. */
static inline int nvio_sq_advance(struct nvio_qpair *qpair, struct nvio_sqe *filled)
{
	struct nvio_sqe *next = filled + 1;

	if (unlikely(next == qpair->sq_stop)) {
		next = qpair->sq_round;
		if (unlikely(!next))
			return nvio_sq_come_to(qpair, nvio_sq_stop(qpair));
	}
	qpair->sq_next = next;
	return 0;
}

/* Says what memory a command uses; other threads ask when memory is unregistered. */
static inline void nvio_track_memory(struct nvio_tracker *t, uintptr_t addr, uint64_t len)
{
	__atomic_store_n(&t->addr, addr, __ATOMIC_RELAXED);
	__atomic_store_n(&t->len, len, __ATOMIC_RELAXED);
}

/* The same of the metadata of a command that will be saved. */
static inline void nvio_track_metadata(struct nvio_tracker *t, uintptr_t addr, uint32_t len)
{
	__atomic_store_n(&t->metadata, addr, __ATOMIC_RELAXED);
	__atomic_store_n(&t->metadata_len, len, __ATOMIC_RELAXED);
}

/* Behind the above, for those threads. */
static inline void nvio_track_kind(struct nvio_tracker *t, uint32_t kind)
{
	__atomic_store_n(&t->kind, kind, __ATOMIC_RELEASE);
}

static inline void nvio_track_state(struct nvio_tracker *t, uint32_t state)
{
	__atomic_store_n(&t->state, state, __ATOMIC_RELAXED);
}

/* Its command has ended: the next one of the tracker has another identifier. */
static inline void nvio_tracker_end(const struct nvio_qpair *qpair, struct nvio_tracker *t)
{
	t->cid_bits += (uint32_t)qpair->next_use;
	nvio_track_kind(t, NVIO_TRACKER_FREE);
}

/* The index of a tracker, which its list memory and its saved command have too. */
static inline size_t nvio_tracker_idx(const struct nvio_qpair *qpair, const struct nvio_tracker *t)
{
	return (size_t)(t - qpair->trackers);
}

/*
 * What sets an entry of the completion queue apart from what all good ones have in common: the
 * identifier when all went well, and the head below it; see struct nvio_tracker.
 */
static inline uint64_t nvio_answer(const struct nvio_qpair *qpair, const struct nvio_cqe *cqe)
{
	return nvio_dma_load64(&cqe->sq_head) ^ qpair->expected;
}

/* The tracker that an answer's identifier is of, whatever else it says. */
static inline struct nvio_tracker *nvio_tracker_of(const struct nvio_qpair *qpair, uint64_t answer)
{
	/* A tracker's length is 64: the index, times that. */
	return (struct nvio_tracker *)((char *)qpair->trackers +
				       (answer >> (NVIO_ANSWER_CID_SHIFT - 6) & qpair->idx_mask));
}

/* Slots from one on to another, around the ring's end. */
static inline uint32_t nvio_sq_between(const struct nvio_qpair *qpair, const struct nvio_sqe *from,
				       const struct nvio_sqe *to)
{
	ptrdiff_t n = to - from;

	return (uint32_t)(n < 0 ? n + qpair->sq_entries : n);
}

/* Commands in slots that the controller was not told of. */
static inline uint32_t nvio_sq_pending(const struct nvio_qpair *qpair)
{
	const struct nvio_sqe *told = likely(qpair->sq_rung) ? qpair->sq_rung : qpair->sq_told;

	return nvio_sq_between(qpair, told, qpair->sq_next);
}

/*
 * Before a command is queued in the place of one that has ended. A controller that completes what
 * it was not told of yet would have the ring run over: it is told then.
 */
static inline void nvio_sq_make_room(struct nvio_qpair *qpair)
{
	if (unlikely(nvio_sq_pending(qpair) + 1 == qpair->sq_entries))
		nvio_submit(qpair);
}

/* Whether the controller has written the next completion. */
static inline bool nvio_cqe_is_there(const struct nvio_qpair *qpair)
{
	return !(nvio_answer(qpair, qpair->cq_next) & NVIO_ANSWER_PHASE);
}

/* Makes the next submit or poll look at qpair->attention: both compare sq_next with sq_rung. */
static inline void nvio_attend(struct nvio_qpair *qpair, uint32_t what)
{
	if (!qpair->attention)
		qpair->sq_told = qpair->sq_rung;
	qpair->attention |= what;
	qpair->sq_rung = NULL;
}

static inline void nvio_attended(struct nvio_qpair *qpair, uint32_t what)
{
	qpair->attention &= ~what;
	if (!qpair->attention)
		qpair->sq_rung = qpair->sq_told;
}

/* The part of the table of saved commands, and of the PRP lists, that is a tracker's. */
static inline struct nvio_sqe *nvio_saved(const struct nvio_qpair *qpair,
					  const struct nvio_tracker *t)
{
	return &qpair->saved[nvio_tracker_idx(qpair, t)];
}

static inline struct nvio_prps nvio_tracker_prps(const struct nvio_qpair *qpair,
						 const struct nvio_tracker *t)
{
	size_t offset = nvio_tracker_idx(qpair, t) * qpair->list_len;

	return nvio_prps_begin((uint64_t *)((char *)qpair->lists + offset),
			       qpair->lists_iova + offset, (uint32_t)qpair->page_mask + 1);
}

/*
 * PRP entry 2 of data at consecutive IOVAs, @nr pages of it behind the first, with its list made.
 * A list of one page.
 */
static inline uint64_t nvio_prp2_short(const struct nvio_qpair *qpair, const struct nvio_tracker *t,
				       uint64_t iova, size_t nr)
{
	const uint64_t mask = qpair->page_mask, second = (iova | mask) + 1;
	size_t offset = nvio_tracker_idx(qpair, t) * qpair->list_len;
	uint64_t *entries = (uint64_t *)((char *)qpair->lists + offset);

	if (nr == 1)
		return second;
	nvio_prp_fill_eights(entries, entries + nr, second, mask + 1);
	return qpair->lists_iova + offset;
}

static inline bool nvio_prp_is_short(const struct nvio_qpair *qpair, size_t nr)
{
	return nr <= (qpair->page_mask + 1) / sizeof(uint64_t);
}

/* The same for any length of more than one page. */
static inline uint64_t nvio_prp2(const struct nvio_qpair *qpair, const struct nvio_tracker *t,
				 uint64_t iova, uint64_t len)
{
	const size_t nr = nvio_prp_more_pages(iova, len, qpair->page_mask);
	size_t offset = nvio_tracker_idx(qpair, t) * qpair->list_len;

	if (likely(nvio_prp_is_short(qpair, nr)))
		return nvio_prp2_short(qpair, t, iova, nr);
	nvio_prp_list((uint64_t *)((char *)qpair->lists + offset), qpair->lists_iova + offset,
		      (iova | qpair->page_mask) + 1, nr, (uint32_t)qpair->page_mask + 1);
	return qpair->lists_iova + offset;
}

/* Why no command can be queued: -EAGAIN when the queue pair is full, or -EIO, -ENODEV. */
int nvio_no_slot(const struct nvio_qpair *qpair);

/*
 * Queues a command as it is but for its identifier, and saves it. @flags: of the tracker's state;
 * who gets the completion is one of them. @t is the first free tracker.
 */
void nvio_command_queue(struct nvio_qpair *qpair, struct nvio_tracker *t,
			const struct nvio_sqe *sqe, uint32_t flags, uint64_t user_data);

/* The same for a command without data: 0 or -errno. */
int nvio_command_post(struct nvio_qpair *qpair, const struct nvio_sqe *sqe, uint32_t flags,
		      uint64_t user_data);

/* Queues a command again that was completed. */
void nvio_command_again(struct nvio_qpair *qpair, struct nvio_tracker *t);

/* A command's time begins anew. */
void nvio_command_has_time(const struct nvio_qpair *qpair, struct nvio_tracker *t);

/* Queues a command again that a reset has ended. @count: that counts. */
void nvio_command_resend(struct nvio_qpair *qpair, struct nvio_tracker *t, bool count);

/* A tracker's command has ended. */
static inline void nvio_tracker_free(struct nvio_qpair *qpair, struct nvio_tracker *t)
{
	nvio_tracker_end(qpair, t);
	if (qpair->attention & NVIO_ATTENTION_FAILED)
		return;
	t->next = qpair->free;
	qpair->free = t;
}

#endif
