/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random vectors in a piece of memory, with bytes between their pieces that nobody may touch.
 */
#ifndef NVIO_TEST_TRAFFIC_VECTOR_H
#define NVIO_TEST_TRAFFIC_VECTOR_H

#include "blocks.h"

#define VECTOR_PIECES 64u
#define VECTOR_MANY   16u /* more pieces than most vectors have */

/* How data is cut into pieces. */
enum vector_shape {
	VECTOR_ONE, /* not at all; at a multiple of 4 */
	VECTOR_PAGES, /* where pages end */
	VECTOR_BLOCKS, /* where blocks end; at multiples of 4 */
	VECTOR_WORDS, /* at multiples of 4 */
	VECTOR_BYTES, /* anywhere */
	VECTOR_SHAPES
};

struct vector {
	struct iovec iov[VECTOR_PIECES];
	uint32_t nr;
	bool has_empty; /* a piece in between has no bytes */
	size_t len;
};

/* Memory that a vector of so many bytes may take up. */
size_t vector_room(size_t len);

/* Makes a vector of @len bytes, a multiple of @block_len, in memory of vector_room(@len) at the
 * start of a page, and marks what lies around its pieces. */
void vector_make(struct vector *vector, enum vector_shape shape, char *memory, size_t len,
		 size_t block_len, struct random *random);

/* Copies data into its pieces, or out of them. */
void vector_put(const struct vector *vector, const uint8_t *from);
void vector_get(const struct vector *vector, uint8_t *to);

/* Whether what lies around the pieces is untouched. */
bool vector_intact(const struct vector *vector);

#endif
