/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Address spaces of iommufd on the unit tests' kernel: what is attached, mapped, copied and reset.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <nvio/iommu.h>

#include <nvio/mem.h>

#include "cdev_bench.h"
#include "tap.h"
#include "vfio/uapi.h"

static char pages[16384] __attribute__((aligned(4096)));

static void maps(void)
{
	struct nvio_iommu_info info;
	struct nvio_iova_range range;

	fake_kernel_start(1, true);
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_AUTO, NULL), 0);
	CU_ASSERT_EQUAL(fake->attached, 100);
	nvio_iommu_get_info(iommu, &info, sizeof(info));
	CU_ASSERT_EQUAL(info.page_sizes, ~0xfffull);
	CU_ASSERT_EQUAL(info.maps_left, UINT32_MAX);
	CU_ASSERT_EQUAL(info.nr_ranges, 3);
	CU_ASSERT_EQUAL(nvio_iommu_range(iommu, 0, &range), 0);
	CU_ASSERT_EQUAL(range.last, 0xfdffffff);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 8192, IOVA, NVIO_DMA_READ), 0);
	CU_ASSERT_EQUAL(fake_kernel.maps[0].vaddr, (uintptr_t)pages);
	CU_ASSERT_EQUAL(fake_kernel.maps[0].iova, IOVA);
	CU_ASSERT_EQUAL(fake_kernel.maps[0].len, 8192);
	CU_ASSERT_EQUAL(fake_kernel.maps[0].flags, NVIO_IOMMU_MAP_FIXED | NVIO_IOMMU_MAP_READ);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 4096, IOVA + 4096, NVIO_DMA_RW), -EEXIST);
	CU_ASSERT_EQUAL(nvio_iommu_unmap(iommu, IOVA, 4096), -EINVAL);
	CU_ASSERT_EQUAL(nvio_iommu_unmap(iommu, IOVA, 8192), 0);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 0);
	CU_ASSERT_EQUAL(nvio_iommu_unmap(iommu, IOVA, 8192), -EINVAL);
	fake_kernel_fail(NVIO_IOMMU_MAP, EFAULT, 0, 1);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 8192, IOVA, NVIO_DMA_READ), -EFAULT);
	fake_kernel_fail(NVIO_IOMMU_MAP, ENOMEM, 0, 1);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 8192, IOVA, NVIO_DMA_READ), -ENOMEM);
	CU_ASSERT_EQUAL(nvio_iommu_unmap_all(iommu), 0);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 8192, IOVA, NVIO_DMA_READ), 0);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 8192, 2 * IOVA, NVIO_DMA_READ), 0);
	CU_ASSERT_EQUAL(nvio_iommu_unmap_all(iommu), 0);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 0);
	CU_ASSERT_EQUAL(nvio_iommu_dirty_start(iommu), -ENOTSUP);
	/* What is mapped at the end goes with the address space. */
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 8192, IOVA, NVIO_DMA_WRITE), 0);
	end();
}

/* By the file where the kernel can, else by the address, and never a file alone where it cannot. */
static void files(void)
{
	int fd;

	fake_kernel_start(1, true);
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_AUTO, NULL), 0);
	fd = fake_kernel_file(FAKE_OTHER, 0);
	CU_ASSERT_EQUAL(nvio_iommu_map_file(iommu, fd, 8192, 4096, IOVA, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(fake_kernel.maps[0].fd, fd);
	CU_ASSERT_EQUAL(fake_kernel.maps[0].vaddr, 8192);
	CU_ASSERT_EQUAL(nvio_iommu_map_file(iommu, fd, 100, 4096, IOVA, NVIO_DMA_RW), -EINVAL);
	CU_ASSERT_EQUAL(nvio_iommu_map_file(iommu, -1, 0, 4096, IOVA, NVIO_DMA_RW), -EINVAL);
	fake_kernel.map_file = false;
	CU_ASSERT_EQUAL(nvio_iommu_map_file(iommu, fd, 0, 4096, IOVA + 8192, NVIO_DMA_RW),
			-ENOTSUP);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 1);
	close(fd);
	fake_kernel.files[fd].kind = FAKE_CLOSED;
	end();
	/* A container has no such thing. */
	fake_kernel_start(1, true);
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_GROUP, NULL), 0);
	CU_ASSERT_EQUAL(nvio_iommu_map_file(iommu, 5, 0, 4096, IOVA, NVIO_DMA_RW), -ENOTSUP);
	end();
}

/* Memory of the program's own that is a file's: by the file where that can be, else as it is
 * mapped. */
static void registered_files(void)
{
	static char own[8192] __attribute__((aligned(4096)));
	const enum nvio_way ways[] = { NVIO_WAY_CDEV, NVIO_WAY_GROUP };

	for (int i = 0; i < 2; i++) {
		const struct fake_mapping *map = &fake_kernel.maps[0];
		uint64_t iova;
		int fd;

		fake_kernel_start(1, true);
		CU_ASSERT_EQUAL_FATAL(open_named(NAME, ways[i], NULL), 0);
		fd = fake_kernel_file(FAKE_OTHER, 0);
		CU_ASSERT_EQUAL(nvio_mem_register_file(iommu, own, 8192, NVIO_DMA_RW, -1, 0),
				-EINVAL);
		CU_ASSERT_EQUAL(nvio_mem_register_file(iommu, own, 8192, NVIO_DMA_RW, fd, 512),
				-EINVAL);
		CU_ASSERT_EQUAL(fake_kernel.nr_maps, 0);
		CU_ASSERT_EQUAL(nvio_mem_register_file(iommu, own, 8192, NVIO_DMA_READ, fd, 12288),
				0);
		CU_ASSERT_EQUAL(map->fd, i ? -1 : fd);
		CU_ASSERT_EQUAL(map->vaddr, i ? (uintptr_t)own : 12288);
		CU_ASSERT_EQUAL(nvio_mem_iova(iommu, own + 4100, 8192, NVIO_DMA_READ, &iova), 4092);
		CU_ASSERT_EQUAL(iova, map->iova + 4100);
		CU_ASSERT_EQUAL(nvio_mem_unregister(iommu, own, 8192), 0);
		CU_ASSERT_EQUAL(fake_kernel.nr_maps, 0);
		close(fd);
		fake_kernel.files[fd].kind = FAKE_CLOSED;
		end();
	}
}

static void devices_share(void)
{
	struct nvio_device *second;

	fake_kernel_start(2, true);
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_AUTO, NULL), 0);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 4096, IOVA, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL_FATAL(nvio_device_open(iommu, "0000:02:00.0", NULL, &second), 0);
	CU_ASSERT_EQUAL(fake_kernel.devices[1].attached, fake->attached);
	CU_ASSERT_EQUAL(fake_kernel.nr_ioas, 1);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 1);
	/* Open means taken. */
	CU_ASSERT_EQUAL(nvio_device_open(iommu, NAME, NULL, &second), -EBUSY);
	CU_ASSERT(strstr(nvio_last_error(), "vfio0 is in use") != NULL);
	nvio_device_close(second);
	CU_ASSERT_EQUAL(fake_kernel.devices[1].attached, 0);
	CU_ASSERT_EQUAL(nvio_device_detach(device), 0);
	CU_ASSERT_EQUAL(fake->attached, 0);
	CU_ASSERT_EQUAL(nvio_device_detach(device), -ENOTSUP);
	end();
}

static void copies(void)
{
	struct nvio_iommu_opts opts = NVIO_IOMMU_OPTS;
	struct nvio_device *second;
	struct nvio_iommu *to;

	fake_kernel_start(2, true);
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_AUTO, NULL), 0);
	opts.beside = iommu;
	CU_ASSERT_EQUAL_FATAL(nvio_iommu_open(&opts, &to), 0);
	CU_ASSERT_EQUAL_FATAL(nvio_device_open(to, "0000:02:00.0", NULL, &second), 0);
	CU_ASSERT_EQUAL(fake_kernel.nr_ioas, 2);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 8192, IOVA, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nvio_iommu_copy(iommu, IOVA, 4096, to, IOVA, NVIO_DMA_READ), -EINVAL);
	CU_ASSERT_EQUAL(nvio_iommu_copy(to, IOVA, 8192, iommu, IOVA, NVIO_DMA_READ), -EINVAL);
	CU_ASSERT_EQUAL(nvio_iommu_copy(iommu, IOVA, 8192, to, 2 * IOVA, NVIO_DMA_READ), 0);
	CU_ASSERT_EQUAL_FATAL(fake_kernel.nr_maps, 2);
	CU_ASSERT_EQUAL(fake_kernel.maps[1].space, 101);
	CU_ASSERT_EQUAL(fake_kernel.maps[1].iova, 2 * IOVA);
	CU_ASSERT_EQUAL(fake_kernel.maps[1].flags, NVIO_IOMMU_MAP_FIXED | NVIO_IOMMU_MAP_READ);
	CU_ASSERT_EQUAL(nvio_iommu_unmap(to, 2 * IOVA, 8192), 0);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 1);
	nvio_device_close(second);
	nvio_iommu_close(to);
	end();
}

static void settings(void)
{
	const struct nvio_iova_range ranges[] = { { 0x1000, 0x1fff } };
	struct nvio_iommu_hw hw;
	bool value = false;

	fake_kernel_start(1, true);
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_AUTO, NULL), 0);
	CU_ASSERT_EQUAL(nvio_iommu_option(iommu, NVIO_IOMMU_LARGE_PAGES, false, &value), 0);
	CU_ASSERT(value);
	value = false;
	CU_ASSERT_EQUAL(nvio_iommu_option(iommu, NVIO_IOMMU_LARGE_PAGES, true, &value), 0);
	CU_ASSERT_EQUAL(fake_kernel.huge_pages, 0);
	value = true;
	CU_ASSERT_EQUAL(nvio_iommu_option(iommu, NVIO_IOMMU_MEMLOCK_OF_PROCESS, true, &value), 0);
	CU_ASSERT_EQUAL(fake_kernel.rlimit_mode, 1);
	CU_ASSERT_EQUAL(nvio_iommu_allow(iommu, ranges, 1), 0);
	CU_ASSERT_EQUAL(nvio_iommu_allow(iommu, ranges, 0), -EINVAL);
	CU_ASSERT_EQUAL(nvio_device_iommu_hw(device, &hw, sizeof(hw)), 0);
	CU_ASSERT(hw.type == 1 && hw.dirty_tracking && hw.max_pasid_log2 == 20);
	end();
	fake_kernel_start(1, true);
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_GROUP, NULL), 0);
	CU_ASSERT_EQUAL(nvio_iommu_option(iommu, NVIO_IOMMU_LARGE_PAGES, false, &value), -ENOTSUP);
	CU_ASSERT_EQUAL(nvio_iommu_allow(iommu, ranges, 1), -ENOTSUP);
	CU_ASSERT_EQUAL(nvio_device_iommu_hw(device, &hw, sizeof(hw)), -ENOTSUP);
	CU_ASSERT_EQUAL(nvio_device_detach(device), -ENOTSUP);
	end();
}

static void hot_resets(void)
{
	struct nvio_reset_device devices[2];
	struct nvio_device *second;

	fake_kernel_start(2, true);
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_AUTO, NULL), 0);
	CU_ASSERT_EQUAL(nvio_device_hot_reset_info(device, devices, 2), 2);
	CU_ASSERT(devices[0].owned && !devices[1].owned && devices[0].group == -1);
	CU_ASSERT_EQUAL(nvio_device_hot_reset(device), -EPERM);
	CU_ASSERT(strstr(nvio_last_error(), "whose devices are not all ours") != NULL);
	CU_ASSERT_EQUAL_FATAL(nvio_device_open(iommu, "0000:02:00.0", NULL, &second), 0);
	CU_ASSERT_EQUAL(nvio_device_hot_reset(device), 0);
	CU_ASSERT_EQUAL(fake->hot_resets, 1);
	nvio_device_close(second);
	end();
}

static const struct tap_test tests[] = {
	{ "registered memory of a file", registered_files },
	{ "maps", maps },
	{ "maps of files", files },
	{ "devices share an address space; detach", devices_share },
	{ "copies of maps", copies },
	{ "options, allowed IOVAs, hardware", settings },
	{ "hot resets", hot_resets },
};

int main(void)
{
	return tap_run("cdev", tests, sizeof(tests) / sizeof(tests[0]));
}
