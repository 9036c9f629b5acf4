/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses cut out of the usable ranges, one by one and from a made-up /sys; and heap options that
 * are given before there is a device.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nvio/mem.h>

#include "vfio/sysfs.h"
#include "vfio/windows.h"
#include "fake_iommu.h"
#include "tap.h"

static void check_range(const struct nvio_iommu *iommu, uint32_t idx, uint64_t start, uint64_t last)
{
	CU_ASSERT_EQUAL(iommu->ranges[idx].start, start);
	CU_ASSERT_EQUAL(iommu->ranges[idx].last, last);
}

static void cuts(void)
{
	struct fake_iommu fake;
	struct nvio_iommu *iommu = fake_iommu_new(&fake);

	/* The middle, both ends, across the gap, nothing, a whole range. */
	nvio_iommu_cut(iommu, 0x100008000, 0x10000bfff);
	CU_ASSERT_EQUAL(iommu->nr_ranges, 3);
	check_range(iommu, 1, 0xfef00000, 0x100007fff);
	check_range(iommu, 2, 0x10000c000, 0x7fffffffff);
	nvio_iommu_cut(iommu, 0, 0xfff);
	check_range(iommu, 0, 0x1000, 0xfedfffff);
	nvio_iommu_cut(iommu, 0x7000000000, 0xffffffffffffffff);
	check_range(iommu, 2, 0x10000c000, 0x6fffffffff);
	nvio_iommu_cut(iommu, 0xfe000000, 0xfeffffff);
	check_range(iommu, 0, 0x1000, 0xfdffffff);
	check_range(iommu, 1, 0xff000000, 0x100007fff);
	nvio_iommu_cut(iommu, 0xfe000000, 0xfeffffff);
	CU_ASSERT_EQUAL(iommu->nr_ranges, 3);
	nvio_iommu_cut(iommu, 0xff000000, 0x10000bfff);
	CU_ASSERT_EQUAL(iommu->nr_ranges, 2);
	check_range(iommu, 1, 0x10000c000, 0x6fffffffff);
	nvio_iommu_close(iommu);
}

/* More holes than there is room for: what is left never holds an address that was cut. */
static void keeps_within_its_room(void)
{
	struct fake_iommu fake;
	struct nvio_iommu *iommu = fake_iommu_new(&fake);
	int wrong = 0;

	for (uint64_t i = 1; i <= 300; i++)
		nvio_iommu_cut(iommu, i << 30, (i << 30) + 0xfff);
	CU_ASSERT_EQUAL(iommu->nr_ranges, NVIO_IOMMU_RANGES);
	for (uint32_t k = 0; k < iommu->nr_ranges; k++) {
		const struct nvio_iova_range *r = &iommu->ranges[k];

		wrong += r->start > r->last || (k && r->start <= iommu->ranges[k - 1].last);
		for (uint64_t i = 1; i <= 300; i++)
			wrong += r->start <= (i << 30) + 0xfff && r->last >= i << 30;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	nvio_iommu_close(iommu);
}

static void reads_pci_windows(void)
{
	struct fake_iommu fake;
	struct nvio_iommu *iommu = fake_iommu_new(&fake);
	char root[] = "/tmp/nvio-windows.XXXXXX", path[256];
	const char *parts[] = { "bus", "bus/pci", "bus/pci/devices",
				"bus/pci/devices/0000:01:00.0" };
	FILE *f;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(root));
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", root, parts[i]);
		CU_ASSERT_EQUAL(mkdir(path, 0755), 0);
	}
	snprintf(path, sizeof(path), "%s/bus/pci/devices/0000:01:00.0/resource", root);
	f = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	/* A BAR of 64 bits, an empty one, I/O ports. */
	fputs("0x0000000100008000 0x000000010000bfff 0x0000000000140204\n"
	      "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
	      "0x000000000000e000 0x000000000000e01f 0x0000000000040101\n",
	      f);
	fclose(f);
	nvio_roots.sys = root;
	nvio_iommu_cut_pci_windows(iommu);
	nvio_roots.sys = "/sys";
	CU_ASSERT_EQUAL(iommu->nr_ranges, 3);
	check_range(iommu, 1, 0xfef00000, 0x100007fff);
	check_range(iommu, 2, 0x10000c000, 0x7fffffffff);
	nvio_iommu_close(iommu);
	snprintf(path, sizeof(path), "rm -r %s", root);
	CU_ASSERT_EQUAL(system(path), 0);
}

/* The options of a heap wait for the first device. */
static void options_wait(void)
{
	struct fake_iommu fake;
	struct nvio_iommu *iommu = fake_iommu_new(&fake);
	const struct nvio_iommu_ops *ops = iommu->ops;
	struct nvio_heap_opts opts = NVIO_HEAP_OPTS;
	struct nvio_heap_info info;

	iommu->ops = NULL;
	opts.page_len = NVIO_HEAP_NO_HUGE;
	opts.first_len = 4u << 20;
	opts.max_len = 64u << 20;
	CU_ASSERT_EQUAL(nvio_heap_open(iommu, &opts), 0);
	CU_ASSERT_PTR_NULL(nvio_alloc(iommu, 64, 0));
	iommu->ops = ops;
	CU_ASSERT_PTR_NOT_NULL(nvio_alloc(iommu, 64, 0));
	nvio_heap_get_info(iommu, &info);
	CU_ASSERT_EQUAL(info.len, 4u << 20);
	CU_ASSERT_EQUAL(info.max_len, 64u << 20);
	CU_ASSERT_EQUAL(nvio_heap_open(iommu, &opts), -EEXIST);
	nvio_iommu_close(iommu);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "cuts ranges", cuts },
		{ "keeps within its room", keeps_within_its_room },
		{ "reads PCI windows", reads_pci_windows },
		{ "heap options wait for a device", options_wait },
	};

	return tap_run("windows", tests, sizeof(tests) / sizeof(tests[0]));
}
