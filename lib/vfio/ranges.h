/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sets of usable IOVAs: cutting addresses out of them, and what two of them have in common.
 *
 * PCI memory windows are not reserved by VFIO, but a DMA to such an address may be routed to the
 * device that owns it before it ever reaches the IOMMU (peer to peer, where nothing enforces ACS).
 */
#ifndef NVIO_LIB_VFIO_RANGES_H
#define NVIO_LIB_VFIO_RANGES_H

#include "vfio/iommu.h"

/* Makes the addresses from @start to @last, both included, unusable. */
void nvio_ranges_cut(struct nvio_ranges *ranges, uint64_t start, uint64_t last);

/* Cuts every BAR and bridge window that /sys knows. */
void nvio_ranges_cut_pci_windows(struct nvio_ranges *ranges);

/* Leaves in @ranges what is in @other too. */
void nvio_ranges_intersect(struct nvio_ranges *ranges, const struct nvio_ranges *other);

/* Whether @len > 0 addresses from @iova on are in one range. */
bool nvio_ranges_hold(const struct nvio_ranges *ranges, uint64_t iova, uint64_t len);

#endif
