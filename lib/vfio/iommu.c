/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The I/O address space; see iommu.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <nvio/iommu.h>

#include "base/bits.h"
#include "base/error.h"
#include "vfio/handover.h"
#include "vfio/iommu.h"
#include "vfio/ranges.h"

/* Offsets in files are in pages of the process: no machine has smaller ones. */
#define NVIO_PAGE_MIN 4096

int nvio_iommu_open(const struct nvio_iommu_opts *opts, struct nvio_iommu **out)
{
	struct nvio_iommu_opts own = NVIO_IOMMU_OPTS;
	struct nvio_iommu *iommu;
	int err = nvio_take_opts(&own, sizeof(own), opts, "nvio_iommu_open");

	if (err)
		return err;
	if ((unsigned int)own.way > NVIO_WAY_TCE_V1)
		return nvio_error(EINVAL, "there is no way %d to devices", own.way);
	if (own.page_len && !is_power_of_two(own.page_len))
		return nvio_error(EINVAL, "memory is not in pages of %" PRIu64 " bytes",
				  own.page_len);
	iommu = calloc(1, sizeof(*iommu));
	if (!iommu)
		return nvio_error(ENOMEM, "no memory for an I/O address space");
	pthread_mutex_init(&iommu->lock, NULL);
	iommu->refs = 1;
	iommu->way = own.way;
	iommu->page_len = own.page_len;
	iommu->allow_noiommu = own.allow_noiommu;
	iommu->beside = own.beside;
	if (iommu->beside)
		nvio_iommu_get(iommu->beside);
	iommu->max_maps = UINT32_MAX;
	iommu->numa_node = -1;
	*out = iommu;
	return 0;
}

void nvio_iommu_get(struct nvio_iommu *iommu)
{
	pthread_mutex_lock(&iommu->lock);
	iommu->refs++;
	pthread_mutex_unlock(&iommu->lock);
}

void nvio_iommu_put(struct nvio_iommu *iommu)
{
	unsigned int left;

	pthread_mutex_lock(&iommu->lock);
	left = --iommu->refs;
	pthread_mutex_unlock(&iommu->lock);
	if (left)
		return;
	nvio_kept_close(iommu);
	if (iommu->owner)
		iommu->owner_free(iommu->owner);
	while (iommu->domains) {
		struct nvio_domain *domain = iommu->domains;

		iommu->domains = domain->next;
		domain->ops->close(domain);
	}
	if (iommu->beside)
		nvio_iommu_put(iommu->beside);
	free(iommu->maps);
	pthread_mutex_destroy(&iommu->lock);
	free(iommu);
}

void nvio_iommu_close(struct nvio_iommu *iommu)
{
	if (iommu)
		nvio_iommu_put(iommu);
}

int nvio_iommu_get_info(struct nvio_iommu *iommu, struct nvio_iommu_info *out, size_t size)
{
	struct nvio_iommu_info info;
	const struct nvio_domain *first;

	pthread_mutex_lock(&iommu->lock);
	first = iommu->domains;
	info = (struct nvio_iommu_info){
		.type = first ? first->ops->type(first) : "none",
		.page_sizes = iommu->page_sizes,
		.nr_ranges = iommu->ranges.nr,
		.nr_maps = iommu->nr_maps,
		.maps_left = iommu->max_maps,
		.mapped_len = iommu->mapped_len,
		.numa_node = iommu->numa_node,
	};
	pthread_mutex_unlock(&iommu->lock);
	if (info.maps_left != UINT32_MAX)
		info.maps_left -= info.nr_maps;
	return nvio_give_info(out, size, &info, sizeof(info));
}

int nvio_iommu_range(struct nvio_iommu *iommu, uint32_t idx, struct nvio_iova_range *range)
{
	int err = 0;

	pthread_mutex_lock(&iommu->lock);
	if (idx < iommu->ranges.nr)
		*range = iommu->ranges.range[idx];
	else
		err = nvio_error(EINVAL, "the address space has %u ranges, there is no range %u",
				 iommu->ranges.nr, idx);
	pthread_mutex_unlock(&iommu->lock);
	return err;
}

uint64_t nvio_iommu_page_len(const struct nvio_iommu *iommu)
{
	return iommu->page_sizes & -iommu->page_sizes;
}

struct nvio_domain *nvio_iommu_domain(const struct nvio_iommu *iommu,
				      const struct nvio_domain_ops *ops)
{
	struct nvio_domain *domain = iommu->domains;

	while (domain && domain->ops != ops)
		domain = domain->next;
	return domain;
}

bool nvio_iommu_usable(struct nvio_iommu *iommu, uint64_t iova, size_t len)
{
	bool usable;

	pthread_mutex_lock(&iommu->lock);
	usable = nvio_ranges_hold(&iommu->ranges, iova, len);
	pthread_mutex_unlock(&iommu->lock);
	return usable;
}

bool nvio_iommu_meets(struct nvio_iommu *iommu, uint64_t iova, size_t len)
{
	bool meets = false;

	pthread_mutex_lock(&iommu->lock);
	for (uint32_t i = 0; i < iommu->ranges.nr; i++) {
		const struct nvio_iova_range *range = &iommu->ranges.range[i];

		meets |= iova <= range->last && range->start - iova < len;
		meets |= iova >= range->start && iova <= range->last;
	}
	pthread_mutex_unlock(&iommu->lock);
	return meets;
}

void nvio_iommu_narrow(struct nvio_iommu *iommu, const struct nvio_domain *domain)
{
	nvio_ranges_intersect(&iommu->ranges, &domain->ranges);
}

/* Undoes a map in the domains from @domain on up to @end. */
static void unmap_domains(struct nvio_domain *domain, const struct nvio_domain *end,
			  const struct nvio_map *map)
{
	for (; domain != end; domain = domain->next)
		domain->ops->unmap(domain, map->iova, map->len);
}

static int replay_maps(struct nvio_iommu *iommu, struct nvio_domain *domain)
{
	for (uint32_t i = 0; i < iommu->nr_maps; i++) {
		int err = domain->ops->map(domain, &iommu->maps[i]);

		if (!err)
			continue;
		while (i-- > 0)
			domain->ops->unmap(domain, iommu->maps[i].iova, iommu->maps[i].len);
		return err;
	}
	return 0;
}

int nvio_iommu_join(struct nvio_iommu *iommu, struct nvio_domain *domain)
{
	bool first = !iommu->page_sizes;
	struct nvio_ranges ranges = first ? domain->ranges : iommu->ranges;
	uint64_t page_sizes = first ? domain->page_sizes : domain->page_sizes & iommu->page_sizes;
	int err;

	if (iommu->physical && !domain->physical)
		return nvio_error(EINVAL,
				  "a device of type %s cannot share an address space with one that "
				  "has no IOMMU",
				  domain->ops->type(domain));
	nvio_ranges_intersect(&ranges, &domain->ranges);
	if (!page_sizes || !ranges.nr)
		return nvio_error(EINVAL,
				  "a device of type %s and the address space have no page "
				  "size or no IOVAs in common",
				  domain->ops->type(domain));
	for (uint32_t i = 0; i < iommu->nr_maps; i++) {
		if (!nvio_ranges_hold(&ranges, iommu->maps[i].iova, iommu->maps[i].len))
			return nvio_error(EINVAL,
					  "IOVA 0x%" PRIx64
					  ", which is mapped, lies where a device "
					  "of type %s cannot reach: open that device first",
					  iommu->maps[i].iova, domain->ops->type(domain));
	}
	err = replay_maps(iommu, domain);
	if (err)
		return err;
	iommu->ranges = ranges;
	iommu->page_sizes = page_sizes;
	iommu->max_maps = (uint32_t)min_u64(iommu->max_maps, domain->max_maps);
	if (first)
		iommu->numa_node = domain->numa_node;
	iommu->physical = domain->physical;
	domain->next = iommu->domains;
	iommu->domains = domain;
	return 0;
}

void nvio_iommu_leave(struct nvio_iommu *iommu, struct nvio_domain *domain)
{
	struct nvio_domain **at;

	pthread_mutex_lock(&iommu->lock);
	for (at = &iommu->domains; *at != domain;)
		at = &(*at)->next;
	*at = domain->next;
	pthread_mutex_unlock(&iommu->lock);
}

static int check_map(const struct nvio_iommu *iommu, const struct nvio_map *map)
{
	uint64_t page = nvio_iommu_page_len(iommu);

	if (!iommu->domains)
		return nvio_error(ENODEV, "the address space has no device: open one first");
	if (!map->len || !is_aligned((uintptr_t)map->addr | map->len | map->iova, page))
		return nvio_error(EINVAL,
				  "memory %p + %zu at IOVA 0x%" PRIx64
				  " is not aligned to the IOMMU's page of %" PRIu64 " bytes",
				  map->addr, map->len, map->iova, page);
	if (!map->rights || (map->rights & ~(unsigned int)NVIO_DMA_RW))
		return nvio_error(EINVAL, "0x%x are no DMA rights", map->rights);
	if (!nvio_ranges_hold(&iommu->ranges, map->iova, map->len))
		return nvio_error(EINVAL,
				  "IOVA 0x%" PRIx64 " + %zu lies outside the address space's "
				  "usable ranges",
				  map->iova, map->len);
	if (iommu->nr_maps >= iommu->max_maps)
		return nvio_error(
			ENOSPC,
			"all %u DMA mappings that the kernel allows are in use: map fewer, "
			"larger regions or raise dma_entry_limit of vfio_iommu_type1",
			iommu->max_maps);
	return 0;
}

static int make_room(struct nvio_iommu *iommu)
{
	uint32_t room = iommu->maps_room ? iommu->maps_room * 2 : 16;
	struct nvio_map *larger;

	if (iommu->nr_maps < iommu->maps_room)
		return 0;
	larger = realloc(iommu->maps, room * sizeof(*larger));
	if (!larger)
		return nvio_error(ENOMEM, "no memory to keep track of a DMA mapping");
	iommu->maps = larger;
	iommu->maps_room = room;
	return 0;
}

/* The lock is held. */
static int map_locked(struct nvio_iommu *iommu, const struct nvio_map *map)
{
	int err = check_map(iommu, map);

	if (!err)
		err = make_room(iommu);
	if (err)
		return err;
	for (struct nvio_domain *d = iommu->domains; d; d = d->next) {
		err = d->ops->map(d, map);
		if (err) {
			unmap_domains(iommu->domains, d, map);
			return err;
		}
	}
	iommu->maps[iommu->nr_maps] = *map;
	/* A domain that joins later pins it by itself. */
	iommu->maps[iommu->nr_maps].from_ioas = 0;
	iommu->maps[iommu->nr_maps++].handed_over = false;
	iommu->mapped_len += map->len;
	return 0;
}

int nvio_iommu_map_fd(struct nvio_iommu *iommu, const struct nvio_map *map)
{
	int err;

	pthread_mutex_lock(&iommu->lock);
	err = map_locked(iommu, map);
	pthread_mutex_unlock(&iommu->lock);
	return err;
}

int nvio_iommu_map(struct nvio_iommu *iommu, void *addr, size_t len, uint64_t iova,
		   unsigned int rights)
{
	struct nvio_map map = {
		.addr = addr, .len = len, .iova = iova, .rights = rights, .fd = -1
	};

	return nvio_iommu_map_fd(iommu, &map);
}

int nvio_iommu_map_file(struct nvio_iommu *iommu, int fd, uint64_t offset, size_t len,
			uint64_t iova, unsigned int rights)
{
	struct nvio_map map = {
		.len = len, .iova = iova, .rights = rights, .fd = fd, .fd_offset = offset
	};

	if (fd < 0 || !is_aligned(offset, NVIO_PAGE_MIN))
		return nvio_error(EINVAL, "byte %" PRIu64 " of file %d cannot be mapped for DMA",
				  offset, fd);
	return nvio_iommu_map_fd(iommu, &map);
}

static struct nvio_map *find_map(const struct nvio_iommu *iommu, uint64_t iova, size_t len)
{
	for (uint32_t i = 0; i < iommu->nr_maps; i++) {
		if (iommu->maps[i].iova == iova && iommu->maps[i].len == len)
			return &iommu->maps[i];
	}
	return NULL;
}

const struct nvio_map *nvio_iommu_find_map(const struct nvio_iommu *iommu, uint64_t iova,
					   size_t len)
{
	return find_map(iommu, iova, len);
}

void nvio_iommu_forget_map(struct nvio_iommu *iommu, const struct nvio_map *map)
{
	iommu->mapped_len -= map->len;
	iommu->maps[map - iommu->maps] = iommu->maps[--iommu->nr_maps];
}

/* The lock is held. A domain that does not unmap keeps its part; the map stays then. */
static int unmap_locked(struct nvio_iommu *iommu, uint64_t iova, size_t len)
{
	struct nvio_map *map = find_map(iommu, iova, len);
	int err = 0;

	if (!map)
		return nvio_error(EINVAL, "IOVA 0x%" PRIx64 " + %zu is no whole mapping", iova,
				  len);
	for (struct nvio_domain *d = iommu->domains; d; d = d->next) {
		int ret = d->ops->unmap(d, iova, len);

		err = err ? err : ret;
	}
	if (!err)
		nvio_iommu_forget_map(iommu, map);
	return err;
}

int nvio_iommu_unmap(struct nvio_iommu *iommu, uint64_t iova, size_t len)
{
	int err;

	pthread_mutex_lock(&iommu->lock);
	err = unmap_locked(iommu, iova, len);
	pthread_mutex_unlock(&iommu->lock);
	return err;
}
