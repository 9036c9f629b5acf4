/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cutting addresses out of an I/O address space's usable ranges.
 *
 * PCI memory windows are not reserved by VFIO, but a DMA to such an address may be routed to the
 * device that owns it before it ever reaches the IOMMU (peer to peer, where nothing enforces ACS).
 */
#ifndef NVIO_LIB_VFIO_WINDOWS_H
#define NVIO_LIB_VFIO_WINDOWS_H

#include "vfio/iommu.h"

/* Makes the addresses from @start to @last, both included, unusable. */
void nvio_iommu_cut(struct nvio_iommu *iommu, uint64_t start, uint64_t last);

/* Cuts every BAR and bridge window that /sys knows. */
void nvio_iommu_cut_pci_windows(struct nvio_iommu *iommu);

#endif
