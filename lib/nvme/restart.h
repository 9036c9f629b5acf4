/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A queue pair whose controller is reset: its owner is told, stops ringing, starts its rings over
 * and goes on. All but nvio_restart_hold() is the owner's.
 */
#ifndef NVIO_LIB_NVME_RESTART_H
#define NVIO_LIB_NVME_RESTART_H

#include "nvme/qpair.h"

/*
 * From here on its doorbells lead nowhere and each poll goes the long way. Any thread, once
 * qpair->call is not NVIO_CALL_NONE.
 */
void nvio_restart_hold(struct nvio_qpair *qpair);

/* Does what qpair->call says, after a poll took what was there. */
void nvio_restart_answer(struct nvio_qpair *qpair);

/* Whether it was told something that it has not answered. */
bool nvio_restart_is_called(const struct nvio_qpair *qpair);

/* Completes what ended in a restart. Returns how many entries at @done it filled. */
int nvio_restart_deliver(struct nvio_qpair *qpair, struct nvio_completion *done, int max);

/*
 * A command that ended with its submission queue, as some controllers say of those that a reset
 * interrupts: it is sent again, or ends. Returns how many entries at @out it filled.
 */
int nvio_restart_interrupted(struct nvio_qpair *qpair, struct nvio_tracker *t,
			     struct nvio_completion *out);

/* Takes no more completions until it starts over: the controller cannot be believed. */
void nvio_restart_distrust(struct nvio_qpair *qpair);

/* The admin queue's: makes its rings as new and forgets what was outstanding. */
void nvio_restart_admin(struct nvio_qpair *qpair);

#endif
