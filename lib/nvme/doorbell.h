/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doorbells that are not a store into a mapped register: those that go by call, and shadow
 * doorbells, which the controller looks for in memory (5.8).
 *
 * A queue pair with such has no doorbell for the I/O path, which then comes here.
 */
#ifndef NVIO_LIB_NVME_DOORBELL_H
#define NVIO_LIB_NVME_DOORBELL_H

#include <stdbool.h>
#include <stdint.h>

struct nvio_ctrl;
struct nvio_qpair;

/* A doorbell in memory. @value is ours, @event the controller's: it wants to be told in the
 * register, too, of the change that passes it. Both NULL: there is none. */
struct nvio_shadow {
	uint32_t *value;
	const uint32_t *event;
};

/*
 * Writes a shadow doorbell. Returns whether the register is to be written, too: 16-bit arithmetic
 * that wraps, as values go on from a ring's end to its start (B.5).
 */
bool nvio_shadow_ring(const struct nvio_shadow *shadow, uint16_t value);

/* Gives the controller memory for shadow doorbells, when that is wanted: between identifying it and
 * asking for queues. Returns 0 or -errno. */
int nvio_shadow_set_up(struct nvio_ctrl *ctrl);

/* Frees that memory: only once the device cannot reach it. */
void nvio_shadow_free(struct nvio_ctrl *ctrl);

/* How many I/O queue pairs can have shadow doorbells. */
uint16_t nvio_shadow_max_qpairs(const struct nvio_ctrl *ctrl);

/* Tells the controller of that memory again, after a reset. Returns 0 or -errno. */
int nvio_shadow_again(struct nvio_ctrl *ctrl);

/* Finds the doorbells of a queue pair that has its identifier, and resets those in memory: before
 * its queues are made. */
void nvio_doorbells_find(struct nvio_qpair *qpair);

/* Has the I/O path use them. */
void nvio_doorbells_use(struct nvio_qpair *qpair);

/* Rings a doorbell that the I/O path has not got. */
void nvio_doorbell_ring(struct nvio_qpair *qpair, bool cq, uint16_t value);

/* The same for the I/O path, while the controller may be told: of @nr commands, up to the last one
 * that is queued; of the completions that were taken. What is owed it learns from
 * nvio_doorbells_settle(). */
void nvio_doorbell_tell_sq(struct nvio_qpair *qpair, uint32_t nr);
void nvio_doorbell_tell_cq(struct nvio_qpair *qpair);

/* Once the I/O path has its doorbells again: tells the controller of what it is owed. */
void nvio_doorbells_settle(struct nvio_qpair *qpair);
/* It is owed nothing: its queues are other ones. */
void nvio_doorbells_forget(struct nvio_qpair *qpair);

#endif
