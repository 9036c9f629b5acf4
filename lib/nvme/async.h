/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Asynchronous events of a controller, once somebody has asked for them.
 *
 * Requests stay outstanding in the admin queue while other commands come and go; whoever reaps one
 * hands it over here. What it is about is read later, with ctrl->lock held, when nobody waits for
 * a command. A request is sent again only when its event was dealt with, so that a controller
 * never has more to say than there is room for.
 */
#ifndef NVIO_LIB_NVME_ASYNC_H
#define NVIO_LIB_NVME_ASYNC_H

#include <pthread.h>

#include <nvio/async.h>
#include <nvio/io.h>

struct nvio_ctrl;

/* One for each type of event that says something about the controller. */
#define NVIO_ASYNC_REQUESTS 4u
#define NVIO_ASYNC_QUEUED   8u

struct nvio_async {
	struct nvio_async_opts opts;
	uint32_t config; /* the feature: which events */

	/* With ctrl->lock held. */
	unsigned int max_requests;
	unsigned int nr_requests; /* outstanding */
	unsigned int nr_raw;
	uint32_t raw[NVIO_ASYNC_REQUESTS]; /* events whose log page was not read yet */
	bool rescan; /* what happened during a reset has no event */

	pthread_mutex_t lock; /* over all below; taken inside ctrl->lock */
	int fd; /* readable while there are events */
	unsigned int first;
	unsigned int nr;
	struct nvio_async_event events[NVIO_ASYNC_QUEUED];
};

/* All but the last two: with ctrl->lock held. */

/* A request was completed. */
void nvio_async_take(struct nvio_ctrl *ctrl, const struct nvio_completion *done);

/* Reads what there is to be read about events, and asks for more. */
void nvio_async_tend(struct nvio_ctrl *ctrl);

/* The controller was disabled, and has forgotten the requests; and is to have them again. */
void nvio_async_forget(struct nvio_ctrl *ctrl);
int nvio_async_again(struct nvio_ctrl *ctrl);

/* Calls the application's function for each event, without a lock. */
void nvio_async_deliver(struct nvio_ctrl *ctrl);

void nvio_async_free(struct nvio_ctrl *ctrl);

#endif
