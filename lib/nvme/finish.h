/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Completions off the short way: errors, commands to be sent again, parts of a request, and what no
 * honest controller says.
 */
#ifndef NVIO_LIB_NVME_FINISH_H
#define NVIO_LIB_NVME_FINISH_H

#include "nvme/qpair.h"

/*
 * Handles a completion. @answer: what sets its entry apart from what was expected, as in
 * nvio_answer(). Returns how many entries at @out it filled, 0 or 1; -EIO after which the queue
 * pair has failed and the entry is not taken.
 */
int nvio_finish(struct nvio_qpair *qpair, const struct nvio_cqe *cqe, uint64_t answer,
		struct nvio_completion *out);

/* Ends a command with what came of it. Returns how many entries at @out it filled. */
int nvio_finish_with(struct nvio_qpair *qpair, struct nvio_tracker *t, uint16_t status,
		     uint32_t result, struct nvio_completion *out);

#endif
