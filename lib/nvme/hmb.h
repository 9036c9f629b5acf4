/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host memory buffer (5.27.1.10, 8.9): memory of ours that a drive without enough of its own
 * works in. Lent at bring-up, taken back before the shutdown, freed when the device is closed.
 */
#ifndef NVIO_LIB_NVME_HMB_H
#define NVIO_LIB_NVME_HMB_H

struct nvio_ctrl;

/* Lends what the controller wants and the options allow. That it gets less, or nothing, is no
 * error: it works without. Returns 0, or -errno when the controller does. */
int nvio_hmb_set_up(struct nvio_ctrl *ctrl);

/* Lends the same again, after a reset. Returns 0 or -errno. */
int nvio_hmb_again(struct nvio_ctrl *ctrl);

/* Takes it back; the controller is locked. It may still be written to when that fails. */
void nvio_hmb_stop(struct nvio_ctrl *ctrl);
/* The same, for nvio_hmb_again() to lend it again. */
void nvio_hmb_pause(struct nvio_ctrl *ctrl);

/* Frees it: only once the device cannot reach it. */
void nvio_hmb_free(struct nvio_ctrl *ctrl);

#endif
