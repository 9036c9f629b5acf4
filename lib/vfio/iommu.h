/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The I/O address space: what every backend shares (references, ranges, the count of maps).
 *
 * A backend brings struct nvio_iommu_ops and its own state. The space is empty until the first
 * device gives it a backend. lib/mem hangs its state on the space through the owner slot; nothing
 * here knows what that is.
 */
#ifndef NVIO_LIB_VFIO_IOMMU_H
#define NVIO_LIB_VFIO_IOMMU_H

#include <pthread.h>

#include <nvio/vfio.h>

#define NVIO_IOMMU_RANGES 128

/* Memory to map. A backend that shares memory with another process needs the fd; the kernel's needs
 * the address. */
struct nvio_map {
	void *addr;
	size_t len;
	uint64_t iova;
	unsigned int rights;
	int fd; /* -1 when the memory has none */
	uint64_t fd_offset;
};

struct nvio_iommu_ops {
	const char *(*type)(struct nvio_iommu *iommu);
	int (*map)(struct nvio_iommu *iommu, const struct nvio_map *map);
	int (*unmap)(struct nvio_iommu *iommu, uint64_t iova, size_t len);
	/* Ends the address space; all its devices are gone. */
	void (*close)(struct nvio_iommu *iommu);
};

struct nvio_iommu {
	pthread_mutex_t lock; /* over all below */
	unsigned int refs; /* the user's handle, and one per device */

	const struct nvio_iommu_ops *ops; /* NULL before the first device */
	void *backend;

	uint64_t page_sizes;
	uint32_t nr_ranges;
	struct nvio_iova_range ranges[NVIO_IOMMU_RANGES];
	uint32_t nr_maps;
	uint32_t max_maps; /* UINT32_MAX when the backend does not say */
	uint64_t mapped_len;
	int numa_node;

	/* The owner slot of lib/mem; freed before the backend closes. */
	void *owner;
	void (*owner_free)(void *owner);
};

void nvio_iommu_get(struct nvio_iommu *iommu);
void nvio_iommu_put(struct nvio_iommu *iommu);

/* As nvio_iommu_map(), with the fd behind the memory. */
int nvio_iommu_map_fd(struct nvio_iommu *iommu, const struct nvio_map *map);

/* The smallest page that can be mapped, in bytes; 0 before the first device. */
uint64_t nvio_iommu_page_len(const struct nvio_iommu *iommu);

#endif
