/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory of the client of fuzz_server.c: what of it the server may write, and that it writes
 * nothing else.
 */
#ifndef TEST_FUZZ_LOANS_H
#define TEST_FUZZ_LOANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOANS_PAGE  4096u
#define LOANS_PAGES 24u
#define LOANS_LEN   (LOANS_PAGES * LOANS_PAGE)
#define LOANS_MAX   32u

/* A DMA_MAP that was accepted: of the client's memory for writing, or of memory without a file. */
struct loan {
	uint64_t iova;
	uint64_t len;
	uint64_t offset;
	bool remote; /* no file: the server asks for it */
};

struct loans {
	int fd; /* the client's memory; made once */
	uint8_t *memory;
	uint8_t should[LOANS_LEN]; /* what has to be in pages that are not on loan */
	struct loan loans[LOANS_MAX];
	unsigned int nr;
	bool all; /* nobody knows what is */
};

void loans_make(struct loans *loans);
/* Nothing is lent, and the memory is filled. */
void loans_begin(struct loans *loans);

/* The client writes its memory. */
void loans_write(struct loans *loans, size_t at, const void *data, size_t len);

/* Messages that were accepted, by their payload. @remote: the map came without a descriptor, else
 * with that of the memory. */
void loans_map(struct loans *loans, const uint8_t *payload, bool remote);
void loans_unmap(struct loans *loans, const uint8_t *payload);

/* Pages that are not lent are as they were. Those that are may have been written. */
void loans_check(struct loans *loans);
/* Checks; the client has gone. */
void loans_forget(struct loans *loans);

/* Whether a map without a descriptor has all of this. */
bool loans_serve(const struct loans *loans, uint64_t iova, uint64_t len);

#endif
