/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The log of DMA writes.
 *
 * It owns the bits, a page of EMU_DIRTY_PAGE bytes each, in chunks that come into being when they
 * are first written to. Writes are added wherever they go, and ranges looked at by who asks. When
 * memory runs out nothing is forgotten: all pages count as written then, until it begins anew.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dirty.h"

#define CHUNK_WORDS (EMU_DIRTY_CHUNK_PAGES / 64)

static int by_iova(const void *a, const void *b)
{
	const struct emu_dirty_range *first = a, *second = b;

	return first->iova < second->iova ? -1 : first->iova > second->iova;
}

int nvio_emu_dirty_start(struct emu_dirty *dirty, struct emu_dirty_range *ranges, uint32_t nr)
{
	bool valid = !dirty->on;

	if (nr)
		qsort(ranges, nr, sizeof(*ranges), by_iova);
	for (uint32_t i = 1; i < nr; i++)
		valid &= ranges[i - 1].last < ranges[i].iova;
	if (!valid) {
		free(ranges);
		return -EINVAL;
	}
	*dirty = (struct emu_dirty){ .on = true, .ranges = ranges, .nr_ranges = nr };
	return 0;
}

void nvio_emu_dirty_stop(struct emu_dirty *dirty)
{
	for (size_t i = 0; i < dirty->nr_chunks; i++)
		free(dirty->chunks[i].bits);
	free(dirty->chunks);
	free(dirty->ranges);
	memset(dirty, 0, sizeof(*dirty));
}

/* The place of the first chunk that is not before @number. */
static size_t lower_bound(const struct emu_dirty *dirty, uint64_t number)
{
	size_t begin = 0, end = dirty->nr_chunks;

	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;

		if (dirty->chunks[middle].number < number)
			begin = middle + 1;
		else
			end = middle;
	}
	return begin;
}

static bool make_room(struct emu_dirty *dirty)
{
	size_t cap = dirty->cap ? dirty->cap * 2 : 16;
	struct emu_dirty_chunk *chunks;

	if (dirty->nr_chunks < dirty->cap)
		return true;
	if (dirty->nr_chunks == EMU_DIRTY_CHUNKS)
		return false;
	chunks = reallocarray(dirty->chunks, cap, sizeof(*chunks));
	if (!chunks)
		return false;
	dirty->chunks = chunks;
	dirty->cap = cap;
	return true;
}

/* The bits of a chunk, made where there are none yet; NULL when there is no memory. */
static uint64_t *bits_of(struct emu_dirty *dirty, uint64_t number)
{
	size_t at = lower_bound(dirty, number);
	uint64_t *bits;

	if (at < dirty->nr_chunks && dirty->chunks[at].number == number)
		return dirty->chunks[at].bits;
	if (!make_room(dirty))
		return NULL;
	bits = calloc(CHUNK_WORDS, sizeof(*bits));
	if (!bits)
		return NULL;
	memmove(&dirty->chunks[at + 1], &dirty->chunks[at],
		(dirty->nr_chunks - at) * sizeof(dirty->chunks[0]));
	dirty->chunks[at] = (struct emu_dirty_chunk){ number, bits };
	dirty->nr_chunks++;
	return bits;
}

void nvio_emu_dirty_add(struct emu_dirty *dirty, uint64_t iova, size_t len)
{
	uint64_t page = iova / EMU_DIRTY_PAGE, last = (iova + (len - 1)) / EMU_DIRTY_PAGE;

	while (page <= last && !dirty->lost) {
		uint64_t *bits = bits_of(dirty, page / EMU_DIRTY_CHUNK_PAGES);

		if (!bits) {
			dirty->lost = true;
			return;
		}
		do
			bits[page % EMU_DIRTY_CHUNK_PAGES / 64] |= 1ull << page % 64;
		while (page++ < last && page % EMU_DIRTY_CHUNK_PAGES);
	}
}

static bool is_logged(const struct emu_dirty *dirty, uint64_t iova, uint64_t last)
{
	for (uint32_t i = 0; i < dirty->nr_ranges; i++) {
		const struct emu_dirty_range *range = &dirty->ranges[i];

		if (range->last < iova)
			continue;
		if (range->iova > iova)
			return false;
		if (range->last >= last)
			return true;
		iova = range->last + 1;
	}
	return !dirty->nr_ranges;
}

static void set_bit(uint64_t *bits, uint64_t idx)
{
	bits[idx / 64] |= 1ull << idx % 64;
}

/* Of one word, the bits of pages @first to @last; @base is its own first page. */
static void take_word(uint64_t *word, uint64_t base, uint64_t first, uint64_t last,
		      unsigned int shift, uint64_t *bits)
{
	uint64_t left = *word;

	while (left) {
		uint64_t bit = left & -left, page = base + (uint64_t)__builtin_ctzll(left);

		left &= ~bit;
		if (page < first || page > last)
			continue;
		*word &= ~bit;
		set_bit(bits, (page - first) >> shift);
	}
}

int nvio_emu_dirty_take(struct emu_dirty *dirty, uint64_t iova, uint64_t last, uint64_t piece_len,
			uint64_t *bits)
{
	uint64_t first_page = iova / EMU_DIRTY_PAGE, last_page = last / EMU_DIRTY_PAGE;
	unsigned int shift = (unsigned int)__builtin_ctzll(piece_len / EMU_DIRTY_PAGE);

	if (!dirty->on || !is_logged(dirty, iova, last))
		return -EINVAL;
	for (uint64_t i = 0; dirty->lost && i <= (last_page - first_page) >> shift; i++)
		set_bit(bits, i);
	for (size_t i = lower_bound(dirty, first_page / EMU_DIRTY_CHUNK_PAGES);
	     i < dirty->nr_chunks; i++) {
		struct emu_dirty_chunk *chunk = &dirty->chunks[i];
		uint64_t base = chunk->number * EMU_DIRTY_CHUNK_PAGES;

		if (base > last_page)
			break;
		for (unsigned int j = 0; j < CHUNK_WORDS; j++)
			take_word(&chunk->bits[j], base + j * 64ull, first_page, last_page, shift,
				  bits);
	}
	return 0;
}
