/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices of the unit tests' kernel: a PCI function with a BAR whose second half may be mapped, and
 * interrupts of all kinds; see fake_kernel.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "fake_kernel.h"
#include "vfio/uapi.h"

/* Whether a file is mapped in this process, and so is not closed yet. */
static bool is_mapped(int fd)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long inode;
	char line[512];
	bool mapped = false;
	struct stat st;

	while (f && !fstat(fd, &st) && fgets(line, sizeof(line), f))
		mapped |= sscanf(line, "%*s %*s %*s %*s %lu", &inode) == 1 && inode == st.st_ino;
	if (f)
		fclose(f);
	return mapped;
}

void fake_device_closed(struct fake_device *device)
{
	fake_kernel.mapped_at_close += is_mapped(device->fd);
	device->fd = -1;
	device->bound = 0;
	device->attached = 0;
	device->pasid = device->pasid_ioas = 0;
	device->low_power = false;
	memset(device->enabled, 0, sizeof(device->enabled));
	memset(device->armed, 0, sizeof(device->armed));
}

static int bind(struct fake_device *device, const struct nvio_uapi_bind *request, uint32_t *devid)
{
	char token[40] = "";

	if (device->bound)
		return -EINVAL;
	if (request->iommufd < 0 || request->iommufd >= FAKE_FILES ||
	    fake_kernel.files[request->iommufd].kind != FAKE_IOMMUFD)
		return -EBADF;
	if (request->flags & NVIO_VFIO_BIND_TOKEN) {
		const uint8_t *b = (const uint8_t *)(uintptr_t)request->token;

		if (request->argsz < sizeof(*request) || !device->token[0])
			return -EINVAL;
		snprintf(token, sizeof(token),
			 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
			 b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11],
			 b[12], b[13], b[14], b[15]);
	}
	if (strcmp(token, device->token))
		return -EACCES;
	device->bound = 1000u + (uint32_t)device->group;
	*devid = device->bound;
	return 0;
}

static int attach(struct fake_device *device, const struct nvio_uapi_attach *request)
{
	if (device->attach_busy) {
		device->attach_busy--;
		return -EBUSY;
	}
	if (request->pt_id < 100 || request->pt_id >= fake_kernel.next_ioas)
		return -ENOENT;
	if (request->flags & NVIO_VFIO_PT_PASID) {
		if (request->argsz < sizeof(*request) || !device->attached || device->pasid)
			return -EINVAL;
		device->pasid = request->pasid;
		device->pasid_ioas = request->pt_id;
		return 0;
	}
	device->attached = request->pt_id;
	return 0;
}

static int detach(struct fake_device *device, const struct nvio_uapi_detach *request)
{
	if (!(request->flags & NVIO_VFIO_PT_PASID)) {
		device->attached = 0;
		return 0;
	}
	if (request->argsz < sizeof(*request) || request->pasid != device->pasid)
		return -EINVAL;
	device->pasid = device->pasid_ioas = 0;
	return 0;
}

static int region_info(struct vfio_region_info *info)
{
	struct {
		struct vfio_region_info info;
		/* struct vfio_region_info_cap_sparse_mmap, which ends in an open array */
		struct {
			struct vfio_info_cap_header header;
			uint32_t nr_areas, reserved;
		} sparse;
		struct vfio_region_sparse_mmap_area area;
		struct vfio_info_cap_header msix, target;
		uint64_t address;
	} answer = {
		.info = { .argsz = sizeof(answer),
			  .flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
				   VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS,
			  .size = FAKE_BAR_LEN },
		.sparse = { .header = { VFIO_REGION_INFO_CAP_SPARSE_MMAP, 1, 0 }, .nr_areas = 1 },
		.area = { FAKE_BAR_LEN / 2, FAKE_BAR_LEN / 2 },
		.msix = { VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, 1, 0 },
		.target = { VFIO_REGION_INFO_CAP_NVLINK2_SSATGT, 1, 0 },
		.address = 0x123456789,
	};
	uint32_t room = info->argsz, idx = info->index;

	if (idx == VFIO_PCI_VGA_REGION_INDEX)
		return -EINVAL;
	info->offset = (uint64_t)idx << 16;
	info->size = idx == VFIO_PCI_CONFIG_REGION_INDEX ? 256 : 0;
	info->flags = info->size ? VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE : 0;
	info->argsz = sizeof(*info);
	if (idx)
		return 0;
	answer.sparse.header.next = (uint32_t)((char *)&answer.msix - (char *)&answer);
	answer.msix.next = (uint32_t)((char *)&answer.target - (char *)&answer);
	if (room >= sizeof(answer))
		answer.info.cap_offset = (uint32_t)((char *)&answer.sparse - (char *)&answer);
	memcpy(info, &answer, room < sizeof(answer) ? room : sizeof(answer));
	return 0;
}

static int irq_info(const struct fake_device *device, struct vfio_irq_info *info)
{
	if (info->index >= VFIO_PCI_NUM_IRQS)
		return -EINVAL;
	info->count = device->nr_vectors[info->index];
	info->flags = device->irq_flags[info->index];
	return 0;
}

/* One vector: an eventfd, or the action by itself. */
static int set_vector(struct fake_device *device, const struct vfio_irq_set *set, uint32_t i)
{
	uint32_t vector = set->start + i;
	int *fd = &device->eventfd[set->index][vector];
	uint32_t data = set->flags & VFIO_IRQ_SET_DATA_TYPE_MASK;

	if (set->flags & VFIO_IRQ_SET_ACTION_TRIGGER) {
		if (data == VFIO_IRQ_SET_DATA_EVENTFD) {
			memcpy(fd, set->data + i * sizeof(*fd), sizeof(*fd));
			return 0;
		}
		if (data == VFIO_IRQ_SET_DATA_BOOL && !set->data[i])
			return 0;
		if (*fd >= 0 && eventfd_write(*fd, 1))
			return -EIO;
		return 0;
	}
	if (!(device->irq_flags[set->index] & VFIO_IRQ_INFO_MASKABLE))
		return -ENOTTY;
	device->masked[set->index][vector] = set->flags & VFIO_IRQ_SET_ACTION_MASK;
	if (set->index == VFIO_PCI_INTX_IRQ_INDEX && !device->masked[set->index][vector] &&
	    device->line_is_up) {
		device->masked[set->index][vector] = true;
		return *fd >= 0 && eventfd_write(*fd, 1) ? -EIO : 0;
	}
	return 0;
}

static int set_irqs(struct fake_device *device, const struct vfio_irq_set *set)
{
	bool trigger = set->flags & VFIO_IRQ_SET_ACTION_TRIGGER;
	bool fds = set->flags & VFIO_IRQ_SET_DATA_EVENTFD;
	uint32_t left = 2;

	if (set->index >= VFIO_PCI_NUM_IRQS ||
	    set->start + set->count > device->nr_vectors[set->index] ||
	    set->argsz < sizeof(*set) + (fds ? set->count * 4 : 0))
		return -EINVAL;
	if (trigger && !set->count && set->flags & VFIO_IRQ_SET_DATA_NONE) {
		device->enabled[set->index] = 0;
		device->armed[set->index] = false;
		return 0;
	}
	if (!set->count)
		return -EINVAL;
	if (trigger && fds && !device->enabled[set->index]) {
		/* A host that has fewer vectors left answers how many. */
		if (set->index == VFIO_PCI_MSI_IRQ_INDEX && set->count > left)
			return (int)left;
		device->enabled[set->index] = set->count;
		device->armed[set->index] = true;
	}
	/* More of them where that is allowed, as long as the host has some. */
	if (trigger && fds && set->start + set->count > device->enabled[set->index] &&
	    !(device->irq_flags[set->index] & VFIO_IRQ_INFO_NORESIZE)) {
		if (device->max_enabled && set->start + set->count > device->max_enabled)
			return -ENOSPC;
		device->enabled[set->index] = set->start + set->count;
	}
	if (set->start + set->count > device->enabled[set->index])
		return -EINVAL;
	for (uint32_t i = 0; i < set->count; i++) {
		int err = set_vector(device, set, i);

		if (err)
			return err;
	}
	return 0;
}

/* With two capabilities: one that is known, and one that is not. */
static int device_info(const struct fake_device *device, struct vfio_device_info *info)
{
	struct {
		struct vfio_device_info info;
		struct vfio_info_cap_header atomics;
		uint32_t flags;
		uint32_t reserved;
		struct vfio_info_cap_header other;
	} answer = { .info = { .flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET,
			       .num_regions = VFIO_PCI_NUM_REGIONS,
			       .num_irqs = VFIO_PCI_NUM_IRQS },
		     .atomics = { 5, 1, (uint32_t)device->cap_next },
		     .flags = 0x1234,
		     .other = { 99, 2, 0 } };
	uint32_t room = info->argsz;

	answer.info.argsz = sizeof(answer.info);
	if (device->cap_next) {
		answer.info.argsz = sizeof(answer);
		answer.info.flags |= VFIO_DEVICE_FLAGS_CAPS;
		if (room >= sizeof(answer))
			answer.info.cap_offset = sizeof(answer.info);
	}
	memcpy(info, &answer, room < answer.info.argsz ? room : answer.info.argsz);
	return 0;
}

static int ioeventfd(struct fake_device *device, const struct vfio_device_ioeventfd *request)
{
	if (request->flags != VFIO_DEVICE_IOEVENTFD_32)
		return -EINVAL;
	device->io_offset = request->offset;
	device->io_data = request->data;
	device->io_fd = request->fd;
	return 0;
}

int fake_device_ioctl(int fd, unsigned long request, void *arg)
{
	struct fake_device *device = &fake_kernel.devices[fake_kernel.files[fd].idx];
	struct nvio_uapi_bind *b = arg;

	if (fake_kernel.files[fd].kind == FAKE_CDEV) {
		if (request == NVIO_VFIO_BIND_IOMMUFD)
			return bind(device, b, &b->devid);
		if (!device->bound)
			return -EINVAL;
		if (request == NVIO_VFIO_ATTACH_PT)
			return attach(device, arg);
		if (request == NVIO_VFIO_DETACH_PT)
			return detach(device, arg);
	}
	switch (request) {
	case VFIO_DEVICE_GET_INFO:
		return device_info(device, arg);
	case VFIO_DEVICE_IOEVENTFD:
		return ioeventfd(device, arg);
	case VFIO_DEVICE_GET_REGION_INFO:
		return region_info(arg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return irq_info(device, arg);
	case VFIO_DEVICE_SET_IRQS:
		return set_irqs(device, arg);
	case VFIO_DEVICE_FEATURE:
		return fake_feature(device, arg);
	case VFIO_DEVICE_GET_PCI_HOT_RESET_INFO:
		return fake_hot_reset_info(device, arg);
	case VFIO_DEVICE_PCI_HOT_RESET:
		return fake_hot_reset(device, arg);
	case VFIO_DEVICE_RESET:
		device->resets++;
		fake_migration_end(device);
		return 0;
	default:
		return -ENOTTY;
	}
}
