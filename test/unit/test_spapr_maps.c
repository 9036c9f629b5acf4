/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Maps in a container of sPAPR TCE on the unit tests' kernel: what is registered when, what the
 * kernel's answers mean, and that nothing is left. The unit tests' kernel counts what the real one
 * forgives (fake_spapr.c), and end() finds it.
 */
#include <errno.h>
#include <string.h>

#include <nvio/iommu.h>
#include <nvio/mem.h>

#include "spapr_bench.h"
#include "tap.h"
#include "vfio/spapr.h"

static char pages[4 * MIB] __attribute__((aligned(2 * MIB)));

static uint32_t nr_regions(void)
{
	struct nvio_tce_info info;

	nvio_device_tce_info(device, &info, sizeof(info));
	CU_ASSERT_EQUAL(info.nr_registered, tce->nr_regions);
	CU_ASSERT_EQUAL(info.registered_len, tce->locked);
	return info.nr_registered;
}

/* Registered from the first map to the last, however they lie over one another. */
static void registered(void)
{
	const unsigned int rw = NVIO_DMA_RW;

	tce_start(BOTH);
	CU_ASSERT_EQUAL_FATAL(open_with(NVIO_WAY_AUTO, 0), 0);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages + 8192, 8192, 1 * MIB, rw), 0);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages + 8192, 8192, 2 * MIB, rw), 0);
	CU_ASSERT_EQUAL(nr_regions(), 1);
	/* A part, and more on both sides. */
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages + 12288, 4096, 3 * MIB, rw), 0);
	CU_ASSERT_EQUAL(nr_regions(), 1);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 32768, 4 * MIB, rw), 0);
	CU_ASSERT_EQUAL(nr_regions(), 3);
	CU_ASSERT_EQUAL(tce->locked, 32768);
	CU_ASSERT_EQUAL(nvio_iommu_unmap(iommu, 1 * MIB, 8192), 0);
	CU_ASSERT_EQUAL(nvio_iommu_unmap(iommu, 2 * MIB, 8192), 0);
	CU_ASSERT_EQUAL(nr_regions(), 3);
	CU_ASSERT_EQUAL(nvio_iommu_unmap(iommu, 4 * MIB, 32768), 0);
	CU_ASSERT_EQUAL(nr_regions(), 1);
	CU_ASSERT_EQUAL(tce->regions[0].addr, (uintptr_t)pages + 8192);
	CU_ASSERT_EQUAL(nvio_iommu_unmap(iommu, 3 * MIB, 4096), 0);
	CU_ASSERT_EQUAL(nr_regions(), 0);
	/* What could not be registered to its end is not at all. */
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages + 8192, 8192, 1 * MIB, rw), 0);
	fake_kernel_fail(VFIO_IOMMU_SPAPR_REGISTER_MEMORY, EFAULT, 1, 1);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 32768, 4 * MIB, rw), -EFAULT);
	says("cannot be registered for DMA: it is not mapped in this process, or not to be");
	CU_ASSERT_EQUAL(nr_regions(), 1);
	/* What stays registered serves the next map. */
	fake_kernel_fail(VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY, EBUSY, 0, 1);
	CU_ASSERT_EQUAL(nvio_iommu_unmap(iommu, 1 * MIB, 8192), 0);
	CU_ASSERT_EQUAL(nr_regions(), 1);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages + 8192, 4096, 1 * MIB, rw), 0);
	CU_ASSERT_EQUAL(nr_regions(), 1);
	CU_ASSERT_EQUAL(nvio_iommu_unmap(iommu, 1 * MIB, 4096), 0);
	CU_ASSERT_EQUAL(nr_regions(), 0);
	end();
}

/* The answer of the kernel to a map, and what is made of it. */
static void map_is(int answer, int err, const char *text)
{
	fake_kernel_fail(VFIO_IOMMU_MAP_DMA, answer, 0, 1);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 4096, 8 * MIB, NVIO_DMA_RW), -err);
	says(text);
	CU_ASSERT_EQUAL(nr_regions(), 1);
}

static void register_is(int answer, int err, const char *text)
{
	fake_kernel_fail(VFIO_IOMMU_SPAPR_REGISTER_MEMORY, answer, 0, 1);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 4096, 8 * MIB, NVIO_DMA_RW), -err);
	says(text);
	CU_ASSERT_EQUAL(nr_regions(), 1);
}

static void map_errors(void)
{
	struct nvio_iommu_info info;

	tce_start(BOTH);
	CU_ASSERT_EQUAL_FATAL(open_with(NVIO_WAY_AUTO, 0), 0);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages + 65536, 8192, LOW, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 4096, LOW + 4096, NVIO_DMA_RW), -EEXIST);
	says("is mapped already");
	CU_ASSERT_EQUAL(nvio_iommu_map_file(iommu, 1, 0, 4096, 8 * MIB, NVIO_DMA_RW), -ENOTSUP);
	map_is(-1, EINVAL, "is not for the DMA window at 0x0");
	map_is(ENXIO, ENXIO, "is outside of the DMA window");
	map_is(EFAULT, EFAULT, "cannot be pinned");
	map_is(ENODEV, ENODEV, "boot it with disable_ddw");
	map_is(EIO, EIO, "failed: Input/output error");
	register_is(ENOMEM, ENOMEM, "4096 bytes for DMA");
	register_is(EINVAL, EINVAL, "another address space of this process");
	register_is(EBUSY, EBUSY, "another address space of this process");
	register_is(EIO, EIO, "cannot be registered for DMA: Input/output error");
	/* What the kernel does not take back stays mapped, and registered. */
	fake_kernel_fail(VFIO_IOMMU_UNMAP_DMA, -1, 0, 1);
	CU_ASSERT_EQUAL(nvio_iommu_unmap(iommu, LOW, 8192), -EINVAL);
	says("it is not aligned to the entries of the DMA window");
	fake_kernel_fail(VFIO_IOMMU_UNMAP_DMA, EIO, 0, 1);
	CU_ASSERT_EQUAL(nvio_iommu_unmap(iommu, LOW, 8192), -EIO);
	CU_ASSERT_EQUAL(nr_regions(), 1);
	nvio_iommu_get_info(iommu, &info, sizeof(info));
	CU_ASSERT_EQUAL(info.nr_maps, 1);
	CU_ASSERT_EQUAL(nvio_iommu_unmap_all(iommu), 0);
	CU_ASSERT_EQUAL(nr_regions(), 0);
	end();
	/* Memory in smaller pages than was promised. */
	tce_start(BOTH);
	CU_ASSERT_EQUAL_FATAL(open_with(NVIO_WAY_AUTO, 2 * MIB), 0);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 2 * MIB, 2 * MIB, NVIO_DMA_RW), -EINVAL);
	says("is in smaller pages than the entries of the DMA window, of 2097152 bytes");
	CU_ASSERT_EQUAL(nr_regions(), 0);
	end();
}

/* The container below checks nothing itself that the kernel answers to. */
static void below(void)
{
	struct nvio_map map = { .addr = pages, .len = 4096, .rights = NVIO_DMA_RW, .fd = -1 };
	struct nvio_domain *domain;

	tce_start(BOTH);
	CU_ASSERT_EQUAL_FATAL(open_with(NVIO_WAY_AUTO, 0), 0);
	domain = &nvio_spapr_of(iommu, 7)->domain;
	map.iova = 8 * GIB;
	CU_ASSERT_EQUAL(domain->ops->map(domain, &map), -ENXIO);
	map.iova = 5000;
	CU_ASSERT_EQUAL(domain->ops->map(domain, &map), -EINVAL);
	says("is not aligned to the entries of the DMA window, of 4096 bytes");
	nvio_spapr_of(iommu, 7)->entry_len = 1;
	CU_ASSERT_EQUAL(domain->ops->map(domain, &map), -EINVAL);
	says("is not for the DMA window");
	CU_ASSERT_EQUAL(domain->ops->unmap(domain, 8192, 4096), -EINVAL);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 0);
	CU_ASSERT_EQUAL(nr_regions(), 0);
	end();
}

/* Each group has a container of its own, and each map is in all of them; a hot reset finds them. */
static void groups_share(void)
{
	struct nvio_device *second;

	tce_start(BOTH);
	CU_ASSERT_EQUAL_FATAL(open_with(NVIO_WAY_AUTO, 0), 0);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 4096, LOW, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL_FATAL(nvio_device_open(iommu, "0000:02:00.0", NULL, &second), 0);
	CU_ASSERT_NOT_EQUAL(fake_kernel.group_container[0], fake_kernel.group_container[1]);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 2);
	CU_ASSERT_EQUAL(fake_kernel.maps[1].vaddr, (uintptr_t)pages);
	CU_ASSERT_EQUAL(fake_kernel.maps[1].iova, LOW);
	/* Registered by both, and charged once. */
	CU_ASSERT_EQUAL(tce->nr_regions, 2);
	CU_ASSERT_EQUAL(tce->locked, 4096);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages + 4096, 4096, 2 * LOW, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 4);
	CU_ASSERT_EQUAL(nvio_iommu_unmap(iommu, LOW, 4096), 0);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 2);
	CU_ASSERT_EQUAL(tce->nr_regions, 2);
	CU_ASSERT_EQUAL(tce->locked, 4096);
	CU_ASSERT_EQUAL(nvio_device_hot_reset(device), 0);
	/* What one of them does not take, none keeps. */
	fake_kernel_fail(VFIO_IOMMU_MAP_DMA, EIO, 1, 1);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 4096, LOW, NVIO_DMA_RW), -EIO);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 2);
	CU_ASSERT_EQUAL(tce->nr_regions, 2);
	nvio_device_close(second);
	end();
}

/* Heap and memory of the application's own, through the layer above. */
static void memory_above(void)
{
	uint32_t before;
	char *p;

	tce_start(BOTH);
	CU_ASSERT_EQUAL_FATAL(open_with(NVIO_WAY_AUTO, 0), 0);
	p = nvio_alloc(iommu, 4096, 4096);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	before = nr_regions();
	CU_ASSERT_EQUAL(before, 1);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, pages, 2 * MIB, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nr_regions(), 2);
	CU_ASSERT_EQUAL(nvio_mem_unregister(iommu, pages, 2 * MIB), 0);
	CU_ASSERT_EQUAL(nr_regions(), 1);
	nvio_free(iommu, p);
	end();
}

static const struct tap_test tests[] = {
	{ "memory is registered from the first map to the last", registered },
	{ "maps that fail", map_errors },
	{ "what the kernel answers where nothing is checked before", below },
	{ "a container for each group", groups_share },
	{ "heap and registered memory", memory_above },
};

int main(void)
{
	return tap_run("spapr_maps", tests, sizeof(tests) / sizeof(tests[0]));
}
