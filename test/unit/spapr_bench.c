/* SPDX-License-Identifier: BSD-3-Clause */
#include "spapr_bench.h"

#include <stdio.h>
#include <string.h>

#include "tap.h"

struct fake_tce *const tce = &fake_kernel.tce;

void tce_start(uint32_t extensions)
{
	fake_kernel_start(2, false);
	fake_kernel.extensions = extensions;
}

int open_with(enum nvio_way way, uint64_t page_len)
{
	struct nvio_iommu_opts opts = NVIO_IOMMU_OPTS;
	int err;

	opts.way = way;
	opts.page_len = page_len;
	err = nvio_iommu_open(&opts, &iommu);
	if (err)
		return err;
	err = nvio_device_open(iommu, NAME, NULL, &device);
	if (err)
		nvio_iommu_close(iommu);
	return err;
}

void says(const char *text)
{
	CU_ASSERT(strstr(nvio_last_error(), text) != NULL);
	if (!strstr(nvio_last_error(), text))
		puts(nvio_last_error());
}
