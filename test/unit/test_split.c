/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a request of blocks is cut into commands: the controller's largest transfer, the
 * namespace's boundary, the count of 16 bits; with literal addresses, and against a splitter that
 * is a loop over blocks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "path_bench.h"

#define BLOCK     512u
#define USER_DATA 77

struct part {
	uint64_t slba;
	uint32_t nr;
};

/* A list of parts that ends with one of no blocks. */
#define PARTS(...) ((const struct part[]){ __VA_ARGS__, { 0, 0 } })

static unsigned int count(const struct part *parts)
{
	unsigned int nr = 0;

	while (parts[nr].nr)
		nr++;
	return nr;
}

/* The commands of a request that was queued, which is all that is. */
static void check_commands(struct bench *b, uint8_t opcode, const char *buf,
			   const struct part *parts)
{
	const unsigned int nr = count(parts);
	struct nvio_completion done[2];
	uint16_t cids[64];

	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b->qpair), 1);
	CU_ASSERT_EQUAL(nvio_submit(&b->qpair), (int)nr);
	for (unsigned int i = 0; i < nr; i++) {
		const struct nvio_sqe *sqe = next_command(b);
		const size_t len = parts[i].nr * BLOCK;

		CU_ASSERT_EQUAL(sqe->opcode, opcode);
		CU_ASSERT_EQUAL(sqe->nsid, 7);
		CU_ASSERT_EQUAL(sqe_slba(sqe), parts[i].slba);
		CU_ASSERT_EQUAL(sqe_nr(sqe), parts[i].nr);
		CU_ASSERT_EQUAL(sqe->cdw12 & ~0xffffu, 0);
		if (buf) {
			CU_ASSERT_TRUE(is_at(b, sqe, buf, len));
			buf += len;
		}
		cids[i] = sqe->cid;
	}
	CU_ASSERT_PTR_NULL(fetch(b));
	/* It completes with its last part and not before. */
	for (unsigned int i = 0; i < nr; i++) {
		complete(b, cids[i], 0, 0);
		CU_ASSERT_EQUAL(nvio_poll(&b->qpair, done, 2), i == nr - 1);
	}
	CU_ASSERT_EQUAL(done[0].user_data, USER_DATA);
	CU_ASSERT_EQUAL(done[0].status, 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b->qpair), 0);
}

/* A read and a write of so many blocks, at that place of the buffer. */
static void check(struct bench *b, uint64_t slba, uint32_t nr, size_t offset,
		  const struct part *parts)
{
	char *buf = b->buf + offset;

	CU_ASSERT_EQUAL(nvio_read(&b->qpair, &b->ns, buf, slba, nr, 0, USER_DATA), 0);
	check_commands(b, NVIO_OP_READ, buf, parts);
	CU_ASSERT_EQUAL(nvio_write(&b->qpair, &b->ns, buf, slba, nr, 0, USER_DATA), 0);
	check_commands(b, NVIO_OP_WRITE, buf, parts);
}

static void at_the_largest_transfer(void)
{
	struct bench b;

	/* 16 blocks in a command. */
	path_setup(&b, &(struct path){ .max_transfer = 8192 });
	check(&b, 0, 1, 0, PARTS({ 0, 1 }));
	check(&b, 0, 15, 0, PARTS({ 0, 15 }));
	check(&b, 0, 16, 0, PARTS({ 0, 16 }));
	check(&b, 0, 17, 0, PARTS({ 0, 16 }, { 16, 1 }));
	check(&b, 5, 16, 0, PARTS({ 5, 16 }));
	check(&b, 5, 17, 0, PARTS({ 5, 16 }, { 21, 1 }));
	check(&b, 5, 32, 0, PARTS({ 5, 16 }, { 21, 16 }));
	check(&b, 5, 33, 0, PARTS({ 5, 16 }, { 21, 16 }, { 37, 1 }));
	/* At an offset a command of 16 blocks is on three pages, and the next begins at one too. */
	check(&b, 0, 16, 4, PARTS({ 0, 16 }));
	check(&b, 0, 32, 4, PARTS({ 0, 16 }, { 16, 16 }));
	check(&b, 0, 48, 4092, PARTS({ 0, 16 }, { 16, 16 }, { 32, 16 }));
	/* Block addresses of more than 32 bits, and where their lower half wraps. */
	check(&b, 0x1fffffff8, 8, 0, PARTS({ 0x1fffffff8, 8 }));
	check(&b, 0xfffffff8, 24, 0, PARTS({ 0xfffffff8, 16 }, { 0x100000008, 8 }));
	CU_ASSERT_EQUAL(b.qpair.stats.splits, 2 * 7);
	path_teardown(&b);
}

/* 256 pages and a list of as many entries; 512 fill a page of the list, 1,024 take two. */
static void at_large_transfers(void)
{
	static const uint32_t nr_pages[] = { 1, 64, 256, 512, 513, 1024 };

	for (size_t i = 0; i < ARRAY_LEN(nr_pages); i++) {
		const uint32_t nr = nr_pages[i] * 8;
		struct bench b;
		char *buf;

		path_setup(&b, &(struct path){ .max_transfer = nr_pages[i] * 4096, .depth = 3 });
		buf = nvio_alloc(b.iommu, 3 * (nr * BLOCK + 4096), 4096);
		CU_ASSERT_PTR_NOT_NULL_FATAL(buf);
		for (size_t offset = 0; offset < 4096; offset += 4092) {
			CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, buf + offset, 3, 2 * nr + 1, 0,
						  USER_DATA),
					0);
			check_commands(&b, NVIO_OP_READ, buf + offset,
				       PARTS({ 3, nr }, { 3 + nr, nr }, { 3 + 2 * nr, 1 }));
		}
		path_teardown(&b);
	}
}

static void at_boundaries_of_a_power_of_two(void)
{
	struct bench b;

	path_setup(&b, &(struct path){ .max_transfer = 8192, .boundary = 8 });
	check(&b, 0, 8, 0, PARTS({ 0, 8 }));
	check(&b, 0, 9, 0, PARTS({ 0, 8 }, { 8, 1 }));
	check(&b, 7, 1, 0, PARTS({ 7, 1 }));
	check(&b, 7, 2, 0, PARTS({ 7, 1 }, { 8, 1 }));
	check(&b, 8, 1, 0, PARTS({ 8, 1 }));
	check(&b, 8, 8, 0, PARTS({ 8, 8 }));
	check(&b, 9, 7, 0, PARTS({ 9, 7 }));
	check(&b, 9, 8, 0, PARTS({ 9, 7 }, { 16, 1 }));
	check(&b, 1, 16, 12, PARTS({ 1, 7 }, { 8, 8 }, { 16, 1 }));
	check(&b, 0xffffffff, 2, 0, PARTS({ 0xffffffff, 1 }, { 0x100000000, 1 }));
	path_teardown(&b);
}

static void at_other_boundaries(void)
{
	struct bench b;

	path_setup(&b, &(struct path){ .max_transfer = 8192, .boundary = 12 });
	check(&b, 0, 12, 0, PARTS({ 0, 12 }));
	check(&b, 0, 13, 0, PARTS({ 0, 12 }, { 12, 1 }));
	check(&b, 3, 4, 0, PARTS({ 3, 4 }));
	check(&b, 11, 1, 0, PARTS({ 11, 1 }));
	check(&b, 11, 2, 0, PARTS({ 11, 1 }, { 12, 1 }));
	check(&b, 12, 12, 0, PARTS({ 12, 12 }));
	check(&b, 5, 24, 0, PARTS({ 5, 7 }, { 12, 12 }, { 24, 5 }));
	/* 2^32 is 4 above a multiple of 12. */
	check(&b, 0xffffffff, 12, 0, PARTS({ 0xffffffff, 9 }, { 0x100000008, 3 }));
	path_teardown(&b);

	path_setup(&b, &(struct path){ .max_transfer = 8192, .boundary = 1 });
	check(&b, 6, 3, 0, PARTS({ 6, 1 }, { 7, 1 }, { 8, 1 }));
	path_teardown(&b);

	path_setup(&b, &(struct path){ .boundary = 65535 });
	check(&b, 65534, 1, 0, PARTS({ 65534, 1 }));
	check(&b, 65534, 2, 0, PARTS({ 65534, 1 }, { 65535, 1 }));
	check(&b, 131069, 3, 0, PARTS({ 131069, 1 }, { 131070, 2 }));
	path_teardown(&b);
}

/* A command ends where either limit is. */
static void at_boundaries_above_the_largest_transfer(void)
{
	struct bench b;

	path_setup(&b, &(struct path){ .max_transfer = 8192, .boundary = 24 });
	check(&b, 0, 16, 0, PARTS({ 0, 16 }));
	check(&b, 0, 24, 0, PARTS({ 0, 16 }, { 16, 8 }));
	check(&b, 8, 16, 0, PARTS({ 8, 16 }));
	check(&b, 8, 17, 0, PARTS({ 8, 16 }, { 24, 1 }));
	check(&b, 20, 10, 0, PARTS({ 20, 4 }, { 24, 6 }));
	check(&b, 4, 44, 0, PARTS({ 4, 16 }, { 20, 4 }, { 24, 16 }, { 40, 8 }));
	path_teardown(&b);

	path_setup(&b, &(struct path){ .max_transfer = 8192, .boundary = 64 });
	check(&b, 60, 16, 0, PARTS({ 60, 4 }, { 64, 12 }));
	check(&b, 41, 16, 0, PARTS({ 41, 16 }));
	check(&b, 41, 24, 0, PARTS({ 41, 16 }, { 57, 7 }, { 64, 1 }));
	path_teardown(&b);
}

/* What has no data is only cut where its count of 16 bits and the boundary end. */
static void without_data(void)
{
	struct nvio_io io = NVIO_IO;
	struct bench b;

	path_setup(&b, &(struct path){ .max_transfer = 8192 });
	io.opcode = NVIO_OP_WRITE_ZEROES;
	io.slba = 10;
	io.nr_blocks = 65536;
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, USER_DATA), 0);
	check_commands(&b, NVIO_OP_WRITE_ZEROES, NULL, PARTS({ 10, 65536 }));
	io.nr_blocks = 131073;
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, USER_DATA), 0);
	check_commands(&b, NVIO_OP_WRITE_ZEROES, NULL,
		       PARTS({ 10, 65536 }, { 65546, 65536 }, { 131082, 1 }));
	/* Verify reads as much as a read would. */
	io.opcode = NVIO_OP_VERIFY;
	io.nr_blocks = 17;
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, USER_DATA), 0);
	check_commands(&b, NVIO_OP_VERIFY, NULL, PARTS({ 10, 16 }, { 26, 1 }));
	path_teardown(&b);

	path_setup(&b, &(struct path){ .boundary = 100 });
	io.opcode = NVIO_OP_WRITE_UNCORRECTABLE;
	io.slba = 99;
	io.nr_blocks = 102;
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, USER_DATA), 0);
	check_commands(&b, NVIO_OP_WRITE_UNCORRECTABLE, NULL,
		       PARTS({ 99, 1 }, { 100, 100 }, { 200, 1 }));
	path_teardown(&b);
}

/* Where the request ends is the namespace's end, whatever it is cut into. */
static void at_the_end_of_the_namespace(void)
{
	const uint64_t end = PATH_BLOCKS;
	struct bench b;

	path_setup(&b, &(struct path){ .max_transfer = 8192, .boundary = 24 });
	check(&b, end - 1, 1, 0, PARTS({ end - 1, 1 }));
	/* 2^33 is 8 above a multiple of 24. */
	check(&b, end - 20, 20, 0, PARTS({ end - 20, 12 }, { end - 8, 8 }));
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, end - 20, 21, 0, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, end, 1, 0, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 1, UINT32_MAX, 0, 1), -EFAULT);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, UINT64_MAX, 2, 0, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 0);
	path_teardown(&b);
}

/* Cuts by counting blocks. Returns how many parts. */
static unsigned int cut(const struct path *path, uint64_t slba, uint32_t nr, struct part *parts)
{
	unsigned int n = 0;

	for (uint64_t block = slba; block < slba + nr; block++) {
		if (block == slba || parts[n - 1].nr == path->max_transfer / BLOCK ||
		    (path->boundary && !(block % path->boundary)))
			parts[n++] = (struct part){ block, 0 };
		parts[n - 1].nr++;
	}
	parts[n] = (struct part){ 0, 0 };
	return n;
}

/* Any limits, any place: the commands are those of the loop above. */
static void as_a_loop_over_blocks_does(void)
{
	srand(11);
	for (int i = 0; i < 40; i++) {
		struct path path = { .max_transfer = 4096u << rand() % 5, .depth = 63 };
		struct part parts[130];
		struct bench b;

		path.boundary = rand() % 3 ? (uint32_t)(1 + rand() % 200) : 0;
		path_setup(&b, &path);
		for (int k = 0; k < 150; k++) {
			uint64_t slba = (uint64_t)(rand() % 400);
			uint32_t nr = (uint32_t)(1 + rand() % 128);

			while (cut(&path, slba, nr, parts) > 63)
				nr /= 2;
			check(&b, slba, nr, (size_t)(rand() % 2000) * 4, parts);
		}
		path_teardown(&b);
	}
}

/* Commands without data take pieces of nothing, and look no further. */
static void pieces_of_nothing(void)
{
	static const uint8_t opcodes[] = { NVIO_OP_WRITE_ZEROES, NVIO_OP_VERIFY,
					   NVIO_OP_WRITE_UNCORRECTABLE };
	struct nvio_io io = NVIO_IO;
	struct iovec nothing[2];
	struct bench b;

	path_setup(&b, &(struct path){ .boundary = 24, .sgls = 1 });
	for (uint32_t i = 0; i < 6; i++) {
		struct iovec *exact = malloc((1 + i % 2) * sizeof(*exact));

		nothing[0] = nothing[1] = (struct iovec){ b.buf, 0 };
		memcpy(exact, nothing, (1 + i % 2) * sizeof(*exact));
		io.opcode = opcodes[i / 2];
		io.slba = 20;
		io.nr_blocks = 8;
		io.nr_iov = 1 + i % 2;
		io.iov = exact;
		CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, 5), 0);
		CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 2);
		for (uint32_t k = 0; k < 2; k++) {
			const struct nvio_sqe *sqe = next_command(&b);

			CU_ASSERT_EQUAL(sqe->opcode, io.opcode);
			CU_ASSERT_EQUAL(sqe->flags, 0);
			CU_ASSERT_EQUAL(sqe->prp1, 0);
			CU_ASSERT_EQUAL(sqe_nr(sqe), 4);
			complete(&b, sqe->cid, 0, 0);
		}
		CU_ASSERT_EQUAL(nvio_poll(&b.qpair, (struct nvio_completion[2]){ 0 }, 2), 1);
		free(exact);
	}
	path_teardown(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "at the largest transfer", at_the_largest_transfer },
		{ "at large transfers", at_large_transfers },
		{ "at boundaries of a power of two", at_boundaries_of_a_power_of_two },
		{ "at other boundaries", at_other_boundaries },
		{ "at boundaries above the largest transfer",
		  at_boundaries_above_the_largest_transfer },
		{ "without data", without_data },
		{ "at the end of the namespace", at_the_end_of_the_namespace },
		{ "as a loop over blocks does", as_a_loop_over_blocks_does },
		{ "pieces of nothing", pieces_of_nothing },
	};

	return tap_run("split", tests, sizeof(tests) / sizeof(tests[0]));
}
