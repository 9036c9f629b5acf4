/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PRP entries and lists with literal addresses, at every boundary: one page, two, a list, a list
 * that is chained, data in several registrations.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "nvme/prp.h"
#include "fake_iommu.h"
#include "tap.h"

#define PAGE 4096u

static uint64_t entries[2048];

static const struct nvio_prp_list list = { entries, 0x700000 };

/* Builds PRPs for data at consecutive IOVAs. */
static struct nvio_sqe build(uint64_t iova, size_t len, int *err)
{
	struct nvio_prp_data data = { .len = len, .iova = iova, .run = len };
	struct nvio_sqe sqe = { .prp1 = 1, .prp2 = 1 };

	memset(entries, 0xee, sizeof(entries));
	*err = nvio_prp_build(&sqe, &list, &data, PAGE);
	return sqe;
}

static void one_page(void)
{
	int err;
	struct nvio_sqe sqe = build(0x10000, 512, &err);

	CU_ASSERT_EQUAL(err, 0);
	CU_ASSERT_EQUAL(sqe.prp1, 0x10000);
	CU_ASSERT_EQUAL(sqe.prp2, 0);
	sqe = build(0x10000, 4096, &err);
	CU_ASSERT_EQUAL(sqe.prp2, 0);
	sqe = build(0x10e00, 512, &err);
	CU_ASSERT_EQUAL(sqe.prp1, 0x10e00);
	CU_ASSERT_EQUAL(sqe.prp2, 0);
}

static void two_pages(void)
{
	int err;
	struct nvio_sqe sqe = build(0x10000, 4097, &err);

	CU_ASSERT_EQUAL(sqe.prp1, 0x10000);
	CU_ASSERT_EQUAL(sqe.prp2, 0x11000);
	sqe = build(0x10ffc, 512, &err);
	CU_ASSERT_EQUAL(sqe.prp1, 0x10ffc);
	CU_ASSERT_EQUAL(sqe.prp2, 0x11000);
	sqe = build(0x10ffc, 4 + 4096, &err);
	CU_ASSERT_EQUAL(sqe.prp2, 0x11000);
	CU_ASSERT_EQUAL(err, 0);
	CU_ASSERT_EQUAL(entries[0], 0xeeeeeeeeeeeeeeeeull);
}

static void a_list(void)
{
	int err;
	struct nvio_sqe sqe = build(0x10004, 8192, &err);

	CU_ASSERT_EQUAL(err, 0);
	CU_ASSERT_EQUAL(sqe.prp1, 0x10004);
	CU_ASSERT_EQUAL(sqe.prp2, 0x700000);
	CU_ASSERT_EQUAL(entries[0], 0x11000);
	CU_ASSERT_EQUAL(entries[1], 0x12000);
	CU_ASSERT_EQUAL(entries[2], 0xeeeeeeeeeeeeeeeeull);
	sqe = build(0x200000, 131072, &err);
	CU_ASSERT_EQUAL(sqe.prp2, 0x700000);
	CU_ASSERT_EQUAL(entries[0], 0x201000);
	CU_ASSERT_EQUAL(entries[30], 0x21f000);
	CU_ASSERT_EQUAL(entries[31], 0xeeeeeeeeeeeeeeeeull);
}

/* 512 slots a page: up to 512 entries fit without a link, with more the last slot becomes one. */
static void a_chained_list(void)
{
	int err;

	build(0x1000000, 513 * PAGE, &err);
	CU_ASSERT_EQUAL(err, 0);
	CU_ASSERT_EQUAL(entries[511], 0x1000000 + 512 * PAGE);
	CU_ASSERT_EQUAL(entries[512], 0xeeeeeeeeeeeeeeeeull);
	build(0x1000000, 514 * PAGE, &err);
	CU_ASSERT_EQUAL(entries[510], 0x1000000 + 511 * PAGE);
	CU_ASSERT_EQUAL(entries[511], 0x700000 + 4096);
	CU_ASSERT_EQUAL(entries[512], 0x1000000 + 512 * PAGE);
	CU_ASSERT_EQUAL(entries[513], 0x1000000 + 513 * PAGE);
	CU_ASSERT_EQUAL(entries[514], 0xeeeeeeeeeeeeeeeeull);
	build(0x1000004, 1024 * PAGE, &err);
	CU_ASSERT_EQUAL(entries[511], 0x701000);
	CU_ASSERT_EQUAL(entries[1023], 0x702000);
	CU_ASSERT_EQUAL(entries[1025], 0x1000000 + 1024 * PAGE);
	CU_ASSERT_EQUAL(entries[1026], 0xeeeeeeeeeeeeeeeeull);
}

/* Follows the PRPs as a controller would: bytes covered, and whether the addresses are consecutive.
 */
static size_t follow(const struct nvio_sqe *sqe, size_t len, int *wrong)
{
	uint64_t expected = sqe->prp1;
	size_t done = PAGE - (sqe->prp1 & (PAGE - 1)), slot = 0;

	expected += done;
	if (done >= len)
		return len;
	if (len - done <= PAGE) {
		*wrong += sqe->prp2 != expected;
		return len;
	}
	*wrong += sqe->prp2 != list.iova;
	while (done < len) {
		uint64_t entry = entries[slot];

		if (slot % 512 == 511 && len - done > PAGE) {
			*wrong += entry != list.iova + (slot + 1) * 8;
			slot++;
			continue;
		}
		*wrong += entry != expected;
		expected += PAGE;
		done += PAGE;
		slot++;
	}
	*wrong += (slot + 1) * 8 > nvio_prp_list_len(len, PAGE) + 8;
	return len;
}

static void every_offset_and_length(void)
{
	int wrong = 0, err = 0, builds = 0;

	for (uint64_t offset = 0; offset < PAGE; offset += 4) {
		for (size_t len = 512; len <= 64 * 1024; len += 512 * 7) {
			struct nvio_sqe sqe = build(0x40000000 + offset, len, &err);

			wrong += err != 0;
			follow(&sqe, len, &wrong);
			builds++;
		}
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(builds, 1024 * 19);
	for (size_t len = 510 * PAGE; len <= 4u << 20; len += 4096 * 5 + 512) {
		struct nvio_sqe sqe = build(0x40000ffc, len, &err);

		wrong += err != 0;
		follow(&sqe, len, &wrong);
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

static void list_lengths(void)
{
	CU_ASSERT_EQUAL(nvio_prp_list_len(4096, PAGE), 64);
	CU_ASSERT_EQUAL(nvio_prp_list_len(131072, PAGE), 256);
	CU_ASSERT_EQUAL(nvio_prp_list_len(131072 + 512, PAGE), 512);
	CU_ASSERT_EQUAL(nvio_prp_list_len(2u << 20, PAGE), 4096);
	CU_ASSERT_EQUAL(nvio_prp_list_len((2u << 20) + 512, PAGE), 8192);
	CU_ASSERT_EQUAL(nvio_prp_list_len(4u << 20, PAGE), 3 * 4096);
}

/* Two registrations that are neighbours in memory and not in IOVAs. */
static void across_registrations(void)
{
	struct fake_iommu fake;
	struct nvio_iommu *iommu = fake_iommu_new(&fake);
	struct nvio_memory *memory = nvio_memory_of(iommu);
	char *p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct nvio_prp_data data = {
		.memory = memory, .addr = (uintptr_t)p + 0x204, .len = 5 * PAGE, .rights = 2
	};
	struct nvio_sqe sqe;

	/* Registered from the back, so that first fit gives descending IOVAs. */
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, p + 3 * PAGE, 5 * PAGE, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, p, 3 * PAGE, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(fake.maps[0].iova, 0x100000);
	CU_ASSERT_EQUAL(fake.maps[1].iova, 0x105000);
	data.run = nvio_memory_run(memory, data.addr, data.len, 2, &data.iova);
	CU_ASSERT_EQUAL(data.run, 3 * PAGE - 0x204);
	CU_ASSERT_EQUAL(nvio_prp_build(&sqe, &list, &data, PAGE), 0);
	CU_ASSERT_EQUAL(sqe.prp1, 0x105204);
	CU_ASSERT_EQUAL(entries[0], 0x106000);
	CU_ASSERT_EQUAL(entries[1], 0x107000);
	CU_ASSERT_EQUAL(entries[2], 0x100000);
	CU_ASSERT_EQUAL(entries[3], 0x101000);
	CU_ASSERT_EQUAL(entries[4], 0x102000);
	/* Where they meet at the second entry. */
	data.addr = (uintptr_t)p + 2 * PAGE + 4;
	data.len = PAGE;
	data.run = nvio_memory_run(memory, data.addr, data.len, 2, &data.iova);
	CU_ASSERT_EQUAL(nvio_prp_build(&sqe, &list, &data, PAGE), 0);
	CU_ASSERT_EQUAL(sqe.prp1, 0x107004);
	CU_ASSERT_EQUAL(sqe.prp2, 0x100000);
	/* Behind the last page there is nothing. */
	data.addr = (uintptr_t)p + 7 * PAGE;
	data.len = 3 * PAGE;
	data.run = nvio_memory_run(memory, data.addr, data.len, 2, &data.iova);
	CU_ASSERT_EQUAL(nvio_prp_build(&sqe, &list, &data, PAGE), -EFAULT);
	/* A controller page of 64 KiB cannot hold where they meet. */
	data.addr = (uintptr_t)p;
	data.len = 5 * PAGE;
	data.run = nvio_memory_run(memory, data.addr, data.len, 2, &data.iova);
	CU_ASSERT_EQUAL(nvio_prp_build(&sqe, &list, &data, 16 * PAGE), -EINVAL);
	nvio_iommu_close(iommu);
	munmap(p, 8 * PAGE);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "data within a page", one_page },
		{ "data within two pages", two_pages },
		{ "a list", a_list },
		{ "a list chained over pages", a_chained_list },
		{ "every offset in a page and many lengths", every_offset_and_length },
		{ "lengths of lists", list_lengths },
		{ "data in two registrations", across_registrations },
	};

	return tap_run("prp", tests, sizeof(tests) / sizeof(tests[0]));
}
