/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a virtual address to its IOVA, a page of 4 KiB at a time: memory that is not of the heap.
 *
 * Two levels: a root with a slot per GiB of 48-bit addresses, leaves with an entry per page, both
 * zero pages of the kernel until they are used. Readers take no lock; writers are serialised by
 * lib/mem. Leaves are never freed before the table, so that a reader never meets one that is gone.
 */
#ifndef NVIO_LIB_MEM_TABLE_H
#define NVIO_LIB_MEM_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define NVIO_TABLE_VA_BITS   48
#define NVIO_TABLE_PAGE_BITS 12
#define NVIO_TABLE_LEAF_BITS 18
#define NVIO_TABLE_LEAF_LEN  (1ull << (NVIO_TABLE_PAGE_BITS + NVIO_TABLE_LEAF_BITS))
#define NVIO_TABLE_NR_LEAVES \
	(1ull << (NVIO_TABLE_VA_BITS - NVIO_TABLE_PAGE_BITS - NVIO_TABLE_LEAF_BITS))
#define NVIO_TABLE_RIGHTS 3ull /* the low bits of an entry; 0 for a page that is not registered */

struct nvio_table {
	uint64_t **root;
};

int nvio_table_init(struct nvio_table *table);
void nvio_table_fini(struct nvio_table *table);

/* Whether any page of the range has an entry. */
int nvio_table_any(const struct nvio_table *table, uintptr_t addr, size_t len);

/* Enters @len bytes at @addr as IOVAs from @iova on. All multiples of 4 KiB. Returns 0 or -ENOMEM,
 * then nothing entered. */
int nvio_table_set(struct nvio_table *table, uintptr_t addr, size_t len, uint64_t iova,
		   unsigned int rights);

void nvio_table_clear(struct nvio_table *table, uintptr_t addr, size_t len);

/* The entry of the page at @addr: its IOVA, with the rights in the low bits. */
static inline uint64_t nvio_table_get(const struct nvio_table *table, uintptr_t addr)
{
	uint64_t *leaf;

	if (addr >> NVIO_TABLE_VA_BITS)
		return 0;
	/* Pairs with the release in table.c: a leaf that is seen is seen zeroed. */
	leaf = __atomic_load_n(&table->root[addr / NVIO_TABLE_LEAF_LEN], __ATOMIC_ACQUIRE);
	if (!leaf)
		return 0;
	return __atomic_load_n(&leaf[(addr & (NVIO_TABLE_LEAF_LEN - 1)) >> NVIO_TABLE_PAGE_BITS],
			       __ATOMIC_RELAXED);
}

#endif
