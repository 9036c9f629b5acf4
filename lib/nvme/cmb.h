/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The controller memory buffer (8.5): found and given an address when it is first asked for, then
 * handed out in pieces. What of it lies in the hands of whom is known here and not in the buffer.
 */
#ifndef NVIO_LIB_NVME_CMB_H
#define NVIO_LIB_NVME_CMB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nvio/devmem.h>

/* What of a queue pair is to lie in the buffer (enum nvio_cmb_use), with what has to lie there
 * too. Returns 0, or -errno when it cannot. */
int nvio_cmb_check_use(struct nvio_ctrl *ctrl, uint8_t *use);

/* Where memory of the buffer is for the controller. */
uint64_t nvio_cmb_iova(const struct nvio_ctrl *ctrl, const void *addr);

/* Gives the controller the address again, after a reset. Returns 0 or -errno. */
int nvio_cmb_again(struct nvio_ctrl *ctrl);

/* Takes the address away from the controller, which has no commands any more. */
void nvio_cmb_stop(struct nvio_ctrl *ctrl);

/* Forgets the buffer: once the device is closed. */
void nvio_cmb_free_all(struct nvio_ctrl *ctrl);

#endif
