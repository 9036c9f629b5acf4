/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host memory buffer of the software controller: what it takes and refuses, and that it notices
 * when a page of it is written to or goes away, or when it is left behind.
 */
#include "emu_bench.h"

#define LIST   BENCH_LISTS
#define MEMORY BENCH_DATA
#define PAGES  16u

struct descriptor {
	uint64_t addr;
	uint32_t pages;
	uint32_t reserved;
};

static struct nvio_sqe set_features(uint32_t on, uint32_t pages, uint32_t nr)
{
	return (struct nvio_sqe){
		.opcode = NVIO_ADMIN_SET_FEATURES,
		.cdw10 = NVME_FEAT_FID_HOST_MEM_BUF,
		.cdw11 = on,
		.cdw12 = pages,
		.cdw13 = (uint32_t)LIST,
		.cdw14 = (uint32_t)(LIST >> 32),
		.cdw15 = nr,
	};
}

static uint16_t lend(struct emu_bench *b, uint32_t pages, uint32_t nr)
{
	return bench_admin(b, set_features(1, pages, nr));
}

static uint16_t take_back(struct emu_bench *b)
{
	return bench_admin(b, set_features(0, 0, 0));
}

/* 64 KiB in two pieces. */
static void start(struct emu_bench *b)
{
	struct descriptor list[] = { { MEMORY, 10, 0 }, { MEMORY + 0x20000, 6, 0 } };

	bench_new(b, "hmb=64k");
	bench_start(b, 8);
	bench_put(b, LIST, list, sizeof(list));
}

static bool is_fatal(struct emu_bench *b)
{
	for (unsigned int i = 0; i < PAGES; i++)
		bench_poll(b);
	return nvio_emu_ctrl_read(b->ctrl, NVME_REG_CSTS, 4) & 2;
}

static void takes_and_gives_back(void)
{
	struct emu_bench b;

	start(&b);
	CU_ASSERT_EQUAL(take_back(&b), 0);
	CU_ASSERT_EQUAL(lend(&b, PAGES, 2), 0);
	CU_ASSERT_EQUAL(lend(&b, PAGES, 2), NVME_SC_CMD_SEQ_ERROR);
	CU_ASSERT_FALSE(is_fatal(&b));
	CU_ASSERT_EQUAL(take_back(&b), 0);
	/* Ours again: it is not looked at any more. */
	bench_fill(&b, MEMORY, 3, 0x10000);
	CU_ASSERT_FALSE(is_fatal(&b));
	CU_ASSERT_EQUAL(lend(&b, PAGES, 2), 0);
	CU_ASSERT_EQUAL(take_back(&b), 0);
	bench_free(&b);
	bench_new(&b, "");
	bench_start(&b, 8);
	CU_ASSERT_EQUAL(lend(&b, PAGES, 2), NVME_SC_INVALID_FIELD);
	bench_free(&b);
}

static void refuses_what_makes_no_sense(void)
{
	static const struct descriptor bad[] = { { MEMORY + 8, 16, 0 },
						 { MEMORY, 15, 0 },
						 { MEMORY, 17, 0 },
						 { MEMORY, 0, 0 },
						 { MEMORY, 16, 1 } };
	struct descriptor nowhere = { BENCH_BASE + BENCH_LEN, 16, 0 };
	struct emu_bench b;

	start(&b);
	CU_ASSERT_EQUAL(lend(&b, PAGES / 2 - 1, 1), NVME_SC_INVALID_FIELD);
	CU_ASSERT_EQUAL(lend(&b, 3 * PAGES, 2), NVME_SC_INVALID_FIELD);
	CU_ASSERT_EQUAL(lend(&b, PAGES, 0), NVME_SC_INVALID_FIELD);
	CU_ASSERT_EQUAL(lend(&b, PAGES, 1), NVME_SC_INVALID_FIELD);
	CU_ASSERT_EQUAL(lend(&b, PAGES, 1u << 20), NVME_SC_INVALID_FIELD);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bench_put(&b, LIST, &bad[i], sizeof(bad[i]));
		CU_ASSERT_EQUAL(lend(&b, PAGES, 1), NVME_SC_INVALID_FIELD);
	}
	bench_put(&b, LIST, &nowhere, sizeof(nowhere));
	CU_ASSERT_EQUAL(lend(&b, PAGES, 1), NVME_SC_DATA_XFER_ERROR);
	CU_ASSERT_FALSE(is_fatal(&b));
	bench_free(&b);
}

/* Any page, its first word or its last, at once or in the end. */
static void notices_a_touch(void)
{
	struct emu_bench b;

	for (uint32_t page = 0; page < PAGES; page++) {
		uint64_t at = (page < 10 ? MEMORY + page * 0x1000
					 : MEMORY + 0x20000 + (page - 10) * 0x1000) +
			      (page % 2 ? 4095 : 0);

		start(&b);
		CU_ASSERT_EQUAL(lend(&b, PAGES, 2), 0);
		*(uint8_t *)bench_at(&b, at) ^= 1;
		CU_ASSERT_TRUE(is_fatal(&b));
		bench_free(&b);
	}
	start(&b);
	CU_ASSERT_EQUAL(lend(&b, PAGES, 2), 0);
	*(uint8_t *)bench_at(&b, MEMORY + 0x25000) ^= 1;
	CU_ASSERT_EQUAL(take_back(&b), NVME_SC_INTERNAL);
	CU_ASSERT_FALSE(is_fatal(&b));
	bench_free(&b);
}

static void notices_that_it_is_gone(void)
{
	struct emu_bench b;

	start(&b);
	CU_ASSERT_EQUAL(lend(&b, PAGES, 2), 0);
	b.unmapped = MEMORY + 0x22000;
	b.bus.generation++;
	CU_ASSERT_TRUE(is_fatal(&b));
	bench_free(&b);
}

static void wants_it_taken_back(void)
{
	struct emu_bench b;

	start(&b);
	CU_ASSERT_EQUAL(lend(&b, PAGES, 2), 0);
	nvio_emu_ctrl_write(b.ctrl, NVME_REG_CC, 4, 1 | 1u << 14 | 6u << 16 | 4u << 20);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_read(b.ctrl, NVME_REG_CSTS, 4) & 2, 2);
	bench_free(&b);
	/* A reset ends it. */
	start(&b);
	CU_ASSERT_EQUAL(lend(&b, PAGES, 2), 0);
	nvio_emu_ctrl_write(b.ctrl, NVME_REG_CC, 4, 0);
	bench_fill(&b, MEMORY, 3, 0x10000);
	bench_start(&b, 8);
	CU_ASSERT_FALSE(is_fatal(&b));
	CU_ASSERT_EQUAL(lend(&b, PAGES, 2), 0);
	bench_free(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "takes and gives back", takes_and_gives_back },
		{ "refuses what makes no sense", refuses_what_makes_no_sense },
		{ "notices a touch", notices_a_touch },
		{ "notices that it is gone", notices_that_it_is_gone },
		{ "wants it taken back", wants_it_taken_back },
	};

	return tap_run("emu_hmb", tests, sizeof(tests) / sizeof(tests[0]));
}
