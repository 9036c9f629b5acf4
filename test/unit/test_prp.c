/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PRP entries and lists with literal addresses, at every boundary: one page, two, a list, a list
 * that is chained, data in several registrations.
 */
#include <string.h>

#include "nvme/prp.h"
#include "tap.h"

#define PAGE 4096u

static uint64_t entries[2048];

#define LIST_IOVA 0x700000u

/* Builds PRPs for data at consecutive IOVAs. */
static struct nvio_sqe build(uint64_t iova, size_t len)
{
	struct nvio_prps prps = nvio_prps_begin(entries, LIST_IOVA, PAGE);
	struct nvio_sqe sqe = { .prp1 = 1, .prp2 = 1 };

	memset(entries, 0xee, sizeof(entries));
	nvio_prps_first(&prps, iova, len);
	nvio_prps_end(&prps, &sqe);
	return sqe;
}

static void one_page(void)
{
	struct nvio_sqe sqe = build(0x10000, 512);
	CU_ASSERT_EQUAL(sqe.prp1, 0x10000);
	CU_ASSERT_EQUAL(sqe.prp2, 0);
	sqe = build(0x10000, 4096);
	CU_ASSERT_EQUAL(sqe.prp2, 0);
	sqe = build(0x10e00, 512);
	CU_ASSERT_EQUAL(sqe.prp1, 0x10e00);
	CU_ASSERT_EQUAL(sqe.prp2, 0);
}

static void two_pages(void)
{
	struct nvio_sqe sqe = build(0x10000, 4097);

	CU_ASSERT_EQUAL(sqe.prp1, 0x10000);
	CU_ASSERT_EQUAL(sqe.prp2, 0x11000);
	sqe = build(0x10ffc, 512);
	CU_ASSERT_EQUAL(sqe.prp1, 0x10ffc);
	CU_ASSERT_EQUAL(sqe.prp2, 0x11000);
	sqe = build(0x10ffc, 4 + 4096);
	CU_ASSERT_EQUAL(sqe.prp2, 0x11000);
	CU_ASSERT_EQUAL(entries[1], 0xeeeeeeeeeeeeeeeeull);
}

static void a_list(void)
{
	struct nvio_sqe sqe = build(0x10004, 8192);
	CU_ASSERT_EQUAL(sqe.prp1, 0x10004);
	CU_ASSERT_EQUAL(sqe.prp2, 0x700000);
	CU_ASSERT_EQUAL(entries[0], 0x11000);
	CU_ASSERT_EQUAL(entries[1], 0x12000);
	CU_ASSERT_EQUAL(entries[2], 0xeeeeeeeeeeeeeeeeull);
	sqe = build(0x200000, 131072);
	CU_ASSERT_EQUAL(sqe.prp2, 0x700000);
	CU_ASSERT_EQUAL(entries[0], 0x201000);
	CU_ASSERT_EQUAL(entries[30], 0x21f000);
	CU_ASSERT_EQUAL(entries[31], 0xeeeeeeeeeeeeeeeeull);
}

/* 512 slots a page: up to 512 entries fit without a link, with more the last slot becomes one. */
static void a_chained_list(void)
{

	build(0x1000000, 513 * PAGE);
	CU_ASSERT_EQUAL(entries[511], 0x1000000 + 512 * PAGE);
	CU_ASSERT_EQUAL(entries[512], 0xeeeeeeeeeeeeeeeeull);
	build(0x1000000, 514 * PAGE);
	CU_ASSERT_EQUAL(entries[510], 0x1000000 + 511 * PAGE);
	CU_ASSERT_EQUAL(entries[511], 0x700000 + 4096);
	CU_ASSERT_EQUAL(entries[512], 0x1000000 + 512 * PAGE);
	CU_ASSERT_EQUAL(entries[513], 0x1000000 + 513 * PAGE);
	CU_ASSERT_EQUAL(entries[514], 0xeeeeeeeeeeeeeeeeull);
	build(0x1000004, 1024 * PAGE);
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
	*wrong += sqe->prp2 != LIST_IOVA;
	while (done < len) {
		uint64_t entry = entries[slot];

		if (slot % 512 == 511 && len - done > PAGE) {
			*wrong += entry != LIST_IOVA + (slot + 1) * 8;
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
	int wrong = 0, builds = 0;

	for (uint64_t offset = 0; offset < PAGE; offset += 4) {
		for (size_t len = 512; len <= 64 * 1024; len += 512 * 7) {
			struct nvio_sqe sqe = build(0x40000000 + offset, len);
			follow(&sqe, len, &wrong);
			builds++;
		}
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(builds, 1024 * 19);
	for (size_t len = 510 * PAGE; len <= 4u << 20; len += 4096 * 5 + 512) {
		struct nvio_sqe sqe = build(0x40000ffc, len);
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

/* Adds runs one after another. Returns how many were taken. */
static int add_all(struct nvio_sqe *sqe, const uint64_t (*runs)[2], int nr)
{
	struct nvio_prps prps = nvio_prps_begin(entries, LIST_IOVA, PAGE);
	int i;

	memset(entries, 0xee, sizeof(entries));
	for (i = 0; i < nr && nvio_prps_add(&prps, runs[i][0], runs[i][1]); i++)
		;
	nvio_prps_end(&prps, sqe);
	return i;
}

/* Runs must meet where pages do, unless they are one run in truth. */
static void several_runs(void)
{
	static const uint64_t pages[][2] = { { 0x105204, 0x2dfc },
					     { 0x100000, 0x2000 },
					     { 0x400000, 0x204 } };
	static const uint64_t one_page_each[][2] = { { 0x10000, 0x1000 }, { 0x30000, 0x1000 } };
	static const uint64_t late_start[][2] = { { 0x10000, 0x1000 }, { 0x30200, 0x200 } };
	static const uint64_t early_end[][2] = { { 0x10000, 0x200 }, { 0x30000, 0x1000 } };
	static const uint64_t neighbours[][2] = {
		{ 0x10ffc, 4 }, { 0x11000, 0x200 }, { 0x11200, 0xe00 }, { 0x12000, 0x10 }
	};
	struct nvio_sqe sqe;

	CU_ASSERT_EQUAL(add_all(&sqe, pages, 3), 3);
	CU_ASSERT_EQUAL(sqe.prp1, 0x105204);
	CU_ASSERT_EQUAL(sqe.prp2, LIST_IOVA);
	CU_ASSERT_EQUAL(entries[0], 0x106000);
	CU_ASSERT_EQUAL(entries[1], 0x107000);
	CU_ASSERT_EQUAL(entries[2], 0x100000);
	CU_ASSERT_EQUAL(entries[3], 0x101000);
	CU_ASSERT_EQUAL(entries[4], 0x400000);
	CU_ASSERT_EQUAL(entries[5], 0xeeeeeeeeeeeeeeeeull);
	CU_ASSERT_EQUAL(add_all(&sqe, one_page_each, 2), 2);
	CU_ASSERT_EQUAL(sqe.prp1, 0x10000);
	CU_ASSERT_EQUAL(sqe.prp2, 0x30000);
	CU_ASSERT_EQUAL(add_all(&sqe, late_start, 2), 1);
	CU_ASSERT_EQUAL(sqe.prp2, 0);
	CU_ASSERT_EQUAL(add_all(&sqe, early_end, 2), 1);
	CU_ASSERT_EQUAL(add_all(&sqe, neighbours, 4), 4);
	CU_ASSERT_EQUAL(sqe.prp1, 0x10ffc);
	CU_ASSERT_EQUAL(sqe.prp2, LIST_IOVA);
	CU_ASSERT_EQUAL(entries[0], 0x11000);
	CU_ASSERT_EQUAL(entries[1], 0x12000);
	CU_ASSERT_EQUAL(entries[2], 0xeeeeeeeeeeeeeeeeull);
}

/* A list that grows a page at a time leaves the same behind as one that is made at once. */
static void grows_over_pages(void)
{
	static uint64_t at_once[2048];
	struct nvio_prps prps;
	struct nvio_sqe sqe;
	int wrong = 0;

	for (size_t nr = 1; nr < 1600; nr += nr < 500 ? 97 : 1) {
		build(0x1000000, nr * PAGE);
		memcpy(at_once, entries, sizeof(entries));
		memset(entries, 0xee, sizeof(entries));
		prps = nvio_prps_begin(entries, LIST_IOVA, PAGE);
		for (size_t i = 0; i < nr; i++)
			wrong += !nvio_prps_add(&prps, 0x1000000 + i * PAGE, PAGE);
		nvio_prps_end(&prps, &sqe);
		wrong += memcmp(at_once, entries, sizeof(entries)) != 0;
	}
	CU_ASSERT_EQUAL(wrong, 0);
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
		{ "several runs", several_runs },
		{ "a list that grows over pages", grows_over_pages },
	};

	return tap_run("prp", tests, sizeof(tests) / sizeof(tests[0]));
}
