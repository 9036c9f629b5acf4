/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads and writes of one command whose data is in memory of the application's own; see
 * registered.h. Nearly the short way: what is new is the table, and that memory may be taken away.
 */
#include <errno.h>

#include "base/error.h"
#include "base/mmio.h"
#include "nvme/registered.h"
#include "nvme/request.h"
#include "nvme/short.h"

bool nvio_describe_registered(const struct nvio_qpair *qpair, struct nvio_tracker *t,
			      unsigned int rights, uintptr_t addr, size_t len, struct nvio_sqe *sqe)
{
	struct nvio_prps prps = nvio_tracker_prps(qpair, t);

	while (len) {
		uint64_t iova;
		size_t run = len;

		if (!nvio_memory_in_window(qpair->memory, addr, len, &iova))
			run = nvio_memory_run(qpair->memory, addr, len, rights, &iova);
		if (!run || !nvio_prps_add(&prps, iova, run))
			return false;
		addr += run;
		len -= run;
	}
	nvio_prps_end(&prps, sqe);
	return true;
}

/* The most frequent case by itself: data within one page of 4 KiB. */
static inline bool describe(const struct nvio_qpair *qpair, struct nvio_tracker *t,
			    unsigned int rights, uintptr_t addr, size_t len, struct nvio_sqe *sqe)
{
	uint64_t entry = nvio_table_get(&qpair->memory->table, addr), iova;

	/* Of the heap, when that has grown: the long way takes notice. */
	if (unlikely((addr & (NVIO_MEM_PAGE - 1)) + len > NVIO_MEM_PAGE))
		return !nvio_memory_in_window(qpair->memory, addr, len, &iova) &&
		       nvio_describe_registered(qpair, t, rights, addr, len, sqe);
	sqe->prp1 = (entry & ~NVIO_TABLE_RIGHTS) + (addr & (NVIO_MEM_PAGE - 1));
	sqe->prp2 = 0;
	return (entry & rights) == rights;
}

bool nvio_queue_registered(struct nvio_qpair *qpair, struct nvio_ns *ns, uint64_t word0,
			   unsigned int rights, uintptr_t addr, uint64_t slba, uint32_t nr_blocks,
			   unsigned int flags, uint64_t user_data)
{
	struct nvio_tracker *t = qpair->free;
	uint64_t len = nr_blocks * ns->block_len;
	struct nvio_sqe pointers;

	if (!t || !nvio_is_short(qpair, ns, addr, slba, nr_blocks, flags))
		return false;
	/*
	 * Said to be in use before it is looked up: whoever unregisters it clears it first and
	 * looks for users then, so that one of the two sees the other.
	 */
	nvio_track_memory(t, addr, len);
	nvio_track_state(t, 0);
	nvio_track_kind(t, NVIO_TRACKER_WHOLE);
	nvio_smp_mb();
	if (!describe(qpair, t, rights, addr, len, &pointers)) {
		nvio_track_kind(t, NVIO_TRACKER_FREE);
		return false;
	}
	t->user_data = user_data;
	nvio_build_short(qpair, t, &word0, pointers.prp1, pointers.prp2, slba, nr_blocks, flags);
	return true;
}

static __attribute__((cold, noinline)) int bad_range(const struct nvio_buffer *buffer,
						     size_t offset, uint64_t len)
{
	return nvio_error(EFAULT,
			  "%llu bytes from %zu on of a buffer of %zu with the rights 0x%x: beyond "
			  "it, without the rights, or of another address space",
			  (unsigned long long)len, offset, buffer->window.len, buffer->rights);
}

/* What takes several commands, or moves metadata with its data. */
static __attribute__((noinline)) int other_way(struct nvio_qpair *qpair, struct nvio_ns *ns,
					       const struct nvio_buffer *buffer, size_t offset,
					       uint64_t slba, uint32_t nr_blocks,
					       unsigned int flags, uint64_t user_data,
					       nvio_rw_fn *long_way)
{
	size_t len = nvio_transfer_len(ns, nr_blocks, flags);

	if (len > buffer->window.len - offset)
		return bad_range(buffer, offset, len);
	return long_way(qpair, ns, buffer->window.addr + offset, slba, nr_blocks, flags, user_data);
}

/* Data in memory with a handle. */
static inline __attribute__((always_inline)) int read_or_write(
	struct nvio_qpair *qpair, struct nvio_ns *ns, const uint64_t *word0, unsigned int rights,
	const struct nvio_buffer *buffer, size_t offset, uint64_t slba, uint32_t nr_blocks,
	unsigned int flags, uint64_t user_data, nvio_rw_fn *long_way)
{
	struct nvio_tracker *t = qpair->free;
	const uintptr_t addr = buffer->window.addr + offset;
	const uint64_t iova = buffer->window.iova + offset, len = nr_blocks * ns->block_len;
	uint64_t prp2 = 0;

	if (unlikely(!t))
		return nvio_no_slot(qpair);
	if (unlikely(buffer->memory != qpair->memory || !(buffer->rights & rights) ||
		     offset >= buffer->window.len || len > buffer->window.len - offset))
		return bad_range(buffer, offset, len);
	if (!nvio_is_short(qpair, ns, addr, slba, nr_blocks, flags))
		return other_way(qpair, ns, buffer, offset, slba, nr_blocks, flags, user_data,
				 long_way);
	/* The handle keeps it registered: nobody can take it away meanwhile. */
	nvio_track_memory(t, addr, len);
	t->user_data = user_data;
	if ((iova ^ (iova + len - 1)) > qpair->page_mask)
		prp2 = nvio_prp2(qpair, t, iova, len);
	return nvio_build_short(qpair, t, word0, iova, prp2, slba, nr_blocks, flags);
}

int nvio_read_buffer(struct nvio_qpair *qpair, struct nvio_ns *ns, const struct nvio_buffer *buffer,
		     size_t offset, uint64_t slba, uint32_t nr_blocks, unsigned int flags,
		     uint64_t user_data)
{
	return read_or_write(qpair, ns, &ns->read_word0, NVIO_DMA_WRITE, buffer, offset, slba,
			     nr_blocks, flags, user_data, nvio_read_long);
}

int nvio_write_buffer(struct nvio_qpair *qpair, struct nvio_ns *ns,
		      const struct nvio_buffer *buffer, size_t offset, uint64_t slba,
		      uint32_t nr_blocks, unsigned int flags, uint64_t user_data)
{
	return read_or_write(qpair, ns, &ns->write_word0, NVIO_DMA_READ, buffer, offset, slba,
			     nr_blocks, flags, user_data, nvio_write_long);
}
