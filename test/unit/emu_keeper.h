/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client that keeps its memory to itself, in a thread of its own: answers DMA_READ and DMA_WRITE
 * in the manner that it is told, so many times, and ends.
 */
#ifndef TEST_UNIT_EMU_KEEPER_H
#define TEST_UNIT_EMU_KEEPER_H

#include <pthread.h>

#include "emu_client.h"

#define KEEPER_BASE 0x100000ull
#define KEEPER_LEN  (4u << 20)

#define KEEPER_SLOW_US 20000u

enum manner {
	PROPER,
	REFUSES,
	WRONG_ID,
	WRONG_COMMAND,
	WRONG_COUNT,
	WRONG_IOVA,
	TOO_SHORT,
	BACKWARDS, /* answers two at a time, the later one first */
	IN_BYTES,
	CHATTY, /* has requests of its own, before each answer */
	FLOODS, /* with requests, and never answers */
	SILENT,
	SLOW, /* answers properly, each time after KEEPER_SLOW_US */
	HALF, /* a part of the answer, and then nothing */
	HANGS_UP,
	STOPS, /* the server is told to stop instead */
};

struct keeper {
	struct client *client;
	pthread_t thread;
	enum manner manner;
	unsigned int nr; /* requests to answer */

	/* What it was asked for. */
	unsigned int reads, writes;
	uint64_t bytes, largest;
	bool odd; /* a request that makes no sense came */

	int file; /* what a chatty one maps, one page */
	uint8_t *mem; /* at KEEPER_BASE */
};

/* Memory full of a pattern, and nothing started. */
void keeper_open(struct keeper *k, struct client *client);
void keeper_close(struct keeper *k);

/* Answers the next @nr requests. */
void keeper_start(struct keeper *k, enum manner manner, unsigned int nr);
/* Waits until it has; asserts that all requests were within its memory. */
void keeper_join(struct keeper *k);

/* What is in the memory at first. */
static inline uint8_t keeper_pattern(size_t offset)
{
	return (uint8_t)(offset * 7 + offset / 256);
}

#endif
