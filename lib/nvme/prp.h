/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PRP entries and lists (section 4.1.1): where the data of a command lies, a controller page at a
 * time. Pure arithmetic over IOVAs.
 *
 * Data is added a run of consecutive IOVAs at a time. All pages but the first begin at their start,
 * all but the last reach their end; data that does not cannot be expressed.
 */
#ifndef NVIO_LIB_NVME_PRP_H
#define NVIO_LIB_NVME_PRP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nvme/wire.h"

struct nvio_prps {
	uint64_t *entries; /* memory for the list; it begins at a page or ends before its end */
	uint64_t list_iova;
	uint32_t page_len;
	uint32_t nr; /* slots of the list that are used, links included */
	uint64_t first; /* PRP entry 1 */
	uint64_t next; /* the IOVA behind the data so far; 0 when there is none yet */
};

/* Bytes of list that a transfer of up to @len bytes can need: a power of two from 64 on, or whole
 * pages. */
size_t nvio_prp_list_len(size_t len, uint32_t page_len);

static inline struct nvio_prps nvio_prps_begin(uint64_t *entries, uint64_t list_iova,
					       uint32_t page_len)
{
	return (struct nvio_prps){ .entries = entries,
				   .list_iova = list_iova,
				   .page_len = page_len };
}

/* Adds @len bytes at consecutive IOVAs. Returns whether they can be expressed; then only they were
 * added. */
bool nvio_prps_add(struct nvio_prps *prps, uint64_t iova, size_t len);

/* The same for what comes first. */
void nvio_prps_first(struct nvio_prps *prps, uint64_t iova, size_t len);

/* A list of @nr > 1 pages at consecutive IOVAs. */
void nvio_prp_list(uint64_t *entries, uint64_t list_iova, uint64_t iova, size_t nr,
		   uint32_t page_len);

/* How many pages data at consecutive IOVAs touches behind the first. */
static inline size_t nvio_prp_more_pages(uint64_t iova, uint64_t len, uint64_t page_mask)
{
	return ((iova & page_mask) + len - 1) >> __builtin_ctzll(page_mask + 1);
}

/* Two entries. */
typedef uint64_t nvio_prp_pair __attribute__((vector_size(16), aligned(8)));

/*
 * Entries up to @end and until it are eights: the length of a list is most of what a large transfer
 * costs. The memory of a list takes that, and nobody looks at what is behind the last page.
 */
static inline void nvio_prp_fill_eights(uint64_t *entries, const uint64_t *end, uint64_t iova,
					uint64_t page_len)
{
	nvio_prp_pair next = { iova, iova + page_len };
	const nvio_prp_pair step = { 2 * page_len, 2 * page_len };

	do {
		nvio_prp_pair *at = (nvio_prp_pair *)(void *)entries;

		at[0] = next;
		at[1] = next += step;
		at[2] = next += step;
		at[3] = next += step;
		next += step;
		entries += 8;
	} while (entries < end);
}

/* What goes into the command: a list of one entry is that entry. */
static inline void nvio_prps_end(const struct nvio_prps *prps, struct nvio_sqe *sqe)
{
	sqe->prp1 = prps->first;
	sqe->prp2 = !prps->nr ? 0 : prps->nr == 1 ? prps->entries[0] : prps->list_iova;
}

#endif
