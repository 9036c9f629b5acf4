/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VFIO groups; see group.h. Each failure is explained here: this is where most set-ups go wrong.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "vfio/explain.h"
#include "vfio/feature.h"
#include "vfio/group.h"
#include "vfio/sys.h"
#include "vfio/sysfs.h"

struct nvio_group {
	struct nvio_group *next;
	int id;
	int fd;
};

static int open_error(int err, const char *path, const struct nvio_pci *pci)
{
	char why[NVIO_PATH_LEN];

	switch (err) {
	case EACCES:
	case EPERM:
		nvio_explain_mode(path, why, sizeof(why));
		return nvio_error(EACCES,
				  "%s: no permission on %s (%s): give this user access with `chown "
				  "%u %s`, or run as root",
				  pci->name, path, why, (unsigned int)geteuid(), path);
	case EBUSY:
		nvio_explain_user(pci, why, sizeof(why));
		return nvio_error(EBUSY, "%s: %s is in use: %s", pci->name, path, why);
	case ENOENT:
		return nvio_error(ENODEV,
				  "%s: %s does not exist though the device is bound to vfio-pci",
				  pci->name, path);
	default:
		return nvio_error(err, "%s: cannot open %s: %s", pci->name, path, strerror(err));
	}
}

int nvio_group_attach_error(int err, const struct nvio_pci *pci)
{
	char siblings[NVIO_PATH_LEN];

	switch (err) {
	case EPERM:
		return nvio_error(EPERM,
				  "%s: the IOMMU does not isolate interrupts (no interrupt "
				  "remapping): enable it in the firmware, or accept the risk with "
				  "allow_unsafe_interrupts=1 of vfio_iommu_type1",
				  pci->name);
	case EBUSY:
		nvio_explain_group(pci->group, siblings, sizeof(siblings));
		return nvio_error(EBUSY,
				  "%s: IOMMU group %d is attached elsewhere; its devices: %s",
				  pci->name, pci->group, siblings);
	default:
		return nvio_error(err, "%s: IOMMU group %d cannot be attached: %s", pci->name,
				  pci->group, strerror(err));
	}
}

static int check_viable(int fd, const struct nvio_pci *pci)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char siblings[NVIO_PATH_LEN];
	int err = nvio_sys_ioctl(fd, VFIO_GROUP_GET_STATUS, &status);

	if (err)
		return nvio_error(-err, "%s: group %d does not tell its status: %s", pci->name,
				  pci->group, strerror(-err));
	if (status.flags & VFIO_GROUP_FLAGS_VIABLE)
		return 0;
	nvio_explain_group(pci->group, siblings, sizeof(siblings));
	return nvio_error(EPERM,
			  "%s: IOMMU group %d is not viable: every device in it must be bound to "
			  "vfio-pci or to no driver; it holds %s",
			  pci->name, pci->group, siblings);
}

int nvio_group_join(struct nvio_group **groups, int container, const struct nvio_pci *pci)
{
	char path[NVIO_PATH_LEN];
	struct nvio_group *group;
	int err;

	for (group = *groups; group; group = group->next) {
		if (group->id == pci->group)
			return 0;
	}
	group = calloc(1, sizeof(*group));
	if (!group)
		return nvio_error(ENOMEM, "no memory for a VFIO group");
	group->id = pci->group;
	snprintf(path, sizeof(path), "%s/vfio/%s%d", nvio_roots.dev, pci->noiommu ? "noiommu-" : "",
		 pci->group);
	group->fd = nvio_sys_open(path);
	if (group->fd < 0) {
		err = open_error(-group->fd, path, pci);
		goto free_group;
	}
	err = check_viable(group->fd, pci);
	if (err)
		goto close_fd;
	err = nvio_sys_ioctl(group->fd, VFIO_GROUP_SET_CONTAINER, &container);
	if (err) {
		err = nvio_group_attach_error(-err, pci);
		goto close_fd;
	}
	group->next = *groups;
	*groups = group;
	return 0;

close_fd:
	nvio_sys_close(group->fd);
free_group:
	free(group);
	return err;
}

int nvio_group_open_device(struct nvio_group *groups, const struct nvio_pci *pci,
			   const char *vf_token)
{
	char name[NVIO_PCI_NAME_LEN + 64];
	int fd, err;

	snprintf(name, sizeof(name), "%s%s%s", pci->name, vf_token ? " vf_token=" : "",
		 vf_token ? vf_token : "");
	while (groups->id != pci->group)
		groups = groups->next;
	fd = nvio_sys_ioctl(groups->fd, VFIO_GROUP_GET_DEVICE_FD, name);
	err = fd < 0 ? nvio_token_refused(pci->name, vf_token, -fd) : 0;
	if (err)
		return err;
	if (fd < 0)
		return nvio_error(-fd, "%s: the kernel does not hand the device out: %s", pci->name,
				  strerror(-fd));
	/* The ioctl sets close-on-exec since Linux 3.16; older kernels are not supported. */
	return fd;
}

int nvio_group_fd(const struct nvio_group *groups, int id)
{
	while (groups && groups->id != id)
		groups = groups->next;
	return groups ? groups->fd : -1;
}

void nvio_groups_describe(const struct nvio_group *groups, FILE *out)
{
	for (; groups; groups = groups->next)
		fprintf(out, "group %d %d\n", groups->fd, groups->id);
}

int nvio_group_adopt(struct nvio_group **groups, int fd, int id)
{
	struct nvio_group *group = calloc(1, sizeof(*group));

	if (!group) {
		nvio_sys_close(fd);
		return nvio_error(ENOMEM, "no memory for a VFIO group");
	}
	*group = (struct nvio_group){ *groups, id, fd };
	*groups = group;
	return 0;
}

void nvio_groups_abandon(struct nvio_group *groups)
{
	while (groups) {
		struct nvio_group *next = groups->next;

		free(groups);
		groups = next;
	}
}

void nvio_groups_close(struct nvio_group *groups)
{
	while (groups) {
		struct nvio_group *next = groups->next;

		nvio_sys_close(groups->fd);
		free(groups);
		groups = next;
	}
}
