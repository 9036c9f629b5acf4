/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads and writes with their data in pieces. The short way is one command with all pieces in the
 * heap, where PRPs can express them; what else there is goes the way of nvio_io(), where it is
 * decided again from the start.
 */
#include "nvme/sgl.h"
#include "nvme/short.h"

/* Entries that a list of PRPs may have. Of several pieces it is to be shorter than their
 * scatter-gather list, where there is a choice: that has 16 bytes for each. */
static inline uint64_t list_room(const struct nvio_qpair *qpair, uint32_t nr_iov)
{
	uint64_t room = min_u64(qpair->list_len, qpair->page_mask + 1) / sizeof(uint64_t);

	return nr_iov > 1 && nvio_sgl_taken(qpair) ? min_u64(room, 2 * (uint64_t)nr_iov) : room;
}

/* PRPs of pieces in the heap. Returns how many bytes they have, 0 when it cannot be done so. */
static inline uint64_t describe(const struct nvio_qpair *qpair, const struct nvio_tracker *t,
				const struct iovec *iov, uint32_t nr_iov, struct nvio_sqe *sqe)
{
	const uint64_t mask = qpair->page_mask;
	const size_t offset = nvio_tracker_idx(qpair, t) * qpair->list_len;
	uint64_t *const list = (uint64_t *)((char *)qpair->lists + offset), *at = list;
	const uint64_t *const end = list + list_room(qpair, nr_iov);
	uint64_t iova_end = 0, len = 0;

	for (uint32_t i = 0; i < nr_iov; i++) {
		uint64_t from = (uintptr_t)iov[i].iov_base - qpair->heap.addr;
		uint64_t iova = from + qpair->heap.iova;

		/* No bytes at all become too many. */
		if (from >= qpair->heap.len || iov[i].iov_len - 1 >= qpair->heap.len - from)
			return 0;
		len += iov[i].iov_len;
		if (!i) {
			iova_end = iova + iov[i].iov_len;
			sqe->prp1 = iova;
			iova = (iova | mask) + 1;
		} else if ((iova_end | iova) & mask) {
			return 0;
		} else {
			iova_end = iova + iov[i].iov_len;
		}
		for (; iova < iova_end; iova += mask + 1) {
			if (at == end)
				return 0;
			*at++ = iova;
		}
	}
	if (at > list)
		sqe->prp2 = at == list + 1 ? *list : qpair->lists_iova + offset;
	return len;
}

static inline __attribute__((always_inline)) int read_or_write(
	struct nvio_qpair *qpair, struct nvio_ns *ns, uint64_t word0, uint8_t opcode,
	const struct iovec *iov, uint32_t nr_iov, uint64_t slba, uint32_t nr_blocks,
	unsigned int flags, uint64_t user_data)
{
	struct nvio_tracker *t = qpair->free;
	struct nvio_sqe sqe = { 0 };
	struct nvio_io io;

	if (unlikely(!t))
		return nvio_no_slot(qpair);
	if (likely(nr_iov &&
		   nvio_is_short(qpair, ns, (uintptr_t)iov->iov_base, slba, nr_blocks, flags) &&
		   describe(qpair, t, iov, nr_iov, &sqe) == nr_blocks * ns->block_len)) {
		nvio_sqe_words(&sqe)[0] = word0;
		nvio_sqe_words(&sqe)[5] = slba;
		sqe.cdw12 = (nr_blocks - 1) | flags << 30;
		/* Memory of the heap, which nobody unregisters. */
		nvio_track_memory(t, 0, 0);
		nvio_track_metadata(t, 0, 0);
		nvio_command_queue(qpair, t, &sqe, 0, user_data);
		return 0;
	}
	/* The heap may have grown: the next request finds its way short again. */
	qpair->heap = nvio_memory_window(qpair->memory);
	io = (struct nvio_io){
		.size = sizeof(io),
		.opcode = opcode,
		.flags = flags,
		.slba = slba,
		.nr_blocks = nr_blocks,
		.nr_iov = nr_iov,
		.iov = iov,
		.tags = { .reference = slba },
	};
	return nvio_io(qpair, ns, &io, user_data);
}

int nvio_readv(struct nvio_qpair *qpair, struct nvio_ns *ns, const struct iovec *iov,
	       uint32_t nr_iov, uint64_t slba, uint32_t nr_blocks, unsigned int flags,
	       uint64_t user_data)
{
	return read_or_write(qpair, ns, ns->read_word0, NVIO_OP_READ, iov, nr_iov, slba, nr_blocks,
			     flags, user_data);
}

int nvio_writev(struct nvio_qpair *qpair, struct nvio_ns *ns, const struct iovec *iov,
		uint32_t nr_iov, uint64_t slba, uint32_t nr_blocks, unsigned int flags,
		uint64_t user_data)
{
	return read_or_write(qpair, ns, ns->write_word0, NVIO_OP_WRITE, iov, nr_iov, slba,
			     nr_blocks, flags, user_data);
}
