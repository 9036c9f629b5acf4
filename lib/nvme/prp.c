/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PRP entries and lists; see prp.h.
 */
#include "base/bits.h"
#include "nvme/prp.h"

size_t nvio_prp_list_len(size_t len, uint32_t page_len)
{
	/* All but the first page of data, which may begin late in its page. */
	size_t entries = align_up(len, page_len) / page_len;
	size_t slots = page_len / sizeof(uint64_t), power = 8;

	if (entries <= slots) {
		while (power < entries)
			power *= 2;
		return power * sizeof(uint64_t);
	}
	/* A full page gives its last slot to the link to the next one. */
	return (entries + slots - 2) / (slots - 1) * page_len;
}

/* Two entries. */
typedef uint64_t pair __attribute__((vector_size(16), aligned(8)));

/* Eight at a time: the length of a list is most of what a large transfer costs. */
static inline uint64_t fill(uint64_t *entries, uint64_t iova, uint32_t nr, uint64_t page_len)
{
	uint64_t *const end = entries + nr;
	pair next = { iova, iova + page_len };
	const pair step = { 2 * page_len, 2 * page_len };

	for (; end - entries >= 8; entries += 8) {
		pair *at = (pair *)(void *)entries;

		at[0] = next;
		at[1] = next += step;
		at[2] = next += step;
		at[3] = next += step;
		next += step;
	}
	for (iova = next[0]; entries < end; iova += page_len)
		*entries++ = iova;
	return iova;
}

/*
 * Adds pages to the list. The last slot of a list's page is an entry as long as nothing follows;
 * then it moves on and leaves a link behind.
 */
static inline void add_pages(struct nvio_prps *prps, uint64_t iova, size_t nr)
{
	const uint32_t slots = prps->page_len / sizeof(uint64_t);
	uint64_t *entries = prps->entries;
	uint32_t slot = prps->nr;

	while (nr) {
		uint32_t used = slot & (slots - 1), n;

		if (slot && !used) {
			entries[slot] = entries[slot - 1];
			entries[slot - 1] = prps->list_iova + slot * sizeof(uint64_t);
			slot++;
			used = 1;
		}
		n = (uint32_t)min_u64(nr, slots - used);
		nr -= n;
		iova = fill(&entries[slot], iova, n, prps->page_len);
		slot += n;
	}
	prps->nr = slot;
}

uint64_t nvio_prp_list(uint64_t *entries, uint64_t list_iova, uint64_t iova, size_t nr,
		       uint32_t page_len)
{
	if (likely(nr <= page_len / sizeof(uint64_t))) {
		fill(entries, iova, (uint32_t)nr, page_len);
	} else {
		struct nvio_prps prps = nvio_prps_begin(entries, list_iova, page_len);

		add_pages(&prps, iova, nr);
	}
	return list_iova;
}

void nvio_prps_first(struct nvio_prps *prps, uint64_t iova, size_t len)
{
	const uint64_t mask = prps->page_len - 1;
	const size_t room = prps->page_len - (iova & mask);

	prps->first = iova;
	prps->next = iova + len;
	if (len > room)
		add_pages(prps, iova + room, (len - room + mask) >> __builtin_ctz(prps->page_len));
}

bool nvio_prps_add(struct nvio_prps *prps, uint64_t iova, size_t len)
{
	const uint64_t mask = prps->page_len - 1;
	size_t room = 0;

	if (!prps->next) {
		nvio_prps_first(prps, iova, len);
		return true;
	}
	if (iova == prps->next)
		room = -iova & mask; /* the rest of the page that the data so far ends in */
	else if ((prps->next | iova) & mask)
		return false;
	prps->next = iova + len;
	if (len > room)
		add_pages(prps, iova + room, (len - room + mask) >> __builtin_ctz(prps->page_len));
	return true;
}
