/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What has to be done for a controller while nobody calls: looking for events, keeping it alive,
 * and putting it to sleep. A thread that exists only when there is one of them to do.
 *
 * Keep-alives are sent also by whoever waits for a long admin command, which has the lock.
 */
#ifndef NVIO_LIB_NVME_KEEPER_H
#define NVIO_LIB_NVME_KEEPER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct nvio_ctrl;

struct nvio_keeper {
	pthread_t thread;
	bool running;
	bool stop; /* read without a lock */
	int fd; /* wakes the thread */

	/* Keep Alive (7.12); with ctrl->lock held. */
	uint32_t timeout_ms; /* 0: none */
	bool under_way;
	uint64_t sent_at; /* the last one; nanoseconds */
};

/* Starts the thread, or has it look what there is to do now. With ctrl->lock held. */
int nvio_keeper_start(struct nvio_ctrl *ctrl);
void nvio_keeper_stop(struct nvio_ctrl *ctrl);

/* For bring-up: has the controller watch over the host, when it wants to or is to. */
int nvio_keep_alive_set_up(struct nvio_ctrl *ctrl);

/* With ctrl->lock held: sends one when it is time. */
void nvio_keep_alive_tend(struct nvio_ctrl *ctrl);
/* It was answered. */
void nvio_keep_alive_take(struct nvio_ctrl *ctrl, uint16_t status);

#endif
