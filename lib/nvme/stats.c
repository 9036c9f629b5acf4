/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a queue pair tells about itself.
 */
#include <nvio/io.h>

#include "base/error.h"
#include "nvme/command.h"
#include "nvme/ctrl.h"

uint16_t nvio_qpair_id(const struct nvio_qpair *qpair)
{
	return qpair->qid;
}

unsigned int nvio_qpair_depth(const struct nvio_qpair *qpair)
{
	return qpair->depth;
}

unsigned int nvio_qpair_outstanding(const struct nvio_qpair *qpair)
{
	uint64_t commands = qpair->stats.submitted + nvio_sq_pending(qpair) -
			    qpair->stats.completed + qpair->nr_waiting - qpair->nr_drained;

	/* What takes several counts as one. */
	return (unsigned int)(commands - qpair->nr_parts + qpair->nr_parents);
}

/* A counter that is behind others: what is read after it is at least as new. */
static uint64_t read_counter(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

int nvio_qpair_get_stats(const struct nvio_qpair *qpair, struct nvio_qpair_stats *out, size_t size)
{
	const struct nvio_counters *from = &qpair->stats;
	struct nvio_qpair_stats stats;
	uint64_t busy_polls;

	/* In the reverse of the order in which they are counted, so that no command is completed
	 * before it was submitted, and no poll busy before it was one. */
	stats.errors = read_counter(&from->errors);
	stats.abandoned = read_counter(&from->abandoned);
	stats.resent = read_counter(&from->resent);
	stats.doorbells_spared = read_counter(&from->doorbells_spared);
	stats.retries = read_counter(&from->retries);
	stats.splits = read_counter(&from->splits);
	stats.cq_doorbells = read_counter(&from->cq_doorbells);
	busy_polls = read_counter(&from->busy_polls);
	stats.completed = read_counter(&from->completed);
	stats.sq_doorbells = read_counter(&from->sq_doorbells);
	stats.submitted = read_counter(&from->submitted);
	stats.polls = read_counter(&from->polls);
	/* Processors that show stores in any order show a busy poll before it is counted as one. */
	stats.idle_polls = stats.polls - min_u64(busy_polls, stats.polls);
	return nvio_give_info(out, size, &stats, sizeof(stats));
}
