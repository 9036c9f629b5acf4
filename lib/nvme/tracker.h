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
#include <stddef.h>
#include <stdint.h>

#include "base/bits.h"

struct nvio_parent;

/*
 * Who gets the completion. In bits that no completion can have where this is compared with one; bit
 * 0 says nothing, because the identifier before it carries over into it.
 */
enum nvio_tracker_kind {
	NVIO_TRACKER_WHOLE = 0, /* the caller, as it comes */
	NVIO_TRACKER_FREE = 1 << 24,
	NVIO_TRACKER_PART = 2 << 24, /* a request that takes several commands */
	NVIO_TRACKER_WAITING = 3 << 24, /* nobody yet: it is to be sent again */
	NVIO_TRACKER_ENDED = 4 << 24, /* the caller, with an error, when there is room for it */
};

#define NVIO_TRACKER_KIND_MASK 0xff000000u

/* How the command was made, how often it was sent again, and when it was queued. */
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
/* It is late, and the controller is asked to abort it. */
#define NVIO_TRACKER_ABORTING (1u << 27)
/* After how many resets it was sent again. */
#define TRACKER_RESENDS_SHIFT 28
#define TRACKER_RESENDS_MASK  3u
/* The controller was never told of it: while a queue pair starts over. */
#define NVIO_TRACKER_UNTOLD (1u << 30)

struct nvio_tracker {
	struct nvio_tracker *next; /* while it is free, or waits */
	uint64_t user_data;
	uintptr_t addr; /* where its data begins */
	union {
		uint64_t slba; /* of the short way */
		uintptr_t metadata; /* of a saved command: where its metadata begins */
	};
	uint64_t word0; /* opcode and namespace, as in the first 8 bytes of the command; and the
			   identifier that it had first */
	/*
	 * One word of 64 bits: what a completion's identifier and status look like when all went
	 * well and the caller gets it, and nothing that a completion can look like otherwise. The
	 * identifier is the tracker's index with, above it, a number that counts up each time that
	 * a command is sent: what comes twice, or late, is not taken for the answer to what came
	 * after.
	 */
	uint32_t cid_bits; /* the identifier, where the first 8 bytes of a command have it */
	uint32_t kind; /* enum nvio_tracker_kind; read by threads that unregister memory */
	uint64_t len; /* bytes from @addr to the end of its data */
	union {
		struct {
			union {
				uint32_t cdw12;
				uint32_t metadata_len;
			};
			uint32_t state;
		};
		uint64_t cdw12_and_state; /* of the short way, in one store */
	};
};

_Static_assert(sizeof(struct nvio_tracker) == CACHE_LINE, "one line a command");
_Static_assert(offsetof(struct nvio_tracker, cid_bits) % 8 == 0, "one word with the kind");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the state is the upper half");

static inline uint16_t nvio_tracker_cid(const struct nvio_tracker *t)
{
	return (uint16_t)(t->cid_bits >> 16);
}

static inline unsigned int nvio_tracker_kind(const struct nvio_tracker *t)
{
	return t->kind & NVIO_TRACKER_KIND_MASK;
}

/* Below the kind of a tracker that waits: when it is sent again, in milliseconds. 24 bits of them
 * are two hours in either direction, more than a controller can ask for. */
#define TRACKER_RETRY_AT_SHIFT 0
#define TRACKER_RETRY_AT_MASK  0xffffffu

/* Milliseconds until a tracker that waits is due; 0 and less when it is. */
static inline int32_t nvio_tracker_due_in(const struct nvio_tracker *t, uint64_t now_ms)
{
	uint32_t left = FIELD_GET(TRACKER_RETRY_AT, t->kind) - (uint32_t)now_ms;

	return (int32_t)(left << 8) / (1 << 8);
}

/* What the good completion of its command says. */
static inline uint64_t nvio_tracker_answer(const struct nvio_tracker *t)
{
	return *(const uint64_t *)(const void *)&t->cid_bits;
}

#endif
