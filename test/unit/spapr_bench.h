/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device in a container of sPAPR TCE, on the unit tests' kernel: what its tests share.
 */
#ifndef NVIO_TEST_UNIT_SPAPR_BENCH_H
#define NVIO_TEST_UNIT_SPAPR_BENCH_H

#include <linux/vfio.h>

#include <nvio/spapr.h>

#include "cdev_bench.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define LOW MIB /* in all windows but the high one */
/* Extensions of the kernel. */
#define BOTH (1u << VFIO_SPAPR_TCE_IOMMU | 1u << VFIO_SPAPR_TCE_v2_IOMMU)
#define EEH  (1u << VFIO_EEH)

extern struct fake_tce *const tce;

/* A machine of two devices whose kernel has these extensions. */
void tce_start(uint32_t extensions);

/* Opens the first device. Returns 0 or -errno. */
int open_with(enum nvio_way way, uint64_t page_len);

/* The last sentence has to have this. */
void says(const char *text);

#endif
