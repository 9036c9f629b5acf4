/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A request as the caller means it, and the commands that it takes.
 *
 * It is taken from the front: each command carries as many blocks as the controller, the
 * namespace's boundary and the memory under the data allow.
 */
#ifndef NVIO_LIB_NVME_REQUEST_H
#define NVIO_LIB_NVME_REQUEST_H

#include "nvme/ctrl.h"
#include "nvme/data.h"

struct nvio_request {
	const struct nvio_ns *ns;
	struct nvio_sqe sqe; /* the command but for what differs from part to part */
	uint64_t user_data;
	uint32_t state; /* flags for the trackers */

	/* What is left. */
	uint64_t slba;
	uint64_t nr_blocks; /* 0 where blocks are not counted */
	struct nvio_data data; /* nr_iov 0: none */
	uintptr_t metadata; /* separate; 0: none */
	struct nvio_pi_tags tags;

	uint64_t max_blocks; /* of one command */
	uint32_t boundary; /* blocks that a command does not cross a multiple of; 0: none */
	uint32_t block_len; /* bytes that a block has at the data's place */
	uint32_t metadata_len; /* and at the metadata's */
	bool ref_tag_counts; /* up, a block at a time */
	struct iovec single; /* what data is of when it is one piece */
};

typedef int nvio_rw_fn(struct nvio_qpair *qpair, struct nvio_ns *ns, uintptr_t addr, uint64_t slba,
		       uint32_t nr_blocks, unsigned int flags, uint64_t user_data);

/* nvio_read() and nvio_write() off the short way. */
nvio_rw_fn nvio_read_long, nvio_write_long;

/* Whether blocks of a namespace go without their metadata: the controller makes and strips it. */
static inline bool nvio_is_stripped(const struct nvio_ns *ns, unsigned int flags)
{
	return (flags & NVIO_IO_PRACT) && ns->info.pi_alone;
}

/* Bytes of data that a request for blocks moves, with the metadata that is at the end of each. */
static inline size_t nvio_transfer_len(const struct nvio_ns *ns, uint32_t nr_blocks,
				       unsigned int flags)
{
	size_t block_len = ns->info.block_len;

	if (ns->info.metadata_extended && !nvio_is_stripped(ns, flags))
		block_len += ns->info.metadata_len;
	return nr_blocks * block_len;
}

#define NVIO_DIRECTIVE_MAX 15u /* a type of 4 bits */

/* The four bits of protection information (PRINFO), as they lie in our flags. */
static inline uint32_t nvio_prinfo(unsigned int flags)
{
	return flags >> 3 & 0xfu;
}

/* FUA and Limited Retry; DEAC; STC; PRINFO: each group as its bits lie in dword 12. */
static inline uint32_t nvio_cdw12_flags(unsigned int flags)
{
	return (flags & 3u) << 30 | (flags & NVIO_IO_DEALLOCATE ? NVIO_RW_DEALLOCATE : 0) |
	       (flags & NVIO_IO_CHECK_STORAGE ? NVIO_RW_STC : 0) |
	       nvio_prinfo(flags) << NVIO_RW_PRINFO_SHIFT;
}

/* Queues a request, with as many commands as it takes. Returns 0 or -errno. */
int nvio_request_queue(struct nvio_qpair *qpair, struct nvio_request *request);

/*
 * Builds the next command of a request at @sqe, with the list memory of @t.
 * Returns how many blocks it carries, 1 for one that counts none; -EFAULT, -EINVAL.
 */
int64_t nvio_request_build(const struct nvio_qpair *qpair, const struct nvio_request *request,
			   const struct nvio_tracker *t, struct nvio_sqe *sqe);

/* Takes @nr blocks off the front. */
void nvio_request_skip(struct nvio_request *request, uint64_t nr);

/* The metadata of the next @nr blocks; of a command that counts none, all of it. */
struct nvio_span nvio_request_metadata(const struct nvio_request *request, uint64_t nr);

/* Says what memory a part of @nr blocks uses, in @t. Before any of it is looked up. */
void nvio_request_track(const struct nvio_request *request, struct nvio_tracker *t, uint64_t nr);

#endif
