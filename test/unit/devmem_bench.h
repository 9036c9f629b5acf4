/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A controller that is registers in plain memory, reached by call, and BARs that are mappings: for
 * memory that lies on the device.
 */
#ifndef NVIO_TEST_UNIT_DEVMEM_BENCH_H
#define NVIO_TEST_UNIT_DEVMEM_BENCH_H

#include "nvme/ctrl.h"
#include "vfio/device.h"
#include "fake_iommu.h"

#define DEVMEM_BAR_LEN (8u << 20) /* of BARs 2 and 4 */

struct devmem_bench {
	struct fake_iommu fake;
	struct nvio_device device;
	struct nvio_ctrl ctrl; /* of what devices' memory needs only */
	uint32_t regs[0x1000 / 4];
	uint32_t config[64];
	void (*written)(struct devmem_bench *b, uint64_t offset); /* to a register */
	void (*read)(struct devmem_bench *b, uint64_t offset); /* from one */
};

/* One at a time. */
void devmem_new(struct devmem_bench *b, uint64_t cap);
void devmem_free(struct devmem_bench *b);

#endif
