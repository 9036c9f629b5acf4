/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a virtual address to its IOVA; see table.h.
 */
#include <errno.h>
#include <sys/mman.h>

#include "mem/table.h"

#define PAGE_LEN (1ull << NVIO_TABLE_PAGE_BITS)
#define ROOT_LEN (NVIO_TABLE_NR_LEAVES * sizeof(uint64_t *))
#define LEAF_MEM ((1ull << NVIO_TABLE_LEAF_BITS) * sizeof(uint64_t))

static void *zero_pages(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int nvio_table_init(struct nvio_table *table)
{
	table->root = zero_pages(ROOT_LEN);
	return table->root ? 0 : -ENOMEM;
}

void nvio_table_fini(struct nvio_table *table)
{
	if (!table->root)
		return;
	for (size_t i = 0; i < NVIO_TABLE_NR_LEAVES; i++) {
		if (table->root[i])
			munmap(table->root[i], LEAF_MEM);
	}
	munmap(table->root, ROOT_LEN);
	table->root = NULL;
}

int nvio_table_any(const struct nvio_table *table, uintptr_t addr, size_t len)
{
	for (uintptr_t at = addr; at < addr + len; at += PAGE_LEN) {
		if (nvio_table_get(table, at))
			return 1;
	}
	return 0;
}

static int make_leaves(struct nvio_table *table, uintptr_t addr, size_t len)
{
	size_t last = (addr + len - 1) / NVIO_TABLE_LEAF_LEN;

	for (size_t i = addr / NVIO_TABLE_LEAF_LEN; i <= last; i++) {
		uint64_t *leaf;

		if (table->root[i])
			continue;
		leaf = zero_pages(LEAF_MEM);
		if (!leaf)
			return -ENOMEM;
		__atomic_store_n(&table->root[i], leaf, __ATOMIC_RELEASE);
	}
	return 0;
}

static void put(struct nvio_table *table, uintptr_t addr, uint64_t entry)
{
	uint64_t *leaf = table->root[addr / NVIO_TABLE_LEAF_LEN];

	__atomic_store_n(&leaf[(addr & (NVIO_TABLE_LEAF_LEN - 1)) >> NVIO_TABLE_PAGE_BITS], entry,
			 __ATOMIC_RELAXED);
}

int nvio_table_set(struct nvio_table *table, uintptr_t addr, size_t len, uint64_t iova,
		   unsigned int rights)
{
	int err = make_leaves(table, addr, len);

	if (err)
		return err;
	for (size_t done = 0; done < len; done += PAGE_LEN)
		put(table, addr + done, (iova + done) | rights);
	return 0;
}

void nvio_table_clear(struct nvio_table *table, uintptr_t addr, size_t len)
{
	for (size_t done = 0; done < len; done += PAGE_LEN)
		put(table, addr + done, 0);
}
