/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory of the application's own: registering, unregistering, and looking up where the devices see
 * it.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mmio.h"
#include "mem/memory.h"
#include "vfio/iommu.h"
#include "vfio/physical.h"

#define LARGE_PAGE (2ull << 20)

static int check_registration(const struct nvio_memory *memory, uintptr_t addr, size_t len,
			      unsigned int rights)
{
	uint64_t page = max_u64(NVIO_MEM_PAGE, nvio_iommu_page_len(memory->iommu));
	const uintptr_t limit = 1ull << NVIO_TABLE_VA_BITS;
	uintptr_t window = (uintptr_t)memory->heap.window;

	if (!len || !is_aligned(addr | len, page))
		return nvio_error(
			EINVAL,
			"memory %p + %zu cannot be registered: address and length must be "
			"multiples of %zu",
			(void *)addr, len, (size_t)page);
	if (addr >= limit || len > limit - addr)
		return nvio_error(EINVAL, "memory %p + %zu lies beyond 2^%d", (void *)addr, len,
				  NVIO_TABLE_VA_BITS);
	if (!rights || (rights & ~(unsigned int)NVIO_DMA_RW))
		return nvio_error(EINVAL, "0x%x are no DMA rights", rights);
	if (window && addr < window + memory->heap.max_len && addr + len > window)
		return nvio_error(EEXIST, "memory %p + %zu is of the DMA heap", (void *)addr, len);
	if (nvio_table_any(&memory->table, addr, len))
		return nvio_error(EEXIST, "part of memory %p + %zu is registered already",
				  (void *)addr, len);
	return 0;
}

static int make_room(struct nvio_memory *memory)
{
	size_t room = memory->registrations_room ? memory->registrations_room * 2 : 16;
	struct nvio_registration *larger;

	if (memory->nr_registrations < memory->registrations_room)
		return 0;
	larger = realloc(memory->registrations, room * sizeof(*larger));
	if (!larger)
		return nvio_error(ENOMEM, "no memory to keep track of a registration");
	memory->registrations = larger;
	memory->registrations_room = room;
	return 0;
}

/* Where each page is, which the caller frees; NULL with the error set. */
static uint64_t *find_physical(uintptr_t addr, size_t len, bool lock)
{
	size_t nr = len / (size_t)getpagesize();
	uint64_t *physical = malloc(nr * sizeof(*physical));
	int err;

	if (!physical) {
		nvio_error(ENOMEM, "no memory for %zu physical addresses", nr);
		errno = ENOMEM;
		return NULL;
	}
	err = lock ? nvio_physical_lock((void *)addr, nr, physical)
		   : nvio_physical_pages((void *)addr, nr, physical);
	if (!err)
		return physical;
	free(physical);
	errno = -err;
	return NULL;
}

/* All or nothing. */
static int enter_physical(struct nvio_memory *memory, uintptr_t addr, size_t len,
			  unsigned int rights, const uint64_t *physical)
{
	size_t page = (size_t)getpagesize();

	for (size_t i = 0; i < len / page; i++) {
		if (!nvio_table_set(&memory->table, addr + i * page, page, physical[i], rights))
			continue;
		nvio_table_clear(&memory->table, addr, i * page);
		return nvio_error(ENOMEM, "no memory for the table of registered memory");
	}
	return 0;
}

/* Without an IOMMU: locked, and each page entered where it is. */
static int add_physical(struct nvio_memory *memory, uintptr_t addr, size_t len, unsigned int rights)
{
	uint64_t *physical;
	int err = make_room(memory);

	if (err)
		return err;
	physical = find_physical(addr, len, true);
	if (!physical)
		return -errno;
	err = enter_physical(memory, addr, len, rights, physical);
	free(physical);
	if (err)
		munlock((void *)addr, len);
	else
		memory->registrations[memory->nr_registrations++] =
			(struct nvio_registration){ addr, len, 0, rights, 0 };
	return err;
}

/* How many begin where another one with the same rights ends. */
static size_t count_neighbours(const struct nvio_memory *memory)
{
	size_t nr = 0;

	for (size_t i = 0; i < memory->nr_registrations; i++) {
		const struct nvio_registration *r = &memory->registrations[i];

		nr += (nvio_table_get(&memory->table, r->addr - NVIO_MEM_PAGE) &
		       NVIO_TABLE_RIGHTS) == r->rights;
	}
	return nr;
}

/* Neighbours are not joined by themselves: what is mapped cannot grow, or lose a part, while
 * devices use it. Who registers them can. */
static void tell_neighbours(const struct nvio_memory *memory)
{
	size_t nr = count_neighbours(memory);
	struct nvio_sentence why;

	if (!nr)
		return;
	nvio_error_save(&why);
	nvio_error(
		ENOSPC,
		"%s; %zu of %zu pieces of registered memory begin where another ends: registered "
		"in one call with that, they take none",
		why.text, nr, memory->nr_registrations);
}

/* What @map has but for its IOVA. */
static int add_registration(struct nvio_memory *memory, struct nvio_map *map)
{
	const uintptr_t addr = (uintptr_t)map->addr;
	const size_t len = map->len;
	uint64_t align = len >= LARGE_PAGE ? LARGE_PAGE : nvio_iommu_page_len(memory->iommu);
	uint64_t iova;
	int err = make_room(memory);

	if (err)
		return err;
	/*
	 * Equal offsets in a large page, so that the IOMMU can use them. What a later device made
	 * unusable is dropped as it turns up.
	 */
	do {
		err = nvio_space_take(&memory->iovas, len, align, addr, &iova);
	} while (!err && !nvio_iommu_usable(memory->iommu, iova, len));
	if (err)
		return nvio_error(ENOSPC,
				  "no IOVAs are left for %zu bytes; longest free range: %llu", len,
				  (unsigned long long)nvio_space_longest(&memory->iovas));
	map->iova = iova;
	err = nvio_iommu_map_fd(memory->iommu, map);
	if (err == -ENOSPC)
		tell_neighbours(memory);
	if (err)
		goto give_iova;
	err = nvio_table_set(&memory->table, addr, len, iova, map->rights);
	if (err) {
		err = nvio_error(ENOMEM, "no memory for the table of registered memory");
		goto unmap;
	}
	memory->registrations[memory->nr_registrations++] =
		(struct nvio_registration){ addr, len, iova, map->rights, 0 };
	return 0;

unmap:
	nvio_iommu_unmap(memory->iommu, iova, len);
give_iova:
	nvio_space_add(&memory->iovas, iova, len);
	return err;
}

static int register_map(struct nvio_iommu *iommu, struct nvio_map *map)
{
	struct nvio_memory *memory = nvio_memory_of(iommu);
	const uintptr_t addr = (uintptr_t)map->addr;
	int err;

	if (!memory)
		return -ENOMEM;
	pthread_mutex_lock(&memory->lock);
	err = nvio_memory_ready(memory);
	if (!err)
		err = check_registration(memory, addr, map->len, map->rights);
	if (!err)
		err = iommu->physical ? add_physical(memory, addr, map->len, map->rights)
				      : add_registration(memory, map);
	pthread_mutex_unlock(&memory->lock);
	return err;
}

int nvio_mem_register(struct nvio_iommu *iommu, void *addr, size_t len, unsigned int rights)
{
	struct nvio_map map = { .addr = addr, .len = len, .rights = rights, .fd = -1 };

	return register_map(iommu, &map);
}

int nvio_mem_register_file(struct nvio_iommu *iommu, void *addr, size_t len, unsigned int rights,
			   int fd, uint64_t offset)
{
	struct nvio_map map = {
		.addr = addr, .len = len, .rights = rights, .fd = fd, .fd_offset = offset
	};

	if (fd < 0 || !is_aligned(offset, NVIO_MEM_PAGE))
		return nvio_error(EINVAL, "byte %llu of file %d cannot be registered",
				  (unsigned long long)offset, fd);
	return register_map(iommu, &map);
}

static struct nvio_registration *find(struct nvio_memory *memory, uintptr_t addr, size_t len)
{
	for (size_t i = 0; i < memory->nr_registrations; i++) {
		struct nvio_registration *r = &memory->registrations[i];

		if (r->addr == addr && r->len == len)
			return r;
	}
	return NULL;
}

static bool in_use(const struct nvio_memory *memory, uintptr_t addr, size_t len)
{
	for (struct nvio_mem_user *user = memory->users; user; user = user->next) {
		if (user->uses(user, addr, len))
			return true;
	}
	return false;
}

static int remove_registration(struct nvio_memory *memory, uintptr_t addr, size_t len)
{
	struct nvio_registration *r = find(memory, addr, len);
	uint64_t *physical = NULL;
	uint64_t iova;
	int err;

	if (!r)
		return nvio_error(ENOENT, "memory %p + %zu is not registered", (void *)addr, len);
	if (r->nr_buffers)
		return nvio_error(EBUSY, "memory %p + %zu has %u open buffer handles", (void *)addr,
				  len, r->nr_buffers);
	if (memory->iommu->physical) {
		physical = find_physical(addr, len, false);
		if (!physical)
			return -errno;
	}
	/* Out of reach first, then asked for users: see lib/nvme/registered.c. */
	nvio_table_clear(&memory->table, addr, len);
	nvio_smp_mb();
	if (in_use(memory, addr, len)) {
		/* The table has had room for it. */
		if (physical)
			enter_physical(memory, addr, len, r->rights, physical);
		else
			nvio_table_set(&memory->table, addr, len, r->iova, r->rights);
		free(physical);
		return nvio_error(EBUSY,
				  "memory %p + %zu is used by a command that is outstanding: poll "
				  "its queue pair first",
				  (void *)addr, len);
	}
	iova = r->iova;
	if (physical) {
		free(physical);
		*r = memory->registrations[--memory->nr_registrations];
		munlock((void *)addr, len);
		return 0;
	}
	err = nvio_iommu_unmap(memory->iommu, iova, len);
	/* What could not be unmapped may still be reached by the device: its IOVAs are never used
	 * again. */
	if (!err)
		err = nvio_space_add(&memory->iovas, iova, len);
	*r = memory->registrations[--memory->nr_registrations];
	return err;
}

int nvio_mem_unregister(struct nvio_iommu *iommu, void *addr, size_t len)
{
	struct nvio_memory *memory = nvio_memory_of(iommu);
	int err;

	if (!memory)
		return -ENOMEM;
	pthread_mutex_lock(&memory->lock);
	err = remove_registration(memory, (uintptr_t)addr, len);
	pthread_mutex_unlock(&memory->lock);
	return err;
}

size_t nvio_memory_run(const struct nvio_memory *memory, uintptr_t addr, size_t len,
		       unsigned int rights, uint64_t *iova)
{
	uint64_t entry = nvio_table_get(&memory->table, addr);
	uint64_t offset = addr & (NVIO_MEM_PAGE - 1);
	size_t run;

	if ((entry & rights) != rights || !entry)
		return 0;
	*iova = (entry & ~NVIO_TABLE_RIGHTS) + offset;
	for (run = NVIO_MEM_PAGE - offset; run < len; run += NVIO_MEM_PAGE) {
		entry = nvio_table_get(&memory->table, addr + run);
		if ((entry & rights) != rights || (entry & ~NVIO_TABLE_RIGHTS) != *iova + run)
			return run;
	}
	return len;
}

void nvio_memory_hold(const struct nvio_memory *memory)
{
	pthread_mutex_lock((pthread_mutex_t *)&memory->lock);
}

void nvio_memory_release(const struct nvio_memory *memory)
{
	pthread_mutex_unlock((pthread_mutex_t *)&memory->lock);
}

int64_t nvio_mem_iova(struct nvio_iommu *iommu, const void *addr, size_t len, unsigned int rights,
		      uint64_t *iova)
{
	struct nvio_memory *memory = nvio_memory_of(iommu);
	size_t run, offset;

	if (!memory)
		return -ENOMEM;
	/* The lock, because the heap may be opened at this moment; a queue pair only exists once it
	 * is open. */
	pthread_mutex_lock(&memory->lock);
	offset = (uintptr_t)addr - memory->window;
	if (len && nvio_memory_in_window(memory, (uintptr_t)addr, 1, iova))
		run = min_u64(len, memory->window_len - offset);
	else
		run = len ? nvio_memory_run(memory, (uintptr_t)addr, len, rights, iova) : 0;
	pthread_mutex_unlock(&memory->lock);
	if (!run)
		return nvio_error(EFAULT, "memory %p + %zu is not registered with the rights 0x%x",
				  addr, len, rights);
	return (int64_t)run;
}
