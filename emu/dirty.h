/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The log of DMA writes: which pages of the client's memory the controller has written since it was
 * last asked.
 */
#ifndef NVIO_EMU_DIRTY_H
#define NVIO_EMU_DIRTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EMU_DIRTY_PAGE 4096u

/* Each keeps the bits of 128 MiB, and there are so many at most. */
#define EMU_DIRTY_CHUNK_PAGES 32768u
#define EMU_DIRTY_CHUNKS      16384u

struct emu_dirty_range {
	uint64_t iova;
	uint64_t last; /* its last byte */
};

struct emu_dirty_chunk {
	uint64_t number; /* its first page, in chunks */
	uint64_t *bits;
};

struct emu_dirty {
	bool on;
	bool lost; /* there was no memory for more: any page may have been written */
	struct emu_dirty_range *ranges; /* ascending; NULL: everything */
	uint32_t nr_ranges;
	struct emu_dirty_chunk *chunks; /* ascending */
	size_t nr_chunks;
	size_t cap;
};

/*
 * Begins with nothing written, in the @nr ranges, which are the log's from here on also when it
 * fails (malloc()ed; NULL with 0: everything). Returns 0; -EINVAL when it has begun already, or two
 * of them overlap.
 */
int nvio_emu_dirty_start(struct emu_dirty *dirty, struct emu_dirty_range *ranges, uint32_t nr);
/* Ends it, if it has begun. */
void nvio_emu_dirty_stop(struct emu_dirty *dirty);

/* The controller writes @len bytes, at least one. */
void nvio_emu_dirty_add(struct emu_dirty *dirty, uint64_t iova, size_t len);

/*
 * Sets a bit for each piece of @piece_len bytes (a power of two, whole pages) from @iova on that
 * was written to, and forgets that. Returns 0; -EINVAL without a log, or outside its ranges.
 */
int nvio_emu_dirty_take(struct emu_dirty *dirty, uint64_t iova, uint64_t last, uint64_t piece_len,
			uint64_t *bits);

#endif
