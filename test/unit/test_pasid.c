/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PASIDs of a device on the unit tests' kernel: what it gets to see, and that an address space
 * lives as long as it is attached, and no longer.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <nvio/handover.h>

#include "cdev_bench.h"
#include "tap.h"
#include "vfio/uapi.h"

static struct nvio_iommu *second;

static void start(void)
{
	struct nvio_iommu_opts opts = NVIO_IOMMU_OPTS;

	fake_kernel_start(1, true);
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_CDEV, NULL), 0);
	opts.beside = iommu;
	CU_ASSERT_EQUAL_FATAL(nvio_iommu_open(&opts, &second), 0);
}

static void attached(void)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct nvio_iommu_info info;

	start();
	CU_ASSERT_EQUAL(nvio_device_attach_pasid(device, 7, second), 0);
	CU_ASSERT_EQUAL(fake->pasid, 7);
	CU_ASSERT(fake->pasid_ioas && fake->pasid_ioas != fake->attached);
	CU_ASSERT_EQUAL(nvio_device_attach_pasid(device, 7, second), -EEXIST);
	nvio_iommu_get_info(second, &info, sizeof(info));
	CU_ASSERT_STRING_EQUAL(info.type, "iommufd");
	CU_ASSERT_EQUAL(nvio_iommu_map(second, page, 4096, IOVA, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 1);
	CU_ASSERT_EQUAL(fake_kernel.maps[0].space, fake->pasid_ioas);
	CU_ASSERT_EQUAL(nvio_device_detach_pasid(device, 8), -ENOENT);
	CU_ASSERT_EQUAL(nvio_device_detach_pasid(device, 7), 0);
	CU_ASSERT_EQUAL(fake->pasid, 0);
	CU_ASSERT_EQUAL(nvio_device_detach_pasid(device, 7), -ENOENT);
	/* Again in the same address space, whose maps are still there, and left to the end. */
	CU_ASSERT_EQUAL(nvio_device_attach_pasid(device, (1u << 20) - 1, second), 0);
	CU_ASSERT_EQUAL(fake->pasid, (1u << 20) - 1);
	CU_ASSERT_EQUAL(fake->pasid_ioas, fake_kernel.maps[0].space);
	nvio_iommu_close(second);
	CU_ASSERT_EQUAL(fake_kernel.nr_ioas, 2);
	end();
	munmap(page, 4096);
}

static void not_attached(void)
{
	struct nvio_iommu *apart;
	const int errors[] = { ENOTTY, EINVAL, E2BIG };

	start();
	CU_ASSERT_EQUAL(nvio_device_attach_pasid(device, 0, second), -EINVAL);
	CU_ASSERT_EQUAL(nvio_device_attach_pasid(device, 1u << 20, second), -EINVAL);
	CU_ASSERT_EQUAL(nvio_iommu_open(NULL, &apart), 0);
	CU_ASSERT_EQUAL(nvio_device_attach_pasid(device, 7, apart), -EINVAL);
	nvio_iommu_close(apart);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		fake_kernel_fail(NVIO_VFIO_ATTACH_PT, errors[i], 0, 1);
		CU_ASSERT_EQUAL(nvio_device_attach_pasid(device, 7, second), -ENOTSUP);
		CU_ASSERT(strstr(nvio_last_error(), "PASID 7 cannot be attached") != NULL);
	}
	/* A reset that runs is waited for. */
	fake->attach_busy = 3;
	CU_ASSERT_EQUAL(nvio_device_attach_pasid(device, 7, second), 0);
	CU_ASSERT_EQUAL(nvio_device_hand_over(device), -EBUSY);
	fake_kernel_fail(NVIO_VFIO_DETACH_PT, EIO, 0, 1);
	CU_ASSERT_EQUAL(nvio_device_detach_pasid(device, 7), -EIO);
	CU_ASSERT_EQUAL(fake->pasid, 7);
	CU_ASSERT_EQUAL(nvio_device_detach_pasid(device, 7), 0);
	fake_kernel_fail(NVIO_IOMMU_IOVA_RANGES, EIO, 0, 1);
	CU_ASSERT_EQUAL(nvio_device_attach_pasid(device, 7, second), -EIO);
	CU_ASSERT_EQUAL(fake->pasid, 0);
	nvio_iommu_close(second);
	end();
}

static void by_group(void)
{
	fake_kernel_start(1, false);
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_GROUP, NULL), 0);
	CU_ASSERT_EQUAL(nvio_device_attach_pasid(device, 7, iommu), -ENOTSUP);
	CU_ASSERT_EQUAL(nvio_device_detach_pasid(device, 7), -ENOENT);
	end();
}

static const struct tap_test tests[] = {
	{ "attached and detached", attached },
	{ "what is refused", not_attached },
	{ "a container has none", by_group },
};

int main(void)
{
	return tap_run("pasid", tests, sizeof(tests) / sizeof(tests[0]));
}
