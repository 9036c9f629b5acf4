/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IOVA to address.
 *
 * It owns the mappings of the client's memory. A sorted table, as a guest behind a virtual IOMMU
 * maps thousands of single pages, with copies of the last hits before it, as a userspace driver
 * maps one region and stays in it. It does not know of bus mastering; that is the server's.
 */
#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "dma.h"
#include "proto.h"

/* The only page size that is offered: the default of the capability pgsizes. */
#define PAGE_LEN 4096u

static void forget_hits(struct emu_dma *dma)
{
	unsigned int i;

	for (i = 0; i < EMU_DMA_CACHE; i++)
		dma->cache[i] = (struct emu_dma_region){ .iova = 1, .last = 0 };
	dma->generation++;
}

void nvio_emu_dma_init(struct emu_dma *dma)
{
	memset(dma, 0, sizeof(*dma));
	forget_hits(dma);
}

static void release(struct emu_dma_region *region)
{
	if (region->map)
		munmap(region->map, region->map_len);
}

void nvio_emu_dma_clear(struct emu_dma *dma)
{
	size_t i;

	for (i = 0; i < dma->nr; i++)
		release(&dma->regions[i]);
	dma->nr = 0;
	forget_hits(dma);
}

void nvio_emu_dma_fini(struct emu_dma *dma)
{
	nvio_emu_dma_clear(dma);
	free(dma->regions);
	dma->regions = NULL;
	dma->cap = 0;
}

/* The place of the first region that ends at or behind @iova. */
static size_t lower_bound(const struct emu_dma *dma, uint64_t iova)
{
	size_t begin = 0, end = dma->nr;

	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;

		if (dma->regions[middle].last < iova)
			begin = middle + 1;
		else
			end = middle;
	}
	return begin;
}

static int make_room(struct emu_dma *dma)
{
	size_t cap = dma->cap ? dma->cap * 2 : 64;
	struct emu_dma_region *regions;

	if (dma->nr == EMU_DMA_MAPS_MAX)
		return -ENOSPC;
	if (dma->nr < dma->cap)
		return 0;
	regions = reallocarray(dma->regions, cap, sizeof(*regions));
	if (!regions)
		return -ENOMEM;
	dma->regions = regions;
	dma->cap = cap;
	return 0;
}

/* Mappings of hugetlbfs begin and end at its pages, and munmap() insists on that. */
static size_t page_len_of(int fd)
{
	struct statfs fs;

	if (!fstatfs(fd, &fs) && fs.f_type == HUGETLBFS_MAGIC)
		return (size_t)fs.f_bsize;
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* A mapping that reaches beyond the file is SIGBUS later on, so it is refused here. */
static int map_file(struct emu_dma_region *region, int fd, uint64_t offset, uint64_t len)
{
	int prot = (region->read ? PROT_READ : 0) | (region->write ? PROT_WRITE : 0);
	size_t page_len = page_len_of(fd);
	uint64_t begin = offset - offset % page_len;
	uint64_t end = (offset + len + page_len - 1) / page_len * page_len;
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < offset + len)
		return -EINVAL;
	region->map_len = end - begin;
	region->map = mmap(NULL, region->map_len, prot, MAP_SHARED, fd, (off_t)begin);
	if (region->map == MAP_FAILED)
		return -errno;
	region->addr = region->map + (offset - begin);
	return 0;
}

static bool is_sane(uint64_t iova, uint64_t len, uint64_t offset, uint32_t flags)
{
	const uint64_t in_page = PAGE_LEN - 1;

	if (!len || (iova | len | offset) & in_page || iova + (len - 1) < iova)
		return false;
	if (len > INT64_MAX || offset > INT64_MAX - len)
		return false;
	return flags && !(flags & ~(EMU_DMA_READ | EMU_DMA_WRITE));
}

int nvio_emu_dma_map(struct emu_dma *dma, uint64_t iova, uint64_t len, int fd, uint64_t offset,
		     uint32_t flags)
{
	struct emu_dma_region region = {
		.iova = iova,
		.last = iova + (len - 1),
		.read = flags & EMU_DMA_READ,
		.write = flags & EMU_DMA_WRITE,
	};
	size_t at;
	int err;

	if (!is_sane(iova, len, offset, flags))
		return -EINVAL;
	at = lower_bound(dma, iova);
	if (at < dma->nr && dma->regions[at].iova <= region.last)
		return -EEXIST;
	err = make_room(dma);
	if (!err && fd >= 0)
		err = map_file(&region, fd, offset, len);
	if (err)
		return err;
	memmove(&dma->regions[at + 1], &dma->regions[at], (dma->nr - at) * sizeof(region));
	dma->regions[at] = region;
	dma->nr++;
	forget_hits(dma);
	return 0;
}

int nvio_emu_dma_unmap(struct emu_dma *dma, uint64_t iova, uint64_t len)
{
	size_t begin = lower_bound(dma, iova), end = begin, i;
	uint64_t last = iova + (len - 1);

	if (!len || last < iova)
		return -EINVAL;
	while (end < dma->nr && dma->regions[end].iova <= last)
		end++;
	if (begin == end)
		return 0;
	if (dma->regions[begin].iova < iova || dma->regions[end - 1].last > last)
		return -EINVAL;
	for (i = begin; i < end; i++)
		release(&dma->regions[i]);
	memmove(&dma->regions[begin], &dma->regions[end],
		(dma->nr - end) * sizeof(dma->regions[0]));
	dma->nr -= end - begin;
	forget_hits(dma);
	return 0;
}

static const struct emu_dma_region *find(struct emu_dma *dma, uint64_t iova)
{
	struct emu_dma_region *hit;
	unsigned int i;
	size_t at;

	for (i = 0; i < EMU_DMA_CACHE; i++)
		if (iova >= dma->cache[i].iova && iova <= dma->cache[i].last)
			return &dma->cache[i];
	at = lower_bound(dma, iova);
	if (at == dma->nr || dma->regions[at].iova > iova)
		return NULL;
	hit = &dma->cache[dma->next_victim++ % EMU_DMA_CACHE];
	*hit = dma->regions[at];
	return hit;
}

static size_t run_in(const struct emu_dma_region *region, uint64_t iova, size_t len, bool write)
{
	uint64_t left = region->last - iova;

	if (!len || !(write ? region->write : region->read))
		return 0;
	return len - 1 <= left ? len : (size_t)left + 1;
}

size_t nvio_emu_dma_run(struct emu_dma *dma, uint64_t iova, size_t len, bool write, void **addr)
{
	const struct emu_dma_region *region = find(dma, iova);

	if (!region || !region->addr)
		return 0;
	*addr = region->addr + (iova - region->iova);
	return run_in(region, iova, len, write);
}

size_t nvio_emu_dma_remote_run(struct emu_dma *dma, uint64_t iova, size_t len, bool write)
{
	const struct emu_dma_region *region = find(dma, iova);

	return region && !region->addr ? run_in(region, iova, len, write) : 0;
}

bool nvio_emu_dma_rescue(struct emu_dma *dma, const void *addr)
{
	uintptr_t at = (uintptr_t)addr;
	size_t i;

	for (i = 0; i < dma->nr; i++) {
		const struct emu_dma_region *region = &dma->regions[i];
		uintptr_t begin = (uintptr_t)region->map;

		if (!begin || at < begin || at - begin >= region->map_len)
			continue;
		return mmap(region->map, region->map_len, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
			    0) != MAP_FAILED;
	}
	return false;
}
