/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose commands the controller takes next (3.4.4): what its options and those of queue pairs say
 * of that, checked and turned into what it understands.
 */
#ifndef NVIO_LIB_NVME_ARBITRATION_H
#define NVIO_LIB_NVME_ARBITRATION_H

#include <stdint.h>

struct nvio_ctrl;

/* Whether the options make sense and the controller can do it. Returns 0; -EINVAL; -ENOTSUP. */
int nvio_arbitration_check(struct nvio_ctrl *ctrl);

/* CC.AMS */
uint32_t nvio_arbitration_ams(const struct nvio_ctrl *ctrl);

/* Tells the controller weights and burst, when there are any. Returns 0 or -errno. */
int nvio_arbitration_set_up(struct nvio_ctrl *ctrl);

/* Whether a queue pair can have a priority of enum nvio_priority. Returns 0; -EINVAL; -ENOTSUP. */
int nvio_priority_check(const struct nvio_ctrl *ctrl, unsigned int priority);

/* Its bits in dword 11 of Create I/O Submission Queue. */
uint32_t nvio_priority_cdw11(const struct nvio_ctrl *ctrl, unsigned int priority);

#endif
