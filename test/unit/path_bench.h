/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What tests of the I/O path have in common, over a queue pair in plain memory: namespaces of any
 * format, and what a controller makes of the data pointers of a command.
 *
 * The reading of PRPs and SGLs here is written from the specification and shares nothing with
 * lib/nvme.
 */
#ifndef NVIO_TEST_UNIT_PATH_BENCH_H
#define NVIO_TEST_UNIT_PATH_BENCH_H

#include "qpair_bench.h"
#include "tap.h"

#define PATH_RUNS_MAX 1100u
#define PATH_BLOCKS   (1ull << 33) /* of the namespace */

/* All zero: depth 8, commands of 1 MiB, pages of 4 KiB, blocks of 512 bytes, nothing else. */
struct path {
	uint16_t depth;
	uint32_t max_transfer;
	uint32_t page_len;
	uint32_t block_len;
	uint32_t metadata_len;
	bool extended;
	uint8_t protection;
	uint32_t boundary;
	uint32_t sgls;
	uint8_t max_retries;
	uint32_t timeout_ms;
	bool interrupts;
};

/* A queue pair that is asked when memory is unregistered; ended by path_teardown(). */
void path_setup(struct bench *b, const struct path *path);
void path_teardown(struct bench *b);

/* Memory of the process, not registered. */
char *path_pages(size_t nr);

/* Where the device sees memory, and the other way round; 0 and NULL when it does not. */
uint64_t iova_of(const struct bench *b, const void *p);
void *at_iova(const struct bench *b, uint64_t iova);

/* The next command, which has to be there. */
const struct nvio_sqe *next_command(struct bench *b);

/* Its first block and how many. */
uint64_t sqe_slba(const struct nvio_sqe *sqe);
uint32_t sqe_nr(const struct nvio_sqe *sqe);

/* Addresses that follow one another; a bit bucket has the address 0. */
struct run {
	uint64_t iova;
	uint64_t len;
};

/* The @len bytes of data of a command. Returns how many runs, 0 when no controller would take it.
 */
unsigned int path_data(const struct bench *b, const struct nvio_sqe *sqe, uint64_t len,
		       struct run *runs);

/* Whether its @len bytes of data are those at @p, at consecutive addresses. */
bool is_at(const struct bench *b, const struct nvio_sqe *sqe, const void *p, uint64_t len);

/* Takes commands until there is none, answers each with success and polls. Returns how many
 * completions came, each of them for @user_data and without an error; -1 when one was not. */
int path_finish(struct bench *b, uint64_t user_data);

#endif
