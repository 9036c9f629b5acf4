/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What memory is registered with a container of sPAPR TCE v2, which maps no other.
 *
 * Registered regions never overlap. Each counts the maps that use it and goes with the last one:
 * the kernel takes a region that is still mapped back, too, and leaks it.
 */
#ifndef NVIO_LIB_VFIO_SPAPR_MEMORY_H
#define NVIO_LIB_VFIO_SPAPR_MEMORY_H

#include <stddef.h>
#include <stdint.h>

struct nvio_spapr_region {
	uintptr_t addr;
	size_t len;
	uint32_t nr_maps;
};

/* All zero but for the container is an empty one. */
struct nvio_spapr_memory {
	int fd; /* of the container */
	uint32_t nr;
	uint32_t room;
	struct nvio_spapr_region *regions; /* ascending */
};

/* A map is about to use memory: registers what of it is not. Returns 0 or -errno, with nothing
 * changed. */
int nvio_spapr_memory_hold(struct nvio_spapr_memory *memory, uintptr_t addr, size_t len);

/* The map is gone. */
void nvio_spapr_memory_release(struct nvio_spapr_memory *memory, uintptr_t addr, size_t len);

/* Bytes that are registered. */
uint64_t nvio_spapr_memory_len(const struct nvio_spapr_memory *memory);

#endif
