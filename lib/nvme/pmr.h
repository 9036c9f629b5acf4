/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The persistent memory region (8.14): enabled and mapped when it is first asked for.
 */
#ifndef NVIO_LIB_NVME_PMR_H
#define NVIO_LIB_NVME_PMR_H

struct nvio_ctrl;

/* Makes what was written persistent and disables the region, on which no commands work any more. */
void nvio_pmr_stop(struct nvio_ctrl *ctrl);

/* Has it as it was, after a reset. Returns 0 or -errno. */
int nvio_pmr_again(struct nvio_ctrl *ctrl);

/* Forgets it: once the device is closed. */
void nvio_pmr_free(struct nvio_ctrl *ctrl);

#endif
