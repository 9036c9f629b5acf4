/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A controller that has nothing to do saves power: it goes to a power state that is not
 * operational, from which it comes back by itself, or it is shut down, and its function put to
 * sleep where the kernel can, until somebody has a use for it.
 *
 * Waking is a reset, and done by the thread of the recovery. Before it sleeps its queues are
 * deleted: what owners queue from then on has not run for certain.
 */
#ifndef NVIO_LIB_NVME_IDLE_H
#define NVIO_LIB_NVME_IDLE_H

#include <stdbool.h>
#include <stdint.h>

#include <nvio/power.h>

struct nvio_ctrl;
struct nvio_qpair;

/* All with ctrl->lock held. */
struct nvio_idle {
	uint32_t ms; /* 0: it never rests */
	enum nvio_idle_kind kind;
	uint8_t state; /* the power state, of NVIO_IDLE_STATE */
	bool resting; /* it was put there, and no command has come since */
	uint64_t seen; /* commands that had come when there was something to do last... */
	uint64_t since; /* ...which was then; nanoseconds */
	int fd; /* the kernel has woken the function; -1: it does not tell. Read without the lock */
	uint64_t nr_rests;
	uint64_t nr_wakes;
};

void nvio_idle_init(struct nvio_ctrl *ctrl);
void nvio_idle_fini(struct nvio_ctrl *ctrl);

/* Has it rest when it is time; the keeper, with ctrl->lock held. */
void nvio_idle_tend(struct nvio_ctrl *ctrl);
/* In how many milliseconds that is to be called again. */
uint64_t nvio_idle_due_ms(const struct nvio_ctrl *ctrl);

/* There is something to do for a controller that sleeps. Any thread, without ctrl->lock. */
void nvio_idle_wake(struct nvio_ctrl *ctrl);

/* The same from an owner that was told that it sleeps. Returns whether it does not after all, and
 * has its queues: the owner goes on with them. */
bool nvio_idle_is_over(struct nvio_qpair *qpair);

/* Its function is to be used again: the recovery, with ctrl->lock held. */
void nvio_idle_rouse(struct nvio_ctrl *ctrl);

#endif
