/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A set of free addresses, handed out in pieces: IOVAs, and the inside of a heap region.
 *
 * Knows numbers only; it never touches what lies at the addresses. First fit over a sorted array of
 * free intervals: few intervals are free at a time, and a freed piece merges with its neighbours.
 * Not locked.
 */
#ifndef NVIO_LIB_MEM_SPACE_H
#define NVIO_LIB_MEM_SPACE_H

#include <stddef.h>
#include <stdint.h>

struct nvio_interval {
	uint64_t start;
	uint64_t len;
};

/* All zero is an empty space. */
struct nvio_space {
	struct nvio_interval *free; /* ascending, never touching each other */
	size_t nr;
	size_t room;
};

/* Makes addresses free. Returns 0; -EINVAL when one of them is free already, or for a length of 0;
 * -ENOMEM. */
int nvio_space_add(struct nvio_space *space, uint64_t start, uint64_t len);

/*
 * Takes @len addresses, the first congruent to @phase modulo @align (a power of two).
 * Returns 0 with *@start; -ENOSPC; -ENOMEM.
 */
int nvio_space_take(struct nvio_space *space, uint64_t len, uint64_t align, uint64_t phase,
		    uint64_t *start);

/* The longest free interval, in addresses. */
uint64_t nvio_space_longest(const struct nvio_space *space);

void nvio_space_free(struct nvio_space *space);

#endif
