/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Protection information in software: the tuple of guard, application tag, storage tag and
 * reference tag in each block's metadata (NVM:5.2), made before a write and checked after a read.
 *
 * Pure functions over memory: no device, no allocation, no lock, any thread, any alignment. How the
 * blocks are formatted is read from struct nvio_ns_info; nvio_ns_get_info() fills it in, and blocks
 * of no namespace of ours can be described by hand: block_len, metadata_len, metadata_extended,
 * protection, guard_bits, pi_offset, storage_tag_bits and storage_tag_mask are what counts here.
 */
#ifndef NVIO_PI_H
#define NVIO_PI_H

#include <sys/uio.h>

#include <nvio/base.h>
#include <nvio/nvme.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What can be checked; the first three have the values that they have in PRCHK (NVM:5.2.3). */
enum nvio_pi_check {
	NVIO_PI_REFERENCE = 1,
	NVIO_PI_APPLICATION = 2,
	NVIO_PI_GUARD = 4,
	NVIO_PI_STORAGE = 8,
	NVIO_PI_ALL = 15,
};

/* Tags of a run of blocks. Bits that the format has no room for are ignored. */
struct nvio_pi_tags {
	uint64_t reference; /* of the first block: its LBA with type 1, anything else with types 2
			       and 3; types 1 and 2 add one for each block */
	uint64_t storage;
	uint16_t application;
	uint16_t application_mask; /* verify: the bits of the application tag that are compared */
};

/* The first check that failed. */
struct nvio_pi_error {
	uint32_t block; /* counted from 0 */
	uint32_t check; /* one of enum nvio_pi_check */
	uint64_t expected;
	uint64_t actual; /* as found in the block's metadata */
};

/**
 * nvio_pi_generate - puts protection information into the metadata of blocks.
 * @format:    how the blocks are formatted
 * @data:      @nr_blocks blocks; each with its metadata behind it where that is extended
 * @metadata:  metadata of the blocks, one behind the other; NULL where it is extended
 * @nr_blocks: how many
 * @tags:      what to put into the tags
 *
 * Other metadata is left as it is; where it lies before the protection information, the guard
 * covers it (NVM:5.2.1), so fill it in first.
 *
 * Return: 0; -EINVAL when the format has no protection information or makes no sense, or @metadata
 * is there and should not be, or the other way round.
 */
NVIO_API int nvio_pi_generate(const struct nvio_ns_info *format, void *data, void *metadata,
			      uint32_t nr_blocks, const struct nvio_pi_tags *tags);

/**
 * nvio_pi_verify - checks the protection information of blocks.
 * @checks: which, of enum nvio_pi_check; what the format does not define passes: storage tags of 0
 *          bits, reference tags of 0 bits or of type 3
 * @error:  receives what failed first; NULL when that is of no interest
 *
 * As a controller does, it lets a block pass unseen whose application tag is 0xFFFF and, with
 * type 3, whose reference tag has all bits set too (NVM:5.2.3): such a block was never written, or
 * its checks were disabled. Within a block the order is guard, application tag, storage tag,
 * reference tag. The rest as in nvio_pi_generate().
 *
 * Return: 0; -EILSEQ when a check failed; -EINVAL.
 */
NVIO_API int nvio_pi_verify(const struct nvio_ns_info *format, const void *data,
			    const void *metadata, uint32_t nr_blocks,
			    const struct nvio_pi_tags *tags, unsigned int checks,
			    struct nvio_pi_error *error);

/**
 * nvio_pi_generatev - as nvio_pi_generate(), with data in pieces.
 * @data:    the pieces, of any lengths; blocks and metadata may go on from one to the next
 * @nr_data: how many; together they must hold @nr_blocks, may hold more
 *
 * Return: as nvio_pi_generate(); -EINVAL when the pieces are too short.
 */
NVIO_API int nvio_pi_generatev(const struct nvio_ns_info *format, const struct iovec *data,
			       size_t nr_data, void *metadata, uint32_t nr_blocks,
			       const struct nvio_pi_tags *tags);

/** nvio_pi_verifyv - as nvio_pi_verify(), with data in pieces as in nvio_pi_generatev(). */
NVIO_API int nvio_pi_verifyv(const struct nvio_ns_info *format, const struct iovec *data,
			     size_t nr_data, const void *metadata, uint32_t nr_blocks,
			     const struct nvio_pi_tags *tags, unsigned int checks,
			     struct nvio_pi_error *error);

#ifdef __cplusplus
}
#endif

#endif
