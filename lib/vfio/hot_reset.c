/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The reset of a slot or bus: which devices it takes along, and doing it. The caller shows that it
 * owns all of them: by their groups, or by the iommufd that they are bound to.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "vfio/device.h"
#include "vfio/spapr.h"
#include "vfio/type1.h"

/* With device files of iommufd, identifiers stand where groups do (Linux 6.6). */
#define FLAG_DEVID       (1u << 0)
#define FLAG_DEVID_OWNED (1u << 1)
#define DEVID_NOT_OWNED  UINT32_MAX
/* A bus has 256 functions; bridges below may add some. */
#define DEVICES_MAX 4096u

/* The answer in malloc()ed memory; NULL with the error in *@err. */
static struct vfio_pci_hot_reset_info *ask(struct nvio_device *device, int *err)
{
	uint32_t room = 0;

	for (;;) {
		size_t len = sizeof(struct vfio_pci_hot_reset_info) +
			     room * sizeof(struct vfio_pci_dependent_device);
		struct vfio_pci_hot_reset_info *info = calloc(1, len);

		if (!info) {
			*err = nvio_error(ENOMEM, "no memory for %u devices", room);
			return NULL;
		}
		info->argsz = (uint32_t)len;
		*err = nvio_device_ask(device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info);
		if (!*err && info->count <= room)
			return info;
		if ((*err == -ENOSPC || !*err) && info->count > room &&
		    info->count <= DEVICES_MAX) {
			room = info->count;
			free(info);
			continue;
		}
		if (!*err || *err == -ENOSPC)
			*err = nvio_error(EPROTO, "%s: a hot reset of %u devices makes no sense",
					  device->name, info->count);
		else if ((*err == -ENODEV && !nvio_device_was_let_go(device)) || *err == -ENOTTY)
			*err = nvio_error(ENOTSUP, "%s: neither its slot nor its bus can be reset",
					  device->name);
		else
			*err = nvio_error(-*err, "%s: what a hot reset takes along: %s",
					  device->name, strerror(-*err));
		free(info);
		return NULL;
	}
}

/* -1 when it is not open in this address space. */
static int group_fd(struct nvio_iommu *iommu, int group)
{
	int fd = nvio_type1_group_fd(iommu, group);

	return fd < 0 ? nvio_spapr_group_fd(iommu, group) : fd;
}

static void describe(struct nvio_device *device, uint32_t flags,
		     const struct vfio_pci_dependent_device *from, struct nvio_reset_device *to)
{
	snprintf(to->name, sizeof(to->name), "%04x:%02x:%02x.%x", from->segment, from->bus,
		 from->devfn >> 3, from->devfn & 7u);
	if (flags & FLAG_DEVID) {
		to->group = -1;
		to->owned = from->group_id != DEVID_NOT_OWNED;
	} else {
		to->group = (int)from->group_id;
		to->owned = group_fd(device->iommu, to->group) >= 0;
	}
}

int nvio_device_hot_reset_info(struct nvio_device *device, struct nvio_reset_device *devices,
			       uint32_t room)
{
	struct vfio_pci_hot_reset_info *info;
	int err, nr;

	info = ask(device, &err);
	if (!info)
		return err;
	for (uint32_t i = 0; i < info->count && i < room; i++)
		describe(device, info->flags, &info->devices[i], &devices[i]);
	nr = (int)info->count;
	free(info);
	return nr;
}

/* The fds of all groups concerned, each once. Returns how many; -EPERM when one is not ours. */
static int collect_groups(struct nvio_device *device, const struct vfio_pci_hot_reset_info *info,
			  int32_t *fds)
{
	int nr = 0;

	for (uint32_t i = 0; i < info->count; i++) {
		struct nvio_reset_device other;
		int fd, known = 0;

		describe(device, info->flags, &info->devices[i], &other);
		fd = group_fd(device->iommu, other.group);
		if (fd < 0)
			return nvio_error(EPERM,
					  "%s: a hot reset would take %s along, of group %d, which "
					  "is not open in this address space",
					  device->name, other.name, other.group);
		while (known < nr && fds[known] != fd)
			known++;
		if (known == nr)
			fds[nr++] = fd;
	}
	return nr;
}

int nvio_device_hot_reset(struct nvio_device *device)
{
	struct vfio_pci_hot_reset_info *info;
	struct vfio_pci_hot_reset *request;
	int err, nr = 0;

	info = ask(device, &err);
	if (!info)
		return err;
	request = calloc(1, sizeof(*request) + info->count * sizeof(request->group_fds[0]));
	if (!request) {
		err = nvio_error(ENOMEM, "no memory for a hot reset");
		goto free_info;
	}
	/* The form without groups is for device files alone. */
	if (!(info->flags & FLAG_DEVID))
		nr = collect_groups(device, info, request->group_fds);
	err = nr < 0 ? nr : 0;
	if (err)
		goto free_request;
	request->argsz = (uint32_t)(sizeof(*request) + (size_t)nr * sizeof(request->group_fds[0]));
	request->count = (uint32_t)nr;
	nvio_device_forget_vectors(device);
	err = nvio_device_ask(device, VFIO_DEVICE_PCI_HOT_RESET, request);
	if (err)
		err = nvio_error(-err, "%s: the hot reset of its %s failed: %s", device->name,
				 info->flags & FLAG_DEVID && !(info->flags & FLAG_DEVID_OWNED)
					 ? "bus, whose devices are not all ours,"
					 : "bus",
				 strerror(-err));
free_request:
	free(request);
free_info:
	free(info);
	return err;
}
