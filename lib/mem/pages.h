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

/* The hugepage size to take unasked: 2 MiB, else the machine's default; 0 when it has none. */
size_t nvio_hugepage_len(void);

/* Whether the machine knows hugepages of this size. */
bool nvio_hugepage_exists(size_t page_len);

/* Where the counters of a hugepage size are: on @node, or for all when that is -1. */
void nvio_hugepage_dir(char *buf, size_t len, size_t page_len, int node);

/* A counter: "free_hugepages", "nr_hugepages". */
long nvio_hugepages(const char *counter, size_t page_len, int node);

/*
 * Puts hugepages of @page_len bytes at @addr, over a reservation of address space. @addr and @len
 * are multiples of
 * @page_len; @node is preferred, -1 for any.
 * Returns 0 or -ENOMEM; the reservation is as it was then.
 */
int nvio_pages_huge(struct nvio_pages *pages, void *addr, size_t len, size_t page_len, int node);

/* The same with ordinary pages. */
int nvio_pages_plain(struct nvio_pages *pages, void *addr, size_t len, int node);

/* Puts memory that is there already, in the file @fd, at @addr over a reservation. Returns 0 or
 * -errno; @fd stays the caller's then. */
int nvio_pages_again(struct nvio_pages *pages, void *addr, size_t len, int fd);

/* Forgets the memory, whose file stays open. */
void nvio_pages_abandon(struct nvio_pages *pages);

/* Gives the memory back and leaves a reservation. */
void nvio_pages_put(struct nvio_pages *pages);

#endif
