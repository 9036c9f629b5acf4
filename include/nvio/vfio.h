/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices and I/O address spaces over Linux VFIO (<linux/vfio.h>). Usable without the NVMe layer,
 * for any PCI function that is bound to vfio-pci.
 *
 * Thread rule: calls on one iommu or one device may come from any thread, one at a time per device;
 * mapping and unmapping are serialised inside.
 */
#ifndef NVIO_VFIO_H
#define NVIO_VFIO_H

#include <nvio/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One I/O address space: what all its devices see at an IOVA. */
struct nvio_iommu;

/* One PCI function. */
struct nvio_device;

/* What a device may do with mapped memory. */
enum nvio_dma_rights {
	NVIO_DMA_READ = 1, /* the device reads it (data of a write command) */
	NVIO_DMA_WRITE = 2, /* the device writes it (data of a read command) */
	NVIO_DMA_RW = 3,
};

/* How devices of the kernel's VFIO are reached. */
enum nvio_way {
	NVIO_WAY_AUTO = 0, /* iommufd and the device's own file where the kernel has both, else its
			      group in a container of TYPE1v2, else of TYPE1, else of sPAPR TCE */
	NVIO_WAY_GROUP = 1,
	NVIO_WAY_CDEV = 2,
	NVIO_WAY_NOIOMMU = 3, /* for a device without an IOMMU: nothing keeps it from any memory */
	NVIO_WAY_TCE_V1 = 4, /* POWER: its group in a container of sPAPR TCE v1, where v2 would be
				taken */
};

/* All zero means the default. */
struct nvio_iommu_opts {
	size_t size; /* sizeof(struct nvio_iommu_opts) */
	enum nvio_way way;
	struct nvio_iommu *beside; /* of iommufd: the two share its file, see nvio_iommu_copy() of
				      <nvio/iommu.h>; has to have a device, and lives as long */
	uint64_t
		page_len; /* POWER: all memory that is mapped will be in hugepages of so many bytes,
			     and the IOMMU's entries may be as large; 0: in ordinary pages */
	bool allow_noiommu; /* NVIO_WAY_AUTO takes NVIO_WAY_NOIOMMU for a device without an IOMMU */
};

#define NVIO_IOMMU_OPTS                                                       \
	{                                                                     \
		sizeof(struct nvio_iommu_opts), NVIO_WAY_AUTO, NULL, 0, false \
	}

/* IOVAs from @start to @last, both included. */
struct nvio_iova_range {
	uint64_t start;
	uint64_t last;
};

struct nvio_iommu_info {
	const char *type; /* "iommufd", "type1v2", "type1", "spapr-tce-v2", "spapr-tce", "noiommu"
			     or "vfio-user"; "none" before the first device */
	uint64_t page_sizes; /* a bit per page size that the IOMMU maps: bit 12 for 4 KiB */
	uint32_t nr_ranges; /* usable ranges, see nvio_iommu_range() */
	uint32_t nr_maps; /* mappings in place */
	uint32_t maps_left; /* mappings that the kernel still allows; UINT32_MAX when it does not
			       say */
	uint64_t mapped_len; /* bytes mapped, all of them pinned */
	int numa_node; /* of the first device; -1 when there is none */
};

/**
 * nvio_iommu_open - makes an I/O address space.
 * @opts:  options, or NULL
 * @iommu: receives the handle; owned by the caller, nvio_iommu_close()
 *
 * It takes its type from the first device that is opened in it. Give it to several controllers, and
 * memory that is mapped once serves them all.
 *
 * Return: 0; -EINVAL (options); -ENOMEM.
 */
NVIO_API int nvio_iommu_open(const struct nvio_iommu_opts *opts, struct nvio_iommu **iommu);

/**
 * nvio_iommu_close - gives up the caller's handle.
 *
 * The address space ends with the last device in it; its memory (heap and mappings) ends then too.
 */
NVIO_API void nvio_iommu_close(struct nvio_iommu *iommu);

/**
 * nvio_iommu_get_info - what the address space can do and holds now.
 * @info: receives it
 * @size: sizeof(*info)
 *
 * Return: 0.
 */
NVIO_API int nvio_iommu_get_info(struct nvio_iommu *iommu, struct nvio_iommu_info *info,
				 size_t size);

/**
 * nvio_iommu_range - one of the ranges of IOVAs that may be used; what lies between is reserved
 * (interrupts, firmware).
 * @idx:   0 to nr_ranges - 1, ascending
 * @range: receives it
 *
 * Return: 0; -EINVAL when there is no such range.
 */
NVIO_API int nvio_iommu_range(struct nvio_iommu *iommu, uint32_t idx,
			      struct nvio_iova_range *range);

/**
 * nvio_iommu_map - makes memory visible to the devices at an IOVA of the caller's choice.
 * @addr:   start, page aligned
 * @len:    bytes, a multiple of the IOMMU's smallest page
 * @iova:   where the devices see it, aligned alike, inside one usable range
 * @rights: enum nvio_dma_rights
 *
 * Pins the memory. Most programs want nvio_alloc() or nvio_mem_register() instead, which choose the
 * IOVA; do not mix the two in one address space.
 *
 * Return: 0; -EINVAL (alignment, range, rights); -EEXIST when part of the IOVAs is mapped; -ENOMEM
 * when RLIMIT_MEMLOCK is too low; -ENOSPC when the kernel allows no more mappings; -EFAULT when
 * @addr is not mapped in this process; -ENODEV before the first device.
 */
NVIO_API int nvio_iommu_map(struct nvio_iommu *iommu, void *addr, size_t len, uint64_t iova,
			    unsigned int rights);

/**
 * nvio_iommu_unmap - takes a mapping back.
 * @iova: @len: exactly as mapped
 *
 * No device may still use it.
 *
 * Return: 0; -EINVAL when it is no whole mapping; -ENODEV before the first device.
 */
NVIO_API int nvio_iommu_unmap(struct nvio_iommu *iommu, uint64_t iova, size_t len);

/* All zero means the default. */
struct nvio_device_opts {
	size_t size; /* sizeof(struct nvio_device_opts) */
	uint32_t class_code; /* refuse a device of another PCI class (24 bits, 0x010802 for NVMe); 0
				takes any */
	const char *vf_token; /* of a virtual function whose physical one has a token: the UUID */
};

#define NVIO_DEVICE_OPTS                                 \
	{                                                \
		sizeof(struct nvio_device_opts), 0, NULL \
	}

struct nvio_device_info {
	const char *name; /* as it was found: "0000:01:00.0"; lives as long as the device */
	uint32_t flags; /* VFIO_DEVICE_FLAGS_* of <linux/vfio.h> */
	uint32_t nr_regions; /* highest region index + 1 */
	uint32_t nr_irqs; /* highest interrupt index + 1 */
	uint32_t class_code; /* PCI class, 24 bits */
	uint16_t vendor; /* PCI vendor and device id */
	uint16_t device;
	int numa_node; /* -1 when the machine has none */
	bool can_reset;
	const char *way; /* as the type of struct nvio_iommu_info */
	const char *why; /* that way, in words */
	int group; /* IOMMU group, -1 when it has none or that is not known */
};

/**
 * nvio_device_open - takes a PCI function into use.
 * @iommu:  the address space that it joins
 * @name:   its address: "0000:01:00.0", "01:00.0", or with dots for the colons; "vfio-user:/path"
 * for one behind a socket; "emu:" and options for a controller in software, whose thread ends with
 * the device; "fd:5,6" for a character device of VFIO and an iommufd that somebody else has opened:
 * both are duplicated, no path is touched, and the IOVAs within 4 GiB of its BARs and below 4 GiB
 * are not used, as the windows of other devices may be there
 * @opts:   options, or NULL
 * @device: receives the handle; nvio_device_close()
 *
 * The kernel resets the function and leaves its bus mastering off. The device holds the address
 * space: @iommu may be closed before it.
 *
 * Return: 0; -EINVAL (name, class); -ENODEV when there is none or it is gone; -EBUSY when another
 * driver or process has it; -ENOTSUP when it has no IOMMU; -EPERM when its group is not viable or
 * interrupts are not isolated; -EACCES when this user may not open the group; -ENOENT when the
 * kernel's VFIO is not loaded; -EPROTO when it does not speak version 0; -ENOMEM.
 */
NVIO_API int nvio_device_open(struct nvio_iommu *iommu, const char *name,
			      const struct nvio_device_opts *opts, struct nvio_device **device);

/**
 * nvio_device_close - lets go of a function. The kernel ends its DMA and resets it.
 */
NVIO_API void nvio_device_close(struct nvio_device *device);

/** nvio_device_get_info - facts about a device. @size: sizeof(*info). Return: 0. */
NVIO_API int nvio_device_get_info(struct nvio_device *device, struct nvio_device_info *info,
				  size_t size);

/**
 * nvio_device_reset - resets the function (VFIO_DEVICE_RESET).
 *
 * Set interrupts and bus mastering up again after it: whether they survive depends on the way to
 * the device.
 *
 * Return: 0; -ENOTSUP when the function cannot be reset alone; -errno of the kernel.
 */
NVIO_API int nvio_device_reset(struct nvio_device *device);

/* A device that a hot reset takes along. */
struct nvio_reset_device {
	char name[16]; /* "0000:01:00.0" */
	int group; /* its IOMMU group; -1 where the kernel tells owners instead */
	bool owned; /* by this address space: the reset needs all of them to be */
};

/**
 * nvio_device_hot_reset_info - which devices a reset of the function's slot or bus concerns, itself
 * among them.
 * @devices: receives them, @room at most
 *
 * Return: how many there are; -ENOTSUP when neither slot nor bus can be reset; -errno.
 */
NVIO_API int nvio_device_hot_reset_info(struct nvio_device *device,
					struct nvio_reset_device *devices, uint32_t room);

/**
 * nvio_device_hot_reset - resets the function's slot or bus, and so all that is behind it.
 *
 * More thorough than nvio_device_reset(). What is said there of interrupts and bus mastering goes
 * for each device concerned.
 *
 * Return: 0; -ENOTSUP; -EPERM when a device concerned is not of this address space; -errno.
 */
NVIO_API int nvio_device_hot_reset(struct nvio_device *device);

/* Region indices are VFIO's: 0 to 5 are the BARs, 7 is configuration space. */
#define NVIO_REGION_BAR0   0
#define NVIO_REGION_CONFIG 7

/* How many mappable areas of a region are reported. */
#define NVIO_REGION_AREAS 16

struct nvio_region_info {
	uint64_t len; /* bytes; 0 when the region does not exist */
	uint32_t flags; /* VFIO_REGION_INFO_FLAG_* */
	bool msix_mappable; /* the MSI-X table may lie in a mapping */
	uint32_t type; /* device-specific regions: type and subtype; else 0 */
	uint32_t subtype;
	uint32_t nr_areas; /* areas that mmap() allows: one for the whole region, or the sparse ones
			    */
	struct {
		uint64_t offset; /* from the start of the region */
		uint64_t len;
	} areas[NVIO_REGION_AREAS];
};

/**
 * nvio_device_region - what a region is. @size: sizeof(*info).
 *
 * Return: 0; -EINVAL when there is no such index; -EPROTO when the kernel's answer makes no sense.
 */
NVIO_API int nvio_device_region(struct nvio_device *device, uint32_t idx,
				struct nvio_region_info *info, size_t size);

/**
 * nvio_device_region_map - maps part of a region into this process.
 * @idx:    the region
 * @offset: @len: bytes from its start; rounded outward to pages inside
 * @addr:   receives the address of @offset, for reading and writing; valid until the device is
 * closed
 *
 * Return: 0; -ENOTSUP when the region does not allow it there: use nvio_device_region_read() and
 * _write(); -EINVAL.
 */
NVIO_API int nvio_device_region_map(struct nvio_device *device, uint32_t idx, uint64_t offset,
				    size_t len, void **addr);

/**
 * nvio_device_region_read - reads from a region by system call; works for every region that can be
 * read.
 * @buf: @len: 1, 2, 4 or 8 bytes at once for registers; any length for ROMs and the like
 *
 * Return: 0; -EINVAL outside the region; -EIO when fewer bytes came; -errno of the kernel.
 */
NVIO_API int nvio_device_region_read(struct nvio_device *device, uint32_t idx, uint64_t offset,
				     void *buf, size_t len);

/** nvio_device_region_write - as nvio_device_region_read(), the other way. */
NVIO_API int nvio_device_region_write(struct nvio_device *device, uint32_t idx, uint64_t offset,
				      const void *buf, size_t len);

/**
 * nvio_device_bus_master - allows or forbids the function to start DMA (PCI Command register, bit
 * 2).
 *
 * Return: 0; -ENODEV when the device is gone; -errno.
 */
NVIO_API int nvio_device_bus_master(struct nvio_device *device, bool on);

/**
 * nvio_device_intx - allows or forbids the function to assert INTx (PCI Command register, bit 10).
 *
 * A program that polls switches it off, or an unserviced interrupt line stays asserted.
 *
 * Return: 0; -ENODEV when the device is gone; -errno.
 */
NVIO_API int nvio_device_intx(struct nvio_device *device, bool on);

/* Interrupt indices are VFIO's. */
enum nvio_irq {
	NVIO_IRQ_INTX = 0,
	NVIO_IRQ_MSI = 1,
	NVIO_IRQ_MSIX = 2,
	NVIO_IRQ_ERR = 3, /* the device failed */
	NVIO_IRQ_REQ = 4, /* the host wants the device back */
};

struct nvio_irq_info {
	uint32_t flags; /* VFIO_IRQ_INFO_* */
	uint32_t nr_vectors; /* 0 when the function has none of this kind */
};

/** nvio_device_irq - what interrupts of one kind the function has. @size: sizeof(*info). Return: 0;
 * -EINVAL for an unknown index. */
NVIO_API int nvio_device_irq(struct nvio_device *device, enum nvio_irq irq,
			     struct nvio_irq_info *info, size_t size);

/**
 * nvio_device_irq_enable - allocates interrupt vectors, none of which signals anything yet.
 * @nr: how many, from vector 0
 *
 * Return: 0; -EINVAL when the function has fewer; -EBUSY when another kind is enabled; -ENOSPC when
 * the host has none left.
 */
NVIO_API int nvio_device_irq_enable(struct nvio_device *device, enum nvio_irq irq, uint32_t nr);

/**
 * nvio_device_irq_add - allocates more vectors of a kind that is enabled.
 * @nr: how many, behind those that there are
 *
 * Return: 0; -EINVAL when the function has fewer, or none are enabled; -ENOTSUP where the number is
 * fixed (VFIO_IRQ_INFO_NORESIZE: kernels before 6.5, and all for MSI and INTx); -ENOSPC, also of
 * nvio_device_irq_set() then, when the host has none left.
 */
NVIO_API int nvio_device_irq_add(struct nvio_device *device, enum nvio_irq irq, uint32_t nr);

/**
 * nvio_device_irq_set - says which eventfd a vector signals.
 * @vector: 0 to the enabled number - 1
 * @fd:     an eventfd, which stays the caller's; -1 for none
 *
 * Return: 0; -EINVAL; -errno of the kernel.
 */
NVIO_API int nvio_device_irq_set(struct nvio_device *device, enum nvio_irq irq, uint32_t vector,
				 int fd);

/**
 * nvio_device_irq_mask - keeps a vector from signalling; nvio_device_irq_unmask() lets it again.
 *
 * INTx masks itself when it has signalled: unmask it once the function was served.
 *
 * Return: 0; -EINVAL; -ENOTSUP when this kind cannot be masked; -errno of the kernel.
 */
NVIO_API int nvio_device_irq_mask(struct nvio_device *device, enum nvio_irq irq, uint32_t vector);
NVIO_API int nvio_device_irq_unmask(struct nvio_device *device, enum nvio_irq irq, uint32_t vector);

/**
 * nvio_device_irq_unmask_fd - an eventfd that unmasks INTx when it is signalled, so that another
 * process or the kernel can. @fd: stays the caller's; -1 for none. Return: as
 * nvio_device_irq_unmask().
 */
NVIO_API int nvio_device_irq_unmask_fd(struct nvio_device *device, enum nvio_irq irq, int fd);

/**
 * nvio_device_irq_trigger - signals the eventfd of a vector as the function would: shows that the
 * way from the kernel to the program is whole.
 *
 * Return: 0; -EINVAL; -errno of the kernel.
 */
NVIO_API int nvio_device_irq_trigger(struct nvio_device *device, enum nvio_irq irq,
				     uint32_t vector);

/** nvio_device_irq_disable - frees all vectors of one kind. Return: 0 or -errno. */
NVIO_API int nvio_device_irq_disable(struct nvio_device *device, enum nvio_irq irq);

#ifdef __cplusplus
}
#endif

#endif
