/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The software controller's I/O commands: data compared, each error status, buffers described by
 * PRP lists chained over pages and by SGLs, with literal addresses.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emu_bench.h"

#define PAGE 4096ull

static struct nvio_sqe op(uint8_t opcode, uint64_t slba, uint32_t cdw12)
{
	struct nvio_sqe sqe = bench_rw(opcode, slba, 1, BENCH_DATA);

	sqe.cdw12 = cdw12;
	return sqe;
}

static void moves_data(void)
{
	struct emu_bench b;

	bench_new(&b, "size=4M,lba=4096");
	bench_start(&b, 16);
	bench_fill(&b, BENCH_DATA + 512, 3, 8192);
	/* Three pages are touched by 8 KiB at an offset: a list. */
	struct nvio_sqe write = bench_rw(NVIO_NVM_WRITE, 5, 2, BENCH_DATA + 512);
	uint64_t list[2] = { BENCH_DATA + PAGE, BENCH_DATA + 2 * PAGE };

	bench_put(&b, BENCH_LISTS, list, sizeof(list));
	write.prp2 = BENCH_LISTS;
	CU_ASSERT_EQUAL(bench_io(&b, write), 0);
	CU_ASSERT_EQUAL(bench_io(&b, bench_rw(NVIO_NVM_READ, 5, 2, BENCH_DATA + 0x20000)), 0);
	CU_ASSERT_EQUAL(bench_differs(&b, BENCH_DATA + 0x20000, 3, 8192), 0);
	CU_ASSERT_EQUAL(bench_io(&b, bench_rw(nvme_cmd_compare, 5, 2, BENCH_DATA + 0x20000)), 0);
	*(uint8_t *)bench_at(&b, BENCH_DATA + 0x20000 + 5000) ^= 1;
	CU_ASSERT_EQUAL(bench_io(&b, bench_rw(nvme_cmd_compare, 5, 2, BENCH_DATA + 0x20000)),
			MEDIA(NVME_SC_COMPARE_FAILED));
	/* Blocks never written read as zero. */
	CU_ASSERT_EQUAL(bench_io(&b, bench_rw(NVIO_NVM_READ, 4, 1, BENCH_DATA + 0x20000)), 0);
	CU_ASSERT_EQUAL(*(uint8_t *)bench_at(&b, BENCH_DATA + 0x20000 + 77), 0);
	bench_free(&b);
}

static void refuses_bad_commands(void)
{
	struct emu_bench b;
	struct nvio_sqe sqe;

	bench_new(&b, "size=1M,lba=512,mdts=1");
	bench_start(&b, 16);
	CU_ASSERT_EQUAL(bench_io(&b, op(NVIO_NVM_READ, 2047, 0)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, op(NVIO_NVM_READ, 2048, 0)), NVME_SC_LBA_RANGE);
	CU_ASSERT_EQUAL(bench_io(&b, op(NVIO_NVM_READ, 2047, 1)), NVME_SC_LBA_RANGE);
	CU_ASSERT_EQUAL(bench_io(&b, op(NVIO_NVM_READ, UINT64_MAX, 0)), NVME_SC_LBA_RANGE);
	CU_ASSERT_EQUAL(bench_io(&b, op(NVIO_NVM_WRITE, UINT64_MAX, 3)), NVME_SC_LBA_RANGE);
	CU_ASSERT_EQUAL(bench_io(&b, op(NVIO_NVM_READ, 0, 15)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, op(NVIO_NVM_READ, 0, 16)), NVME_SC_INVALID_FIELD);
	CU_ASSERT_EQUAL(bench_io(&b, op(0x7f, 0, 0)), NVME_SC_INVALID_OPCODE);
	CU_ASSERT_EQUAL(bench_io(&b, op(0x80, 0, 0)), NVME_SC_INVALID_OPCODE);
	sqe = op(NVIO_NVM_READ, 0, 0);
	for (uint32_t nsid = 0; nsid < 70; nsid++) {
		sqe.nsid = nsid;
		CU_ASSERT_EQUAL(bench_io(&b, sqe), nsid == 1 ? 0 : NVME_SC_INVALID_NS);
	}
	sqe.nsid = 0xffffffff;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), NVME_SC_INVALID_NS);
	sqe.opcode = NVIO_NVM_FLUSH;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), 0);
	sqe = op(NVIO_NVM_READ, 0, 0);
	sqe.flags = 0x3 << 6;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), NVME_SC_INVALID_FIELD);
	sqe.flags = 0x4;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), NVME_SC_INVALID_FIELD);
	sqe.flags = 0x3;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), NVME_SC_INVALID_FIELD);
	sqe.flags = 0x2;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), NVME_SC_FUSED_MISSING);
	sqe.flags = 0;
	sqe.prp1 = BENCH_DATA + 2;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), NVME_SC_PRP_INVALID_OFFSET);
	sqe.prp1 = 0x1000;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), NVME_SC_DATA_XFER_ERROR);
	sqe.prp1 = UINT64_MAX - 3;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), NVME_SC_DATA_XFER_ERROR);
	sqe = bench_rw(NVIO_NVM_READ, 0, 16, BENCH_DATA);
	sqe.prp2 += 8;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), NVME_SC_PRP_INVALID_OFFSET);
	b.read_only = BENCH_DATA;
	CU_ASSERT_EQUAL(bench_io(&b, op(NVIO_NVM_READ, 0, 0)), NVME_SC_DATA_XFER_ERROR);
	CU_ASSERT_EQUAL(bench_io(&b, op(NVIO_NVM_WRITE, 0, 0)), 0);
	bench_free(&b);
}

/* 1 MiB through three list pages: the first begins in the middle, and each ends in a pointer. */
static void follows_prp_chains(void)
{
	const uint64_t first = BENCH_LISTS + 0xf80, second = BENCH_LISTS + 0x3000;
	const uint32_t nr_pages = 600;
	struct nvio_sqe sqe;
	struct emu_bench b;
	uint64_t entry;

	bench_new(&b, "size=8M,lba=4096,mdts=0");
	bench_start(&b, 16);
	bench_fill(&b, BENCH_DATA, 9, nr_pages * PAGE);
	for (uint32_t i = 1; i < nr_pages; i++) {
		/* 15 entries and a pointer, 511 and a pointer, the rest. */
		uint64_t at = i < 16    ? first + 8 * (i - 1)
			      : i < 527 ? second + 8 * (i - 16)
					: BENCH_LISTS + 0x6000 + 8 * (i - 527);

		entry = BENCH_DATA + i * PAGE;
		bench_put(&b, at, &entry, 8);
	}
	entry = second;
	bench_put(&b, first + 15 * 8, &entry, 8);
	entry = BENCH_LISTS + 0x6000;
	bench_put(&b, second + 511 * 8, &entry, 8);
	sqe = bench_rw(NVIO_NVM_WRITE, 0, nr_pages, BENCH_DATA);
	sqe.prp2 = first;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), 0);
	for (uint32_t i = 0; i < nr_pages; i += 2)
		CU_ASSERT_EQUAL(
			bench_io(&b, bench_rw(nvme_cmd_compare, i, 2, BENCH_DATA + i * PAGE)), 0);
	/* With 16 entries the last one of the page is data, not a pointer. */
	sqe.opcode = nvme_cmd_compare;
	sqe.cdw12 = 16;
	entry = BENCH_DATA + 16 * PAGE;
	bench_put(&b, first + 15 * 8, &entry, 8);
	CU_ASSERT_EQUAL(bench_io(&b, sqe), 0);
	/* Pointers and entries with an offset are refused, and a loop ends. */
	sqe = bench_rw(NVIO_NVM_READ, 0, nr_pages, BENCH_DATA);
	sqe.prp2 = first + 4;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), NVME_SC_PRP_INVALID_OFFSET);
	sqe.prp2 = first;
	entry = second + 8;
	bench_put(&b, first + 15 * 8, &entry, 8);
	CU_ASSERT_EQUAL(bench_io(&b, sqe), NVME_SC_PRP_INVALID_OFFSET);
	entry = BENCH_LISTS;
	for (uint64_t at = BENCH_LISTS; at < BENCH_LISTS + PAGE; at += 8)
		bench_put(&b, at, &entry, 8);
	sqe.opcode = NVIO_NVM_WRITE;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), 0);
	b.unmapped = BENCH_LISTS;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), NVME_SC_DATA_XFER_ERROR);
	bench_free(&b);
}

/* Pages of 8 KiB are still in pieces of 4 KiB here. */
static void takes_larger_pages(void)
{
	struct nvio_sqe sqe = bench_rw(NVIO_NVM_WRITE, 0, 5, BENCH_DATA + 0x1000);
	const uint64_t list[2] = { BENCH_DATA + 0x8000, BENCH_DATA + 0x4000 };
	struct emu_bench b;

	bench_new(&b, "size=1M,lba=4096,mpsmax=1");
	b.mps = 1;
	bench_start(&b, 16);
	bench_fill(&b, BENCH_DATA + 0x1000, 1, 0x1000);
	bench_fill(&b, BENCH_DATA + 0x8000, 2, 0x2000);
	bench_fill(&b, BENCH_DATA + 0x4000, 3, 0x2000);
	bench_put(&b, BENCH_LISTS + 0x1ff0, list, sizeof(list));
	sqe.prp2 = BENCH_LISTS + 0x1ff0;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), 0);
	sqe = bench_rw(NVIO_NVM_READ, 0, 4, BENCH_DATA + 0x20000);
	sqe.prp2 = BENCH_DATA + 0x22000;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), 0);
	CU_ASSERT_EQUAL(bench_differs(&b, BENCH_DATA + 0x20000, 1, 0x1000), 0);
	CU_ASSERT_EQUAL(bench_differs(&b, BENCH_DATA + 0x21000, 2, 0x2000), 0);
	CU_ASSERT_EQUAL(bench_differs(&b, BENCH_DATA + 0x23000, 3, 0x1000), 0);
	sqe.prp2 = BENCH_DATA + 0x23000;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), NVME_SC_PRP_INVALID_OFFSET);
	bench_free(&b);
}

static void put_desc(struct emu_bench *b, uint64_t at, uint64_t addr, uint32_t len, uint8_t type)
{
	uint64_t desc[2] = { addr, len | (uint64_t)type << 56 };

	bench_put(b, at, desc, sizeof(desc));
}

static uint16_t sgl(struct emu_bench *b, uint8_t opcode, uint64_t addr, uint32_t len, uint8_t type)
{
	struct nvio_sqe sqe = bench_rw(opcode, 0, 2, addr);

	sqe.flags = 1 << 6;
	sqe.prp2 = len | (uint64_t)type << 56;
	return bench_io(b, sqe);
}

static void follows_sgls(void)
{
	const uint64_t list = BENCH_LISTS + 0xfe8; /* crosses a page */
	struct emu_bench b;

	bench_new(&b, "size=1M,lba=4096");
	bench_start(&b, 16);
	bench_fill(&b, BENCH_DATA + 3, 5, 8192);
	CU_ASSERT_EQUAL(sgl(&b, NVIO_NVM_WRITE, BENCH_DATA + 3, 8192, 0x00), 0);
	CU_ASSERT_EQUAL(sgl(&b, NVIO_NVM_READ, BENCH_DATA + 0x10000, 9000, 0x00), 0);
	CU_ASSERT_EQUAL(bench_differs(&b, BENCH_DATA + 0x10000, 5, 8192), 0);
	CU_ASSERT_EQUAL(sgl(&b, NVIO_NVM_READ, BENCH_DATA, 8191, 0x00), NVME_SC_SGL_INVALID_DATA);
	CU_ASSERT_EQUAL(sgl(&b, NVIO_NVM_READ, BENCH_DATA, 8192, 0x50), NVME_SC_SGL_INVALID_TYPE);
	CU_ASSERT_EQUAL(sgl(&b, NVIO_NVM_READ, BENCH_DATA, 8192, 0x01), NVME_SC_SGL_INVALID_TYPE);
	CU_ASSERT_EQUAL(sgl(&b, NVIO_NVM_READ, list, 24, 0x30), NVME_SC_SGL_INVALID_LAST);
	CU_ASSERT_EQUAL(sgl(&b, NVIO_NVM_READ, list, 0, 0x30), NVME_SC_SGL_INVALID_LAST);
	/* A segment of two pieces and a last segment of a bit bucket and a piece. */
	put_desc(&b, list, BENCH_DATA + 0x20000, 1000, 0x00);
	put_desc(&b, list + 16, BENCH_DATA + 0x20000 + 1000, 3001, 0x00);
	put_desc(&b, list + 32, BENCH_LISTS + 0x3000, 32, 0x30);
	put_desc(&b, BENCH_LISTS + 0x3000, 0, 191, 0x10);
	put_desc(&b, BENCH_LISTS + 0x3010, BENCH_DATA + 0x20000 + 4192, 4000, 0x00);
	CU_ASSERT_EQUAL(sgl(&b, NVIO_NVM_READ, list, 48, 0x20), 0);
	CU_ASSERT_EQUAL(bench_differs(&b, BENCH_DATA + 0x20000, 5, 4001), 0);
	CU_ASSERT_EQUAL(*(uint8_t *)bench_at(&b, BENCH_DATA + 0x20000 + 4100), 0);
	/* The gap is as it was: zero, which the pattern has in one place of it. */
	CU_ASSERT_EQUAL(bench_differs(&b, BENCH_DATA + 0x20000, 5, 8192), 190);
	/* A bit bucket has no length for a Write: 191 bytes are missing. */
	CU_ASSERT_EQUAL(sgl(&b, NVIO_NVM_WRITE, list, 48, 0x20), NVME_SC_SGL_INVALID_DATA);
	/* A segment in the last segment; a segment that points to itself. */
	CU_ASSERT_EQUAL(sgl(&b, NVIO_NVM_READ, list, 48, 0x30), NVME_SC_SGL_INVALID_LAST);
	put_desc(&b, BENCH_LISTS, BENCH_LISTS, 16, 0x20);
	CU_ASSERT_EQUAL(sgl(&b, NVIO_NVM_READ, BENCH_LISTS, 16, 0x20), NVME_SC_SGL_INVALID_COUNT);
	CU_ASSERT_EQUAL(sgl(&b, NVIO_NVM_READ, UINT64_MAX - 7, 16, 0x20), NVME_SC_SGL_INVALID_LAST);
	bench_free(&b);
}

static void works_on_ranges(void)
{
	struct nvme_dsm_range dsm[2] = { { .nlb = htole32(4), .slba = htole64(0) },
					 { .nlb = htole32(200), .slba = htole64(56) } };
	struct nvio_sqe sqe;
	struct emu_bench b;

	bench_new(&b, "size=1M,lba=4096");
	bench_start(&b, 16);
	bench_fill(&b, BENCH_DATA, 1, 4096);
	for (int i = 0; i < 8; i++)
		CU_ASSERT_EQUAL(bench_io(&b, op(NVIO_NVM_WRITE, i, 0)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, op(nvme_cmd_write_uncor, 2, 1)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, op(NVIO_NVM_READ, 1, 0)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, op(NVIO_NVM_READ, 1, 1)), MEDIA(NVME_SC_READ_ERROR));
	CU_ASSERT_EQUAL(bench_io(&b, op(nvme_cmd_verify, 0, 3)), MEDIA(NVME_SC_READ_ERROR));
	CU_ASSERT_EQUAL(bench_io(&b, op(nvme_cmd_compare, 3, 0)), MEDIA(NVME_SC_READ_ERROR));
	CU_ASSERT_EQUAL(bench_io(&b, op(NVIO_NVM_WRITE, 2, 0)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, op(NVIO_NVM_READ, 2, 0)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, op(nvme_cmd_write_zeroes, 3, 0 | 1u << 25)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, op(NVIO_NVM_READ, 3, 0)), 0);
	CU_ASSERT_EQUAL(*(uint8_t *)bench_at(&b, BENCH_DATA), 0);
	CU_ASSERT_EQUAL(bench_io(&b, op(nvme_cmd_verify, 0, 7)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, op(nvme_cmd_write_zeroes, 255, 1)), NVME_SC_LBA_RANGE);
	CU_ASSERT_EQUAL(bench_io(&b, op(nvme_cmd_write_uncor, 256, 0)), NVME_SC_LBA_RANGE);
	CU_ASSERT_EQUAL(bench_io(&b, op(nvme_cmd_verify, 256, 0)), NVME_SC_LBA_RANGE);
	/* Deallocates 0 to 3, and 56 to 255. */
	bench_put(&b, BENCH_DATA, dsm, sizeof(dsm));
	sqe = bench_rw(nvme_cmd_dsm, 1, 1, BENCH_DATA);
	sqe.cdw11 = NVME_DSMGMT_AD;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), 0);
	bench_fill(&b, BENCH_DATA, 1, 4096);
	CU_ASSERT_EQUAL(bench_io(&b, op(nvme_cmd_compare, 4, 0)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, op(nvme_cmd_compare, 0, 0)), MEDIA(NVME_SC_COMPARE_FAILED));
	dsm[1].nlb = htole32(201);
	bench_put(&b, BENCH_DATA, dsm, sizeof(dsm));
	CU_ASSERT_EQUAL(bench_io(&b, sqe), NVME_SC_LBA_RANGE);
	bench_free(&b);
}

static void copies_blocks(void)
{
	struct nvme_copy_range ranges[3] = { { .slba = htole64(2), .nlb = htole16(1) },
					     { .slba = htole64(0), .nlb = htole16(0) },
					     { .slba = htole64(255), .nlb = htole16(1) } };
	struct nvio_sqe copy = bench_rw(nvme_cmd_copy, 100, 1, BENCH_DATA);
	struct emu_bench b;
	uint32_t result;

	bench_new(&b, "size=1M,lba=4096");
	bench_start(&b, 16);
	for (int i = 0; i < 4; i++) {
		bench_fill(&b, BENCH_DATA, (uint8_t)(20 + i), 4096);
		CU_ASSERT_EQUAL(bench_io(&b, op(NVIO_NVM_WRITE, i, 0)), 0);
	}
	bench_put(&b, BENCH_DATA, ranges, sizeof(ranges));
	copy.cdw12 = 1;
	CU_ASSERT_EQUAL(bench_do(&b, &b.io, copy, &result), 0);
	for (int i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(
			bench_io(&b, bench_rw(NVIO_NVM_READ, 100 + i, 1, BENCH_DATA + PAGE)), 0);
		CU_ASSERT_EQUAL(bench_differs(&b, BENCH_DATA + PAGE, i < 2 ? 22 + i : 20, 4096), 0);
	}
	copy.cdw12 = 2;
	CU_ASSERT_EQUAL(bench_io(&b, copy), NVME_SC_LBA_RANGE);
	copy.cdw12 = 1 | 1 << 8;
	CU_ASSERT_EQUAL(bench_io(&b, copy), NVME_SC_INVALID_FIELD);
	copy.cdw12 = 200;
	CU_ASSERT_EQUAL(bench_io(&b, copy), SPECIFIC(NVME_SC_CMD_SIZE_LIMIT_EXCEEDED));
	CU_ASSERT_EQUAL(bench_io(&b, op(nvme_cmd_write_uncor, 0, 0)), 0);
	copy.cdw12 = 1;
	CU_ASSERT_EQUAL(bench_do(&b, &b.io, copy, &result), MEDIA(NVME_SC_READ_ERROR));
	CU_ASSERT_EQUAL(result, 1);
	bench_free(&b);
}

/* Compare and Write as one. Returns both statuses. */
static uint32_t fused(struct emu_bench *b, uint64_t second_slba, bool together)
{
	struct nvio_sqe first = op(nvme_cmd_compare, 7, 0);
	struct nvio_sqe second = bench_rw(NVIO_NVM_WRITE, second_slba, 1, BENCH_DATA + PAGE);
	struct nvio_cqe cqe[2];

	first.flags = 1;
	second.flags = 2;
	bench_submit(b, &b->io, first, !together);
	bench_poll(b);
	bench_submit(b, &b->io, second, true);
	bench_poll(b);
	if (!bench_reap(b, &b->io, &cqe[0]) || !bench_reap(b, &b->io, &cqe[1]))
		return NO_COMPLETION;
	CU_ASSERT_EQUAL(cqe[0].cid + 1, cqe[1].cid);
	return (cqe[0].status & 0x7ff) | (cqe[1].status & 0x7ffu) << 16;
}

static void fuses_compare_and_write(void)
{
	struct emu_bench b;

	bench_new(&b, "size=1M,lba=4096");
	bench_start(&b, 16);
	bench_fill(&b, BENCH_DATA + PAGE, 8, 4096);
	CU_ASSERT_EQUAL(fused(&b, 7, true), 0);
	CU_ASSERT_EQUAL(fused(&b, 7, true),
			MEDIA(NVME_SC_COMPARE_FAILED) | NVME_SC_FUSED_FAIL << 16);
	CU_ASSERT_EQUAL(fused(&b, 8, true), NVME_SC_INVALID_FIELD | NVME_SC_INVALID_FIELD << 16);
	CU_ASSERT_EQUAL(fused(&b, 7, false), NVME_SC_FUSED_MISSING | NVME_SC_FUSED_MISSING << 16);
	bench_free(&b);
}

static void keeps_a_file(void)
{
	char path[] = "/tmp/emu-test-XXXXXX", text[64];
	struct emu_error error;
	struct emu_ctrl *second;
	struct emu_bench b;
	int fd = mkstemp(path);

	CU_ASSERT_EQUAL_FATAL(ftruncate(fd, 1 << 20), 0);
	snprintf(text, sizeof(text), "lba=4096,file=%s", path);
	bench_new(&b, text);
	bench_start(&b, 16);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_new(&b.opts, &b.bus, &second, &error), -EBUSY);
	bench_fill(&b, BENCH_DATA, 6, 4096);
	CU_ASSERT_EQUAL(bench_io(&b, op(NVIO_NVM_WRITE, 255, 1u << 30)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, op(NVIO_NVM_FLUSH, 0, 0)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, op(NVIO_NVM_WRITE, 256, 0)), NVME_SC_LBA_RANGE);
	bench_free(&b);
	bench_new(&b, text);
	bench_start(&b, 16);
	CU_ASSERT_EQUAL(bench_io(&b, op(nvme_cmd_compare, 255, 0)), MEDIA(NVME_SC_COMPARE_FAILED));
	bench_fill(&b, BENCH_DATA, 6, 4096);
	CU_ASSERT_EQUAL(bench_io(&b, op(nvme_cmd_compare, 255, 0)), 0);
	bench_free(&b);
	b.opts.ns[0].size = 2 << 20;
	CU_ASSERT_EQUAL(nvio_emu_ctrl_new(&b.opts, &b.bus, &second, &error), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "too small"));
	close(fd);
	unlink(path);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "moves data", moves_data },
		{ "refuses bad commands", refuses_bad_commands },
		{ "follows PRP chains", follows_prp_chains },
		{ "takes larger pages", takes_larger_pages },
		{ "follows SGLs", follows_sgls },
		{ "works on ranges", works_on_ranges },
		{ "copies blocks", copies_blocks },
		{ "fuses Compare and Write", fuses_compare_and_write },
		{ "keeps a file", keeps_a_file },
	};

	return bench_run("emu io", tests, sizeof(tests) / sizeof(tests[0]));
}
