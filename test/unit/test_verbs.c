/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands that name blocks, lists of ranges and commands of the caller's own: their words, and
 * what is refused.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "path_bench.h"

#define PAGE 4096u

/* A request for one block, 0x123456789, and its command. */
static const struct nvio_sqe *one_block(struct bench *b, uint8_t opcode, unsigned int flags)
{
	struct iovec iov = { b->buf + 512, 512 };
	struct nvio_io io = NVIO_IO;

	io.opcode = opcode;
	io.flags = flags;
	io.slba = 0x123456789;
	io.nr_blocks = 1;
	if (opcode == NVIO_OP_READ || opcode == NVIO_OP_WRITE || opcode == NVIO_OP_COMPARE) {
		io.iov = &iov;
		io.nr_iov = 1;
	}
	CU_ASSERT_EQUAL(nvio_io(&b->qpair, &b->ns, &io, 5), 0);
	CU_ASSERT_EQUAL(nvio_submit(&b->qpair), 1);
	return next_command(b);
}

/* All words of a command but its identifier. */
static void check_words(struct bench *b, const struct nvio_sqe *sqe, struct nvio_sqe expected)
{
	struct nvio_completion done;

	expected.cid = sqe->cid;
	CU_ASSERT_EQUAL(memcmp(sqe, &expected, sizeof(expected)), 0);
	complete(b, sqe->cid, 0, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b->qpair, &done, 1), 1);
	CU_ASSERT_EQUAL(done.user_data, 5);
}

static void words_of_each_opcode(void)
{
	static const struct {
		uint8_t opcode;
		bool data;
		unsigned int flags;
		uint32_t cdw12;
	} verbs[] = {
		{ NVIO_OP_READ, true, 0, 0 },
		{ NVIO_OP_WRITE, true, 0, 0 },
		{ NVIO_OP_COMPARE, true, 0, 0 },
		{ NVIO_OP_WRITE_UNCORRECTABLE, false, 0, 0 },
		{ NVIO_OP_WRITE_ZEROES, false, 0, 0 },
		{ NVIO_OP_VERIFY, false, 0, 0 },
		{ NVIO_OP_READ, true, NVIO_IO_FUA, 1u << 30 },
		{ NVIO_OP_WRITE, true, NVIO_IO_FUA | NVIO_IO_LIMITED_RETRY, 3u << 30 },
		{ NVIO_OP_VERIFY, false, NVIO_IO_LIMITED_RETRY, 1u << 31 },
		{ NVIO_OP_WRITE_ZEROES, false, NVIO_IO_DEALLOCATE, 1u << 25 },
		{ NVIO_OP_READ, true, NVIO_IO_CHECK_REF, 1u << 26 },
		{ NVIO_OP_READ, true, NVIO_IO_CHECK_APP, 1u << 27 },
		{ NVIO_OP_READ, true, NVIO_IO_CHECK_GUARD, 1u << 28 },
		{ NVIO_OP_WRITE, true, NVIO_IO_PRACT, 1u << 29 },
		{ NVIO_OP_READ, true, NVIO_IO_CHECK_STORAGE, 1u << 24 },
		{ NVIO_OP_READ, true, NVIO_IO_ONCE, 0 },
	};
	struct bench b;

	path_setup(&b, &(struct path){ 0 });
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		const struct nvio_sqe *sqe = one_block(&b, verbs[i].opcode, verbs[i].flags);

		check_words(&b, sqe,
			    (struct nvio_sqe){
				    .opcode = verbs[i].opcode,
				    .nsid = 7,
				    .prp1 = verbs[i].data ? iova_of(&b, b.buf) + 512 : 0,
				    .cdw10 = 0x23456789,
				    .cdw11 = 1,
				    .cdw12 = verbs[i].cdw12,
			    });
	}
	path_teardown(&b);
}

static void words_of_directives(void)
{
	struct nvio_io io = NVIO_IO;
	struct bench b;

	path_setup(&b, &(struct path){ 0 });
	io.opcode = NVIO_OP_WRITE;
	io.nr_blocks = 2;
	io.iov = &(struct iovec){ b.buf, 1024 };
	io.nr_iov = 1;
	io.directive = 2;
	io.directive_specific = 0xabcd;
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, 5), 0);
	nvio_submit(&b.qpair);
	check_words(&b, next_command(&b),
		    (struct nvio_sqe){
			    .opcode = NVIO_OP_WRITE,
			    .nsid = 7,
			    .prp1 = iova_of(&b, b.buf),
			    .cdw12 = 1 | 2u << 20,
			    .cdw13 = 0xabcd0000,
		    });
	/* A type has 4 bits. */
	io.directive = 16;
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, 5), -EINVAL);
	path_teardown(&b);
}

static void words_of_ranges(void)
{
	const struct nvio_range ranges[] = { { 0x123456789, 0x1000, 0xa5 }, { 3, 1, 0 } };
	struct nvio_range many[257];
	const struct nvio_sqe *sqe;
	const uint64_t *list;
	struct bench b;

	path_setup(&b, &(struct path){ .max_transfer = 2u << 20, .depth = 2 });
	CU_ASSERT_EQUAL(nvio_dsm(&b.qpair, &b.ns, ranges, 2, NVIO_DSM_DEALLOCATE, 5), 0);
	nvio_submit(&b.qpair);
	sqe = next_command(&b);
	list = at_iova(&b, sqe->prp1);
	CU_ASSERT_EQUAL(sqe->prp1, b.qpair.lists_iova + sqe->cid * b.qpair.list_len);
	CU_ASSERT_EQUAL(list[0], 0x1000000000a5);
	CU_ASSERT_EQUAL(list[1], 0x123456789);
	CU_ASSERT_EQUAL(list[2], 0x100000000);
	CU_ASSERT_EQUAL(list[3], 3);
	check_words(&b, sqe,
		    (struct nvio_sqe){
			    .opcode = 9, .nsid = 7, .prp1 = sqe->prp1, .cdw10 = 1, .cdw11 = 4 });
	/* As many as fit, and one more. */
	CU_ASSERT_EQUAL(nvio_dsm_max_ranges(&b.qpair), 256);
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = (struct nvio_range){ i, 1, 0 };
	CU_ASSERT_EQUAL(nvio_dsm(&b.qpair, &b.ns, many, 257, 4, 5), -EINVAL);
	CU_ASSERT_EQUAL(nvio_dsm(&b.qpair, &b.ns, many, 0, 4, 5), -EINVAL);
	CU_ASSERT_EQUAL(nvio_dsm(&b.qpair, &b.ns, many, 256, 7, 5), 0);
	nvio_submit(&b.qpair);
	sqe = next_command(&b);
	list = at_iova(&b, sqe->prp1);
	CU_ASSERT_EQUAL(list[510], 0x100000000);
	CU_ASSERT_EQUAL(list[511], 255);
	CU_ASSERT_EQUAL(sqe->cdw10, 255);
	CU_ASSERT_EQUAL(sqe->cdw11, 7);
	complete(&b, sqe->cid, 0, 0);
	path_teardown(&b);

	/* Short lists for small transfers. */
	path_setup(&b, &(struct path){ .max_transfer = 8192 });
	CU_ASSERT_EQUAL(nvio_dsm_max_ranges(&b.qpair), 32);
	CU_ASSERT_EQUAL(nvio_dsm(&b.qpair, &b.ns, many, 33, 4, 5), -EINVAL);
	CU_ASSERT_EQUAL(nvio_dsm(&b.qpair, &b.ns, many, 32, 4, 5), 0);
	many[31].slba = PATH_BLOCKS;
	CU_ASSERT_EQUAL(nvio_dsm(&b.qpair, &b.ns, many, 32, 4, 5), -EINVAL);
	many[31].slba = PATH_BLOCKS - 1;
	many[31].nr_blocks = 2;
	CU_ASSERT_EQUAL(nvio_dsm(&b.qpair, &b.ns, many, 32, 4, 5), -EINVAL);
	many[31].nr_blocks = 0;
	CU_ASSERT_EQUAL(nvio_dsm(&b.qpair, &b.ns, many, 32, 4, 5), -EINVAL);
	b.ctrl.oncs = 0xfffb;
	CU_ASSERT_EQUAL(nvio_dsm(&b.qpair, &b.ns, many, 1, 4, 5), -ENOTSUP);
	CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 1);
	path_teardown(&b);
}

/* What the controller says of commands that transfer nothing; 0 is no limit. */
static void keeps_to_the_limits_of_the_command_set(void)
{
	const struct nvio_range ranges[] = { { 0, 8, 0 }, { 100, 9, 0 }, { 200, 1, 0 } };
	static const uint8_t opcodes[] = { 0x08, 0x0c, 0x04 }; /* zeroes, verify, uncorrectable */
	struct nvio_io io = NVIO_IO;
	struct bench b;

	path_setup(&b, &(struct path){ .max_transfer = 1u << 20, .metadata_len = 8 });
	io.nr_blocks = 100;
	b.ctrl.zeroes_max = b.ctrl.verify_max = b.ctrl.uncorrectable_max = 8192;
	for (int i = 0; i < 3; i++) {
		io.opcode = opcodes[i];
		CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, 5), 0);
		CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 7);
		for (uint64_t k = 0; k < 7; k++) {
			const struct nvio_sqe *sqe = next_command(&b);

			CU_ASSERT_EQUAL(sqe_slba(sqe), k * 15);
			CU_ASSERT_EQUAL(sqe_nr(sqe), k < 6 ? 15 : 10);
			complete(&b, sqe->cid, 0, 0);
		}
		CU_ASSERT_EQUAL(nvio_poll(&b.qpair, (struct nvio_completion[2]){ 0 }, 2), 1);
	}
	CU_ASSERT_EQUAL(nvio_dsm_max_ranges(&b.qpair), 128);
	CU_ASSERT_EQUAL(nvio_dsm(&b.qpair, &b.ns, ranges, 3, 4, 5), 0);
	b.ctrl.dsm_ranges = 2;
	CU_ASSERT_EQUAL(nvio_dsm_max_ranges(&b.qpair), 2);
	CU_ASSERT_EQUAL(nvio_dsm(&b.qpair, &b.ns, ranges, 3, 4, 5), -EINVAL);
	b.ctrl.dsm_range_max = 8;
	CU_ASSERT_EQUAL(nvio_dsm(&b.qpair, &b.ns, ranges, 2, 4, 5), -EINVAL);
	b.ctrl.dsm_range_max = 9;
	b.ctrl.dsm_max = 16;
	CU_ASSERT_EQUAL(nvio_dsm(&b.qpair, &b.ns, ranges, 2, 4, 5), -EINVAL);
	b.ctrl.dsm_max = 17;
	CU_ASSERT_EQUAL(nvio_dsm(&b.qpair, &b.ns, ranges, 2, 4, 5), 0);
	path_teardown(&b);
}

static void refuses_what_is_not_offered(void)
{
	static const struct {
		uint8_t opcode;
		uint16_t oncs;
	} verbs[] = {
		{ NVIO_OP_COMPARE, 1 },
		{ NVIO_OP_WRITE_UNCORRECTABLE, 2 },
		{ NVIO_OP_WRITE_ZEROES, 8 },
		{ NVIO_OP_VERIFY, 0x80 },
	};
	struct nvio_io io = NVIO_IO;
	struct bench b;

	path_setup(&b, &(struct path){ 0 });
	io.nr_blocks = 1;
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		io.opcode = verbs[i].opcode;
		b.ctrl.oncs = (uint16_t)~verbs[i].oncs;
		CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, 5), -ENOTSUP);
	}
	b.ctrl.oncs = 0xffff;
	/* Data where none goes, none where it does, and opcodes and flags that are none. */
	io.iov = &(struct iovec){ b.buf, 512 };
	io.nr_iov = 1;
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, 5), -EINVAL);
	io.opcode = NVIO_OP_READ;
	io.nr_iov = 0;
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, 5), -EINVAL);
	io.nr_iov = 1;
	io.opcode = 0x0d;
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, 5), -EINVAL);
	io.opcode = NVIO_OP_READ;
	io.flags = NVIO_IO_REPEATABLE;
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, 5), -EINVAL);
	io.flags = NVIO_IO_DEALLOCATE;
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, 5), -EINVAL);
	io.flags = 0;
	io.metadata = b.buf;
	io.metadata_len = 8;
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, 5), -EINVAL);
	CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 0);
	path_teardown(&b);
}

/* A struct of an older caller, who knew no tags, and of a newer one. */
static void takes_structs_of_other_versions(void)
{
	struct {
		struct nvio_io io;
		uint64_t more;
	} newer = { .io = NVIO_IO };
	struct bench b;

	path_setup(&b, &(struct path){ 0 });
	newer.io.opcode = NVIO_OP_VERIFY;
	newer.io.nr_blocks = 1;
	newer.io.size = offsetof(struct nvio_io, tags);
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &newer.io, 5), 0);
	newer.io.size = sizeof(newer);
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &newer.io, 5), 0);
	newer.more = 1;
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &newer.io, 5), -E2BIG);
	newer.io.size = 4;
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &newer.io, 5), -EINVAL);
	CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 2);
	path_teardown(&b);
}

static void passes_commands_through(void)
{
	struct nvio_sqe cmd = { .opcode = 0x8e,
				.flags = 1,
				.cid = 0xffff,
				.nsid = 9,
				.cdw2 = 2,
				.cdw3 = 3,
				.cdw10 = 10,
				.cdw11 = 11,
				.cdw12 = 12,
				.cdw13 = 13,
				.cdw14 = 14,
				.cdw15 = 15 };
	struct nvio_sqe expected = cmd;
	struct iovec iov = { 0 };
	struct bench b;

	path_setup(&b, &(struct path){ 0 });
	iov = (struct iovec){ b.buf + 100, 8 };
	expected.prp1 = iova_of(&b, b.buf) + 100;
	expected.mptr = iova_of(&b, b.buf) + 3 * PAGE;
	CU_ASSERT_EQUAL(nvio_passthrough(&b.qpair, &cmd, &iov, 1, b.buf + 3 * PAGE, 64, 0, 5), 0);
	nvio_submit(&b.qpair);
	check_words(&b, next_command(&b), expected);
	/* Without data, or with data of no bytes. */
	cmd.opcode = 0x80;
	expected.opcode = 0x80;
	expected.prp1 = expected.mptr = 0;
	CU_ASSERT_EQUAL(nvio_passthrough(&b.qpair, &cmd, NULL, 0, NULL, 0, 0, 5), 0);
	nvio_submit(&b.qpair);
	check_words(&b, next_command(&b), expected);
	/* What the caller left in the data pointers leads nowhere. */
	cmd.flags |= 0xc0;
	cmd.mptr = cmd.prp1 = cmd.prp2 = 0x123456000;
	CU_ASSERT_EQUAL(nvio_passthrough(&b.qpair, &cmd, NULL, 0, NULL, 0, 0, 5), 0);
	nvio_submit(&b.qpair);
	check_words(&b, next_command(&b), expected);
	cmd.opcode = 0x82;
	expected.opcode = 0x82;
	iov = (struct iovec){ b.buf, 0 };
	CU_ASSERT_EQUAL(nvio_passthrough(&b.qpair, &cmd, &iov, 1, NULL, 0, 0, 5), 0);
	nvio_submit(&b.qpair);
	check_words(&b, next_command(&b), expected);
	path_teardown(&b);
}

/* The list memory of a tracker is for the largest transfer and not a byte more. */
static void passthrough_keeps_to_the_largest_transfer(void)
{
	const struct nvio_sqe cmd = { .opcode = 0x82 };
	struct iovec iov = { 0 };
	uint64_t *next_list;
	struct bench b;

	path_setup(&b, &(struct path){ .max_transfer = 262144 });
	CU_ASSERT_EQUAL(b.qpair.list_len, 512);
	next_list = b.qpair.lists + 64;
	*next_list = 0x5a;
	iov = (struct iovec){ b.buf + 4, 262144 };
	CU_ASSERT_EQUAL(nvio_passthrough(&b.qpair, &cmd, &iov, 1, NULL, 0, 0, 5), 0);
	nvio_submit(&b.qpair);
	CU_ASSERT_TRUE(is_at(&b, next_command(&b), iov.iov_base, iov.iov_len));
	CU_ASSERT_EQUAL(path_finish(&b, 5), 0);
	iov.iov_len += 4;
	CU_ASSERT_EQUAL(nvio_passthrough(&b.qpair, &cmd, &iov, 1, NULL, 0, 0, 5), -EINVAL);
	CU_ASSERT_EQUAL(*next_list, 0x5a);
	path_teardown(&b);
}

static void refuses_bad_passthroughs(void)
{
	char *p = path_pages(1);
	struct nvio_sqe cmd = { .opcode = 0x82 };
	struct iovec iov = { p, 64 };
	struct bench b;

	path_setup(&b, &(struct path){ 0 });
	CU_ASSERT_EQUAL(nvio_passthrough(&b.qpair, &cmd, &iov, 1, NULL, 0, 0, 5), -EFAULT);
	nvio_mem_register(b.iommu, p, PAGE, NVIO_DMA_READ);
	/* 82h is data from the device, 81h to it, 80h none. */
	CU_ASSERT_EQUAL(nvio_passthrough(&b.qpair, &cmd, &iov, 1, NULL, 0, 0, 5), -EFAULT);
	cmd.opcode = 0x80;
	CU_ASSERT_EQUAL(nvio_passthrough(&b.qpair, &cmd, &iov, 1, NULL, 0, 0, 5), -EINVAL);
	cmd.opcode = 0x81;
	CU_ASSERT_EQUAL(nvio_passthrough(&b.qpair, &cmd, &iov, 1, NULL, 0, NVIO_IO_FUA, 5),
			-EINVAL);
	CU_ASSERT_EQUAL(nvio_passthrough(&b.qpair, &cmd, &iov, 1, p + PAGE, 64, 0, 5), -EFAULT);
	iov.iov_base = p + 2;
	CU_ASSERT_EQUAL(nvio_passthrough(&b.qpair, &cmd, &iov, 1, NULL, 0, 0, 5), -EINVAL);
	CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 0);
	iov.iov_base = p;
	CU_ASSERT_EQUAL(nvio_passthrough(&b.qpair, &cmd, &iov, 1, NULL, 0, NVIO_IO_REPEATABLE, 5),
			0);
	CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 1);
	CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p, PAGE), -EBUSY);
	CU_ASSERT_EQUAL(path_finish(&b, 5), 1);
	CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p, PAGE), 0);
	path_teardown(&b);
	munmap(p, PAGE);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "words of each opcode", words_of_each_opcode },
		{ "words of directives", words_of_directives },
		{ "words of ranges", words_of_ranges },
		{ "keeps to the limits of the command set",
		  keeps_to_the_limits_of_the_command_set },
		{ "refuses what is not offered", refuses_what_is_not_offered },
		{ "takes structs of other versions", takes_structs_of_other_versions },
		{ "passes commands through", passes_commands_through },
		{ "passthrough keeps to the largest transfer",
		  passthrough_keeps_to_the_largest_transfer },
		{ "refuses bad passthroughs", refuses_bad_passthroughs },
	};

	return tap_run("verbs", tests, sizeof(tests) / sizeof(tests[0]));
}
