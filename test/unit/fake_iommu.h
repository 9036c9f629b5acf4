/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An address space with no device: maps are remembered and nothing else happens.
 *
 * Lets lib/mem, PRPs and queue pairs be tested in plain memory. A test sets its limits before the
 * first allocation.
 */
#ifndef NVIO_TEST_UNIT_FAKE_IOMMU_H
#define NVIO_TEST_UNIT_FAKE_IOMMU_H

#include "vfio/iommu.h"

#define FAKE_MAPS 64

struct fake_iommu {
	struct nvio_domain domain;
	struct nvio_map maps[FAKE_MAPS];
	uint32_t nr_maps;
	int map_error; /* what the next map returns when it is not 0, negative */
};

/* A domain that a test may change before it joins. */
void fake_domain_init(struct fake_iommu *fake);

/* An address space with one: IOVAs from 0 to the interrupt window and from there to 2^39 - 1, pages
 * of 4 KiB. */
struct nvio_iommu *fake_iommu_new(struct fake_iommu *fake);

#endif
