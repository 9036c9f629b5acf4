/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory on the device that its own commands can use: windows in its BARs, with an address in the
 * controller's address space.
 *
 * It is this controller's alone: to others the address means host memory, so that it is in no table
 * of the address space that they share. Windows are published with their length, once and for as
 * long as the controller is open; the I/O path reads them without a lock.
 */
#ifndef NVIO_LIB_NVME_LOCAL_H
#define NVIO_LIB_NVME_LOCAL_H

#include "mem/memory.h"

struct nvio_ctrl;

enum nvio_local_kind {
	NVIO_LOCAL_CMB,
	NVIO_LOCAL_PMR,
	NVIO_NR_LOCALS,
};

struct nvio_local {
	struct nvio_window window; /* length 0: there is none */
	unsigned int rights; /* enum nvio_dma_rights: what commands can do with it */
};

/*
 * Finds memory in a window: how many of the @len bytes at @addr, with the rights, lie at
 * consecutive addresses from *@iova on; 0 when it is in none.
 */
size_t nvio_local_run(const struct nvio_ctrl *ctrl, uintptr_t addr, size_t len, unsigned int rights,
		      uint64_t *iova);

/* Whether there is a window, so that commands may use memory which a reset can take. */
bool nvio_local_is_used(const struct nvio_ctrl *ctrl);

/* Makes a window known. */
void nvio_local_publish(struct nvio_ctrl *ctrl, enum nvio_local_kind kind,
			const struct nvio_local *local);

/*
 * The address of @len bytes at @offset of a BAR, which no memory has, as IOVAs never overlap PCI
 * windows. Returns 0; -ENOTSUP where memory could be; what nvio_device_bar_address() returns.
 */
int nvio_local_bar_address(struct nvio_ctrl *ctrl, uint32_t bir, uint64_t offset, size_t len,
			   uint64_t *iova);

/*
 * Addresses for @len bytes that no memory has or will get while they are reserved: the controller
 * keeps what is addressed there to itself. Returns 0 or -errno.
 */
int nvio_local_reserve(struct nvio_ctrl *ctrl, size_t len, uint64_t *iova);
void nvio_local_release(struct nvio_ctrl *ctrl, size_t len, uint64_t iova);

#endif
