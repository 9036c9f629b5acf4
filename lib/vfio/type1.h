/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The VFIO container with its TYPE1 IOMMU, and the groups in it.
 *
 * A container gets its type once the first group is in it; later groups join. A group stays until
 * the address space ends, so that opening one of its devices again is cheap.
 */
#ifndef NVIO_LIB_VFIO_TYPE1_H
#define NVIO_LIB_VFIO_TYPE1_H

#include <stdio.h>

#include "vfio/iommu.h"
#include "vfio/pci.h"

struct nvio_type1 {
	struct nvio_domain domain;
	int fd;
	int type; /* VFIO_TYPE1v2_IOMMU or VFIO_TYPE1_IOMMU */
	struct nvio_group *groups;
};

/*
 * Puts the device's group into the container of @iommu, making the container and giving the address
 * space its backend when this is the first, and opens the device. Returns the device's fd, the
 * caller's to close; -errno as nvio_device_open() says.
 */
int nvio_type1_open_device(struct nvio_iommu *iommu, const struct nvio_pci *pci,
			   const char *vf_token);

/* Opens /dev/vfio/vfio and checks its version. Returns its fd or -errno. */
int nvio_container_open(void);

/* "type1v2" or "type1"; "none" when @iommu has no container. Locks. */
const char *nvio_type1_type(struct nvio_iommu *iommu);

/* The container of @iommu; the caller locks. Returns its fd or -ENOTSUP. */
int nvio_type1_fd(const struct nvio_iommu *iommu);

/* The fd of a group in the container of @iommu; -1 when it is not there. Locks. */
int nvio_type1_group_fd(struct nvio_iommu *iommu, int group);

/* Reads ranges, page sizes and the number of maps from the answer of VFIO_IOMMU_GET_INFO. Returns 0
 * or -EPROTO. */
int nvio_type1_parse_info(struct nvio_domain *domain, const void *info, size_t len);

/* The container of @iommu; the caller locks. NULL when it has none. */
struct nvio_type1 *nvio_type1_of(const struct nvio_iommu *iommu);

/* type1_handover.c: see struct nvio_domain_ops. */
int nvio_type1_describe(const struct nvio_domain *domain, FILE *out);
int nvio_type1_forsake(struct nvio_domain *domain);
void nvio_type1_abandon(struct nvio_domain *domain);

/* Its counterparts: a container, and a group in it, that were handed over. Their files are theirs
 * to close from here on. Return 0 or -errno. */
int nvio_type1_take_over(struct nvio_iommu *iommu, int fd, const char *text);
int nvio_type1_take_over_group(struct nvio_iommu *iommu, int fd, const char *text);

/* type1.c: a container with its type, of which @nr_maps maps are in place, joins @iommu; the caller
 * locks. Returns 0 or -errno. */
int nvio_type1_adopt(struct nvio_iommu *iommu, struct nvio_type1 *t, uint32_t nr_maps);

#endif
