/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What lib/vfio contributes to a hand-over (<nvio/handover.h>): devices that stay open without a
 * handle, and the files of address spaces.
 *
 * What is handed over is written down in lines, "WORD FILE TEXT": one for each file that outlives
 * execve(). lib/mem has the whole of it; here are the lines of devices and of their IOMMUs.
 */
#ifndef NVIO_LIB_VFIO_HANDOVER_H
#define NVIO_LIB_VFIO_HANDOVER_H

#include <stdbool.h>
#include <stdio.h>

#include "vfio/iommu.h"

struct nvio_device;

/*
 * Gives a device up without closing it: it is the address space's. @running: its controller is
 * enabled and idle. @notes: a line for who drives it next, malloc()ed, or NULL. Returns 0, and
 * @device is no more, and @notes not the caller's; -ENOTSUP, -ENODEV, -ENOMEM.
 */
int nvio_device_keep(struct nvio_device *device, bool running, char *notes);

/* Whether nvio_device_keep() would do so. Returns 0 or -errno. */
int nvio_device_may_keep(const struct nvio_device *device);

/* Fills in a device that was given up, and forgets it. @name as for nvio_device_open(). Returns
 * whether there is one. */
bool nvio_kept_take(struct nvio_iommu *iommu, const char *name, struct nvio_device *device);

/* Closes those that nobody opened. */
void nvio_kept_close(struct nvio_iommu *iommu);

/* Whether all of an address space can be handed over. The caller locks. Returns 0 or -errno. */
int nvio_vfio_may_hand_over(const struct nvio_iommu *iommu);

/* Writes its lines; the caller locks. Returns 0 or -errno. */
int nvio_vfio_describe(const struct nvio_iommu *iommu, FILE *out);

/* The last step that can fail; the caller locks. Returns 0 or -errno. */
int nvio_vfio_forsake(struct nvio_iommu *iommu);

/* Forgets domains and devices, whose files stay open. The caller locks. */
void nvio_vfio_abandon(struct nvio_iommu *iommu);

/* Takes what a line stands for, and its file with it, which is closed when that fails. Returns 0;
 * -ENOENT for a line that is not of lib/vfio; -errno. */
int nvio_vfio_take_over(struct nvio_iommu *iommu, const char *word, int fd, const char *text);

#endif
