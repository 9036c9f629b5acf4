/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What address spaces offer beyond maps, each where the kernel has it: -ENOTSUP elsewhere.
 *
 * Thread rule: any thread, serialised inside.
 */
#ifndef NVIO_IOMMU_H
#define NVIO_IOMMU_H

#include <nvio/vfio.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * nvio_iommu_map_file - as nvio_iommu_map(), of memory that a file stands for: a memfd, or a
 * dma-buf of another device's memory (nvio_device_dmabuf()).
 * @fd:     stays the caller's, open as long as the map
 * @offset: @len: in the file, page aligned
 *
 * The memory need not be mapped in this process. With iommufd, since Linux 6.13.
 *
 * Return: as nvio_iommu_map(); -ENOTSUP.
 */
NVIO_API int nvio_iommu_map_file(struct nvio_iommu *iommu, int fd, uint64_t offset, size_t len,
				 uint64_t iova, unsigned int rights);

/**
 * nvio_iommu_copy - maps in another address space what is mapped in one, without pinning it again.
 * @iova: @len: a whole map of @iommu
 * @to:   opened with @iommu as its struct nvio_iommu_opts.beside
 * @to_iova: @rights: as for nvio_iommu_map()
 *
 * With iommufd. Each map is taken back by itself; the memory stays pinned until both are.
 *
 * Return: as nvio_iommu_map(); -EINVAL when it is no whole map; -ENOTSUP.
 */
NVIO_API int nvio_iommu_copy(struct nvio_iommu *iommu, uint64_t iova, size_t len,
			     struct nvio_iommu *to, uint64_t to_iova, unsigned int rights);

/**
 * nvio_iommu_unmap_all - takes all maps back at once.
 *
 * For an address space whose maps are all the caller's own (nvio_iommu_map()). No device may still
 * use one.
 *
 * Return: 0; -errno of the kernel, and those that could not be taken back stay.
 */
NVIO_API int nvio_iommu_unmap_all(struct nvio_iommu *iommu);

/**
 * nvio_iommu_dirty_start - has a container keep track of the pages that devices may have written;
 * nvio_iommu_dirty_stop() ends that.
 *
 * Return: 0; -ENOTSUP; -errno of the kernel.
 */
NVIO_API int nvio_iommu_dirty_start(struct nvio_iommu *iommu);
NVIO_API int nvio_iommu_dirty_stop(struct nvio_iommu *iommu);

/**
 * nvio_iommu_dirty_read - which pages of a map may have been written since it was asked last.
 * @iova: @len: a whole map
 * @page_len: bytes for each bit: the smallest page of the IOMMU
 * @bitmap: receives a bit for each page
 * @bitmap_len: bytes, at least len / page_len / 8, a multiple of 8
 * @unmap: take the map back with it, so that nothing is written in between
 *
 * An IOMMU that cannot tell counts all that is pinned as written.
 *
 * Return: 0; -EINVAL; -ENOTSUP; -errno of the kernel.
 */
NVIO_API int nvio_iommu_dirty_read(struct nvio_iommu *iommu, uint64_t iova, size_t len,
				   uint64_t page_len, uint64_t *bitmap, size_t bitmap_len,
				   bool unmap);

/**
 * nvio_iommu_allow - keeps ranges usable: a device that cannot reach them is refused from then on.
 * @ranges: @nr of them, ascending
 *
 * With iommufd. Return: 0; -ENOTSUP; -errno of the kernel.
 */
NVIO_API int nvio_iommu_allow(struct nvio_iommu *iommu, const struct nvio_iova_range *ranges,
			      uint32_t nr);

/* Settings of iommufd. */
enum nvio_iommu_option {
	NVIO_IOMMU_MEMLOCK_OF_PROCESS = 0, /* pinned memory counts for the process, not its user;
					      for privileged processes, before the first map */
	NVIO_IOMMU_LARGE_PAGES = 1, /* the IOMMU's large pages are used (they are, unless told) */
};

/** nvio_iommu_option - reads or, with @set, writes a setting. Return: 0; -ENOTSUP; -errno. */
NVIO_API int nvio_iommu_option(struct nvio_iommu *iommu, enum nvio_iommu_option option, bool set,
			       bool *value);

struct nvio_iommu_hw {
	uint32_t type; /* enum iommu_hw_info_type: 1 for Intel VT-d, 2 for Arm SMMUv3 */
	bool dirty_tracking; /* the IOMMU can tell which pages were written */
	uint8_t max_pasid_log2; /* 0: no PASIDs */
};

/** nvio_device_iommu_hw - the IOMMU above a device, with iommufd. @size: sizeof(*info). Return: 0;
 * -ENOTSUP; -errno. */
NVIO_API int nvio_device_iommu_hw(struct nvio_device *device, struct nvio_iommu_hw *info,
				  size_t size);

/**
 * nvio_device_detach - takes a device out of its address space: from then on it reaches no memory,
 * whatever it tries. With iommufd.
 *
 * Return: 0; -ENOTSUP.
 */
NVIO_API int nvio_device_detach(struct nvio_device *device);

/**
 * nvio_device_attach_pasid - gives a device another address space besides its own: for requests
 * that carry a PASID.
 * @pasid: 1 to 2^20 - 1; which of them the device puts on which requests is between it and its
 *         driver
 * @iommu: opened with the device's address space as its struct nvio_iommu_opts.beside, for this
 *         alone: it needs no device of its own, and lives as long as the PASID is attached
 *
 * With iommufd, since Linux 6.15, where IOMMU and device have PASIDs (nvio_device_iommu_hw()).
 *
 * Return: 0; -EINVAL (PASID, address space); -EEXIST when it is attached; -ENOTSUP; -ENOMEM; -errno
 * of the kernel.
 */
NVIO_API int nvio_device_attach_pasid(struct nvio_device *device, uint32_t pasid,
				      struct nvio_iommu *iommu);

/** nvio_device_detach_pasid - takes it away again; closing the device does, too. Return: 0; -ENOENT
 * when it is not attached; -errno of the kernel, and it stays attached. */
NVIO_API int nvio_device_detach_pasid(struct nvio_device *device, uint32_t pasid);

#ifdef __cplusplus
}
#endif

#endif
