/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PRP entries and lists (section 4.1.1): where the data of a command lies, a controller page at a
 * time.
 *
 * Pure arithmetic over IOVAs; only where two registrations meet is the next IOVA looked up.
 */
#ifndef NVIO_LIB_NVME_PRP_H
#define NVIO_LIB_NVME_PRP_H

#include "mem/memory.h"
#include "nvme/wire.h"

/* Memory for the list of one command. It begins at a page, or does not reach the end of its page.
 */
struct nvio_prp_list {
	uint64_t *entries;
	uint64_t iova;
};

/* Data whose first @run bytes lie at consecutive IOVAs from @iova on; what follows is looked up in
 * @memory. */
struct nvio_prp_data {
	const struct nvio_memory *memory;
	uintptr_t addr;
	size_t len;
	uint64_t iova;
	size_t run;
	unsigned int rights;
};

/* Bytes of list that a transfer of up to @len bytes can need: a power of two, or whole pages. */
size_t nvio_prp_list_len(size_t len, uint32_t page_len);

/*
 * Writes the PRPs of a command.
 * Returns 0; -EFAULT when part of the data is not registered with these rights; -EINVAL when two
 * registrations meet inside a controller page.
 */
int nvio_prp_build(struct nvio_sqe *sqe, const struct nvio_prp_list *list,
		   const struct nvio_prp_data *data, uint32_t page_len);

#endif
