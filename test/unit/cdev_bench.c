/* SPDX-License-Identifier: BSD-3-Clause */
#include "cdev_bench.h"

#include <stdio.h>
#include <string.h>

#include "tap.h"

struct nvio_iommu *iommu;
struct nvio_device *device;
struct fake_device *const fake = &fake_kernel.devices[0];

int open_named(const char *name, enum nvio_way way, const char *token)
{
	struct nvio_iommu_opts opts = NVIO_IOMMU_OPTS;
	struct nvio_device_opts device_opts = NVIO_DEVICE_OPTS;
	int err;

	opts.way = way;
	device_opts.vf_token = token;
	err = nvio_iommu_open(&opts, &iommu);
	if (!err)
		err = nvio_device_open(iommu, name, &device_opts, &device);
	if (err)
		nvio_iommu_close(iommu);
	return err;
}

void end(void)
{
	nvio_device_close(device);
	nvio_iommu_close(iommu);
	CU_ASSERT_EQUAL(fake_kernel.nr_ioas, 0);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 0);
	CU_ASSERT_EQUAL(fake_kernel_end(), 0);
}

void refused(enum nvio_way way, int err, const char *text)
{
	CU_ASSERT_EQUAL(open_named(NAME, way, NULL), -err);
	CU_ASSERT(strstr(nvio_last_error(), text) != NULL);
	if (!strstr(nvio_last_error(), text))
		puts(nvio_last_error());
	CU_ASSERT_EQUAL(fake_kernel.nr_ioas, 0);
	CU_ASSERT_EQUAL(fake_kernel_end(), 0);
}
