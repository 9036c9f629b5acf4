/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a device tells of itself beyond its flags, and eventfds that write its registers; see
 * <nvio/feature.h>.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include <nvio/feature.h>

#include "base/bits.h"
#include "base/error.h"
#include "vfio/caps.h"
#include "vfio/device.h"

/* Since Linux 6.5; the header of Debian 12 is older. */
#define CAP_PCI_ATOMICS 5u

static const char *const names[] = {
	[VFIO_DEVICE_INFO_CAP_ZPCI_BASE] = "zPCI base",
	[VFIO_DEVICE_INFO_CAP_ZPCI_GROUP] = "zPCI group",
	[VFIO_DEVICE_INFO_CAP_ZPCI_UTIL] = "zPCI utility string",
	[VFIO_DEVICE_INFO_CAP_ZPCI_PFIP] = "zPCI PFIP",
	[CAP_PCI_ATOMICS] = "PCI atomics",
};

struct list {
	struct nvio_device_cap *caps;
	uint32_t room;
	uint32_t nr;
};

/* The chain does not say how long one is: up to the end of the answer, or of the room for it. */
static int take(void *arg, uint16_t id, uint16_t version, const void *cap, size_t len)
{
	struct list *list = arg;
	struct nvio_device_cap *to;

	if (list->nr++ >= list->room)
		return 0;
	to = &list->caps[list->nr - 1];
	memset(to, 0, sizeof(*to));
	to->id = id;
	to->version = version;
	to->name = id < ARRAY_LEN(names) && names[id] ? names[id] : "unknown";
	len -= sizeof(struct vfio_info_cap_header);
	to->len = (uint32_t)min_u64(len, sizeof(to->data));
	memcpy(to->data, (const char *)cap + sizeof(struct vfio_info_cap_header), to->len);
	return 0;
}

int nvio_device_caps(struct nvio_device *device, struct nvio_device_cap *caps, uint32_t room)
{
	struct vfio_device_info info = { 0 }, head;
	struct list list = { caps, room, 0 };
	size_t len;
	void *answer;
	int err;

	if (!device->ops->ask)
		return nvio_error(ENOTSUP, "%s has no capabilities of VFIO", device->name);
	answer = nvio_caps_ioctl(device->fd, VFIO_DEVICE_GET_INFO, &info, sizeof(info), &len, &err);
	if (!answer)
		return nvio_error(-err, "%s does not tell what it is: %s", device->name,
				  strerror(-err));
	memcpy(&head, answer, sizeof(head));
	if (head.flags & VFIO_DEVICE_FLAGS_CAPS)
		err = nvio_caps_walk(answer, len, sizeof(head), head.cap_offset, take, &list);
	else
		err = 0;
	free(answer);
	return err ? err : (int)list.nr;
}

int nvio_device_ioeventfd(struct nvio_device *device, uint32_t region, uint64_t offset,
			  unsigned int width, uint64_t value, int fd)
{
	struct vfio_device_ioeventfd request = {
		.argsz = sizeof(request), .flags = width, .data = value, .fd = fd
	};
	int err;

	/* Each width is its own flag. */
	if (!is_power_of_two(width) || width > 8 || offset % width)
		return nvio_error(EINVAL, "%s: %u bytes at 0x%" PRIx64 " are no register",
				  device->name, width, offset);
	if (region >= device->nr_regions || offset >= device->regions[region].info.len)
		return nvio_error(EINVAL, "%s: 0x%" PRIx64 " is not in region %u", device->name,
				  offset, region);
	request.offset = device->regions[region].fd_offset + offset;
	err = nvio_device_ask(device, VFIO_DEVICE_IOEVENTFD, &request);
	if (err == -ENOTTY)
		return nvio_error(ENOTSUP, "%s: no eventfd can write its registers", device->name);
	return err ? nvio_error(-err, "%s: an eventfd for 0x%" PRIx64 " of region %u: %s",
				device->name, offset, region, strerror(-err))
		   : 0;
}
