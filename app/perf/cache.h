/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that shares no cache line with anything else: what one thread writes in it costs no other
 * thread a miss. Ordinary memory, not for DMA.
 */
#ifndef PERF_CACHE_H
#define PERF_CACHE_H

#include <stdlib.h>
#include <string.h>

#define CACHE_LINE 64

/* Cleared; free() it. Return: NULL when there is no memory. */
static inline void *cache_alloc(size_t len)
{
	size_t whole = (len + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
	void *addr = aligned_alloc(CACHE_LINE, whole);

	return addr ? memset(addr, 0, whole) : NULL;
}

#endif
