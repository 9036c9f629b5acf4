/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The VFIO container with its TYPE1 IOMMU, and the groups in it.
 *
 * A container gets its type once the first group is in it; later groups join. A group stays until
 * the address space ends, so that opening one of its devices again is cheap.
 */
#ifndef NVIO_LIB_VFIO_TYPE1_H
#define NVIO_LIB_VFIO_TYPE1_H

#include "vfio/iommu.h"
#include "vfio/pci.h"

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

#endif
