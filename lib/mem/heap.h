/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The DMA heap: a window of address space, as large in IOVAs, filled from its start with regions of
 * memory.
 *
 * Address and IOVA differ by one number in the whole window, so that looking up costs a
 * subtraction. A region is one DMA mapping with one fd; no piece handed out crosses regions.
 * Book-keeping lies outside of the DMA memory, where no device can harm it. The owner locks.
 */
#ifndef NVIO_LIB_MEM_HEAP_H
#define NVIO_LIB_MEM_HEAP_H

#include <stdio.h>

#include <nvio/mem.h>

#include "mem/pages.h"
#include "mem/space.h"

struct nvio_heap_region {
	struct nvio_pages pages;
	struct nvio_space space; /* free offsets from the start of the window */
};

/* What is handed out: the nodes of heap->blocks. */
struct nvio_heap_block {
	char *addr;
	size_t len;
	uint32_t region;
};

struct nvio_heap {
	bool open;
	struct nvio_heap_opts opts;
	size_t page_len; /* hugepages wanted; 0 for ordinary ones */
	int node; /* preferred NUMA node, -1 for any */
	char *window;
	size_t max_len;
	uint64_t iova;
	size_t len; /* memory from the start of the window on */
	size_t used_len;
	bool told_plain; /* the log line about missing hugepages was written */
	struct nvio_heap_region *regions;
	uint32_t nr_regions;
	void *blocks; /* what is handed out: a tree of tsearch() */
};

/* Whether this machine can do what is asked for. Returns 0 or -EINVAL. */
int nvio_heap_check(const struct nvio_heap_opts *opts);

/* Reserves the window. Returns 0 or -errno. */
int nvio_heap_init(struct nvio_heap *heap, struct nvio_iommu *iommu, struct nvio_space *iovas,
		   const struct nvio_heap_opts *opts);

/* Gives all memory back. */
void nvio_heap_fini(struct nvio_heap *heap, struct nvio_iommu *iommu);

/* Adds a region with room for @need bytes. Returns 0 or -errno. */
int nvio_heap_grow(struct nvio_heap *heap, struct nvio_iommu *iommu, size_t need);

/* Hands out memory, growing when none fits. Returns NULL with the error set. */
void *nvio_heap_take(struct nvio_heap *heap, struct nvio_iommu *iommu, size_t len, size_t align);

/* heap_handover.c: writes down what there is, in lines as vfio/handover.h says. */
void nvio_heap_describe(const struct nvio_heap *heap, FILE *out);

/*
 * The counterpart, for one line after the other: a heap at the same IOVAs. Takes @fd with it, which
 * is closed when that fails. Returns 0; -ENOENT for a line that is not of the heap; -errno.
 */
int nvio_heap_take_over(struct nvio_heap *heap, struct nvio_iommu *iommu, struct nvio_space *iovas,
			const char *word, int fd, const char *text);

/* Forgets the heap, whose files stay open and mapped for DMA. */
void nvio_heap_abandon(struct nvio_heap *heap);

/* Address space of @len bytes at a multiple of @align, with nothing in it. NULL when there is none.
 */
char *nvio_heap_reserve(size_t len, size_t align);

/* How the window of a heap is aligned that @len bytes are left for. */
size_t nvio_heap_align(size_t len, size_t page_len);

/* Keeps track of a region whose memory is mapped for DMA at @map, or will be. Returns 0 or -errno.
 */
int nvio_heap_add_region(struct nvio_heap *heap, struct nvio_iommu *iommu,
			 const struct nvio_pages *pages, bool handed_over);

/* Hands out @len bytes at @offset of the window, which are free. Returns 0 or -errno. */
int nvio_heap_take_at(struct nvio_heap *heap, uint64_t offset, size_t len);

/* Takes it back. Returns 0; -ENOENT when it was not handed out. */
int nvio_heap_give(struct nvio_heap *heap, void *addr);

#endif
