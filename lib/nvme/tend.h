/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a queue pair needs besides submitting and reaping: its sense of time, commands that are sent
 * again or took too long, requests with parts to send, and its end.
 */
#ifndef NVIO_LIB_NVME_TEND_H
#define NVIO_LIB_NVME_TEND_H

#include "nvme/qpair.h"

/*
 * Does what is to be done after a poll that took @n completions. @look: take the time too. Returns
 * how many there are at @done now, or -errno when there are none and the queue pair failed.
 */
int nvio_tend(struct nvio_qpair *qpair, struct nvio_completion *done, int n, int max, bool look);

/* It takes no commands any more, and says @why. */
void nvio_qpair_fail(struct nvio_qpair *qpair, const char *why);

/* The device went: every outstanding command comes out of nvio_poll() with an error, then -ENODEV.
 */
void nvio_qpair_gone(struct nvio_qpair *qpair);

/* No reset helped: the same, then -EIO. */
void nvio_qpair_give_up(struct nvio_qpair *qpair);

/* Looks whether the device is still there, and calls nvio_qpair_gone() when it is not. */
void nvio_qpair_check_alive(struct nvio_qpair *qpair);

/*
 * Looks whether the controller can still complete anything: asks for a reset when it cannot.
 * Returns 0; -EIO when there is no recovery, and the queue pair has failed.
 */
int nvio_qpair_check_ctrl(struct nvio_qpair *qpair);

#endif
