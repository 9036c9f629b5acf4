/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests of several commands: one completion for the whole, with the first error.
 *
 * Their records are made with the queue pair, one for each command that fits. Parts are sent as
 * trackers come free, in the order of the requests.
 */
#ifndef NVIO_LIB_NVME_PARENT_H
#define NVIO_LIB_NVME_PARENT_H

#include "nvme/request.h"

struct nvio_parent {
	struct nvio_parent *next;
	struct nvio_request request; /* what is left to send */
	uint32_t nr_out; /* parts under way */
	uint32_t result;
	uint16_t status;
	bool queued; /* it has parts to send */
	uint32_t active; /* read by other threads, with the two below */
	struct nvio_span data; /* all its memory */
	struct nvio_span metadata;
};

/* Makes the records. Returns 0 or -ENOMEM. */
int nvio_parents_init(struct nvio_qpair *qpair);
void nvio_parents_fini(struct nvio_qpair *qpair);

/* Queues a request that takes several commands. Returns 0 or -errno. */
int nvio_parent_queue(struct nvio_qpair *qpair, struct nvio_request *request);

/* Queues two commands that the controller executes as one (6.2). Returns 0 or -errno. */
int nvio_parent_queue_fused(struct nvio_qpair *qpair, struct nvio_request *first,
			    struct nvio_request *second);

/* A part has ended. Returns how many entries at @out it filled: 1 when it was the last. */
int nvio_part_done(struct nvio_qpair *qpair, struct nvio_tracker *t, uint16_t status,
		   uint32_t result, struct nvio_completion *out);

/* Sends parts as far as there are trackers. */
void nvio_parents_go_on(struct nvio_qpair *qpair);

/* Completes the requests that have no part under way; the device is gone. Returns how many. */
int nvio_parents_end(struct nvio_qpair *qpair, struct nvio_completion *done, int max);

/* Whether one of them uses memory; asked by other threads. */
bool nvio_parents_use(const struct nvio_qpair *qpair, uintptr_t addr, size_t len);

#endif
