/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Power states, for idle.c; all with ctrl->lock held.
 */
#ifndef NVIO_LIB_NVME_POWER_H
#define NVIO_LIB_NVME_POWER_H

#include <stdint.h>

struct nvio_ctrl;

/* The last state that is not operational, or -ENOTSUP, -errno. */
int nvio_power_deepest(struct nvio_ctrl *ctrl);

/* Has it go there, not to be set again after a reset. Returns 0, a status or -errno. */
int nvio_power_go(struct nvio_ctrl *ctrl, uint8_t state);

#endif
