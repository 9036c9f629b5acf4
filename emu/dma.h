/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client's memory: which IOVAs it has mapped, and where they are in this process.
 */
#ifndef NVIO_EMU_DMA_H
#define NVIO_EMU_DMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The default of the capability max_dma_maps. */
#define EMU_DMA_MAPS_MAX 65535u
#define EMU_DMA_CACHE    4u

struct emu_dma_region {
	uint64_t iova;
	uint64_t last; /* its last byte: the end may be 2^64 */
	uint8_t *addr; /* of iova; NULL: came without a descriptor, the client moves its bytes */
	uint8_t *map; /* what mmap() gave, and how much of it */
	size_t map_len;
	bool read; /* what the device may do */
	bool write;
};

struct emu_dma {
	struct emu_dma_region *regions; /* by IOVA, none overlaps another */
	size_t nr;
	size_t cap;

	/* Copies of the regions that were hit last. One with last < iova is empty. */
	struct emu_dma_region cache[EMU_DMA_CACHE];
	unsigned int next_victim;

	uint64_t generation; /* how often the table has changed */
};

void nvio_emu_dma_init(struct emu_dma *dma);
/* Unmaps everything. */
void nvio_emu_dma_clear(struct emu_dma *dma);
void nvio_emu_dma_fini(struct emu_dma *dma);

/*
 * Adds a region: @len bytes of @fd from @offset on, or none when @fd is -1. Rights as in DMA_MAP.
 * @fd stays the caller's. Returns 0 or -errno: -EEXIST for an overlap, -ENOSPC for one too many,
 * -EINVAL for what is no whole number of pages, wraps around or reaches beyond the file.
 */
int nvio_emu_dma_map(struct emu_dma *dma, uint64_t iova, uint64_t len, int fd, uint64_t offset,
		     uint32_t flags);

/*
 * Removes the regions in there, if any: what a hypervisor whose guest has an IOMMU asks for at once
 * and the kernel's TYPE1v2 does. Returns 0; -EINVAL when one is there in part only.
 */
int nvio_emu_dma_unmap(struct emu_dma *dma, uint64_t iova, uint64_t len);

/* How many bytes from @iova on, at most @len, are in one piece at *@addr. 0: not accessible so. */
size_t nvio_emu_dma_run(struct emu_dma *dma, uint64_t iova, size_t len, bool write, void **addr);

/* As many as are in one region that came without a descriptor. */
size_t nvio_emu_dma_remote_run(struct emu_dma *dma, uint64_t iova, size_t len, bool write);

/*
 * After SIGBUS at @addr: a client has cut off a file that it had mapped. Puts zeroes in the place
 * of that region. Returns whether it was one. From a signal handler of the server's thread.
 */
bool nvio_emu_dma_rescue(struct emu_dma *dma, const void *addr);

#endif
