/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The queue pairs of a run, each with its buffers, its place in the workload and its figures.
 *
 * As in spdk_nvme_perf there are max(workers, namespaces) units of work; unit i runs on worker
 * i % workers and namespace i % namespaces, with -P queue pairs. Setting up and taking down is the
 * main thread's; in between a queue pair is its worker's alone.
 */
#ifndef PERF_QPAIRS_H
#define PERF_QPAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "perf/cache.h"
#include "perf/hist.h"
#include "perf/opts.h"
#include "perf/rng.h"
#include "perf/target.h"

/* One I/O at a time goes through a slot; its index is the user_data. */
struct perf_slot {
	void *buf;
	void *metadata; /* NULL where it is not apart from the blocks, or there is none */
	uint64_t start_ns;
};

/* Latencies are those of I/Os without an error, in nanoseconds. */
struct perf_stats {
	uint64_t submitted;
	uint64_t completed; /* with or without an error */
	uint64_t errors;
	uint64_t latency_sum;
	uint64_t latency_min; /* UINT64_MAX before the first */
	uint64_t latency_max;
};

/* Aligned, so that what one thread writes shares no cache line with another's. */
struct perf_qpair {
	/* Set up once. */
	struct nvio_qpair *handle;
	struct nvio_ns *ns_handle;
	struct perf_slot *slots;
	uint64_t *idle; /* slots without an I/O: a stack of nr_idle */
	struct hist *hist; /* NULL without -L */
	uint64_t nr_places; /* I/Os that fit into the namespace side by side */
	uint64_t read_threshold; /* of 2^32: a smaller random number makes it a read */
	uint32_t io_blocks;
	uint32_t metadata_len; /* bytes apart from the blocks, for each I/O */
	unsigned int flags; /* enum nvio_io_flags of each command */
	bool random;
	bool mixed; /* reads and writes */

	/* Written with each I/O. */
	struct rng rng;
	uint64_t next_place; /* sequential workloads */
	uint64_t left; /* I/Os that may still be submitted */
	unsigned int nr_idle;
	uint64_t last_ns; /* when it last got a completion */
	struct perf_stats stats;

	/* Written a few times in a run. */
	uint64_t start_ns; /* when counting began */
	bool counting; /* the warm-up is over */
	bool stopped; /* its unit failed: nothing more is submitted */
	bool dead; /* not even polling works */
	bool failed; /* something went wrong that the exit status must tell */

	struct perf_ns *ns;
	void *buf;
	unsigned int depth;
	unsigned int unit;
	unsigned int core;
	unsigned int number; /* its queue identifier, unique in its controller */
} __attribute__((aligned(CACHE_LINE)));

struct perf_qpairs {
	struct perf_qpair *all; /* by unit */
	size_t nr;
	unsigned int nr_units;
};

/*
 * perf_qpairs_open - makes all queue pairs and their buffers.
 *
 * Return: 0; -EINVAL or the library's -errno, with @msg; nothing is left behind then.
 */
int perf_qpairs_open(const struct perf_opts *opts, const struct cores *cores,
		     struct perf_target *target, struct perf_qpairs *qpairs, struct perf_msg *msg);

void perf_qpairs_close(struct perf_target *target, struct perf_qpairs *qpairs);

#endif
