/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The I/O address space: one view of memory that every device in it shares, whichever way it is
 * reached.
 *
 * A domain is one way: a VFIO container, the server behind a socket. Each map goes to every domain,
 * and one that joins later gets the maps that are there. What may be used is what all of them
 * allow. lib/mem hangs its state on the space through the owner slot; nothing here knows what that
 * is.
 */
#ifndef NVIO_LIB_VFIO_IOMMU_H
#define NVIO_LIB_VFIO_IOMMU_H

#include <pthread.h>
#include <stdio.h>

#include <nvio/vfio.h>

#define NVIO_IOMMU_RANGES 128

/* Memory to map. A domain in another process needs the fd; the kernel's needs the address. */
struct nvio_map {
	void *addr;
	size_t len;
	uint64_t iova;
	unsigned int rights;
	int fd; /* -1 when the memory has none; stays the caller's, open as long as the map */
	uint64_t fd_offset;
	uint32_t from_ioas; /* another address space of iommufd that has it pinned; 0: none */
	uint64_t from_iova; /* where it has it */
	bool handed_over; /* the kernel has the map already, from the program before */
};

struct nvio_domain;
struct nvio_kept;

struct nvio_domain_ops {
	const char *(*type)(const struct nvio_domain *domain);
	int (*map)(struct nvio_domain *domain, const struct nvio_map *map);
	int (*unmap)(struct nvio_domain *domain, uint64_t iova, size_t len);
	/* All maps at once. NULL, or -ENOTSUP without a sentence: one by one. */
	int (*unmap_all)(struct nvio_domain *domain);
	/* Ends the domain; all its devices are gone. */
	void (*close)(struct nvio_domain *domain);
	/* All three NULL: it cannot be handed over. A line for each of its files, see handover.h;
	 * -errno when the kernel does not have what that needs. */
	int (*describe)(const struct nvio_domain *domain, FILE *out);
	/* This program's addresses mean nothing any more. */
	int (*forsake)(struct nvio_domain *domain);
	/* As close(), and its files stay open. */
	void (*abandon)(struct nvio_domain *domain);
};

/* Usable IOVAs, ascending. */
struct nvio_ranges {
	uint32_t nr;
	struct nvio_iova_range range[NVIO_IOMMU_RANGES];
};

/* The first member of each backend's state. */
struct nvio_domain {
	const struct nvio_domain_ops *ops;
	struct nvio_domain *next;
	uint64_t page_sizes;
	uint32_t max_maps; /* UINT32_MAX when there is no limit */
	int numa_node;
	bool physical; /* IOVAs are physical addresses: there is no IOMMU */
	struct nvio_ranges ranges;
};

struct nvio_iommu {
	pthread_mutex_t lock; /* over all below */
	unsigned int refs; /* the user's handle, and one per device */
	enum nvio_way way;
	uint64_t page_len; /* of all memory that is mapped; 0: ordinary pages */
	bool allow_noiommu;
	struct nvio_iommu *beside; /* referenced, or NULL */
	struct nvio_domain *domains; /* NULL before the first device */
	struct nvio_kept *kept; /* devices that are open and nobody's: see handover.h */
	uint32_t nr_handed_over; /* maps in place when it was taken over */

	/* What all domains allow; kept when the last one leaves. */
	uint64_t page_sizes;
	uint32_t max_maps;
	int numa_node;
	bool physical;
	struct nvio_ranges ranges;

	struct nvio_map *maps; /* unordered */
	uint32_t nr_maps;
	uint32_t maps_room;
	uint64_t mapped_len;

	/* The owner slot of lib/mem; freed before the domains close. */
	void *owner;
	void (*owner_free)(void *owner);
};

void nvio_iommu_get(struct nvio_iommu *iommu);
void nvio_iommu_put(struct nvio_iommu *iommu);

/* As nvio_iommu_map(), with the fd behind the memory. */
int nvio_iommu_map_fd(struct nvio_iommu *iommu, const struct nvio_map *map);

/* The map at @iova that is @len bytes long; the caller locks. NULL when there is none. */
const struct nvio_map *nvio_iommu_find_map(const struct nvio_iommu *iommu, uint64_t iova,
					   size_t len);

/* What was mapped there is not any more, in any domain; the caller locks. */
void nvio_iommu_forget_map(struct nvio_iommu *iommu, const struct nvio_map *map);

/* The smallest page that can be mapped, in bytes; 0 before the first device. */
uint64_t nvio_iommu_page_len(const struct nvio_iommu *iommu);

/* Whether all devices may use @len addresses from @iova on. Locks. */
bool nvio_iommu_usable(struct nvio_iommu *iommu, uint64_t iova, size_t len);

/* Whether memory could be mapped at any of @len > 0 addresses from @iova on. Locks. */
bool nvio_iommu_meets(struct nvio_iommu *iommu, uint64_t iova, size_t len);

/* A domain allows less than it did: so does the address space. The caller locks. */
void nvio_iommu_narrow(struct nvio_iommu *iommu, const struct nvio_domain *domain);

/*
 * Takes a domain in; the caller locks. Returns 0; -EINVAL when it allows too little of what is
 * mapped or usable; what its map() returned. It is as it was then.
 */
int nvio_iommu_join(struct nvio_iommu *iommu, struct nvio_domain *domain);

/* Takes a domain out again, which the caller closes. Locks. */
void nvio_iommu_leave(struct nvio_iommu *iommu, struct nvio_domain *domain);

/* The domain with these operations; the caller locks. NULL when there is none. */
struct nvio_domain *nvio_iommu_domain(const struct nvio_iommu *iommu,
				      const struct nvio_domain_ops *ops);

#endif
