/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The I/O path: building commands in their slots, ringing doorbells, reaping completions.
 *
 * Here is the short way only: a read or write of one command with its data in the heap, and its
 * completion without an error. No system call, allocation, lock, division or log is on it. All else
 * is in functions of other files, which decide again from the start.
 */
#include <errno.h>

#include "base/error.h"
#include "base/mmio.h"
#include "nvme/command.h"
#include "nvme/finish.h"
#include "nvme/request.h"
#include "nvme/short.h"
#include "nvme/tend.h"

/* What was stored in memory, from there: else the compiler keeps a register for it. */
static inline uint64_t read_back(const uint64_t *value)
{
	return __atomic_load_n(value, __ATOMIC_RELAXED);
}

/*
 * A free tracker is nobody's: it is written before the last check passed, so that what is written
 * need not be kept. Data of more than one page is another function's, so that this one needs no
 * stack.
 */
static inline __attribute__((always_inline)) int read_or_write(
	struct nvio_qpair *qpair, struct nvio_ns *ns, const uint64_t *word0, uintptr_t addr,
	uint64_t slba, uint32_t nr_blocks, unsigned int flags, uint64_t user_data,
	nvio_rw_fn *pages, nvio_rw_fn *long_way)
{
	struct nvio_tracker *t = qpair->free;
	uint64_t iova, len;

	if (unlikely(!t))
		return nvio_no_slot(qpair);
	t->user_data = user_data;
	if (!nvio_is_short(qpair, ns, addr, slba, nr_blocks, flags) ||
	    unlikely(addr - qpair->heap.addr >= qpair->heap.len))
		return long_way(qpair, ns, addr, slba, nr_blocks, flags, read_back(&t->user_data));
	iova = addr - qpair->heap.addr + qpair->heap.iova;
	len = nr_blocks * ns->block_len;
	nvio_track_memory(t, addr, len);
	/* Within one page: no more of it than its begin needs to be looked up. */
	if (unlikely((iova ^ (iova + len - 1)) > qpair->page_mask))
		return pages(qpair, ns, read_back(&t->addr), slba, nr_blocks, flags,
			     read_back(&t->user_data));
	return nvio_build_short(qpair, t, word0, iova, 0, slba, nr_blocks, flags);
}

/* Data of several pages, when all else was checked. It calls nothing but the long way, and that
 * last, so that it needs no stack either. */
static inline __attribute__((always_inline)) int read_or_write_pages(
	struct nvio_qpair *qpair, struct nvio_ns *ns, const uint64_t *word0, uintptr_t addr,
	uint64_t slba, uint32_t nr_blocks, unsigned int flags, uint64_t user_data,
	nvio_rw_fn *long_way)
{
	struct nvio_tracker *t = qpair->free;
	uint64_t offset = addr - qpair->heap.addr, iova = offset + qpair->heap.iova;
	size_t nr = nvio_prp_more_pages(iova, t->len, qpair->page_mask);

	if (unlikely(t->len > qpair->heap.len - offset || !nvio_prp_is_short(qpair, nr)))
		return long_way(qpair, ns, addr, slba, nr_blocks, flags, user_data);
	t->user_data = user_data;
	return nvio_build_short(qpair, t, word0, iova, nvio_prp2_short(qpair, t, iova, nr), slba,
				nr_blocks, flags);
}

static __attribute__((noinline)) int read_pages(struct nvio_qpair *qpair, struct nvio_ns *ns,
						uintptr_t addr, uint64_t slba, uint32_t nr_blocks,
						unsigned int flags, uint64_t user_data)
{
	return read_or_write_pages(qpair, ns, &ns->read_word0, addr, slba, nr_blocks, flags,
				   user_data, nvio_read_long);
}

static __attribute__((noinline)) int write_pages(struct nvio_qpair *qpair, struct nvio_ns *ns,
						 uintptr_t addr, uint64_t slba, uint32_t nr_blocks,
						 unsigned int flags, uint64_t user_data)
{
	return read_or_write_pages(qpair, ns, &ns->write_word0, addr, slba, nr_blocks, flags,
				   user_data, nvio_write_long);
}

int nvio_read(struct nvio_qpair *qpair, struct nvio_ns *ns, void *buf, uint64_t slba,
	      uint32_t nr_blocks, unsigned int flags, uint64_t user_data)
{
	return read_or_write(qpair, ns, &ns->read_word0, (uintptr_t)buf, slba, nr_blocks, flags,
			     user_data, read_pages, nvio_read_long);
}

int nvio_write(struct nvio_qpair *qpair, struct nvio_ns *ns, const void *buf, uint64_t slba,
	       uint32_t nr_blocks, unsigned int flags, uint64_t user_data)
{
	return read_or_write(qpair, ns, &ns->write_word0, (uintptr_t)buf, slba, nr_blocks, flags,
			     user_data, write_pages, nvio_write_long);
}

/* Doorbells that are not a mapped register. Functions of their own and called last, so that their
 * callers need no stack. */
static __attribute__((cold, noinline)) int ring_sq_by_call(struct nvio_qpair *qpair, int ret)
{
	nvio_doorbell_tell_sq(qpair, (uint32_t)ret);
	return ret;
}

static __attribute__((cold, noinline)) int ring_cq_by_call(struct nvio_qpair *qpair, int ret)
{
	nvio_doorbell_tell_cq(qpair);
	return ret;
}

/* Tells the controller of @n commands, up to the one before @next. Returns @n. */
static inline int ring(struct nvio_qpair *qpair, const struct nvio_sqe *next, uint32_t n)
{
	uint32_t *doorbell;

	nvio_count(&qpair->stats.submitted, n);
	nvio_count(&qpair->stats.sq_doorbells, 1);
	/* The entries, which the controller fetches, before the doorbell that tells it of them. */
	nvio_dma_mb();
	doorbell = NVIO_LOOK(qpair->sq_doorbell);
	if (unlikely(!doorbell))
		return ring_sq_by_call(qpair, (int)n);
	nvio_mmio_write32(doorbell, (uint32_t)(next - qpair->sq));
	return (int)n;
}

/* While attention is wanted, what was told of is in sq_told. */
static __attribute__((noinline)) int submit_attended(struct nvio_qpair *qpair)
{
	struct nvio_sqe *next = qpair->sq_next;
	uint32_t n = nvio_sq_pending(qpair);

	if (!n)
		return 0;
	if (qpair->attention & NVIO_ATTENTION_FAILED)
		return nvio_no_slot(qpair);
	qpair->sq_told = next;
	return ring(qpair, next, n);
}

int nvio_submit(struct nvio_qpair *qpair)
{
	struct nvio_sqe *next = qpair->sq_next, *rung = qpair->sq_rung;

	if (next == rung)
		return 0;
	if (unlikely(!rung))
		return submit_attended(qpair);
	qpair->sq_rung = next;
	return ring(qpair, next, nvio_sq_between(qpair, rung, next));
}

/* A completion's result, and its status behind it, which is 0. */
static inline uint64_t *result_and_status(struct nvio_completion *completion)
{
	return (uint64_t *)(void *)&completion->result;
}

_Static_assert(offsetof(struct nvio_completion, status) ==
			       offsetof(struct nvio_completion, result) + 4 &&
		       sizeof(struct nvio_completion) ==
			       offsetof(struct nvio_completion, result) + 8,
	       "one store for both");

/* The caller has its completion: the tracker's next command has another identifier. From kind 0, so
 * that one addition does. */
static inline void retire(const struct nvio_qpair *qpair, struct nvio_tracker *t, uint64_t next_use)
{
#ifdef __SANITIZE_THREAD__
	(void)next_use;
	nvio_tracker_end(qpair, t);
#else
	(void)qpair;
	*(uint64_t *)(void *)&t->cid_bits += next_use;
#endif
}

/* The phase turns at the ring's end. */
static inline struct nvio_cqe *turn(struct nvio_qpair *qpair)
{
	qpair->expected ^= NVIO_ANSWER_PHASE;
	return qpair->cq;
}

/* A completion is as long as an entry: one distance leads from each entry to where it goes. */
_Static_assert(sizeof(struct nvio_completion) == sizeof(struct nvio_cqe), "one step for both");

static inline struct nvio_completion *completion_of(const struct nvio_cqe *cqe, uintptr_t distance)
{
	return (struct nvio_completion *)((uintptr_t)cqe + distance);
}

/*
 * Takes what has finished, up to what is not of the short way: one comparison with the tracker says
 * that an entry is there, is of this queue pair and this command, and has no error. At the ring's
 * end the rest of the batch is for the next round. Calls nothing, so that it needs no stack.
 */
static inline __attribute__((always_inline)) int reap(struct nvio_qpair *qpair,
						      struct nvio_completion **done, int max)
{
	struct nvio_cqe *cqe = qpair->cq_next, *first;
	const uintptr_t distance = (uintptr_t)*done - (uintptr_t)cqe;
	const uintptr_t end =
		min_u64((uintptr_t)cqe + (uintptr_t)max * sizeof(*cqe), (uintptr_t)qpair->cq_end);
	struct nvio_tracker *free = qpair->free;
	const uint64_t next_use = qpair->next_use;
	uint64_t n;

	while ((uintptr_t)cqe < end) {
		struct nvio_completion *out = completion_of(cqe, distance);
		uint64_t answer = nvio_answer(qpair, cqe);
		struct nvio_tracker *t = nvio_tracker_of(qpair, answer);

		/* The phase tag is among what is compared. */
		if (unlikely(answer >> NVIO_ANSWER_SQ_SHIFT != nvio_tracker_answer(t)))
			break;
		/* The phase tag, which the controller writes last, before the rest of its entry. */
		nvio_dma_rmb();
		out->user_data = t->user_data;
		*result_and_status(out) = cqe->result;
		cqe++;
		retire(qpair, t, next_use);
		t->next = free;
		free = t;
	}
	first = __atomic_load_n(&qpair->cq_next, __ATOMIC_RELAXED);
	*done = completion_of(first, distance);
	n = ((uintptr_t)cqe - (uintptr_t)first) / sizeof(*cqe);
	qpair->free = free;
	qpair->cq_next = unlikely(cqe == qpair->cq_end) ? turn(qpair) : cqe;
	nvio_count(&qpair->stats.completed, n);
	return (int)n;
}

/* The next completion, which is not of the short way. Returns how many entries at @out it filled,
 * -EAGAIN when there is none, or -EIO. */
static int reap_special(struct nvio_qpair *qpair, struct nvio_completion *out)
{
	const struct nvio_cqe *cqe = qpair->cq_next;
	uint64_t answer = nvio_answer(qpair, cqe);
	int ret;

	if (answer & NVIO_ANSWER_PHASE)
		return -EAGAIN;
	nvio_dma_rmb();
	ret = nvio_finish(qpair, cqe, answer, out);
	if (ret < 0)
		return ret;
	nvio_count(&qpair->stats.completed, 1);
	if (++qpair->cq_next == qpair->cq_end)
		qpair->cq_next = turn(qpair);
	return ret;
}

/* Tells the controller of completions taken, unless it can wait. Returns @ret. */
static inline int acknowledge(struct nvio_qpair *qpair, int ret)
{
	uint32_t *doorbell;

	if (qpair->stats.completed - qpair->cq_rung <= qpair->cq_lag)
		return ret;
	qpair->cq_rung = qpair->stats.completed;
	nvio_count(&qpair->stats.cq_doorbells, 1);
	/* The entries that we read, before the head that lets the controller write there again. */
	nvio_dma_mb();
	doorbell = NVIO_LOOK(qpair->cq_doorbell);
	if (unlikely(!doorbell))
		return ring_cq_by_call(qpair, ret);
	nvio_mmio_write32(doorbell, (uint32_t)(qpair->cq_next - qpair->cq));
	return ret;
}

/* A poll's long way, after @n completions were taken: all that nvio_poll() does not do. */
static __attribute__((noinline)) int poll_on(struct nvio_qpair *qpair, struct nvio_completion *done,
					     int n, int max)
{
	const uint64_t before = qpair->stats.completed - (uint32_t)n;

	while (n < max && !(qpair->attention & NVIO_ATTENTION_FAILED)) {
		int ret = reap_special(qpair, done + n);
		struct nvio_completion *rest;

		if (ret < 0)
			break;
		n += ret;
		rest = done + n;
		n += reap(qpair, &rest, max - n);
	}
	if (qpair->stats.completed != before) {
		nvio_count(&qpair->stats.busy_polls, 1);
		acknowledge(qpair, 0);
	}
	n = nvio_tend(qpair, done, n, max, !(qpair->stats.polls & NVIO_LOOK(qpair->look_mask)));
	nvio_submit(qpair);
	return n;
}

/* Something is there. What is not of the short way behind it is the next poll's first. */
static __attribute__((noinline)) int poll_busy(struct nvio_qpair *qpair,
					       struct nvio_completion *done, int max)
{
	int n = reap(qpair, &done, max);

	if (unlikely(!n || qpair->sq_next != qpair->sq_rung))
		return poll_on(qpair, done, n, max);
	nvio_count(&qpair->stats.busy_polls, 1);
	return acknowledge(qpair, n);
}

int nvio_poll(struct nvio_qpair *qpair, struct nvio_completion *done, int max)
{
	nvio_count(&qpair->stats.polls, 1);
	if (unlikely(!((uint32_t)qpair->stats.polls & NVIO_LOOK(qpair->look_mask))))
		return poll_on(qpair, done, 0, max);
	if (nvio_cqe_is_there(qpair))
		return poll_busy(qpair, done, max);
	return likely(qpair->sq_next == qpair->sq_rung) ? 0 : poll_on(qpair, done, 0, max);
}
