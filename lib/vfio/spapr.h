/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The VFIO containers of POWER machines, sPAPR TCE v1 and v2: one for each group, which many of
 * them share with no other, and which EEH recovers alone. Each is a domain of the address space.
 *
 * They map in windows of bus addresses, with entries of one size. v2 has a window made to measure
 * and memory registered before it is mapped; v1 has the default window, charged to the process as a
 * whole.
 */
#ifndef NVIO_LIB_VFIO_SPAPR_H
#define NVIO_LIB_VFIO_SPAPR_H

#include <linux/vfio.h>

#include "vfio/iommu.h"
#include "vfio/pci.h"
#include "vfio/spapr_memory.h"

struct nvio_group;

struct nvio_spapr {
	struct nvio_domain domain;
	int fd;
	int type; /* VFIO_SPAPR_TCE_v2_IOMMU or VFIO_SPAPR_TCE_IOMMU; 0: none yet */
	bool enabled; /* v1: the window is charged */
	int group_id;
	struct nvio_group *group;
	struct vfio_iommu_spapr_tce_info info;
	uint64_t start; /* the window in use */
	uint64_t len;
	uint64_t entry_len;
	struct nvio_spapr_memory memory; /* v2 */
	struct nvio_map *maps; /* unordered */
	uint32_t nr_maps;
	uint32_t maps_room;
};

/*
 * As nvio_type1_open_device(), in a container of v2 where the kernel has it, else of v1. -ENOTSUP
 * without a sentence where the kernel has neither.
 */
int nvio_spapr_open_device(struct nvio_iommu *iommu, const struct nvio_pci *pci,
			   const char *vf_token);

/* The container of a group in @iommu, -1 for any group; the caller locks. NULL when there is none.
 */
struct nvio_spapr *nvio_spapr_of(const struct nvio_iommu *iommu, int group);

/* "spapr-tce-v2", "spapr-tce"; NULL when there is none. Locks. */
const char *nvio_spapr_type(struct nvio_iommu *iommu, int group);

/* The fd of a group that has a container in @iommu; -1 when it has not. Locks. */
int nvio_spapr_group_fd(struct nvio_iommu *iommu, int group);

/* spapr_window.c: asks for the windows that may be, and sets one up for memory in pages of
 * @page_len. Returns 0 or -errno. */
int nvio_spapr_open_window(struct nvio_spapr *spapr, uint64_t page_len);

/* What to do when a window cannot be made, "" when nobody knows. v1 makes its own with the first
 * map. */
const char *nvio_spapr_hint(int err);

#endif
