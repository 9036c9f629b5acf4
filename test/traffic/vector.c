/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random vectors; see vector.h.
 */
#include <string.h>

#include "vector.h"

#define PAGE 4096u
/* Pieces of one block, which is what a command takes at least: each may have two addresses, where
 * registrations meet in it, and the shortest list that a queue pair has for a command has 32. */
#define OF_BLOCK 14u
#define GUARD    64u
#define MARK     0x5a

size_t vector_room(size_t len)
{
	/* Each piece may begin a page later than the one before ends, and has room before it. */
	return len + (VECTOR_PIECES + 1) * 2 * PAGE;
}

/* Units of the longest piece. Of many they are so short that their number is what it can be. */
static size_t choose_longest(size_t len, size_t unit, struct random *random)
{
	const size_t units = (len + unit - 1) / unit;

	return random_below(random, 4) ? units : 1 + 2 * units / VECTOR_PIECES;
}

/* Lengths of the pieces, which sum up to the vector's; one piece less than there may be. */
static void cut(struct vector *vector, size_t block_len, size_t unit, size_t first,
		struct random *random)
{
	const size_t longest = choose_longest(vector->len, unit, random);
	size_t left = vector->len, last_block = SIZE_MAX, in_block = 0;

	vector->nr = 0;
	if (first) {
		vector->iov[vector->nr++].iov_len = first < left ? first : left;
		left -= vector->iov[0].iov_len;
	}
	while (left) {
		size_t units = (left + unit - 1) / unit, n = units < 9 ? units : units / 2;
		/* Counted from the end. */
		size_t block = (left - 1) / block_len;

		n = unit * (1 + random_below(random, n < longest ? n : longest));
		in_block = block == last_block ? in_block + 1 : 1;
		last_block = block;
		if (in_block == OF_BLOCK && n < left - block * block_len)
			n = left - block * block_len;
		if (n > left || vector->nr == VECTOR_PIECES - 2)
			n = left;
		vector->iov[vector->nr++].iov_len = n;
		left -= n;
	}
}

/* Between two pieces one without bytes, now and then. */
static void add_empty(struct vector *vector, struct random *random)
{
	uint32_t at;

	vector->has_empty = vector->nr > 1 && !random_below(random, 4);
	if (!vector->has_empty)
		return;
	at = 1 + (uint32_t)random_below(random, vector->nr - 1);
	memmove(&vector->iov[at + 1], &vector->iov[at], (vector->nr - at) * sizeof(vector->iov[0]));
	vector->iov[at].iov_len = 0;
	vector->nr++;
}

/* Where in its page a piece begins. */
static size_t choose_offset(enum vector_shape shape, bool is_first, size_t len,
			    struct random *random)
{
	switch (shape) {
	case VECTOR_PAGES:
		return is_first ? PAGE - len % PAGE : 0;
	case VECTOR_BYTES:
		return random_below(random, PAGE);
	default:
		return random_below(random, 3) ? random_below(random, PAGE / 4) * 4 : 0;
	}
}

/* The pieces in memory, from the first to the last or the other way round. */
static void place(struct vector *vector, enum vector_shape shape, char *memory,
		  struct random *random)
{
	const bool backwards = random_below(random, 2);
	char *at = memory;

	for (uint32_t i = 0; i < vector->nr; i++) {
		uint32_t idx = backwards ? vector->nr - 1 - i : i;
		struct iovec *piece = &vector->iov[idx];

		at += GUARD;
		at += -(uintptr_t)at % PAGE;
		at += choose_offset(shape, !idx, piece->iov_len, random);
		piece->iov_base = at;
		memset(at - GUARD, MARK, GUARD);
		at += piece->iov_len;
		memset(at, MARK, GUARD);
		at += GUARD;
	}
}

void vector_make(struct vector *vector, enum vector_shape shape, char *memory, size_t len,
		 size_t block_len, struct random *random)
{
	static const size_t units[] = {
		[VECTOR_PAGES] = PAGE, [VECTOR_WORDS] = 4, [VECTOR_BYTES] = 1
	};

	vector->len = len;
	if (shape == VECTOR_ONE)
		cut(vector, block_len, len, 0, random);
	else if (shape == VECTOR_PAGES)
		cut(vector, block_len, PAGE, 4 * random_below(random, PAGE / 4), random);
	else
		cut(vector, block_len, shape == VECTOR_BLOCKS ? block_len : units[shape], 0,
		    random);
	add_empty(vector, random);
	place(vector, shape, memory, random);
}

void vector_put(const struct vector *vector, const uint8_t *from)
{
	for (uint32_t i = 0; i < vector->nr; i++) {
		memcpy(vector->iov[i].iov_base, from, vector->iov[i].iov_len);
		from += vector->iov[i].iov_len;
	}
}

void vector_get(const struct vector *vector, uint8_t *to)
{
	for (uint32_t i = 0; i < vector->nr; i++) {
		memcpy(to, vector->iov[i].iov_base, vector->iov[i].iov_len);
		to += vector->iov[i].iov_len;
	}
}

static bool is_marked(const char *p)
{
	for (size_t i = 0; i < GUARD; i++) {
		if (p[i] != MARK)
			return false;
	}
	return true;
}

bool vector_intact(const struct vector *vector)
{
	for (uint32_t i = 0; i < vector->nr; i++) {
		const char *p = vector->iov[i].iov_base;

		if (!is_marked(p - GUARD) || !is_marked(p + vector->iov[i].iov_len))
			return false;
	}
	return true;
}
