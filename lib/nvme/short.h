/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What reads and writes of one command have in common on their ways that are short: the checks, and
 * how a command and its tracker are filled in.
 */
#ifndef NVIO_LIB_NVME_SHORT_H
#define NVIO_LIB_NVME_SHORT_H

#include "nvme/command.h"

#define NVIO_SHORT_FLAGS ((unsigned int)(NVIO_IO_FUA | NVIO_IO_LIMITED_RETRY))

_Static_assert(NVIO_IO_FUA << 30 == NVIO_RW_FUA, "a shift turns flags into dword 12");
_Static_assert((unsigned int)NVIO_IO_LIMITED_RETRY << 30 == NVIO_RW_LIMITED_RETRY, "likewise");

/*
 * The checks of the short way but for those of memory. What does not pass goes the
 * long way, where it is decided again from the start.
 */
static inline __attribute__((always_inline)) bool nvio_is_short(const struct nvio_qpair *qpair,
								const struct nvio_ns *ns,
								uintptr_t addr, uint64_t slba,
								uint32_t nr_blocks,
								unsigned int flags)
{
	const uint64_t last = nr_blocks - 1; /* of 32 bits: none becomes too many */

	/* The mask has the bits that no block's number has, so that the sum behind it cannot wrap.
	 */
	return likely(flags <= NVIO_SHORT_FLAGS && !(addr & 3) &&
		      NVIO_LOOK(ns->ctrl) == qpair->ctrl &&
		      (slba & ns->boundary_mask) + last < NVIO_LOOK(ns->max_blocks) &&
		      slba + last <= NVIO_LOOK(ns->last_block));
}

/* The command, in its slot and in its tracker, where address, length and the
 * caller's data are. In the order in which each value is in a register once. */
static inline __attribute__((always_inline)) int nvio_build_short(
	struct nvio_qpair *qpair, struct nvio_tracker *t, const uint64_t *word0, uint64_t iova,
	uint64_t prp2, uint64_t slba, uint32_t nr_blocks, unsigned int flags)
{
	struct nvio_sqe *sqe = qpair->sq_next;
	/* FUA and Limited Retry are neighbours in our flags and in dword 12. */
	const uint32_t cdw12 = (flags << 30) + nr_blocks - 1;
	uint64_t first;

	nvio_sqe_words(sqe)[3] = iova;
	nvio_sqe_words(sqe)[4] = prp2;
	nvio_sqe_words(sqe)[5] = slba;
	nvio_sqe_words(sqe)[6] = cdw12;
	__atomic_store_n(&t->slba, slba, __ATOMIC_RELAXED);
	__atomic_store_n(&t->cdw12_and_state, cdw12 | qpair->sent_word, __ATOMIC_RELAXED);
	first = *word0 | t->cid_bits;
	nvio_sqe_words(sqe)[0] = first;
	t->word0 = first;
	qpair->free = t->next;
	nvio_track_kind(t, NVIO_TRACKER_WHOLE);
	return nvio_sq_advance(qpair, sqe);
}

#endif
