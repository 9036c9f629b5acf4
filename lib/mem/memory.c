/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All memory that the devices of one address space may reach; see memory.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/error.h"
#include "mem/memory.h"
#include "vfio/iommu.h"

/* IOVAs below are left out: a zero or nearly zero address in a command is a mistake and should
 * fault. */
#define IOVA_MIN (1ull << 20)
/* PRP entries and the like keep flags nowhere, but no device needs addresses beyond this. */
#define IOVA_LAST ((1ull << 62) - 1)

static int feed_iovas(struct nvio_memory *memory)
{
	struct nvio_iommu *iommu = memory->iommu;
	uint64_t page = nvio_iommu_page_len(iommu);

	/* Where memory is, is not for us to choose. */
	if (iommu->physical)
		return 0;
	for (uint32_t i = 0; i < iommu->ranges.nr; i++) {
		uint64_t start = align_up(max_u64(iommu->ranges.range[i].start, IOVA_MIN), page);
		uint64_t end =
			align_down(min_u64(iommu->ranges.range[i].last, IOVA_LAST) + 1, page);

		if (end > start && nvio_space_add(&memory->iovas, start, end - start))
			return -ENOMEM;
	}
	return 0;
}

static void memory_free(void *owner)
{
	struct nvio_memory *memory = owner;

	for (size_t i = 0; i < memory->nr_registrations && memory->iommu->physical; i++)
		munlock((void *)memory->registrations[i].addr, memory->registrations[i].len);
	for (size_t i = 0; i < memory->nr_registrations && !memory->iommu->physical; i++)
		nvio_iommu_unmap(memory->iommu, memory->registrations[i].iova,
				 memory->registrations[i].len);
	free(memory->registrations);
	nvio_heap_fini(&memory->heap, memory->iommu);
	nvio_space_free(&memory->iovas);
	nvio_table_fini(&memory->table);
	pthread_mutex_destroy(&memory->lock);
	free(memory);
}

static struct nvio_memory *memory_new(struct nvio_iommu *iommu)
{
	struct nvio_memory *memory = aligned_alloc(CACHE_LINE, sizeof(*memory));

	if (!memory)
		return NULL;
	memset(memory, 0, sizeof(*memory));
	memory->iommu = iommu;
	pthread_mutex_init(&memory->lock, NULL);
	if (nvio_table_init(&memory->table)) {
		memory_free(memory);
		return NULL;
	}
	return memory;
}

struct nvio_memory *nvio_memory_of(struct nvio_iommu *iommu)
{
	struct nvio_memory *memory;

	pthread_mutex_lock(&iommu->lock);
	memory = iommu->owner;
	if (!memory) {
		memory = memory_new(iommu);
		if (!memory)
			nvio_error(ENOMEM, "no memory for the address space's tables");
		iommu->owner = memory;
		iommu->owner_free = memory_free;
	}
	pthread_mutex_unlock(&iommu->lock);
	return memory;
}

int nvio_memory_ready(struct nvio_memory *memory)
{
	int err = 0;

	if (memory->has_iovas)
		return 0;
	pthread_mutex_lock(&memory->iommu->lock);
	if (!memory->iommu->domains)
		err = nvio_error(ENODEV, "the address space has no device yet: open one first");
	else if (feed_iovas(memory))
		err = nvio_error(ENOMEM, "no memory for the address space's IOVAs");
	else
		memory->has_iovas = true;
	pthread_mutex_unlock(&memory->iommu->lock);
	return err;
}

/* Without an IOMMU its address is known with the first memory in it. */
static void publish_window(struct nvio_memory *memory)
{
	__atomic_store_n(&memory->window_iova, memory->heap.iova, __ATOMIC_RELAXED);
	__atomic_store_n(&memory->window_len, memory->heap.len, __ATOMIC_RELEASE);
}

static int open_heap(struct nvio_memory *memory)
{
	int err = nvio_memory_ready(memory);

	if (!err)
		err = nvio_heap_init(&memory->heap, memory->iommu, &memory->iovas,
				     &memory->heap_opts);
	if (err)
		return err;
	memory->window = (uintptr_t)memory->heap.window;
	publish_window(memory);
	return 0;
}

int nvio_memory_take_over(struct nvio_memory *memory, const char *word, int fd, const char *text)
{
	int err = nvio_memory_ready(memory);

	if (err)
		return err == -ENODEV
			       ? nvio_error(EPROTO, "memory was handed over before its IOMMU")
			       : err;
	err = nvio_heap_take_over(&memory->heap, memory->iommu, &memory->iovas, word, fd, text);
	memory->window = (uintptr_t)memory->heap.window;
	publish_window(memory);
	return err;
}

void *nvio_mem_at(struct nvio_iommu *iommu, uint64_t iova, size_t len)
{
	const struct nvio_memory *memory = nvio_memory_of(iommu);
	struct nvio_window window;

	if (!memory)
		return NULL;
	window = nvio_memory_window(memory);
	if (iova < window.iova || !len || len > window.len ||
	    iova - window.iova > window.len - len) {
		nvio_error(EFAULT, "IOVA 0x%llx + %zu is not of the DMA heap",
			   (unsigned long long)iova, len);
		return NULL;
	}
	return (char *)window.addr + (iova - window.iova);
}

int nvio_heap_open(struct nvio_iommu *iommu, const struct nvio_heap_opts *given)
{
	struct nvio_memory *memory = nvio_memory_of(iommu);
	struct nvio_heap_opts opts = { 0 };
	int err;

	if (!memory)
		return -ENOMEM;
	err = nvio_take_opts(&opts, sizeof(opts), given, "nvio_heap_open");
	if (!err)
		err = nvio_heap_check(&opts);
	if (err)
		return err;
	pthread_mutex_lock(&memory->lock);
	if (memory->heap.open) {
		err = nvio_error(EEXIST, "the address space has a DMA heap already: give its "
					 "options before the first allocation and controller");
	} else {
		memory->heap_opts = opts;
		/* Before the first device they wait for it. */
		err = open_heap(memory);
		if (err == -ENODEV)
			err = 0;
	}
	pthread_mutex_unlock(&memory->lock);
	return err;
}

static void describe_heap(const struct nvio_heap *heap, struct nvio_heap_info *info)
{
	if (heap->nr_regions) {
		info->backing = heap->regions[heap->nr_regions - 1].pages.backing;
		info->page_len = heap->regions[heap->nr_regions - 1].pages.page_len;
	}
	info->len = heap->len;
	info->used_len = heap->used_len;
	info->max_len = heap->max_len;
	info->nr_regions = heap->nr_regions;
}

int nvio_heap_get_info(struct nvio_iommu *iommu, struct nvio_heap_info *out, size_t size)
{
	struct nvio_heap_info info = { .backing = "none" };
	struct nvio_memory *memory;

	pthread_mutex_lock(&iommu->lock);
	memory = iommu->owner;
	pthread_mutex_unlock(&iommu->lock);
	if (memory) {
		pthread_mutex_lock(&memory->lock);
		describe_heap(&memory->heap, &info);
		pthread_mutex_unlock(&memory->lock);
	}
	return nvio_give_info(out, size, &info, sizeof(info));
}

void *nvio_alloc(struct nvio_iommu *iommu, size_t len, size_t align)
{
	struct nvio_memory *memory = nvio_memory_of(iommu);
	void *p = NULL;

	if (!memory)
		return NULL;
	if (!len || len > SIZE_MAX / 2 || (align && !is_power_of_two(align))) {
		nvio_error(EINVAL, "an allocation of %zu bytes aligned to %zu makes no sense", len,
			   align);
		return NULL;
	}
	pthread_mutex_lock(&memory->lock);
	if (memory->heap.open || !open_heap(memory))
		p = nvio_heap_take(&memory->heap, memory->iommu, len, align);
	publish_window(memory);
	pthread_mutex_unlock(&memory->lock);
	return p;
}

void nvio_free(struct nvio_iommu *iommu, void *addr)
{
	struct nvio_memory *memory;

	if (!addr)
		return;
	memory = nvio_memory_of(iommu);
	if (!memory)
		return;
	pthread_mutex_lock(&memory->lock);
	if (nvio_heap_give(&memory->heap, addr))
		nvio_log(NVIO_LOG_ERROR, "nvio_free: %s", nvio_last_error());
	pthread_mutex_unlock(&memory->lock);
}

int nvio_memory_reserve(struct nvio_memory *memory, uint64_t len, uint64_t *iova)
{
	int err;

	pthread_mutex_lock(&memory->lock);
	err = nvio_memory_ready(memory);
	if (!err &&
	    nvio_space_take(&memory->iovas, len, nvio_iommu_page_len(memory->iommu), 0, iova))
		err = nvio_error(ENOSPC, "no IOVAs are left for %llu bytes of a device's memory",
				 (unsigned long long)len);
	pthread_mutex_unlock(&memory->lock);
	return err;
}

void nvio_memory_unreserve(struct nvio_memory *memory, uint64_t len, uint64_t iova)
{
	pthread_mutex_lock(&memory->lock);
	nvio_space_add(&memory->iovas, iova, len);
	pthread_mutex_unlock(&memory->lock);
}

void nvio_mem_user_add(struct nvio_memory *memory, struct nvio_mem_user *user)
{
	pthread_mutex_lock(&memory->lock);
	user->next = memory->users;
	memory->users = user;
	pthread_mutex_unlock(&memory->lock);
}

void nvio_mem_user_remove(struct nvio_memory *memory, struct nvio_mem_user *user)
{
	struct nvio_mem_user **at;

	pthread_mutex_lock(&memory->lock);
	for (at = &memory->users; *at; at = &(*at)->next) {
		if (*at == user) {
			*at = user->next;
			break;
		}
	}
	pthread_mutex_unlock(&memory->lock);
}
