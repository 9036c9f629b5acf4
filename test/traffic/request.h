/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The requests of one run: how each is made and queued, and what has to be true when it is done.
 */
#ifndef NVIO_TEST_TRAFFIC_REQUEST_H
#define NVIO_TEST_TRAFFIC_REQUEST_H

#include "traffic.h"

#define RANGES    4u
#define FUSED_MAX 8u /* blocks */

/* A request with its memory. */
struct request {
	bool busy;
	enum traffic_op op;
	uint64_t slba;
	uint32_t nr;
	uint64_t *keys; /* of the blocks that are moved, before or after */
	struct nvio_range ranges[RANGES];
	unsigned int nr_ranges;
	unsigned int flags;
	uint16_t status; /* how it has to end */
	struct vector vector;
	struct vector expected; /* fused */
	char *memory; /* for the vectors */
	struct nvio_buffer *buffer; /* a handle for it, while one is used */
	uint8_t *metadata;
	uint8_t *expected_metadata; /* of FUSED_MAX blocks */
};

struct run {
	struct traffic *traffic;
	struct blocks blocks;
	struct random random;
	struct nvio_qpair *qpair;
	struct request *requests;
	unsigned int nr_requests; /* records, more than the queue pair's depth */
	unsigned int nr_busy;
	uint64_t nr_queued;
	uint32_t max_blocks; /* of a request */
	size_t memory_len; /* of each request, for its vectors */
	char *arenas[2];
	size_t arena_len;
	void *metadata;
	uint64_t *keys;
	uint8_t *stream; /* data in one piece */
};

/* Chooses what to ask for; false when no blocks were found for it. They are locked. */
bool request_choose(struct run *run, struct request *request);

/* The same of a run of blocks, none of which is locked. */
void request_fix(struct run *run, struct request *request, enum traffic_op op, uint64_t slba,
		 uint32_t nr);

/* Whether reads and writes need nothing that only nvio_io() can say. */
bool request_is_plain(const struct run *run);

/* Says that other requests must not touch its blocks, or may. */
void request_lock(struct run *run, const struct request *request, bool busy);

/* Hands a request with its data to the library. Returns what that returned. */
int request_send(struct run *run, struct request *request);

bool request_has_data(const struct request *request);

/* Bytes of its metadata in memory of their own. */
size_t request_metadata_len(const struct run *run, const struct request *request);

/* Queues what was chosen. Returns 0; -EAGAIN when the queue pair is full, -ENOTSUP when the
 * controller cannot: its blocks are not locked any more; -EIO with a failure told. */
int request_queue(struct run *run, struct request *request);

/* It completed. Returns whether it ended as it had to. */
bool request_finish(struct run *run, struct request *request, const struct nvio_completion *done);

/* Tells of a failure, if it is the first. Returns false. */
__attribute__((format(printf, 2, 3))) bool run_failed(struct run *run, const char *format, ...);

/* The same with the request in words. */
bool request_failed(struct run *run, const struct request *request, const char *what);

#endif
