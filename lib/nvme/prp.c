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

static uint64_t fill(uint64_t *entries, uint64_t iova, uint32_t nr, uint64_t page_len)
{
	const uint32_t eights = nr & ~7u;

	if (eights)
		nvio_prp_fill_eights(entries, entries + eights, iova, page_len);
	iova += eights * page_len;
	for (uint32_t i = eights; i < nr; i++, iova += page_len)
		entries[i] = iova;
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

void nvio_prp_list(uint64_t *entries, uint64_t list_iova, uint64_t iova, size_t nr,
		   uint32_t page_len)
{
	struct nvio_prps prps = nvio_prps_begin(entries, list_iova, page_len);

	add_pages(&prps, iova, nr);
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
