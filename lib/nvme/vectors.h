/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupts of queue pairs: vectors of the controller, and a descriptor for each queue pair that
 * becomes readable when its vector was signalled.
 */
#ifndef NVIO_LIB_NVME_VECTORS_H
#define NVIO_LIB_NVME_VECTORS_H

#include "nvme/qpair.h"

struct nvio_vector {
	int fd; /* an eventfd that nobody reads while it is shared; -1: it never had one */
	uint32_t nr_qpairs; /* how many share it */
};

/* Gives the queue pair a vector and a descriptor. The controller's lock is held. Returns 0 or
 * -errno. */
int nvio_qpair_take_vector(struct nvio_qpair *qpair);

/* Gives the vector back, when there is one; its descriptor stays. The lock is held. */
void nvio_qpair_drop_vector(struct nvio_qpair *qpair);

/* Sets up again what a reset of the device may have taken. Returns 0 or -errno. */
int nvio_vectors_again(struct nvio_ctrl *ctrl);

/* Once no device is there any more. */
void nvio_vectors_free(struct nvio_ctrl *ctrl);

/*
 * Takes the signals that have come, or else the first that comes within @ns, or most of them.
 * Returns whether there was anything to wake up for, or -errno.
 */
int nvio_signals_take(struct nvio_qpair *qpair, uint64_t ns);

/* Where interrupts are INTx, which is masked with each signal: lets it signal again. */
void nvio_line_unmask(const struct nvio_qpair *qpair);

/* There, while another queue pair keeps the line up: sleeps for less than a second with the line
 * masked, after a signal was taken. */
void nvio_line_rest(const struct nvio_qpair *qpair, uint64_t ns);

#endif
