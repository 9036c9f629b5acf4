/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The queue pair: rings in DMA memory, a tracker per command identifier, and the doorbells.
 *
 * One thread at a time, no lock. The device side is memory and two doorbells, so that a test can
 * play the controller over plain memory. A queue pair that failed has no free identifier left, so
 * that the I/O path needs one check for "full" and "failed".
 */
#ifndef NVIO_LIB_NVME_QPAIR_H
#define NVIO_LIB_NVME_QPAIR_H

#include "base/bits.h"
#include "mem/memory.h"
#include "nvme/wire.h"

/* What is known of an outstanding command; read by other threads when memory is unregistered. */
struct nvio_tracker {
	uint64_t user_data;
	uintptr_t addr; /* its data */
	uint32_t len; /* 0 when it has none */
	uint32_t busy; /* outstanding */
};

_Static_assert(sizeof(struct nvio_tracker) == 24, "hot");

struct nvio_qpair {
	/* Submitting. */
	struct nvio_sqe *sq;
	struct nvio_tracker *trackers;
	uint16_t *free_cids; /* a stack of nr_free */
	const struct nvio_memory *memory;
	uint16_t nr_free;
	uint16_t sq_tail;
	uint16_t sq_rung; /* the tail that the controller was told last */
	uint16_t sq_entries; /* depth + 1, because a full ring looks empty */
	uint32_t page_len;
	uint32_t list_len; /* bytes of PRP list per identifier */
	uint64_t *lists;
	uint64_t lists_iova;

	/* Completing. */
	_Alignas(CACHE_LINE) struct nvio_cqe *cq;
	uint32_t *sq_doorbell; /* NULL where doorbells cannot be mapped */
	uint32_t *cq_doorbell;
	uint16_t cq_head;
	uint16_t cq_entries;
	uint16_t cq_unrung; /* entries taken that the controller was not told of */
	uint16_t cq_lag; /* how many of them it need not be told of: the ring is larger by this */
	uint16_t phase;
	uint16_t depth;
	uint16_t lost; /* outstanding when it failed or the device went */
	bool failed;
	bool gone; /* failed because the device went: what was outstanding completes in error */
	uint32_t idle_polls; /* in a row */

	/* The rest is cold. */
	struct nvio_mem_user user;
	struct nvio_ctrl *ctrl;
	struct nvio_qpair *next;
	uint16_t qid;
	uint16_t vector; /* 0 for none */
	int fd;
	bool cq_made; /* the controller knows the completion queue, the submission queue */
	bool sq_made;
};

struct nvio_qpair_shape {
	uint16_t depth;
	uint16_t cq_lag; /* completions that the controller need not be told of at once */
	uint32_t page_len;
	uint32_t max_transfer; /* 0: commands bring their PRP lists along */
};

/*
 * Allocates rings, trackers and PRP lists; the doorbells
 * are left NULL. Returns 0 or -ENOMEM; then nothing is kept.
 */
int nvio_qpair_init(struct nvio_qpair *qpair, struct nvio_iommu *iommu,
		    const struct nvio_qpair_shape *shape);

/* Frees them: only once no device can reach them. */
void nvio_qpair_fini(struct nvio_qpair *qpair, struct nvio_iommu *iommu);

/* Has nvio_mem_unregister() ask the queue pair before it takes memory away. */
void nvio_qpair_watch_memory(struct nvio_qpair *qpair);

/*
 * Queues a command as it is but for its identifier. Returns 0 or -EAGAIN/-EIO.
 */
int nvio_qpair_post(struct nvio_qpair *qpair, const struct nvio_sqe *sqe, uint64_t user_data);

/* Where the rings are for the device. */
uint64_t nvio_qpair_sq_iova(const struct nvio_qpair *qpair);
uint64_t nvio_qpair_cq_iova(const struct nvio_qpair *qpair);

/* The device went: every outstanding command comes out of nvio_poll() with an error, then -ENODEV.
 */
void nvio_qpair_gone(struct nvio_qpair *qpair);

/* Looks whether the device is still there, and calls nvio_qpair_gone() when it is not. */
void nvio_qpair_check_alive(struct nvio_qpair *qpair);

/* Deletes a queue pair at the controller. Returns 0, or -errno: then the controller may still use
 * its memory. */
int nvio_qpair_delete(struct nvio_qpair *qpair);

/* vectors.c: gives the queue pair a vector and an eventfd. Returns 0 or -errno. */
int nvio_qpair_take_vector(struct nvio_qpair *qpair);
void nvio_qpair_drop_vector(struct nvio_qpair *qpair);

/* Rings a doorbell that is not mapped. */
void nvio_qpair_ring_by_call(const struct nvio_qpair *qpair, bool cq, uint16_t value);

#endif
