/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads and writes of one command whose data is in memory of the application's own.
 */
#ifndef NVIO_LIB_NVME_REGISTERED_H
#define NVIO_LIB_NVME_REGISTERED_H

#include "nvme/ctrl.h"

/*
 * Queues a read or write when it takes one command and its memory is registered with @rights.
 * Returns whether it did; if not, nothing has changed.
 */
bool nvio_queue_registered(struct nvio_qpair *qpair, struct nvio_ns *ns, uint64_t word0,
			   unsigned int rights, uintptr_t addr, uint64_t slba, uint32_t nr_blocks,
			   unsigned int flags, uint64_t user_data);

/* Describes memory that is registered, or of the heap, as PRPs. Returns whether it can be. */
bool nvio_describe_registered(const struct nvio_qpair *qpair, struct nvio_tracker *t,
			      unsigned int rights, uintptr_t addr, size_t len,
			      struct nvio_sqe *sqe);

#endif
