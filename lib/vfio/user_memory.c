/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Maps that a vfio-user server may access by messages; see user_memory.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/error.h"
#include "vfio/iommu.h"
#include "vfio/user_memory.h"

void nvio_user_memory_init(struct nvio_user_memory *memory)
{
	memset(memory, 0, sizeof(*memory));
	pthread_mutex_init(&memory->lock, NULL);
}

void nvio_user_memory_fini(struct nvio_user_memory *memory)
{
	free(memory->ranges);
	pthread_mutex_destroy(&memory->lock);
}

static ssize_t copy(unsigned int right, char *addr, void *buf, size_t len)
{
	struct iovec local = { buf, len }, remote = { addr, len };

	if (right == NVIO_DMA_READ)
		return process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	return process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
}

/* Whether all of it is mapped: what is resident of it does not matter. */
static bool is_mapped(char *addr, size_t len)
{
	unsigned char resident[4096];
	const size_t page = (size_t)getpagesize(), most = sizeof(resident) * page;
	const size_t before = (uintptr_t)addr % page;

	/* It is registered in units of 4 KiB, which pages may be larger than. */
	addr -= before;
	len += before;
	for (size_t n; len; addr += n, len -= n) {
		n = len < most ? len : most;
		if (mincore(addr, n, resident))
			return false;
	}
	return true;
}

int nvio_user_memory_check(const struct nvio_map *map)
{
	char byte;

	if (!is_mapped(map->addr, map->len))
		return nvio_error(EFAULT, "memory %p + %zu is not mapped in this process",
				  map->addr, map->len);
	if (copy(NVIO_DMA_READ, map->addr, &byte, 1) == 1)
		return 0;
	if (errno == EFAULT)
		return nvio_error(EFAULT, "memory %p + %zu cannot be read by this process",
				  map->addr, map->len);
	return nvio_error(ENOTSUP,
			  "memory %p + %zu has no file behind it, and this process may not use "
			  "process_vm_readv() to serve it to a vfio-user server (%s): allow it in "
			  "the sandbox, or use nvio_alloc()",
			  map->addr, map->len, strerror(errno));
}

/* The place of the first range that ends behind @iova. */
static size_t lower_bound(const struct nvio_user_memory *memory, uint64_t iova)
{
	size_t begin = 0, end = memory->nr;

	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;
		const struct nvio_user_range *range = &memory->ranges[middle];

		if (range->iova + (range->len - 1) < iova)
			begin = middle + 1;
		else
			end = middle;
	}
	return begin;
}

static int make_room(struct nvio_user_memory *memory)
{
	size_t room = memory->room ? memory->room * 2 : 16;
	struct nvio_user_range *larger;

	if (memory->nr < memory->room)
		return 0;
	larger = reallocarray(memory->ranges, room, sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	memory->ranges = larger;
	memory->room = room;
	return 0;
}

int nvio_user_memory_add(struct nvio_user_memory *memory, const struct nvio_map *map)
{
	struct nvio_user_range range = { map->iova, map->len, map->addr, map->rights };
	size_t at;
	int err;

	pthread_mutex_lock(&memory->lock);
	err = make_room(memory);
	if (!err) {
		at = lower_bound(memory, map->iova);
		memmove(&memory->ranges[at + 1], &memory->ranges[at],
			(memory->nr - at) * sizeof(range));
		memory->ranges[at] = range;
		memory->nr++;
	}
	pthread_mutex_unlock(&memory->lock);
	return err ? nvio_error(-err, "no memory to keep track of a DMA mapping") : 0;
}

void nvio_user_memory_remove(struct nvio_user_memory *memory, uint64_t iova)
{
	size_t at;

	pthread_mutex_lock(&memory->lock);
	at = lower_bound(memory, iova);
	if (at < memory->nr && memory->ranges[at].iova == iova) {
		memory->nr--;
		memmove(&memory->ranges[at], &memory->ranges[at + 1],
			(memory->nr - at) * sizeof(memory->ranges[0]));
	}
	pthread_mutex_unlock(&memory->lock);
}

static int access_locked(const struct nvio_user_memory *memory, unsigned int right, uint64_t iova,
			 void *buf, uint64_t len)
{
	size_t at = lower_bound(memory, iova);
	const struct nvio_user_range *range;
	uint64_t offset;

	if (at == memory->nr || memory->ranges[at].iova > iova)
		return -EFAULT;
	range = &memory->ranges[at];
	offset = iova - range->iova;
	if (len > range->len - offset)
		return -EFAULT;
	if (!(range->rights & right))
		return -EACCES;
	return copy(right, range->addr + offset, buf, len) == (ssize_t)len ? 0 : -EFAULT;
}

int nvio_user_memory_access(struct nvio_user_memory *memory, unsigned int right, uint64_t iova,
			    void *buf, uint64_t len)
{
	int err;

	pthread_mutex_lock(&memory->lock);
	err = access_locked(memory, right, iova, buf, len);
	pthread_mutex_unlock(&memory->lock);
	return err;
}
