/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A set of free addresses; see space.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "mem/space.h"

static int make_room(struct nvio_space *space)
{
	struct nvio_interval *larger;
	size_t room = space->room ? space->room * 2 : 8;

	if (space->nr < space->room)
		return 0;
	larger = realloc(space->free, room * sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	space->free = larger;
	space->room = room;
	return 0;
}

/* Index of the first interval that begins above @start. */
static size_t first_above(const struct nvio_space *space, uint64_t start)
{
	size_t low = 0, high = space->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (space->free[middle].start > start)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static void remove_at(struct nvio_space *space, size_t idx)
{
	space->nr--;
	memmove(&space->free[idx], &space->free[idx + 1], (space->nr - idx) * sizeof(*space->free));
}

static int insert_at(struct nvio_space *space, size_t idx, uint64_t start, uint64_t len)
{
	int err = make_room(space);

	if (err)
		return err;
	/* Where there is room, there is memory.
	 * NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) */
	memmove(&space->free[idx + 1], &space->free[idx], (space->nr - idx) * sizeof(*space->free));
	space->free[idx] = (struct nvio_interval){ start, len };
	space->nr++;
	return 0;
}

int nvio_space_add(struct nvio_space *space, uint64_t start, uint64_t len)
{
	size_t idx = first_above(space, start);
	struct nvio_interval *before = idx ? &space->free[idx - 1] : NULL;
	struct nvio_interval *after = idx < space->nr ? &space->free[idx] : NULL;

	if (!len || len > UINT64_MAX - start)
		return -EINVAL;
	if ((before && start - before->start < before->len) ||
	    (after && after->start - start < len))
		return -EINVAL;
	if (before && before->start + before->len == start) {
		before->len += len;
		if (after && after->start == start + len) {
			before->len += after->len;
			remove_at(space, idx);
		}
		return 0;
	}
	if (after && after->start == start + len) {
		after->start = start;
		after->len += len;
		return 0;
	}
	return insert_at(space, idx, start, len);
}

int nvio_space_take(struct nvio_space *space, uint64_t len, uint64_t align, uint64_t phase,
		    uint64_t *start)
{
	for (size_t i = 0; i < space->nr; i++) {
		struct nvio_interval *f = &space->free[i];
		uint64_t skip = (phase - f->start) & (align - 1);
		uint64_t rest;

		if (skip > f->len || len > f->len - skip)
			continue;
		*start = f->start + skip;
		rest = f->len - skip - len;
		if (skip && rest) {
			int err = insert_at(space, i + 1, *start + len, rest);

			if (err)
				return err;
			space->free[i].len = skip;
		} else if (skip) {
			f->len = skip;
		} else if (rest) {
			f->start += len;
			f->len = rest;
		} else {
			remove_at(space, i);
		}
		return 0;
	}
	return -ENOSPC;
}

uint64_t nvio_space_longest(const struct nvio_space *space)
{
	uint64_t longest = 0;

	for (size_t i = 0; i < space->nr; i++)
		longest = max_u64(longest, space->free[i].len);
	return longest;
}

void nvio_space_free(struct nvio_space *space)
{
	free(space->free);
	memset(space, 0, sizeof(*space));
}
