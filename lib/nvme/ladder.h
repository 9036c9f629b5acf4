/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ways to reset a controller, from the mildest to the strongest.
 */
#ifndef NVIO_LIB_NVME_LADDER_H
#define NVIO_LIB_NVME_LADDER_H

struct nvio_ctrl;

/*
 * Resets a controller and brings it up again, trying harder until that works. The thread of the
 * recovery, which holds ctrl->lock. @rung: where to begin; receives where it worked. While the
 * controller is closed one rung is tried and no more: it is to be told that it is shut down.
 *
 * Returns 0: it is the same controller, enabled, without I/O queues. -errno: its bus mastering is
 * off, so that it writes no memory any more; -ENODEV when it cannot be reached at all.
 */
int nvio_ladder_climb(struct nvio_ctrl *ctrl, unsigned int *rung);

/* The highest rung that this controller has. */
unsigned int nvio_ladder_top(const struct nvio_ctrl *ctrl);

#endif
