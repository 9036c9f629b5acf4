/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All memory that the devices of one address space may reach: the heap, registered memory, and
 * their IOVAs.
 *
 * Hangs on the address space's owner slot and ends with it. The I/O path only reads: the heap's
 * window by arithmetic, everything else through the table; neither takes the lock.
 */
#ifndef NVIO_LIB_MEM_MEMORY_H
#define NVIO_LIB_MEM_MEMORY_H

#include <pthread.h>
#include <stdbool.h>

#include <nvio/mem.h>

#include "base/bits.h"
#include "mem/heap.h"
#include "mem/space.h"
#include "mem/table.h"

/* Somebody whose outstanding commands may use registered memory: asked before it is unregistered.
 */
struct nvio_mem_user {
	struct nvio_mem_user *next;
	bool (*uses)(struct nvio_mem_user *user, uintptr_t addr, size_t len);
};

/* Consecutive memory whose IOVAs are consecutive too. */
struct nvio_window {
	uintptr_t addr;
	uint64_t iova;
	size_t len;
};

struct nvio_registration {
	uintptr_t addr;
	size_t len;
	uint64_t iova;
	unsigned int rights;
	unsigned int nr_buffers; /* handles that keep it registered */
};

struct nvio_memory {
	/* Read on the I/O path, by every queue pair: a cache line that is hardly ever written.
	 * window_len only grows. */
	uintptr_t window;
	size_t window_len; /* bytes of the window that are memory */
	uint64_t window_iova;
	struct nvio_table table;

	_Alignas(CACHE_LINE) pthread_mutex_t lock; /* over all below */
	struct nvio_iommu *iommu;
	struct nvio_space iovas; /* filled in once the address space has a device */
	bool has_iovas;
	struct nvio_heap_opts heap_opts;
	struct nvio_heap heap;
	struct nvio_registration *registrations; /* unordered */
	size_t nr_registrations;
	size_t registrations_room;
	struct nvio_mem_user *users;
};

/* A handle for part of it. */
struct nvio_buffer {
	struct nvio_window window;
	const struct nvio_memory *memory;
	unsigned int rights;
};

/* The memory of an address space, made at the first call. NULL with the error set: -ENOMEM. */
struct nvio_memory *nvio_memory_of(struct nvio_iommu *iommu);

/*
 * Gets the IOVAs from the address space, which has them once it has a device. The caller locks.
 * Returns 0; -ENODEV before the first device; -ENOMEM.
 */
int nvio_memory_ready(struct nvio_memory *memory);

/*
 * Takes IOVAs that nothing is mapped at: what a device keeps to itself there never leaves it. @len
 * is in whole pages. Returns 0; -ENOSPC; what nvio_memory_ready() returns.
 */
int nvio_memory_reserve(struct nvio_memory *memory, uint64_t len, uint64_t *iova);
void nvio_memory_unreserve(struct nvio_memory *memory, uint64_t len, uint64_t iova);

/* One line of what was handed over (vfio/handover.h), with its file. Returns 0; -ENOENT for a line
 * that is not of the heap; -errno. */
int nvio_memory_take_over(struct nvio_memory *memory, const char *word, int fd, const char *text);

void nvio_mem_user_add(struct nvio_memory *memory, struct nvio_mem_user *user);
void nvio_mem_user_remove(struct nvio_memory *memory, struct nvio_mem_user *user);

/* The heap's window as it is now: it only grows. */
static inline struct nvio_window nvio_memory_window(const struct nvio_memory *memory)
{
	return (struct nvio_window){ memory->window,
				     __atomic_load_n(&memory->window_iova, __ATOMIC_RELAXED),
				     __atomic_load_n(&memory->window_len, __ATOMIC_RELAXED) };
}

/* Whether @len > 0 bytes at @addr lie in the heap's window: then they are at consecutive IOVAs from
 * *@iova on. */
static inline bool nvio_memory_in_window(const struct nvio_memory *memory, uintptr_t addr,
					 size_t len, uint64_t *iova)
{
	uintptr_t offset = addr - memory->window;
	size_t window_len = __atomic_load_n(&memory->window_len, __ATOMIC_RELAXED);

	*iova = __atomic_load_n(&memory->window_iova, __ATOMIC_RELAXED) + offset;
	return offset < window_len && len <= window_len - offset;
}

/*
 * Finds memory that is not of the heap: how many of the @len bytes at @addr have @rights and lie at
 * consecutive IOVAs from *@iova on; 0 when the first has not.
 */
size_t nvio_memory_run(const struct nvio_memory *memory, uintptr_t addr, size_t len,
		       unsigned int rights, uint64_t *iova);

/*
 * Memory that somebody tries to unregister is out of reach until it is known to be in use. Who has
 * said that it is, and does not find it, looks again between these two. Never on the short way.
 */
void nvio_memory_hold(const struct nvio_memory *memory);
void nvio_memory_release(const struct nvio_memory *memory);

#endif
