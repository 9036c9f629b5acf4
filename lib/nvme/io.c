/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The I/O path: building commands in their slots, ringing doorbells, reaping completions.
 *
 * No system call, allocation, lock, division or log on the way of a command that succeeds.
 * Everything that goes wrong is in cold functions of its own.
 */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/mmio.h"
#include "nvme/ctrl.h"
#include "nvme/prp.h"
#include "vfio/device.h"

#define IO_FLAGS ((unsigned int)(NVIO_IO_FUA | NVIO_IO_LIMITED_RETRY))

/* Polls in a row that find nothing until the device is looked after: a millisecond or less. */
#define IDLE_POLLS 65536u

/* No identifier is free: the queue pair is full, or it failed. */
static __attribute__((cold, noinline)) int no_slot(const struct nvio_qpair *qpair)
{
	if (!qpair->failed)
		return -EAGAIN;
	if (qpair->gone)
		return nvio_error(ENODEV, "the device of queue pair %u is gone", qpair->qid);
	return nvio_error(EIO, "queue pair %u failed and takes no more commands", qpair->qid);
}

static __attribute__((cold, noinline)) int bad_request(const struct nvio_qpair *qpair,
						       const struct nvio_ns *ns, uint64_t slba,
						       uint32_t nr_blocks, unsigned int flags)
{
	if (ns->ctrl != qpair->ctrl)
		return nvio_error(EINVAL,
				  "namespace %u is of another controller than queue pair %u",
				  ns->nsid, qpair->qid);
	if (flags & ~IO_FLAGS)
		return nvio_error(EINVAL, "0x%x are no flags of a read or write", flags);
	if (ns->info.metadata_len)
		return nvio_error(ENOTSUP,
				  "namespace %u has %u bytes of metadata with each block, which "
				  "nvio cannot transfer",
				  ns->nsid, ns->info.metadata_len);
	if (!nr_blocks || nr_blocks > ns->max_blocks)
		return nvio_error(
			EINVAL, "%u blocks in one command: namespace %u takes 1 to %u of %u bytes",
			nr_blocks, ns->nsid, ns->max_blocks, ns->info.block_len);
	return nvio_error(EINVAL, "blocks %llu + %u lie beyond namespace %u with its %llu blocks",
			  (unsigned long long)slba, nr_blocks, ns->nsid,
			  (unsigned long long)ns->nr_blocks);
}

static __attribute__((cold, noinline)) int bad_buffer(int err, uintptr_t addr, size_t len)
{
	if (err == -EINVAL)
		return nvio_error(EINVAL,
				  "buffer %p + %zu: it must begin at a multiple of 4, and its "
				  "registrations must meet where the controller's pages do",
				  (void *)addr, len);
	return nvio_error(
		EFAULT,
		"buffer %p + %zu is not DMA memory with the rights for this command: take it "
		"from nvio_alloc() or use nvio_mem_register()",
		(void *)addr, len);
}

static inline void track(struct nvio_tracker *t, uintptr_t addr, uint32_t len)
{
	__atomic_store_n(&t->addr, addr, __ATOMIC_RELAXED);
	__atomic_store_n(&t->len, len, __ATOMIC_RELAXED);
	/* Behind the two above, for the thread that looks whether memory is in use. */
	__atomic_store_n(&t->busy, 1, __ATOMIC_RELEASE);
}

/* Takes an identifier and the next slot for a command that is there now. */
static inline void commit(struct nvio_qpair *qpair, struct nvio_sqe *sqe, uintptr_t addr,
			  uint32_t len, uint64_t user_data)
{
	uint16_t cid = qpair->free_cids[--qpair->nr_free];
	struct nvio_tracker *t = &qpair->trackers[cid];
	uint16_t tail = (uint16_t)(qpair->sq_tail + 1);

	sqe->cid = cid;
	t->user_data = user_data;
	track(t, addr, len);
	qpair->sq_tail = tail == qpair->sq_entries ? 0 : tail;
}

int nvio_qpair_post(struct nvio_qpair *qpair, const struct nvio_sqe *sqe, uint64_t user_data)
{
	struct nvio_sqe *slot = &qpair->sq[qpair->sq_tail];

	if (unlikely(!qpair->nr_free))
		return no_slot(qpair);
	*slot = *sqe;
	commit(qpair, slot, 0, 0, user_data);
	return 0;
}

/* PRPs of data that is not within one page, or not of the heap. */
static __attribute__((noinline)) int build_prps(struct nvio_qpair *qpair, struct nvio_sqe *sqe,
						uintptr_t addr, uint32_t len, unsigned int rights)
{
	uint16_t cid = qpair->free_cids[qpair->nr_free - 1];
	size_t offset = (size_t)cid * qpair->list_len;
	struct nvio_prp_list list = {
		.entries = (uint64_t *)((char *)qpair->lists + offset),
		.iova = qpair->lists_iova + offset,
	};
	struct nvio_prp_data data = {
		.memory = qpair->memory, .addr = addr, .len = len, .run = len, .rights = rights
	};

	int err;

	if (nvio_memory_in_window(qpair->memory, addr, len, &data.iova))
		return nvio_prp_build(sqe, &list, &data, qpair->page_len);
	/*
	 * Said to be in use before it is looked up: whoever unregisters it clears it first and
	 * looks for users then, so that one of the two sees the other.
	 */
	track(&qpair->trackers[cid], addr, len);
	nvio_smp_mb();
	data.run = nvio_memory_run(qpair->memory, addr, len, rights, &data.iova);
	err = data.run ? nvio_prp_build(sqe, &list, &data, qpair->page_len) : -EFAULT;
	if (err)
		__atomic_store_n(&qpair->trackers[cid].busy, 0, __ATOMIC_RELEASE);
	return err;
}

static inline int read_or_write(struct nvio_qpair *qpair, struct nvio_ns *ns, uint8_t opcode,
				unsigned int rights, uintptr_t addr, uint64_t slba,
				uint32_t nr_blocks, unsigned int flags, uint64_t user_data)
{
	struct nvio_sqe *sqe = &qpair->sq[qpair->sq_tail];
	uint32_t len = nr_blocks << ns->block_shift;
	uint64_t iova;

	if (unlikely(!qpair->nr_free))
		return no_slot(qpair);
	/* A count of 0 wraps and is too large. The sum cannot wrap: max_blocks is checked first. */
	if (unlikely(nr_blocks - 1 >= ns->max_blocks || slba >= ns->nr_blocks ||
		     nr_blocks > ns->nr_blocks - slba || (flags & ~IO_FLAGS) ||
		     ns->ctrl != qpair->ctrl))
		return bad_request(qpair, ns, slba, nr_blocks, flags);
	if (unlikely(addr & 3))
		return bad_buffer(-EINVAL, addr, len);
	sqe->opcode = opcode;
	sqe->flags = 0;
	sqe->nsid = ns->nsid;
	sqe->cdw2 = 0;
	sqe->cdw3 = 0;
	sqe->mptr = 0;
	if (likely(nvio_memory_in_window(qpair->memory, addr, len, &iova) &&
		   (iova & (qpair->page_len - 1)) + len <= qpair->page_len)) {
		sqe->prp1 = iova;
		sqe->prp2 = 0;
	} else {
		int err = build_prps(qpair, sqe, addr, len, rights);

		if (unlikely(err))
			return bad_buffer(err, addr, len);
	}
	sqe->cdw10 = (uint32_t)slba;
	sqe->cdw11 = (uint32_t)(slba >> 32);
	/* FUA and Limited Retry are neighbours in our flags and in dword 12. */
	sqe->cdw12 = (nr_blocks - 1) | flags << 30;
	sqe->cdw13 = 0;
	sqe->cdw14 = 0;
	sqe->cdw15 = 0;
	commit(qpair, sqe, addr, len, user_data);
	return 0;
}

_Static_assert(NVIO_IO_FUA << 30 == NVIO_RW_FUA, "a shift turns flags into dword 12");
_Static_assert((unsigned int)NVIO_IO_LIMITED_RETRY << 30 == NVIO_RW_LIMITED_RETRY, "likewise");

int nvio_read(struct nvio_qpair *qpair, struct nvio_ns *ns, void *buf, uint64_t slba,
	      uint32_t nr_blocks, unsigned int flags, uint64_t user_data)
{
	return read_or_write(qpair, ns, NVIO_NVM_READ, NVIO_DMA_WRITE, (uintptr_t)buf, slba,
			     nr_blocks, flags, user_data);
}

int nvio_write(struct nvio_qpair *qpair, struct nvio_ns *ns, const void *buf, uint64_t slba,
	       uint32_t nr_blocks, unsigned int flags, uint64_t user_data)
{
	return read_or_write(qpair, ns, NVIO_NVM_WRITE, NVIO_DMA_READ, (uintptr_t)buf, slba,
			     nr_blocks, flags, user_data);
}

int nvio_flush(struct nvio_qpair *qpair, struct nvio_ns *ns, uint64_t user_data)
{
	struct nvio_sqe sqe = { .opcode = NVIO_NVM_FLUSH, .nsid = ns->nsid };

	if (unlikely(ns->ctrl != qpair->ctrl))
		return bad_request(qpair, ns, 0, 0, 0);
	return nvio_qpair_post(qpair, &sqe, user_data);
}

static inline void ring(const struct nvio_qpair *qpair, uint32_t *doorbell, bool cq, uint16_t value)
{
	if (likely(doorbell))
		nvio_mmio_write32(doorbell, value);
	else
		nvio_qpair_ring_by_call(qpair, cq, value);
}

int nvio_submit(struct nvio_qpair *qpair)
{
	uint16_t tail = qpair->sq_tail, rung = qpair->sq_rung;

	if (tail == rung)
		return 0;
	if (unlikely(qpair->failed))
		return no_slot(qpair);
	/* The entries, which the controller fetches, before the doorbell that tells it of them. */
	nvio_dma_wmb();
	ring(qpair, qpair->sq_doorbell, false, tail);
	qpair->sq_rung = tail;
	return tail > rung ? tail - rung : tail + qpair->sq_entries - rung;
}

/* Takes no command any more. */
static void stop(struct nvio_qpair *qpair)
{
	qpair->failed = true;
	qpair->lost = (uint16_t)(qpair->depth - qpair->nr_free);
	qpair->nr_free = 0;
}

/* The controller named a command that is not outstanding: nothing that it says can be believed. */
static __attribute__((cold, noinline)) void fail(struct nvio_qpair *qpair, uint16_t cid)
{
	stop(qpair);
	nvio_log(NVIO_LOG_ERROR,
		 "queue pair %u failed: its controller completed command %u, which is not "
		 "outstanding",
		 qpair->qid, cid);
}

void nvio_qpair_gone(struct nvio_qpair *qpair)
{
	if (qpair->gone)
		return;
	if (!qpair->failed)
		stop(qpair);
	qpair->gone = true;
	nvio_log(NVIO_LOG_ERROR,
		 "the device of queue pair %u is gone; %u commands end with an error", qpair->qid,
		 qpair->lost);
}

void nvio_qpair_check_alive(struct nvio_qpair *qpair)
{
	qpair->idle_polls = 0;
	if (qpair->ctrl && !nvio_device_alive(qpair->ctrl->device))
		nvio_qpair_gone(qpair);
}

/* Completes what the device left behind. Returns how many, or why there are none. */
static __attribute__((cold, noinline)) int poll_failed(struct nvio_qpair *qpair,
						       struct nvio_completion *done, int max)
{
	int n = 0;

	for (uint16_t cid = 0; qpair->gone && cid < qpair->depth && n < max; cid++) {
		struct nvio_tracker *t = &qpair->trackers[cid];

		if (!t->busy)
			continue;
		done[n++] = (struct nvio_completion){ .user_data = t->user_data,
						      .status = NVIO_STATUS_HOST_ABORTED };
		__atomic_store_n(&t->busy, 0, __ATOMIC_RELEASE);
		qpair->lost--;
	}
	return n ? n : no_slot(qpair);
}

int nvio_poll(struct nvio_qpair *qpair, struct nvio_completion *done, int max)
{
	uint16_t head = qpair->cq_head, phase = qpair->phase;
	int n;

	if (unlikely(qpair->failed))
		return poll_failed(qpair, done, max);
	if (qpair->sq_tail != qpair->sq_rung)
		nvio_submit(qpair);
	for (n = 0; n < max; n++) {
		const struct nvio_cqe *cqe = &qpair->cq[head];
		uint16_t status = nvio_dma_load16(&cqe->status);
		struct nvio_tracker *t;
		uint16_t cid;

		if ((status & NVIO_CQE_PHASE) != phase)
			break;
		/* The phase, which the controller writes last, before the rest of its entry. */
		nvio_dma_rmb();
		cid = nvio_dma_load16(&cqe->cid);
		if (unlikely(cid >= qpair->depth || !qpair->trackers[cid].busy)) {
			fail(qpair, cid);
			break;
		}
		t = &qpair->trackers[cid];
		done[n].user_data = t->user_data;
		done[n].result = cqe->result;
		done[n].status = status >> 1;
		done[n].reserved = 0;
		__atomic_store_n(&t->busy, 0, __ATOMIC_RELEASE);
		qpair->free_cids[qpair->nr_free++] = cid;
		if (++head == qpair->cq_entries) {
			head = 0;
			phase ^= NVIO_CQE_PHASE;
		}
	}
	if (n) {
		qpair->cq_head = head;
		qpair->phase = phase;
		qpair->idle_polls = 0;
		qpair->cq_unrung = (uint16_t)(qpair->cq_unrung + n);
		if (qpair->cq_unrung > qpair->cq_lag) {
			ring(qpair, qpair->cq_doorbell, true, head);
			qpair->cq_unrung = 0;
		}
		return n;
	}
	if (unlikely(qpair->failed))
		return no_slot(qpair);
	if (unlikely(++qpair->idle_polls == IDLE_POLLS))
		nvio_qpair_check_alive(qpair);
	return 0;
}
