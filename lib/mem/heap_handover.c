/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handing the DMA heap over: its files, where they lie in its window, and what is handed out of it;
 * see heap.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/error.h"
#include "mem/heap.h"

static const char *const backings[] = { "hugetlbfs", "memfd-hugetlb", "memfd" };

struct listing {
	const struct nvio_heap *heap;
	FILE *out;
};

static void describe_block(const void *node, VISIT which, void *arg)
{
	const struct nvio_heap_block *block = *(const struct nvio_heap_block *const *)node;
	const struct listing *listing = arg;

	if (which == postorder || which == leaf)
		fprintf(listing->out, "block -1 %" PRIu64 " %zu\n",
			(uint64_t)(block->addr - listing->heap->window), block->len);
}

void nvio_heap_describe(const struct nvio_heap *heap, FILE *out)
{
	struct listing listing = { heap, out };

	if (!heap->open)
		return;
	fprintf(out, "heap -1 %zu %" PRIu64 " %zu %d %zu %d %d\n", heap->max_len, heap->iova,
		heap->page_len, heap->node, heap->opts.max_len, heap->opts.huge_only,
		heap->opts.any_node);
	for (uint32_t i = 0; i < heap->nr_regions; i++) {
		const struct nvio_pages *pages = &heap->regions[i].pages;

		fprintf(out, "region %d %zu %zu %s\n", pages->fd, pages->len, pages->page_len,
			pages->backing);
	}
	twalk_r(heap->blocks, describe_block, &listing);
}

static int take_window(struct nvio_heap *heap, struct nvio_space *iovas, const char *text)
{
	int huge_only, any_node;
	size_t len, page_len;
	uint64_t iova, got;

	memset(heap, 0, sizeof(*heap));
	if (sscanf(text, "%zu %" SCNu64 " %zu %d %zu %d %d", &len, &iova, &page_len, &heap->node,
		   &heap->opts.max_len, &huge_only, &any_node) != 7 ||
	    (page_len && !is_power_of_two(page_len)) || !len)
		return nvio_error(EPROTO, "'%s' is no DMA heap", text);
	/* Congruent to itself: no other place will do. */
	if (nvio_space_take(iovas, len, 1ull << 63, iova, &got))
		return nvio_error(EPROTO, "IOVA 0x%" PRIx64 " + %zu is no window for the DMA heap",
				  iova, len);
	heap->window = nvio_heap_reserve(len, nvio_heap_align(len, page_len));
	if (!heap->window)
		return nvio_error(ENOMEM, "no addresses are left for a DMA heap of %zu bytes", len);
	heap->opts.size = sizeof(heap->opts);
	heap->opts.huge_only = huge_only;
	heap->opts.any_node = any_node;
	heap->page_len = page_len;
	heap->iova = iova;
	heap->max_len = len;
	heap->open = true;
	return 0;
}

/* The file is the caller's when this fails. */
static int take_region(struct nvio_heap *heap, struct nvio_iommu *iommu, int fd, const char *text)
{
	struct nvio_pages pages = { .backing = NULL };
	char backing[16];
	int err;

	if (!heap->open || sscanf(text, "%zu %zu %15s", &pages.len, &pages.page_len, backing) != 3)
		return nvio_error(EPROTO, "'%s' is no memory of a DMA heap", text);
	for (size_t i = 0; i < ARRAY_LEN(backings); i++) {
		if (!strcmp(backing, backings[i]))
			pages.backing = backings[i];
	}
	if (!pages.backing || !pages.len || pages.len > heap->max_len - heap->len)
		return nvio_error(EPROTO, "'%s' is no memory of a DMA heap", text);
	err = nvio_pages_again(&pages, heap->window + heap->len, pages.len, fd);
	if (err)
		return nvio_error(-err, "memory of the DMA heap, file %d, cannot be mapped: %s", fd,
				  strerror(-err));
	err = nvio_heap_add_region(heap, iommu, &pages, true);
	if (err)
		nvio_pages_abandon(&pages);
	return err;
}

static int take_block(struct nvio_heap *heap, const char *text)
{
	uint64_t offset;
	size_t len;

	if (sscanf(text, "%" SCNu64 " %zu", &offset, &len) != 2 || !len)
		return nvio_error(EPROTO, "'%s' is no piece of the DMA heap", text);
	return nvio_heap_take_at(heap, offset, len);
}

int nvio_heap_take_over(struct nvio_heap *heap, struct nvio_iommu *iommu, struct nvio_space *iovas,
			const char *word, int fd, const char *text)
{
	int err;

	if (!strcmp(word, "heap"))
		return take_window(heap, iovas, text);
	if (!strcmp(word, "block"))
		return take_block(heap, text);
	if (strcmp(word, "region"))
		return -ENOENT;
	err = take_region(heap, iommu, fd, text);
	if (err)
		close(fd);
	return err;
}

void nvio_heap_abandon(struct nvio_heap *heap)
{
	if (!heap->open)
		return;
	tdestroy(heap->blocks, free);
	for (uint32_t i = 0; i < heap->nr_regions; i++) {
		nvio_pages_abandon(&heap->regions[i].pages);
		nvio_space_free(&heap->regions[i].space);
	}
	free(heap->regions);
	munmap(heap->window, heap->max_len);
	memset(heap, 0, sizeof(*heap));
}
