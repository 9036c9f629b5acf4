/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is known of a command: a tracker for each identifier, a cache line each.
 *
 * A command on the short way of io.c leaves in its tracker what it takes to build it again; every
 * other one leaves a copy in the queue pair's table of saved commands. Free trackers form a stack,
 * so that the ones used last, which the cache still has, are used next.
 */
#ifndef NVIO_LIB_NVME_TRACKER_H
#define NVIO_LIB_NVME_TRACKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"

struct nvio_parent;

/* Who gets the completion. */
enum nvio_tracker_kind {
	NVIO_TRACKER_FREE = 0,
	NVIO_TRACKER_WHOLE = 1, /* the caller, as it comes */
	NVIO_TRACKER_PART = 2, /* a request that takes several commands */
	NVIO_TRACKER_WAITING = 3, /* nobody yet: it is to be sent again */
};

/*
 * Kind, how the command was made, how often it was sent again, and when it was queued, in one word,
 * so that one store says it all. Read by other threads when memory is unregistered.
 */
#define TRACKER_KIND_SHIFT    0
#define TRACKER_KIND_MASK     0xffu
#define TRACKER_RETRIES_SHIFT 8
#define TRACKER_RETRIES_MASK  0xffu
#define TRACKER_TICK_SHIFT    16
#define TRACKER_TICK_MASK     0xffu
/* The command is in the table of saved commands. */
#define NVIO_TRACKER_SAVED (1u << 24)
/* Its user_data is the request that it is a part of. */
#define NVIO_TRACKER_IS_PART (1u << 25)
/* It is never sent again: nobody said that it may run twice. */
#define NVIO_TRACKER_ONCE (1u << 26)

struct nvio_tracker {
	struct nvio_tracker *next; /* while it is free, or waits */
	uint64_t user_data;
	uintptr_t addr; /* where its data begins */
	union {
		uint64_t slba; /* of the short way */
		uintptr_t metadata; /* of a saved command: where its metadata begins */
	};
	uint64_t word0; /* opcode, identifier and namespace, as in the first 8 bytes of the command
			 */
	union {
		uint32_t cdw12;
		uint32_t metadata_len;
	};
	uint32_t state;
	uint64_t len; /* bytes from @addr to the end of its data */
	uint32_t cid_bits; /* its identifier, where the first 8 bytes have it */
	uint32_t retry_at; /* milliseconds of the queue pair's clock */
};

_Static_assert(sizeof(struct nvio_tracker) == CACHE_LINE, "one line a command");

static inline uint16_t nvio_tracker_cid(const struct nvio_tracker *t)
{
	return (uint16_t)(t->cid_bits >> 16);
}

static inline unsigned int nvio_tracker_kind(const struct nvio_tracker *t)
{
	return FIELD_GET(TRACKER_KIND, t->state);
}

#endif
