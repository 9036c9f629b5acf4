/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory with an fd behind it: hugetlbfs where one is mounted, else a memfd of hugepages, else a
 * plain memfd.
 *
 * The memory is there when the call returns: running out is -ENOMEM now and never a SIGBUS later.
 */
#ifndef NVIO_LIB_MEM_PAGES_H
#define NVIO_LIB_MEM_PAGES_H

#include <stdbool.h>
#include <stddef.h>

struct nvio_pages {
	void *addr;
	size_t len;
	size_t page_len;
	int fd;
	const char *backing; /* static */
};

/* The machine's default hugepage size in bytes, 0 when it has none. */
size_t nvio_hugepage_len(void);

/* Whether the machine knows hugepages of this size. */
bool nvio_hugepage_exists(size_t page_len);

/* Hugepages of a size that are free: on @node, or on all when that is -1. */
long nvio_hugepages_free(size_t page_len, int node);

/*
 * Puts hugepages of @page_len bytes at @addr, over a reservation of address space. @addr and @len
 * are multiples of
 * @page_len; @node is preferred, -1 for any.
 * Returns 0 or -ENOMEM; the reservation is as it was then.
 */
int nvio_pages_huge(struct nvio_pages *pages, void *addr, size_t len, size_t page_len, int node);

/* The same with ordinary pages. */
int nvio_pages_plain(struct nvio_pages *pages, void *addr, size_t len, int node);

/* Gives the memory back and leaves a reservation. */
void nvio_pages_put(struct nvio_pages *pages);

#endif
