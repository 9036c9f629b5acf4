/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The DMA heap; see heap.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/error.h"
#include "mem/heap.h"
#include "mem/physical.h"
#include "vfio/iommu.h"
#include "vfio/sysfs.h"

#define MIB              (1ull << 20)
#define GIB              (1ull << 30)
#define WINDOW_MAX       (32 * GIB)
#define WINDOW_MIN       (16 * MIB)
#define REGION_MIN       (2 * MIB)
#define GROWTH_MAX       (1 * GIB)
#define ALIGN_MIN        64u
#define PLAIN_REGION_LEN (2 * MIB)
#define PHYSICAL_LEN     (64 * MIB)

static int compare_blocks(const void *a, const void *b)
{
	const struct nvio_heap_block *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

char *nvio_heap_reserve(size_t len, size_t align)
{
	char *p = mmap(NULL, len + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);
	char *start;

	if (p == MAP_FAILED)
		return NULL;
	start = (char *)align_up((uintptr_t)p, align);
	if (start > p)
		munmap(p, (size_t)(start - p));
	if (start < p + align)
		munmap(start + len, (size_t)(p + align - start));
	return start;
}

size_t nvio_heap_align(size_t len, size_t page_len)
{
	return len >= GIB ? GIB : max_u64(page_len, WINDOW_MIN);
}

/*
 * The window is aligned to 1 GiB at both ends, so that the IOMMU can use its largest pages; a small
 * address space has to do with less.
 */
static int init_window(struct nvio_heap *heap, struct nvio_space *iovas, size_t wanted,
		       bool physical)
{
	size_t least = heap->page_len > WINDOW_MIN ? heap->page_len : WINDOW_MIN;

	for (size_t len = wanted; len >= least; len = align_down(len / 2, least)) {
		size_t align = nvio_heap_align(len, heap->page_len);

		if (!physical && nvio_space_take(iovas, len, align, 0, &heap->iova))
			continue;
		heap->window = nvio_heap_reserve(len, align);
		if (heap->window) {
			heap->max_len = len;
			return 0;
		}
		if (!physical)
			nvio_space_add(iovas, heap->iova, len);
	}
	return nvio_error(ENOMEM,
			  "no window of %zu bytes is left for the DMA heap, neither in IOVAs "
			  "(longest free range: %" PRIu64 " bytes) nor in addresses",
			  least, nvio_space_longest(iovas));
}

int nvio_heap_check(const struct nvio_heap_opts *opts)
{
	size_t page_len = opts->page_len;

	if (!page_len || page_len == NVIO_HEAP_NO_HUGE)
		return 0;
	if (!is_power_of_two(page_len) || !nvio_hugepage_exists(page_len))
		return nvio_error(EINVAL, "this machine has no hugepages of %zu bytes", page_len);
	return 0;
}

static size_t choose_page_len(const struct nvio_heap_opts *opts)
{
	if (opts->page_len == NVIO_HEAP_NO_HUGE)
		return 0;
	return opts->page_len ? opts->page_len : nvio_hugepage_len();
}

/* Of a small address space, as that of POWER, half is left to memory of the application's own. */
static size_t default_len(const struct nvio_space *iovas, bool physical)
{
	uint64_t half = nvio_space_longest(iovas) / 2;

	if (physical || half >= WINDOW_MAX)
		return WINDOW_MAX;
	return half >= GIB ? align_down(half, GIB) : half;
}

int nvio_heap_init(struct nvio_heap *heap, struct nvio_iommu *iommu, struct nvio_space *iovas,
		   const struct nvio_heap_opts *opts)
{
	size_t wanted;
	int err;

	memset(heap, 0, sizeof(*heap));
	heap->opts = *opts;
	heap->node = opts->any_node ? -1 : iommu->numa_node;
	heap->page_len = choose_page_len(opts);
	wanted = heap->opts.max_len ? heap->opts.max_len : default_len(iovas, iommu->physical);
	wanted = align_up(max_u64(wanted, WINDOW_MIN), max_u64(heap->page_len, REGION_MIN));
	err = init_window(heap, iovas, wanted, iommu->physical);
	if (err)
		return err;
	heap->open = true;
	if (!heap->opts.first_len)
		return 0;
	err = nvio_heap_grow(heap, iommu, heap->opts.first_len);
	if (err) {
		uint64_t iova = heap->iova, len = heap->max_len;

		nvio_heap_fini(heap, iommu);
		if (!iommu->physical)
			nvio_space_add(iovas, iova, len);
	}
	return err;
}

void nvio_heap_fini(struct nvio_heap *heap, struct nvio_iommu *iommu)
{
	if (!heap->open)
		return;
	tdestroy(heap->blocks, free);
	for (uint32_t i = 0; i < heap->nr_regions; i++) {
		struct nvio_heap_region *region = &heap->regions[i];
		uint64_t offset = (uint64_t)((char *)region->pages.addr - heap->window);

		nvio_iommu_unmap(iommu, heap->iova + offset, region->pages.len);
		nvio_pages_put(&region->pages);
		nvio_space_free(&region->space);
	}
	free(heap->regions);
	munmap(heap->window, heap->max_len);
	memset(heap, 0, sizeof(*heap));
}

static void tell_plain(struct nvio_heap *heap, size_t len)
{
	char dir[NVIO_PATH_LEN / 2];
	size_t nr;

	if (heap->told_plain || !heap->page_len)
		return;
	heap->told_plain = true;
	nr = len / heap->page_len;
	nvio_hugepage_dir(dir, sizeof(dir), heap->page_len, heap->node);
	/* The command keeps what others have: it names the sum. */
	nvio_log(NVIO_LOG_WARN,
		 "DMA memory is of ordinary pages: hugepages would need %zu MiB = %zu x %zu MiB, "
		 "%ld are free (`echo %ld > %s/nr_hugepages` adds them)",
		 len >> 20, nr, heap->page_len >> 20,
		 nvio_hugepages("free_hugepages", heap->page_len, heap->node),
		 nvio_hugepages("nr_hugepages", heap->page_len, heap->node) + (long)nr, dir);
}

/* Finds memory for @need bytes at the end of what is filled: hugepages, else ordinary pages. */
static int get_pages(struct nvio_heap *heap, size_t need, struct nvio_pages *pages)
{
	char *at = heap->window + heap->len;
	size_t left = heap->max_len - heap->len;
	size_t huge = align_up(need, max_u64(heap->page_len, REGION_MIN));

	if (heap->page_len && huge <= left &&
	    !nvio_pages_huge(pages, at, huge, heap->page_len, heap->node))
		return 0;
	if (heap->opts.huge_only)
		return nvio_error(ENOMEM,
				  "the DMA heap needs %zu MiB = %zu more hugepages of %zu MiB, %ld "
				  "are free",
				  huge >> 20, heap->page_len ? huge / heap->page_len : 0,
				  heap->page_len >> 20,
				  nvio_hugepages("free_hugepages", heap->page_len, heap->node));
	need = align_up(need, PLAIN_REGION_LEN);
	if (need > left)
		return nvio_error(
			ENOMEM,
			"the DMA heap of %zu bytes cannot grow by %zu: it was opened with "
			"a limit of %zu",
			heap->len, need, heap->max_len);
	if (nvio_pages_plain(pages, at, need, heap->node))
		return nvio_error(ENOMEM, "no memory for %zu more bytes of DMA heap", need);
	tell_plain(heap, huge);
	/* Hugepages need alignment: after an ordinary region of another size the rest stays
	 * ordinary. */
	if (heap->page_len && !is_aligned(heap->len + need, heap->page_len))
		heap->page_len = 0;
	return 0;
}

int nvio_heap_add_region(struct nvio_heap *heap, struct nvio_iommu *iommu,
			 const struct nvio_pages *pages, bool handed_over)
{
	struct nvio_heap_region *regions, *region;
	struct nvio_map map = {
		.addr = pages->addr,
		.len = pages->len,
		.iova = heap->iova + heap->len,
		.rights = NVIO_DMA_RW,
		.fd = pages->fd,
		.handed_over = handed_over,
	};
	int err;

	regions = realloc(heap->regions, (heap->nr_regions + 1) * sizeof(*regions));
	if (!regions)
		return nvio_error(ENOMEM, "no memory for a heap region");
	heap->regions = regions;
	region = &regions[heap->nr_regions];
	memset(region, 0, sizeof(*region));
	region->pages = *pages;
	if (nvio_space_add(&region->space, heap->len, pages->len))
		return nvio_error(ENOMEM, "no memory for a heap region");
	err = nvio_iommu_map_fd(iommu, &map);
	if (err) {
		nvio_space_free(&region->space);
		return err;
	}
	heap->nr_regions++;
	heap->len += pages->len;
	return 0;
}

/* One piece of physical memory, and so the heap's only one. */
static int get_physical(struct nvio_heap *heap, size_t need, struct nvio_pages *pages)
{
	if (heap->len)
		return nvio_error(
			ENOMEM,
			"the DMA heap of %zu bytes cannot grow by %zu: without an IOMMU it "
			"is one piece of physical memory, set up with the first "
			"allocation (first_len of struct nvio_heap_opts)",
			heap->len, need);
	if (!heap->page_len)
		return nvio_error(ENOMEM, "without an IOMMU, DMA memory has to be in hugepages");
	return nvio_pages_neighbours(pages, heap->window, need,
				     min_u64(max_u64(need, PHYSICAL_LEN), heap->max_len),
				     heap->page_len, heap->node, &heap->iova);
}

static int grow_by(struct nvio_heap *heap, struct nvio_iommu *iommu, size_t len)
{
	struct nvio_pages pages;
	int err = iommu->physical ? get_physical(heap, len, &pages) : get_pages(heap, len, &pages);

	if (err)
		return err;
	err = nvio_heap_add_region(heap, iommu, &pages, false);
	if (err)
		nvio_pages_put(&pages);
	else
		nvio_log(NVIO_LOG_DEBUG, "DMA heap: %zu bytes more of %s", pages.len,
			 pages.backing);
	return err;
}

int nvio_heap_grow(struct nvio_heap *heap, struct nvio_iommu *iommu, size_t need)
{
	/* By half of what there is, so that the number of mappings stays small. */
	size_t generous = max_u64(need, min_u64(heap->len / 2, GROWTH_MAX));
	int err = grow_by(heap, iommu, generous);

	/* Too little memory or too low a limit for that may still do for what is needed. */
	return err && generous > need ? grow_by(heap, iommu, need) : err;
}

static void *take_from(struct nvio_heap *heap, uint32_t idx, size_t len, uint64_t align,
		       uint64_t phase)
{
	struct nvio_heap_block *block = malloc(sizeof(*block));
	uint64_t offset;

	if (!block)
		return NULL;
	if (nvio_space_take(&heap->regions[idx].space, len, align, phase, &offset)) {
		free(block);
		return NULL;
	}
	*block = (struct nvio_heap_block){ heap->window + offset, len, idx };
	if (!tsearch(block, &heap->blocks, compare_blocks)) {
		nvio_space_add(&heap->regions[idx].space, offset, len);
		free(block);
		return NULL;
	}
	heap->used_len += len;
	return block->addr;
}

void *nvio_heap_take(struct nvio_heap *heap, struct nvio_iommu *iommu, size_t len, size_t align)
{
	void *p;

	if (align > max_u64(heap->page_len, PLAIN_REGION_LEN)) {
		nvio_error(EINVAL,
			   "an alignment to %zu bytes is more than the DMA heap's pages have",
			   align);
		return NULL;
	}
	len = align_up(len, ALIGN_MIN);
	align = max_u64(align, ALIGN_MIN);
	/* Newest first: older regions are the fuller ones. */
	for (uint32_t i = heap->nr_regions; i-- > 0;) {
		p = take_from(heap, i, len, align, 0);
		if (p)
			return p;
	}
	if (nvio_heap_grow(heap, iommu, len))
		return NULL;
	p = take_from(heap, heap->nr_regions - 1, len, align, 0);
	if (!p)
		nvio_error(ENOMEM, "no memory to keep track of a heap block");
	return p;
}

int nvio_heap_take_at(struct nvio_heap *heap, uint64_t offset, size_t len)
{
	for (uint32_t i = 0; i < heap->nr_regions; i++) {
		/* Congruent to itself: no other place will do. */
		if (take_from(heap, i, len, 1ull << 63, offset))
			return 0;
	}
	return nvio_error(EPROTO, "%zu bytes at %" PRIu64 " of the DMA heap are not free", len,
			  offset);
}

int nvio_heap_give(struct nvio_heap *heap, void *addr)
{
	struct nvio_heap_block key = { .addr = addr }, *block, **found;

	found = tfind(&key, &heap->blocks, compare_blocks);
	if (!found)
		return nvio_error(ENOENT, "%p was not allocated from this DMA heap", addr);
	block = *found;
	tdelete(&key, &heap->blocks, compare_blocks);
	nvio_space_add(&heap->regions[block->region].space, (uint64_t)(block->addr - heap->window),
		       block->len);
	heap->used_len -= block->len;
	free(block);
	return 0;
}
