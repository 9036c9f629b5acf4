/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands that are sent again: which, how often, when, and that they are the same commands.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "path_bench.h"

#define PAGE       4096u
#define READ_ERROR 0x281u
#define DNR        0x4000u
#define SQ_DELETED 0x008u

/* The next command ends so. Returns how many completions a poll then gives, the first at @done. */
static int end_next(struct bench *b, uint16_t status, struct nvio_completion *done)
{
	complete(b, next_command(b)->cid, status, 0);
	return nvio_poll(&b->qpair, done, 1);
}

static void until_it_passes_or_the_limit(void)
{
	struct nvio_completion done;
	struct bench b;

	for (uint8_t limit = 0; limit <= 4; limit++) {
		path_setup(&b, &(struct path){ .max_retries = limit });
		/* It passes the last time that it may. */
		nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, 1);
		nvio_submit(&b.qpair);
		for (uint8_t i = 0; i < limit; i++)
			CU_ASSERT_EQUAL(end_next(&b, READ_ERROR, &done), 0);
		CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 1);
		CU_ASSERT_EQUAL(end_next(&b, 0, &done), 1);
		CU_ASSERT_EQUAL(done.status, 0);
		CU_ASSERT_EQUAL(b.qpair.stats.retries, limit);
		CU_ASSERT_EQUAL(b.qpair.stats.errors, 0);
		/* It never does. The count begins anew with each command. */
		nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, 2);
		nvio_submit(&b.qpair);
		for (uint8_t i = 0; i < limit; i++)
			CU_ASSERT_EQUAL(end_next(&b, READ_ERROR, &done), 0);
		CU_ASSERT_EQUAL(end_next(&b, READ_ERROR, &done), 1);
		CU_ASSERT_EQUAL(done.user_data, 2);
		CU_ASSERT_EQUAL(done.status, READ_ERROR);
		CU_ASSERT_EQUAL(b.qpair.stats.retries, 2u * limit);
		CU_ASSERT_EQUAL(b.qpair.stats.errors, 1);
		CU_ASSERT_EQUAL(b.qpair.stats.submitted, 2u * limit + 2);
		CU_ASSERT_EQUAL(b.qpair.stats.completed, 2u * limit + 2);
		CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
		path_teardown(&b);
	}
}

/* Whether a command with this status is sent again. */
static bool is_repeated(struct bench *b, uint16_t status)
{
	struct nvio_completion done;
	int n;

	nvio_read(&b->qpair, &b->ns, b->buf, 0, 1, 0, 1);
	nvio_submit(&b->qpair);
	n = end_next(b, status, &done);
	if (n) {
		CU_ASSERT_EQUAL(done.status, status);
		return false;
	}
	CU_ASSERT_EQUAL(end_next(b, 0, &done), 1);
	return true;
}

/* What was asked for (aborts, but for that of a queue which nobody deleted), what the data is
 * (compare, protection information), what is a matter of paths. */
static bool is_final(uint16_t status)
{
	return (status >= 0x007 && status <= 0x00a && status != 0x008) ||
	       (status >= 0x282 && status <= 0x288) || status >> 8 == 3;
}

static void statuses_that_are_final(void)
{
	unsigned int wrong = 0;
	struct bench b;

	path_setup(&b, &(struct path){ .max_retries = 1 });
	for (uint16_t status = 1; status < 0x800; status++)
		wrong += is_repeated(&b, status) == is_final(status);
	CU_ASSERT_EQUAL(wrong, 0);
	/* Do Not Retry; More is of no meaning here. */
	for (uint16_t status = 1; status < 0x800; status++)
		wrong += is_repeated(&b, status | DNR);
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_TRUE(is_repeated(&b, READ_ERROR | 0x2000));
	path_teardown(&b);
}

static void what_the_caller_forbids(void)
{
	const struct nvio_sqe cmd = { .opcode = 0x80 };
	const struct nvio_range range = { 0, 1, 0 };
	struct nvio_completion done;
	struct nvio_io io = NVIO_IO;
	struct bench b;

	path_setup(&b, &(struct path){ .max_retries = 1 });
	b.ns.copy_max = b.ns.copy_range_max = b.ns.copy_ranges = 1;
	io.opcode = NVIO_OP_WRITE_ZEROES;
	io.nr_blocks = 1;
	io.flags = NVIO_IO_ONCE;
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, 1), 0);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, NVIO_IO_ONCE, 2), 0);
	CU_ASSERT_EQUAL(nvio_copy(&b.qpair, &b.ns, 1, &range, 1, 0, 3), 0);
	CU_ASSERT_EQUAL(nvio_passthrough(&b.qpair, &cmd, NULL, 0, NULL, 0, 0, 4), 0);
	nvio_submit(&b.qpair);
	for (uint64_t i = 1; i <= 4; i++) {
		CU_ASSERT_EQUAL(end_next(&b, READ_ERROR, &done), 1);
		CU_ASSERT_EQUAL(done.user_data, i);
	}
	/* And what it allows. */
	io.flags = 0;
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, 1), 0);
	CU_ASSERT_EQUAL(nvio_flush(&b.qpair, &b.ns, 2), 0);
	CU_ASSERT_EQUAL(nvio_dsm(&b.qpair, &b.ns, &range, 1, 4, 3), 0);
	CU_ASSERT_EQUAL(nvio_passthrough(&b.qpair, &cmd, NULL, 0, NULL, 0, NVIO_IO_REPEATABLE, 4),
			0);
	nvio_submit(&b.qpair);
	for (uint64_t i = 1; i <= 4; i++)
		CU_ASSERT_EQUAL(end_next(&b, READ_ERROR, &done), 0);
	for (uint64_t i = 1; i <= 4; i++) {
		CU_ASSERT_EQUAL(end_next(&b, 0, &done), 1);
		CU_ASSERT_EQUAL(done.user_data, i);
	}
	path_teardown(&b);
}

static unsigned int nr_lists; /* compared */

/* The list memory that a command uses: a tracker's. NULL when it uses none. */
static const void *list_of(const struct bench *b, const struct nvio_sqe *sqe)
{
	const uint64_t len = (uint64_t)b->qpair.depth * b->qpair.list_len;

	if (sqe->prp1 - b->qpair.lists_iova < len)
		return at_iova(b, sqe->prp1);
	return sqe->prp2 - b->qpair.lists_iova < len ? at_iova(b, sqe->prp2) : NULL;
}

/* The queued command, its list memory too, is the same each time that it is sent but for the
 * identifier, which is a new one. */
static void check_repeats(struct bench *b, const char *what)
{
	const struct nvio_sqe *first = next_command(b), *again;
	struct nvio_sqe copy = *first;
	const void *list = list_of(b, &copy);
	const size_t len = list ? b->qpair.list_len : 0;
	struct nvio_completion done;
	char kept[16384];

	CU_ASSERT_FATAL(len <= sizeof(kept));
	if (list)
		memcpy(kept, list, len);
	nr_lists += len != 0;
	for (int i = 0; i < 2; i++) {
		complete(b, copy.cid, READ_ERROR, 0);
		CU_ASSERT_EQUAL(nvio_poll(&b->qpair, &done, 1), 0);
		again = next_command(b);
		CU_ASSERT_PTR_NOT_EQUAL(again, first);
		CU_ASSERT_NOT_EQUAL(again->cid, copy.cid);
		copy.cid = again->cid;
		if (memcmp(again, &copy, sizeof(copy)) || (list && memcmp(kept, list, len)))
			printf("# %s\n", what);
		CU_ASSERT_EQUAL(memcmp(again, &copy, sizeof(copy)), 0);
		CU_ASSERT_TRUE(!list || !memcmp(kept, list, len));
	}
	complete(b, copy.cid, 0, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b->qpair, &done, 1), 1);
	CU_ASSERT_EQUAL(done.status, 0);
}

/* Reads and writes of the short ways, which are made again from what is known of them. */
static void the_same_reads_and_writes(void)
{
	static const uint32_t nr_blocks[] = { 1, 8, 9, 17, 512, 4096, 4104, 8192 };
	struct nvio_buffer *buffer;
	struct bench b;
	char *buf, *p = path_pages(1100);

	path_setup(&b, &(struct path){ .max_transfer = 4u << 20, .max_retries = 2, .depth = 3 });
	buf = nvio_alloc(b.iommu, 5u << 20, 4096);
	/* Every second page first: few neighbours have neighbouring addresses. */
	for (int round = 0; round < 2; round++) {
		for (int i = round; i < 40; i += 2)
			nvio_mem_register(b.iommu, p + i * PAGE, PAGE, NVIO_DMA_RW);
	}
	nvio_mem_register(b.iommu, p + 40 * PAGE, 1060 * PAGE, NVIO_DMA_RW);
	nvio_buffer_open(b.iommu, p + 40 * PAGE, 1060 * PAGE, NVIO_DMA_RW, &buffer);
	for (size_t i = 0; i < ARRAY_LEN(nr_blocks); i++) {
		const uint32_t nr = nr_blocks[i];

		for (size_t offset = 0; offset <= 2052; offset += 2052) {
			nvio_read(&b.qpair, &b.ns, buf + offset, 0x123456789, nr, 0, 1);
			nvio_submit(&b.qpair);
			check_repeats(&b, "heap");
			nvio_write(&b.qpair, &b.ns, buf + offset, 0x123456789, nr, 3, 1);
			nvio_submit(&b.qpair);
			check_repeats(&b, "heap, written");
			nvio_read(&b.qpair, &b.ns, p + 40 * PAGE + offset, 77, nr, 0, 1);
			nvio_submit(&b.qpair);
			check_repeats(&b, "registered");
			nvio_write_buffer(&b.qpair, &b.ns, buffer, offset, 77, nr, 1, 1);
			nvio_submit(&b.qpair);
			check_repeats(&b, "handle");
			if (nr > 256)
				continue;
			nvio_write(&b.qpair, &b.ns, p + offset, 77, nr, 0, 1);
			nvio_submit(&b.qpair);
			check_repeats(&b, "registered in pieces");
		}
	}
	CU_ASSERT_TRUE(nr_lists > 40);
	nvio_buffer_close(buffer);
	path_teardown(&b);
	munmap(p, 1100 * PAGE);
}

static void the_same_commands_of_other_kinds(void)
{
	const struct nvio_range ranges[] = { { 5, 6, 7 }, { 8, 9, 0 } };
	struct iovec iov[3] = { { 0 } };
	struct nvio_io io = NVIO_IO;
	struct bench b;

	path_setup(&b, &(struct path){ .max_retries = 2, .sgls = 1, .metadata_len = 8 });
	io.opcode = NVIO_OP_WRITE;
	io.slba = 0x123456789;
	io.nr_blocks = 3;
	io.iov = iov;
	io.nr_iov = 3;
	io.metadata = b.buf + 64;
	io.metadata_len = 24;
	io.directive = 1;
	io.directive_specific = 99;
	for (int i = 0; i < 3; i++)
		iov[i] = (struct iovec){ b.buf + i * 5000, 512 };
	for (int no_sgl = 0; no_sgl < 2; no_sgl++) {
		/* Four pages of PRPs, then three descriptors. */
		b.qpair.no_sgl = !no_sgl;
		if (!no_sgl) {
			iov[0] = (struct iovec){ b.buf + 3584, 512 };
			iov[1] = (struct iovec){ b.buf + 2 * PAGE, PAGE };
			iov[2] = (struct iovec){ b.buf + 9 * PAGE, PAGE };
			io.nr_blocks = 17;
			io.metadata_len = 17 * 8;
		}
		CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, 1), 0);
		nvio_submit(&b.qpair);
		check_repeats(&b, no_sgl ? "SGL" : "PRPs of a vector");
	}
	CU_ASSERT_EQUAL(nvio_dsm(&b.qpair, &b.ns, ranges, 2, 4, 1), 0);
	nvio_submit(&b.qpair);
	check_repeats(&b, "ranges");
	CU_ASSERT_EQUAL(nvio_flush(&b.qpair, &b.ns, 1), 0);
	nvio_submit(&b.qpair);
	check_repeats(&b, "flush");
	path_teardown(&b);
}

/* A part is sent again by itself; the request completes once, and without an error. */
static void parts_alone(void)
{
	struct nvio_completion done;
	struct bench b;
	const struct nvio_sqe *again, *third;
	uint16_t cids[2];

	path_setup(&b, &(struct path){ .max_transfer = 8192, .max_retries = 1, .depth = 2 });
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 48, 0, 5), 0);
	nvio_submit(&b.qpair);
	cids[0] = next_command(&b)->cid;
	cids[1] = next_command(&b)->cid;
	complete(&b, cids[1], READ_ERROR, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, &done, 1), 0);
	again = next_command(&b);
	CU_ASSERT_EQUAL(sqe_slba(again), 16);
	cids[1] = again->cid;
	complete(&b, cids[0], 0, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, &done, 1), 0);
	third = next_command(&b);
	CU_ASSERT_EQUAL(sqe_slba(third), 32);
	complete(&b, cids[1], 0, 0);
	complete(&b, third->cid, READ_ERROR, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, &done, 1), 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 1);
	CU_ASSERT_EQUAL(end_next(&b, 0, &done), 1);
	CU_ASSERT_EQUAL(done.user_data, 5);
	CU_ASSERT_EQUAL(done.status, 0);
	CU_ASSERT_EQUAL(b.qpair.stats.retries, 2);
	path_teardown(&b);
}

/* The controller answers a command that has ended once more, as if all had gone well. */
static void late_twin(struct bench *b, uint16_t cid, uint16_t again)
{
	struct nvio_completion done;

	CU_ASSERT_NOT_EQUAL(again, cid);
	complete(b, cid, 0, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b->qpair, &done, 1), -EIO);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b->qpair), 1);
}

/* Not taken for the answer to its repeat, which may not have moved any data yet: of the short way,
 * of a saved command, and of one that a reset has ended. */
static void late_twins(void)
{
	const struct nvio_range range = { 5, 1, 0 };
	struct nvio_completion done;
	struct bench b;
	uint16_t cid;

	for (int i = 0; i < 4; i++) {
		path_setup(&b, &(struct path){ .max_retries = 2, .depth = 3 });
		if (i % 2) {
			CU_ASSERT_EQUAL(nvio_dsm(&b.qpair, &b.ns, &range, 1, 4, 6), 0);
		} else {
			CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 6, 1, 0, 6), 0);
		}
		nvio_submit(&b.qpair);
		cid = next_command(&b)->cid;
		complete(&b, cid, i < 2 ? READ_ERROR : SQ_DELETED, 0);
		CU_ASSERT_EQUAL(nvio_poll(&b.qpair, &done, 1), 0);
		late_twin(&b, cid, next_command(&b)->cid);
		path_teardown(&b);
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "until it passes or the limit", until_it_passes_or_the_limit },
		{ "statuses that are final", statuses_that_are_final },
		{ "what the caller forbids", what_the_caller_forbids },
		{ "the same reads and writes", the_same_reads_and_writes },
		{ "the same commands of other kinds", the_same_commands_of_other_kinds },
		{ "parts alone", parts_alone },
		{ "late twins", late_twins },
	};

	return tap_run("retry", tests, sizeof(tests) / sizeof(tests[0]));
}
