/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a vfio-user server may ask to be read and written: the maps that it was told of.
 *
 * Every access is checked against one map: where it is, how long, and what the server may do there.
 * Bytes are moved by the kernel, so that memory that has gone, or is not writable, is an error and
 * not a signal.
 */
#ifndef NVIO_LIB_VFIO_USER_MEMORY_H
#define NVIO_LIB_VFIO_USER_MEMORY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nvio_map;

struct nvio_user_range {
	uint64_t iova;
	uint64_t len;
	char *addr;
	unsigned int rights;
};

struct nvio_user_memory {
	pthread_mutex_t lock; /* also over an access: what was removed is not in use */
	struct nvio_user_range *ranges; /* by IOVA, none overlaps another */
	size_t nr;
	size_t room;
};

void nvio_user_memory_init(struct nvio_user_memory *memory);
void nvio_user_memory_fini(struct nvio_user_memory *memory);

/*
 * Whether memory without an fd can be served: returns 0; -EFAULT when it is not mapped in this
 * process; -ENOTSUP when this process may not have its own memory copied.
 */
int nvio_user_memory_check(const struct nvio_map *map);

/* Returns 0 or -ENOMEM. */
int nvio_user_memory_add(struct nvio_user_memory *memory, const struct nvio_map *map);

/* When it returns, nothing of it is touched any more. */
void nvio_user_memory_remove(struct nvio_user_memory *memory, uint64_t iova);

/*
 * For the server: copies from memory (NVIO_DMA_READ) or to it (NVIO_DMA_WRITE). Returns 0; -EFAULT
 * when it is not all in one map or not there any more; -EACCES when the server may not do that.
 */
int nvio_user_memory_access(struct nvio_user_memory *memory, unsigned int right, uint64_t iova,
			    void *buf, uint64_t len);

#endif
