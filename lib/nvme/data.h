/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data of a command: pieces of memory one after another, looked up as the device sees them.
 *
 * Owns no memory. The vector is the caller's and stays as it is until its request completes.
 */
#ifndef NVIO_LIB_NVME_DATA_H
#define NVIO_LIB_NVME_DATA_H

#include <sys/uio.h>

#include "nvme/prp.h"
#include "nvme/qpair.h"

/* A place in a vector. */
struct nvio_data {
	const struct iovec *iov;
	uint32_t nr_iov; /* from @iov on */
	unsigned int rights; /* that the memory needs */
	size_t offset; /* in the first of them */
};

/* A span of addresses that covers the next @len bytes. */
struct nvio_span {
	uintptr_t addr;
	size_t len;
};

/* A span that other threads read at any time. */
static inline void nvio_span_set(struct nvio_span *span, struct nvio_span value)
{
	__atomic_store_n(&span->addr, value.addr, __ATOMIC_RELAXED);
	__atomic_store_n(&span->len, value.len, __ATOMIC_RELAXED);
}

static inline bool nvio_span_has(const struct nvio_span *span, uintptr_t addr, size_t len)
{
	return ranges_overlap(__atomic_load_n(&span->addr, __ATOMIC_RELAXED),
			      __atomic_load_n(&span->len, __ATOMIC_RELAXED), addr, len);
}

/* Bytes from the place to the end of the vector. */
size_t nvio_data_len(const struct nvio_data *data);

struct nvio_span nvio_data_span(const struct nvio_data *data, size_t len);

/* Moves the place on by @len bytes, at most to the end. */
void nvio_data_skip(struct nvio_data *data, size_t len);

/* IOVAs of the first bytes at the place, at most @len: how many, 0 when they are not registered
 * with the rights. */
size_t nvio_data_run(const struct nvio_qpair *qpair, const struct nvio_data *data, size_t len,
		     uint64_t *iova);

/*
 * Describes the next @len bytes as PRPs.
 * Returns how many they can express; -EFAULT.
 */
int64_t nvio_data_prps(const struct nvio_qpair *qpair, struct nvio_data data, size_t len,
		       struct nvio_prps *prps);

#endif
