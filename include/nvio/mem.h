/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DMA memory: a heap of hugepages, and memory of the application's own.
 *
 * Without an IOMMU (NVIO_WAY_NOIOMMU of vfio.h) addresses are physical: the heap is one piece of
 * hugepages that are neighbours, up to 64 MiB or first_len, and does not grow; registered memory is
 * locked and found page by page.
 *
 * Both belong to an I/O address space and are seen by all devices in it. Thread rule: any thread,
 * serialised inside; never on the I/O path.
 */
#ifndef NVIO_MEM_H
#define NVIO_MEM_H

#include <nvio/base.h>
#include <nvio/vfio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What memory is registered in. */
#define NVIO_MEM_PAGE 4096

/* All zero means the default. */
struct nvio_heap_opts {
	size_t size; /* sizeof(struct nvio_heap_opts) */
	size_t page_len; /* hugepage size: 2 MiB or 1 GiB, or NVIO_HEAP_NO_HUGE; 0: 2 MiB, or the
			    machine's default where it has none of that size */
	size_t first_len; /* bytes to set up at once, rounded up to pages; 0: on demand */
	size_t max_len; /* bytes of address space kept for the heap; 0: 32 GiB, or what the address
			   space gives */
	bool huge_only; /* fail rather than use ordinary pages */
	bool any_node; /* do not prefer the device's NUMA node */
};

#define NVIO_HEAP_OPTS                                               \
	{                                                            \
		sizeof(struct nvio_heap_opts), 0, 0, 0, false, false \
	}

/* For page_len: ordinary pages, whatever hugepages there are. */
#define NVIO_HEAP_NO_HUGE 4096

struct nvio_heap_info {
	const char *backing; /* of the newest region: "hugetlbfs", "memfd-hugetlb" or "memfd";
				"none" before the first */
	size_t page_len; /* of the newest region */
	size_t len; /* bytes set up, all mapped for DMA */
	size_t used_len; /* bytes handed out */
	size_t max_len; /* how far it can grow */
	uint32_t nr_regions; /* one DMA mapping each */
};

/**
 * nvio_heap_open - makes the heap of an address space with options of one's own.
 *
 * Optional: nvio_alloc() makes it with the defaults, and so does the first controller. Call it
 * before that, right behind nvio_iommu_open(): the options wait for the first device.
 *
 * Return: 0; -EEXIST when there is one; -EINVAL (page size); -ENOMEM.
 */
NVIO_API int nvio_heap_open(struct nvio_iommu *iommu, const struct nvio_heap_opts *opts);

/** nvio_heap_get_info - what the heap is made of now. @size: sizeof(*info). Return: 0. */
NVIO_API int nvio_heap_get_info(struct nvio_iommu *iommu, struct nvio_heap_info *info, size_t size);

/**
 * nvio_alloc - DMA memory from the heap.
 * @len:   bytes
 * @align: a power of two up to the heap's page size; 0 means 64
 *
 * Resident, mapped for DMA in both directions, at consecutive IOVAs; not cleared. A child of fork()
 * does not have it.
 *
 * Return: the memory, owned by the caller until nvio_free(); NULL (see nvio_last_error()) when @len
 * is 0, @align is no power of two, or memory, RLIMIT_MEMLOCK or address space ran out.
 */
NVIO_API void *nvio_alloc(struct nvio_iommu *iommu, size_t len, size_t align);

/**
 * nvio_free - gives memory of nvio_alloc() back to the heap. NULL is fine.
 *
 * No command that uses it may be outstanding. It stays mapped for DMA until the address space ends.
 */
NVIO_API void nvio_free(struct nvio_iommu *iommu, void *addr);

/**
 * nvio_mem_register - lets commands use memory of the application's own.
 * @addr: @len:  multiples of NVIO_MEM_PAGE (and of the IOMMU's smallest page, where that is larger)
 * @rights:      enum nvio_dma_rights
 *
 * Any memory: malloc()ed, a file, shared, hugepages, or some of each. It is pinned, one DMA mapping
 * for all of it: neighbours take one only when they are registered in one call. Keep it mapped in
 * the process until it is unregistered; fork() with such memory outstanding is the application's
 * risk.
 *
 * Devices behind a vfio-user socket ("vfio-user:", "emu:") cannot map it: they ask for its bytes,
 * in a message each. From the first registration on, until such a device is closed, a thread of the
 * library's answers. That is slower by far than memory of nvio_alloc(), which they reach in place,
 * and nothing is pinned: memory that has gone meanwhile is an error of the command that uses it.
 *
 * Return: 0; -EINVAL (alignment, rights, beyond 2^48); -EEXIST when part of it is registered or of
 * the heap; -EFAULT when it is not mapped in this process; -ENOMEM (with the bytes needed and
 * allowed in nvio_last_error()); -ENOSPC when IOVAs or mappings ran out; -ENODEV before the first
 * device; -ENOTSUP when a sandbox forbids process_vm_readv(), which a vfio-user device needs for
 * this.
 */
NVIO_API int nvio_mem_register(struct nvio_iommu *iommu, void *addr, size_t len,
			       unsigned int rights);

/**
 * nvio_mem_register_file - as nvio_mem_register(), of memory that is a file's, mapped at @addr.
 * @fd:     a memfd, or a dma-buf: memory of another drive (nvio_device_dmabuf()), mapped by
 *          nvio_device_region_map(), that commands then move data to and from without the host's
 *          memory; stays the caller's, open as long as it is registered
 * @offset: of @addr in the file; a multiple of NVIO_MEM_PAGE
 *
 * Devices behind a vfio-user socket reach a memfd in place then. Where the kernel does not map
 * files (before Linux 6.13, and not with a container), it is what nvio_mem_register() is: a
 * container takes mapped memory of another drive that way, too, iommufd does not.
 *
 * Return: as nvio_mem_register().
 */
NVIO_API int nvio_mem_register_file(struct nvio_iommu *iommu, void *addr, size_t len,
				    unsigned int rights, int fd, uint64_t offset);

/**
 * nvio_mem_unregister - takes memory out of use.
 * @addr: @len: exactly as registered
 *
 * A request for data in pieces counts as using all from the lowest to the highest of them: the
 * pieces themselves are the caller's again when it completes, which another thread may see first.
 *
 * Return: 0; -EBUSY while a command that uses it is outstanding, and it stays registered; -ENOENT
 * when there is no such registration; -errno of the kernel when it could not be unmapped: it takes
 * no more commands then, but stays pinned until the address space ends.
 */
NVIO_API int nvio_mem_unregister(struct nvio_iommu *iommu, void *addr, size_t len);

/**
 * nvio_mem_iova - where the devices see a piece of memory.
 * @addr: @len: inside the heap or registered memory
 * @rights:     what the device is to do with it
 * @iova:       receives the address of the first byte
 *
 * Return: how many bytes from @addr on are at consecutive IOVAs, at most @len (less where two
 * registrations meet); -EFAULT when the first byte is not registered with these rights.
 */
NVIO_API int64_t nvio_mem_iova(struct nvio_iommu *iommu, const void *addr, size_t len,
			       unsigned int rights, uint64_t *iova);

/**
 * nvio_mem_at - where memory of the heap is in this process; nvio_mem_iova() the other way round.
 *
 * Return: the address of what devices see at @iova; NULL when @len bytes from there on are not all
 * of the heap.
 */
NVIO_API void *nvio_mem_at(struct nvio_iommu *iommu, uint64_t iova, size_t len);

struct nvio_buffer;

/**
 * nvio_buffer_open - a handle for memory that is used again and again: its IOVA is looked up once.
 * @addr: @len: inside the heap or one registration, at consecutive IOVAs; any alignment
 * @rights:     what devices will do with it: enum nvio_dma_rights
 * @buffer:     receives the handle, for nvio_read_buffer() and the like; nvio_buffer_close()
 *
 * Registered memory cannot be unregistered while it has a handle (-EBUSY); memory of the heap is
 * not to be freed.
 *
 * Return: 0; -EFAULT when it is not registered with these rights, or not in one piece; -ENOMEM.
 */
NVIO_API int nvio_buffer_open(struct nvio_iommu *iommu, void *addr, size_t len, unsigned int rights,
			      struct nvio_buffer **buffer);

/** nvio_buffer_close - ends a handle, with no command outstanding that uses it. NULL is fine. The
 * memory stays as it is. */
NVIO_API void nvio_buffer_close(struct nvio_buffer *buffer);

#ifdef __cplusplus
}
#endif

#endif
