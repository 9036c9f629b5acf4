/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Capability chains and what is read from them: whole, empty, cut off, cyclic, pointing outside.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

#include "vfio/caps.h"
#include "vfio/device.h"
#include "vfio/type1.h"
#include "fake_iommu.h"
#include "tap.h"

#define FIXED 32u

/* An information structure with its chain, built by the tests. */
static union {
	uint64_t align;
	unsigned char bytes[512];
} info;

static void put_header(uint32_t offset, uint16_t id, uint32_t next)
{
	struct vfio_info_cap_header header = { .id = id, .version = 1, .next = next };

	memcpy(info.bytes + offset, &header, sizeof(header));
}

static int collect(void *arg, uint16_t id, uint16_t version, const void *cap, size_t len)
{
	char *text = arg;
	size_t used = strlen(text);

	(void)version;
	/* What may be read must lie inside the buffer. */
	if ((const unsigned char *)cap + len != info.bytes + sizeof(info.bytes))
		return -EIO;
	text[used] = (char)('0' + id);
	text[used + 1] = '\0';
	return id == 9 ? -ENOTSUP : 0;
}

static int walk(uint32_t offset, char *text)
{
	text[0] = '\0';
	return nvio_caps_walk(info.bytes, sizeof(info.bytes), FIXED, offset, collect, text);
}

static void whole_chains(void)
{
	char text[64];

	CU_ASSERT_EQUAL(walk(0, text), 0);
	CU_ASSERT_STRING_EQUAL(text, "");
	put_header(32, 1, 48);
	put_header(48, 2, 504);
	put_header(504, 3, 0);
	CU_ASSERT_EQUAL(walk(32, text), 0);
	CU_ASSERT_STRING_EQUAL(text, "123");
	put_header(48, 9, 504);
	CU_ASSERT_EQUAL(walk(32, text), -ENOTSUP);
	CU_ASSERT_STRING_EQUAL(text, "19");
}

static void broken_chains(void)
{
	char text[64];

	/* Cut off: the header would reach beyond the end. */
	CU_ASSERT_EQUAL(walk(505, text), -EPROTO);
	CU_ASSERT_EQUAL(walk(512, text), -EPROTO);
	CU_ASSERT_EQUAL(walk(513, text), -EPROTO);
	CU_ASSERT_EQUAL(walk(0xffffffff, text), -EPROTO);
	/* Inside the fixed part. */
	CU_ASSERT_EQUAL(walk(8, text), -EPROTO);
	CU_ASSERT_STRING_EQUAL(text, "");
	/* A capability that names itself, and one that names an earlier one. */
	put_header(32, 1, 32);
	CU_ASSERT_EQUAL(walk(32, text), -EPROTO);
	CU_ASSERT_STRING_EQUAL(text, "1");
	put_header(32, 1, 64);
	put_header(64, 2, 32);
	CU_ASSERT_EQUAL(walk(32, text), -EPROTO);
	CU_ASSERT_STRING_EQUAL(text, "12");
	/* Overlapping headers. */
	put_header(32, 1, 36);
	CU_ASSERT_EQUAL(walk(32, text), -EPROTO);
	put_header(32, 1, 600);
	CU_ASSERT_EQUAL(walk(32, text), -EPROTO);
}

/* A region of 16 KiB with a chain at 32. */
static void put_region(uint32_t flags, uint32_t cap_offset)
{
	struct vfio_region_info region = {
		.argsz = sizeof(info), .flags = flags, .index = 0, .size = 0x4000, .offset = 0x10000
	};

	memset(&info, 0, sizeof(info));
	region.cap_offset = cap_offset;
	memcpy(info.bytes, &region, sizeof(region));
}

static void put_sparse(uint32_t nr, uint64_t offset, uint64_t size)
{
	uint64_t area[2] = { offset, size };

	put_header(32, VFIO_REGION_INFO_CAP_SPARSE_MMAP, 0);
	memcpy(info.bytes + 40, &nr, sizeof(nr));
	memcpy(info.bytes + 48, area, sizeof(area));
}

static int parse(struct nvio_region *region)
{
	return nvio_region_parse(info.bytes, sizeof(info.bytes), region);
}

static void regions(void)
{
	struct nvio_region region;
	const uint32_t flags = VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;

	put_region(VFIO_REGION_INFO_FLAG_MMAP, 0);
	CU_ASSERT_EQUAL(parse(&region), 0);
	CU_ASSERT_EQUAL(region.info.len, 0x4000);
	CU_ASSERT_EQUAL(region.fd_offset, 0x10000);
	CU_ASSERT_EQUAL(region.info.nr_areas, 1);
	CU_ASSERT_EQUAL(region.info.areas[0].len, 0x4000);
	put_region(VFIO_REGION_INFO_FLAG_READ, 0);
	CU_ASSERT_EQUAL(parse(&region), 0);
	CU_ASSERT_EQUAL(region.info.nr_areas, 0);
	put_region(flags, 32);
	put_sparse(1, 0x1000, 0x2000);
	CU_ASSERT_EQUAL(parse(&region), 0);
	CU_ASSERT_EQUAL(region.info.nr_areas, 1);
	CU_ASSERT_EQUAL(region.info.areas[0].offset, 0x1000);
	CU_ASSERT_EQUAL(region.info.areas[0].len, 0x2000);
	put_region(flags, 32);
	put_header(32, VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, 0);
	CU_ASSERT_EQUAL(parse(&region), 0);
	CU_ASSERT_TRUE(region.info.msix_mappable);
	CU_ASSERT_EQUAL(region.info.type, 0);
	put_region(flags, 32);
	put_header(32, VFIO_REGION_INFO_CAP_TYPE, 0);
	memcpy(info.bytes + 40, (const uint32_t[]){ 0x80008086, 3 }, 8);
	CU_ASSERT_EQUAL(parse(&region), 0);
	CU_ASSERT_EQUAL(region.info.type, 0x80008086);
	CU_ASSERT_EQUAL(region.info.subtype, 3);
}

static void broken_regions(void)
{
	struct nvio_region region;
	const uint32_t flags = VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;

	put_region(flags, 32);
	put_sparse(1000, 0, 0x1000);
	CU_ASSERT_EQUAL(parse(&region), -EPROTO);
	put_sparse(1, 0x3000, 0x2000);
	CU_ASSERT_EQUAL(parse(&region), -EPROTO);
	put_sparse(1, UINT64_MAX, 2);
	CU_ASSERT_EQUAL(parse(&region), -EPROTO);
	put_region(flags, 500);
	put_header(500, VFIO_REGION_INFO_CAP_SPARSE_MMAP, 0);
	CU_ASSERT_EQUAL(parse(&region), -EPROTO);
	put_region(flags, 504);
	put_header(504, VFIO_REGION_INFO_CAP_TYPE, 0);
	CU_ASSERT_EQUAL(parse(&region), -EPROTO);
	CU_ASSERT_EQUAL(nvio_region_parse(info.bytes, 16, &region), -EPROTO);
}

/* TYPE1 information with a chain at 32, past the fixed 24 bytes. */
static void put_type1(uint32_t nr_ranges)
{
	struct vfio_iommu_type1_info type1 = {
		.argsz = sizeof(info),
		.flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS,
		.iova_pgsizes = 0x40201000,
		.cap_offset = 32,
	};
	uint64_t ranges[4] = { 0, 0xfedfffff, 0xfef00000, 0x7fffffffff };
	uint32_t avail = 1234;

	memset(&info, 0, sizeof(info));
	memcpy(info.bytes, &type1, sizeof(type1));
	put_header(32, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 96);
	memcpy(info.bytes + 40, &nr_ranges, sizeof(nr_ranges));
	memcpy(info.bytes + 48, ranges, sizeof(ranges));
	put_header(96, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, 0);
	memcpy(info.bytes + 104, &avail, sizeof(avail));
}

static void type1_limits(void)
{
	struct fake_iommu fake;
	struct nvio_domain *domain = &fake.domain;

	fake_domain_init(&fake);
	put_type1(2);
	CU_ASSERT_EQUAL(nvio_type1_parse_info(domain, info.bytes, sizeof(info.bytes)), 0);
	CU_ASSERT_EQUAL(domain->page_sizes, 0x40201000);
	CU_ASSERT_EQUAL(domain->ranges.nr, 2);
	CU_ASSERT_EQUAL(domain->ranges.range[1].start, 0xfef00000);
	CU_ASSERT_EQUAL(domain->max_maps, 1234);
	put_type1(1000);
	CU_ASSERT_EQUAL(nvio_type1_parse_info(domain, info.bytes, sizeof(info.bytes)), -EPROTO);
	/* A range that ends before it begins. */
	put_type1(1);
	memset(info.bytes + 48, 0xff, 8);
	CU_ASSERT_EQUAL(nvio_type1_parse_info(domain, info.bytes, sizeof(info.bytes)), -EPROTO);
	/* One that does not lie behind the one before it, which ends where addresses do. */
	put_type1(2);
	memset(info.bytes + 56, 0xff, 8);
	CU_ASSERT_EQUAL(nvio_type1_parse_info(domain, info.bytes, sizeof(info.bytes)), -EPROTO);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "whole chains", whole_chains },
		{ "broken chains", broken_chains },
		{ "regions", regions },
		{ "broken regions", broken_regions },
		{ "limits of TYPE1", type1_limits },
	};

	return tap_run("caps", tests, sizeof(tests) / sizeof(tests[0]));
}
