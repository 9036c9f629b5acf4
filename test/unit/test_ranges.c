/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses cut out of the usable ranges, one by one and from a made-up /sys.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vfio/sysfs.h"
#include "vfio/ranges.h"
#include "tap.h"

static void check_range(const struct nvio_ranges *ranges, uint32_t idx, uint64_t start,
			uint64_t last)
{
	CU_ASSERT_EQUAL(ranges->range[idx].start, start);
	CU_ASSERT_EQUAL(ranges->range[idx].last, last);
}

static void cuts(void)
{
	struct nvio_ranges ranges = { 2, { { 0, 0xfedfffff }, { 0xfef00000, 0x7fffffffff } } };

	/* The middle, both ends, across the gap, nothing, a whole range. */
	nvio_ranges_cut(&ranges, 0x100008000, 0x10000bfff);
	CU_ASSERT_EQUAL(ranges.nr, 3);
	check_range(&ranges, 1, 0xfef00000, 0x100007fff);
	check_range(&ranges, 2, 0x10000c000, 0x7fffffffff);
	nvio_ranges_cut(&ranges, 0, 0xfff);
	check_range(&ranges, 0, 0x1000, 0xfedfffff);
	nvio_ranges_cut(&ranges, 0x7000000000, 0xffffffffffffffff);
	check_range(&ranges, 2, 0x10000c000, 0x6fffffffff);
	nvio_ranges_cut(&ranges, 0xfe000000, 0xfeffffff);
	check_range(&ranges, 0, 0x1000, 0xfdffffff);
	check_range(&ranges, 1, 0xff000000, 0x100007fff);
	nvio_ranges_cut(&ranges, 0xfe000000, 0xfeffffff);
	CU_ASSERT_EQUAL(ranges.nr, 3);
	nvio_ranges_cut(&ranges, 0xff000000, 0x10000bfff);
	CU_ASSERT_EQUAL(ranges.nr, 2);
	check_range(&ranges, 1, 0x10000c000, 0x6fffffffff);
}

/* More holes than there is room for: what is left never holds an address that was cut. */
static void keeps_within_its_room(void)
{
	struct nvio_ranges ranges = { 2, { { 0, 0xfedfffff }, { 0xfef00000, 0x7fffffffff } } };
	int wrong = 0;

	for (uint64_t i = 1; i <= 300; i++)
		nvio_ranges_cut(&ranges, i << 30, (i << 30) + 0xfff);
	CU_ASSERT_EQUAL(ranges.nr, NVIO_IOMMU_RANGES);
	for (uint32_t k = 0; k < ranges.nr; k++) {
		const struct nvio_iova_range *r = &ranges.range[k];

		wrong += r->start > r->last || (k && r->start <= ranges.range[k - 1].last);
		for (uint64_t i = 1; i <= 300; i++)
			wrong += r->start <= (i << 30) + 0xfff && r->last >= i << 30;
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

static void reads_pci_windows(void)
{
	struct nvio_ranges ranges = { 2, { { 0, 0xfedfffff }, { 0xfef00000, 0x7fffffffff } } };
	char root[] = "/tmp/nvio-ranges.XXXXXX", path[256];
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
	nvio_ranges_cut_pci_windows(&ranges);
	nvio_roots.sys = "/sys";
	CU_ASSERT_EQUAL(ranges.nr, 3);
	check_range(&ranges, 1, 0xfef00000, 0x100007fff);
	check_range(&ranges, 2, 0x10000c000, 0x7fffffffff);
	snprintf(path, sizeof(path), "rm -r %s", root);
	CU_ASSERT_EQUAL(system(path), 0);
}

static void intersects(void)
{
	struct nvio_ranges ranges = { 2, { { 0, 0xfedfffff }, { 0xfef00000, 0x7fffffffff } } };
	const struct nvio_ranges high = { 1, { { 0x100000000, UINT64_MAX } } };
	const struct nvio_ranges two = { 2, { { 0, 0xfff }, { 0x200000000, 0x2ffffffff } } };

	nvio_ranges_intersect(&ranges, &ranges);
	CU_ASSERT_EQUAL(ranges.nr, 2);
	nvio_ranges_intersect(&ranges, &high);
	CU_ASSERT_EQUAL(ranges.nr, 1);
	check_range(&ranges, 0, 0x100000000, 0x7fffffffff);
	CU_ASSERT_TRUE(nvio_ranges_hold(&ranges, 0x100000000, 0x1000));
	CU_ASSERT_TRUE(nvio_ranges_hold(&ranges, 0x7ffffff000, 0x1000));
	CU_ASSERT_FALSE(nvio_ranges_hold(&ranges, 0x7ffffff000, 0x1001));
	CU_ASSERT_FALSE(nvio_ranges_hold(&ranges, 0xfffff000, 0x1000));
	CU_ASSERT_FALSE(nvio_ranges_hold(&ranges, 0x100000000, UINT64_MAX));
	nvio_ranges_intersect(&ranges, &two);
	CU_ASSERT_EQUAL(ranges.nr, 1);
	check_range(&ranges, 0, 0x200000000, 0x2ffffffff);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "cuts ranges", cuts },
		{ "keeps within its room", keeps_within_its_room },
		{ "reads PCI windows", reads_pci_windows },
		{ "intersects", intersects },
	};

	return tap_run("ranges", tests, sizeof(tests) / sizeof(tests[0]));
}
