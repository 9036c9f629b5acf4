/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hugepages that are neighbours in physical memory, for devices without an IOMMU.
 */
#ifndef NVIO_LIB_MEM_PHYSICAL_H
#define NVIO_LIB_MEM_PHYSICAL_H

#include <stdint.h>

#include "mem/pages.h"

/*
 * As nvio_pages_huge(), at least @need bytes and up to @wanted, in one piece from *@physical on:
 * takes hugepages, puts neighbours side by side and gives the others back. Locked. Returns 0;
 * -ENOMEM with the sentence; -EPERM when this process may not know where they are.
 */
int nvio_pages_neighbours(struct nvio_pages *pages, void *addr, size_t need, size_t wanted,
			  size_t page_len, int node, uint64_t *physical);

#endif
