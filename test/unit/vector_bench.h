/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Vectored requests over a queue pair in plain memory: queued, compared with the commands that they
 * have to become.
 */
#ifndef NVIO_TEST_UNIT_VECTOR_BENCH_H
#define NVIO_TEST_UNIT_VECTOR_BENCH_H

#include "path_bench.h"

#define PAGE 4096u

/* First block and user data of each request. */
#define VECTOR_SLBA 40u
#define VECTOR_USER 78u

/* SGLS of Identify Controller. */
#define SGLS_ANY     1u
#define SGLS_ALIGNED 2u
#define SGLS_BUCKETS (1u << 16)

/* Vectors by name, of pieces in pages from "p" on; checks of them with the bench "b". */
#define PIECES(name, ...) const struct iovec name[] = { __VA_ARGS__ }
#define AT(page, offset, len)                   \
	{                                       \
		p + (page)*PAGE + (offset), len \
	}

/* How many blocks the commands of a request have, with a 0 behind. */
#define PARTS(...) ((const uint32_t[]){ __VA_ARGS__, 0 })

#define CHECK(iov, ...)   vector_check(&b, iov, ARRAY_LEN(iov), PARTS(__VA_ARGS__))
#define REFUSED(iov, err) vector_refused(&b, iov, ARRAY_LEN(iov), err)

size_t vector_len(const struct iovec *iov, uint32_t nr);

/* Queues a read of as many blocks as the pieces hold. */
int vector_queue(struct bench *b, const struct iovec *iov, uint32_t nr);

/* Whether runs of device addresses are those of the next @len bytes of a vector, from @offset on.
 */
bool are_pieces(const struct bench *b, const struct run *runs, const struct iovec *iov,
		size_t offset, size_t len);

/* The request takes commands of so many blocks, each with that part of the pieces as its data. */
void vector_check(struct bench *b, const struct iovec *iov, uint32_t nr, const uint32_t *parts);

/* It is refused, and nothing of it is sent. */
void vector_refused(struct bench *b, const struct iovec *iov, uint32_t nr, int err);

#endif
