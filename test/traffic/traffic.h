/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests of all kinds on a region of a namespace, at random, checked against a model of what its
 * blocks hold: one queue pair, one thread.
 *
 * Requests under way never touch the same blocks. What goes wrong ends the run with a sentence.
 */
#ifndef NVIO_TEST_TRAFFIC_TRAFFIC_H
#define NVIO_TEST_TRAFFIC_TRAFFIC_H

#include "blocks.h"
#include "vector.h"

enum traffic_op {
	TRAFFIC_READ,
	TRAFFIC_WRITE,
	TRAFFIC_COMPARE,
	TRAFFIC_MISCOMPARE, /* with data that differs */
	TRAFFIC_FUSED, /* compare and write */
	TRAFFIC_MISFUSED,
	TRAFFIC_ZERO,
	TRAFFIC_DISCARD,
	TRAFFIC_VERIFY,
	TRAFFIC_SPOIL, /* write uncorrectable */
	TRAFFIC_COPY,
	TRAFFIC_FLUSH,
	TRAFFIC_OPS
};

#define TRAFFIC_TEXT_LEN 256u

struct traffic {
	/* What to do. */
	struct nvio_ctrl *ctrl;
	struct nvio_ns *ns;
	uint64_t first; /* the region, which reads as zeros */
	uint64_t nr_blocks;
	struct nvio_qpair_opts qpair_opts;
	size_t max_len; /* bytes of the largest request */
	uint64_t requests; /* how many at least */
	bool cover; /* goes on until all kinds, shapes and lengths have come, up to 50 times as long
		     */
	uint64_t until_ns; /* and until then, of CLOCK_MONOTONIC */
	uint64_t seed;
	unsigned int leave_out; /* bits of enum traffic_op */
	uint32_t boundary; /* of the namespace, that fused commands must not cross; 0: none */
	bool no_sgl; /* the controller has none: no pieces that PRPs cannot say */
	bool heap_only; /* no memory can be registered */
	bool fill_first; /* blocks that were never written are not looked at */

	/* What happened. */
	uint64_t done[TRAFFIC_OPS];
	uint64_t shapes[VECTOR_SHAPES]; /* requests with such data */
	uint64_t many; /* with more than VECTOR_MANY pieces */
	uint64_t empties; /* with a piece without bytes */
	uint64_t handles[2]; /* reads, and writes, of memory with a handle */
	uint64_t full; /* requests refused because the queue pair was full */
	uint64_t errors; /* requests that ended with the error that they had to */
	size_t largest; /* bytes of a request */
	bool covered; /* all of it has come */
	struct nvio_qpair_stats stats;
	char failure[TRAFFIC_TEXT_LEN]; /* the first thing that went wrong; "" when nothing did */
};

/* Does it. Returns whether all went well. */
bool traffic_run(struct traffic *traffic);

/* One line of what happened. */
void traffic_describe(const struct traffic *traffic, char *text, size_t len);

#endif
