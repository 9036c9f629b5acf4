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

static const char *const device_caps[] = {
	[VFIO_DEVICE_INFO_CAP_ZPCI_BASE] = "zPCI base",
	[VFIO_DEVICE_INFO_CAP_ZPCI_GROUP] = "zPCI group",
	[VFIO_DEVICE_INFO_CAP_ZPCI_UTIL] = "zPCI utility string",
	[VFIO_DEVICE_INFO_CAP_ZPCI_PFIP] = "zPCI PFIP",
	[CAP_PCI_ATOMICS] = "PCI atomics",
};

static const char *const region_caps[] = {
	[VFIO_REGION_INFO_CAP_SPARSE_MMAP] = "sparse mmap",
	[VFIO_REGION_INFO_CAP_TYPE] = "type",
	[VFIO_REGION_INFO_CAP_MSIX_MAPPABLE] = "MSI-X mappable",
	[VFIO_REGION_INFO_CAP_NVLINK2_SSATGT] = "NVLink2 SSA target",
	[VFIO_REGION_INFO_CAP_NVLINK2_LNKSPD] = "NVLink2 link speed",
};

#define OF_VENDOR(vendor) (VFIO_REGION_TYPE_PCI_VENDOR_TYPE | (vendor))

static const struct {
	uint32_t type, subtype;
	const char *name;
} region_types[] = {
	{ VFIO_REGION_TYPE_GFX, VFIO_REGION_SUBTYPE_GFX_EDID, "EDID" },
	{ VFIO_REGION_TYPE_CCW, VFIO_REGION_SUBTYPE_CCW_ASYNC_CMD, "CCW asynchronous commands" },
	{ VFIO_REGION_TYPE_CCW, VFIO_REGION_SUBTYPE_CCW_SCHIB, "CCW SCHIB" },
	{ VFIO_REGION_TYPE_CCW, VFIO_REGION_SUBTYPE_CCW_CRW, "CCW CRW" },
	{ VFIO_REGION_TYPE_MIGRATION_DEPRECATED, VFIO_REGION_SUBTYPE_MIGRATION_DEPRECATED,
	  "migration, version 1" },
	{ OF_VENDOR(0x8086), VFIO_REGION_SUBTYPE_INTEL_IGD_OPREGION, "IGD OpRegion" },
	{ OF_VENDOR(0x8086), VFIO_REGION_SUBTYPE_INTEL_IGD_HOST_CFG, "IGD host bridge" },
	{ OF_VENDOR(0x8086), VFIO_REGION_SUBTYPE_INTEL_IGD_LPC_CFG, "IGD LPC bridge" },
	{ OF_VENDOR(0x10de), VFIO_REGION_SUBTYPE_NVIDIA_NVLINK2_RAM, "NVLink2 RAM" },
	{ OF_VENDOR(0x1014), VFIO_REGION_SUBTYPE_IBM_NVLINK2_ATSD, "NVLink2 ATSD" },
};

const char *nvio_region_type_name(uint32_t type, uint32_t subtype)
{
	for (size_t i = 0; i < ARRAY_LEN(region_types); i++) {
		if (region_types[i].type == type && region_types[i].subtype == subtype)
			return region_types[i].name;
	}
	return NULL;
}

struct list {
	const char *const *names;
	size_t nr_names;
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
	to->name = id < list->nr_names && list->names[id] ? list->names[id] : "unknown";
	len -= sizeof(struct vfio_info_cap_header);
	to->len = (uint32_t)min_u64(len, sizeof(to->data));
	memcpy(to->data, (const char *)cap + sizeof(struct vfio_info_cap_header), to->len);
	return 0;
}

/* Frees @answer, whose chain begins at @offset. Returns how many there are, or -errno. */
static int gather(void *answer, size_t len, size_t fixed, uint32_t offset, struct list *list)
{
	int err = nvio_caps_walk(answer, len, fixed, offset, take, list);

	free(answer);
	return err ? err : (int)list->nr;
}

int nvio_device_caps(struct nvio_device *device, struct nvio_device_cap *caps, uint32_t room)
{
	struct list list = { device_caps, ARRAY_LEN(device_caps), caps, room, 0 };
	struct vfio_device_info info = { 0 }, head;
	size_t len;
	void *answer;
	int err;

	if (device->ops != &nvio_kernel_ops)
		return nvio_error(ENOTSUP, "%s has no capabilities of VFIO", device->name);
	answer = nvio_caps_ioctl(device->fd, VFIO_DEVICE_GET_INFO, &info, sizeof(info), &len, &err);
	if (!answer)
		return nvio_error(-err, "%s does not tell what it is: %s", device->name,
				  strerror(-err));
	memcpy(&head, answer, sizeof(head));
	return gather(answer, len, sizeof(head),
		      head.flags & VFIO_DEVICE_FLAGS_CAPS ? head.cap_offset : 0, &list);
}

int nvio_device_region_caps(struct nvio_device *device, uint32_t idx, struct nvio_device_cap *caps,
			    uint32_t room)
{
	struct list list = { region_caps, ARRAY_LEN(region_caps), caps, room, 0 };
	struct vfio_region_info info = { .index = idx }, head;
	size_t len;
	void *answer;
	int err;

	if (device->ops != &nvio_kernel_ops)
		return nvio_error(ENOTSUP, "%s has no capabilities of VFIO", device->name);
	if (idx >= device->nr_regions)
		return nvio_error(EINVAL, "%s has no region %u", device->name, idx);
	answer = nvio_caps_ioctl(device->fd, VFIO_DEVICE_GET_REGION_INFO, &info, sizeof(info), &len,
				 &err);
	if (!answer)
		return nvio_error(-err, "%s does not tell what region %u is: %s", device->name, idx,
				  strerror(-err));
	memcpy(&head, answer, sizeof(head));
	return gather(answer, len, sizeof(head),
		      head.flags & VFIO_REGION_INFO_FLAG_CAPS ? head.cap_offset : 0, &list);
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
