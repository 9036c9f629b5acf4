/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VFIO groups: the devices that the IOMMU cannot tell apart, and so the unit that a process owns.
 */
#ifndef NVIO_LIB_VFIO_GROUP_H
#define NVIO_LIB_VFIO_GROUP_H

#include <stdio.h>

#include "vfio/pci.h"

struct nvio_group;

/* Opens the device's group and puts it into the container, unless it is in @groups already. Returns
 * 0 or -errno. */
int nvio_group_join(struct nvio_group **groups, int container, const struct nvio_pci *pci);

/* Opens a device of a group that is in @groups; @vf_token: NULL or a UUID. Returns its fd or
 * -errno. */
int nvio_group_open_device(struct nvio_group *groups, const struct nvio_pci *pci,
			   const char *vf_token);

/* The fd of a group that is in @groups; -1 when it is not. */
int nvio_group_fd(const struct nvio_group *groups, int id);

/* Writes a line for each: see handover.h. */
void nvio_groups_describe(const struct nvio_group *groups, FILE *out);

/* A group that was handed over; its file is closed when that fails. Returns 0 or -ENOMEM. */
int nvio_group_adopt(struct nvio_group **groups, int fd, int id);

/* Forgets all groups, whose files stay open. */
void nvio_groups_abandon(struct nvio_group *groups);

/* Closes all groups. */
void nvio_groups_close(struct nvio_group *groups);

/* Says why a group could not be attached to the IOMMU. Returns -@err. */
int nvio_group_attach_error(int err, const struct nvio_pci *pci);

#endif
