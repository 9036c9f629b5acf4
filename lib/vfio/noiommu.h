/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices without an IOMMU: nothing is mapped, and addresses are physical ones.
 */
#ifndef NVIO_LIB_VFIO_NOIOMMU_H
#define NVIO_LIB_VFIO_NOIOMMU_H

#include "vfio/iommu.h"
#include "vfio/pci.h"

/* As nvio_type1_open_device(); warns. */
int nvio_noiommu_open_device(struct nvio_iommu *iommu, const struct nvio_pci *pci);

#endif
