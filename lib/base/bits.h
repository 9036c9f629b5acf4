/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fields of registers and sizes: pure arithmetic, no state.
 *
 * A register field is described by its offset in bits and its mask after the shift:
 * NVIO_CAP_TO_SHIFT, NVIO_CAP_TO_MASK.
 */
#ifndef NVIO_LIB_BASE_BITS_H
#define NVIO_LIB_BASE_BITS_H

#include <stdbool.h>
#include <stdint.h>

#define FIELD_GET(name, value) (((value) >> name##_SHIFT) & name##_MASK)
#define FIELD_SET(name, value) (((value)&name##_MASK) << name##_SHIFT)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CACHE_LINE   64

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static inline bool is_power_of_two(uint64_t v)
{
	return v && !(v & (v - 1));
}

/* @align is a power of two. */
static inline uint64_t align_down(uint64_t v, uint64_t align)
{
	return v & ~(align - 1);
}

static inline uint64_t align_up(uint64_t v, uint64_t align)
{
	return align_down(v + align - 1, align);
}

/* Whether two ranges of addresses have any in common. */
static inline bool ranges_overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a_len && a < b + b_len && b < a + a_len;
}

static inline bool is_aligned(uint64_t v, uint64_t align)
{
	return !(v & (align - 1));
}

#endif
