/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Metadata and protection information in commands: pointers, lengths, PRINFO and tags, in requests
 * of one command and of several.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "path_bench.h"

#define PAGE   4096u
#define CHECKS (NVIO_IO_CHECK_REF | NVIO_IO_CHECK_APP | NVIO_IO_CHECK_GUARD)

/* A request of @nr blocks from block 1000 on. */
struct shape {
	uint8_t opcode;
	uint32_t nr;
	unsigned int flags;
	size_t data_len;
	size_t metadata_len;
};

static char *metadata_of(struct bench *b)
{
	return b->buf + (1u << 20);
}

static int queue(struct bench *b, const struct shape *shape)
{
	const struct iovec iov = { b->buf, shape->data_len };
	struct nvio_io io = NVIO_IO;

	io.opcode = shape->opcode ? shape->opcode : NVIO_OP_READ;
	io.flags = shape->flags;
	io.slba = 1000;
	io.nr_blocks = shape->nr;
	io.iov = &iov;
	io.nr_iov = shape->data_len != 0;
	io.metadata = shape->metadata_len ? metadata_of(b) : NULL;
	io.metadata_len = shape->metadata_len;
	io.tags = (struct nvio_pi_tags){ 0xfffffffe, 0, 0x1234, 0xff00 };
	return nvio_io(&b->qpair, &b->ns, &io, 9);
}

static void refused(struct bench *b, struct shape shape, int err)
{
	CU_ASSERT_EQUAL(queue(b, &shape), -err);
	CU_ASSERT_EQUAL(nvio_submit(&b->qpair), 0);
}

/* What a part is to be: its blocks, where its data and metadata begin in the buffers. */
struct part {
	uint64_t slba;
	uint32_t nr;
	size_t data;
	size_t metadata;
	uint32_t reference;
};

static void check_part(struct bench *b, const struct part *part, size_t data_len, bool metadata)
{
	const struct nvio_sqe *sqe = next_command(b);

	CU_ASSERT_EQUAL(sqe_slba(sqe), part->slba);
	CU_ASSERT_EQUAL(sqe_nr(sqe), part->nr);
	CU_ASSERT_TRUE(!data_len || is_at(b, sqe, b->buf + part->data, data_len));
	CU_ASSERT_EQUAL(sqe->mptr, metadata ? iova_of(b, metadata_of(b)) + part->metadata : 0);
	CU_ASSERT_EQUAL(sqe->cdw14, part->reference);
	CU_ASSERT_EQUAL(sqe->cdw15, b->ns.info.protection ? 0xff001234 : 0);
	complete(b, sqe->cid, 0, 0);
}

/* The request takes these commands. */
static void check(struct bench *b, struct shape shape, const struct part *parts, unsigned int nr)
{
	struct nvio_completion done[2];

	CU_ASSERT_EQUAL_FATAL(queue(b, &shape), 0);
	CU_ASSERT_EQUAL(nvio_submit(&b->qpair), (int)nr);
	for (unsigned int i = 0; i < nr; i++)
		check_part(b, &parts[i], parts[i].nr * shape.data_len / shape.nr,
			   shape.metadata_len);
	CU_ASSERT_PTR_NULL(fetch(b));
	CU_ASSERT_EQUAL(nvio_poll(&b->qpair, done, 2), 1);
	CU_ASSERT_EQUAL(done[0].user_data, 9);
	CU_ASSERT_EQUAL(done[0].status, 0);
}

#define PARTS(...) ((const struct part[]){ __VA_ARGS__ })
#define CHECK(shape, ...) \
	check(&b, shape, PARTS(__VA_ARGS__), sizeof(PARTS(__VA_ARGS__)) / sizeof(struct part))
#define SHAPE(...) ((struct shape){ __VA_ARGS__ })

static void in_a_buffer_of_its_own(void)
{
	struct bench b;

	path_setup(&b, &(struct path){ .max_transfer = 8192, .metadata_len = 8 });
	CHECK(SHAPE(0, 1, 0, 512, 8), { 1000, 1, 0, 0, 0 });
	CHECK(SHAPE(0, 16, 0, 8192, 128), { 1000, 16, 0, 0, 0 });
	CHECK(SHAPE(NVIO_OP_WRITE, 40, 0, 20480, 320), { 1000, 16, 0, 0, 0 },
	      { 1016, 16, 8192, 128, 0 }, { 1032, 8, 16384, 256, 0 });
	CHECK(SHAPE(NVIO_OP_COMPARE, 17, 0, 8704, 136), { 1000, 16, 0, 0, 0 },
	      { 1016, 1, 8192, 128, 0 });
	/* None where none is transferred. */
	CHECK(SHAPE(NVIO_OP_WRITE_ZEROES, 20, 0, 0, 0), { 1000, 20, 0, 0, 0 });
	refused(&b, SHAPE(NVIO_OP_WRITE_ZEROES, 2, 0, 0, 16), EINVAL);
	refused(&b, SHAPE(NVIO_OP_VERIFY, 2, 0, 0, 16), EINVAL);
	/* Too short, too long, missing. */
	refused(&b, SHAPE(0, 2, 0, 1024, 8), EINVAL);
	refused(&b, SHAPE(0, 2, 0, 1024, 24), EINVAL);
	refused(&b, SHAPE(0, 2, 0, 1024, 0), EINVAL);
	refused(&b, SHAPE(0, 2, 0, 1040, 16), EINVAL);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_write(&b.qpair, &b.ns, b.buf, 0, 1, 0, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_compare_and_write(&b.qpair, &b.ns, b.buf, b.buf, 0, 1, 0, 1), -EINVAL);
	path_teardown(&b);
}

/* 8,192 bytes hold 15 blocks of 520. */
static void at_the_end_of_each_block(void)
{
	struct nvio_buffer *buffer;
	uint64_t *next_list;
	struct bench b;

	path_setup(&b, &(struct path){ .max_transfer = 8192, .metadata_len = 8, .extended = true });
	CHECK(SHAPE(0, 15, 0, 7800, 0), { 1000, 15, 0, 0, 0 });
	CHECK(SHAPE(NVIO_OP_WRITE, 16, 0, 8320, 0), { 1000, 15, 0, 0, 0 }, { 1015, 1, 7800, 0, 0 });
	refused(&b, SHAPE(0, 1, 0, 512, 0), EINVAL);
	refused(&b, SHAPE(0, 1, 0, 512, 8), EINVAL);
	/* The calls that take a plain buffer take it as long. */
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 1000, 16, 0, 9), 0);
	CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 2);
	check_part(&b, &PARTS({ 1000, 15, 0, 0, 0 })[0], 7800, false);
	check_part(&b, &PARTS({ 1015, 1, 7800, 0, 0 })[0], 520, false);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, (struct nvio_completion[2]){ 0 }, 2), 1);
	nvio_buffer_open(b.iommu, b.buf, 1040, NVIO_DMA_RW, &buffer);
	CU_ASSERT_EQUAL(nvio_read_buffer(&b.qpair, &b.ns, buffer, 520, 1000, 1, 0, 9), 0);
	CU_ASSERT_EQUAL(nvio_read_buffer(&b.qpair, &b.ns, buffer, 524, 1000, 1, 0, 9), -EFAULT);
	CU_ASSERT_EQUAL(nvio_write_buffer(&b.qpair, &b.ns, buffer, 0, 1000, 2, 0, 9), 0);
	CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 2);
	check_part(&b, &PARTS({ 1000, 1, 520, 0, 0 })[0], 520, false);
	check_part(&b, &PARTS({ 1000, 2, 0, 0, 0 })[0], 1040, false);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, (struct nvio_completion[2]){ 0 }, 2), 2);
	nvio_buffer_close(buffer);
	path_teardown(&b);

	/* Only each second of 522 bytes ends where a PRP can begin. */
	path_setup(&b,
		   &(struct path){ .max_transfer = 8192, .metadata_len = 10, .extended = true });
	CHECK(SHAPE(0, 17, 0, 8874, 0), { 1000, 14, 0, 0, 0 }, { 1014, 3, 7308, 0, 0 });
	path_teardown(&b);

	/* The list of 64 entries is not run over: 512 blocks would take 65 pages. */
	path_setup(&b,
		   &(struct path){ .max_transfer = 262144, .metadata_len = 8, .extended = true });
	next_list = b.qpair.lists + 64;
	*next_list = 0x5a;
	CHECK(SHAPE(0, 512, 0, 266240, 0), { 1000, 504, 0, 0, 0 }, { 1504, 8, 262080, 0, 0 });
	CU_ASSERT_EQUAL(*next_list, 0x5a);
	path_teardown(&b);
}

static void tags_go_up_with_the_blocks(void)
{
	struct shape shape = { 0, 33, CHECKS, 33 * 512, 33 * 8 };
	struct bench b;

	path_setup(&b, &(struct path){ .max_transfer = 8192, .metadata_len = 8, .protection = 2 });
	CHECK(shape, { 1000, 16, 0, 0, 0xfffffffe }, { 1016, 16, 8192, 128, 14 },
	      { 1032, 1, 16384, 256, 30 });
	path_teardown(&b);
	/* Not with type 3, whose tags are the caller's. */
	path_setup(&b, &(struct path){ .max_transfer = 8192, .metadata_len = 8, .protection = 3 });
	CHECK(shape, { 1000, 16, 0, 0, 0xfffffffe }, { 1016, 16, 8192, 128, 0xfffffffe },
	      { 1032, 1, 16384, 256, 0xfffffffe });
	path_teardown(&b);
}

static void the_same_checks_in_all_parts(void)
{
	struct shape shape = { 0, 17, CHECKS, 17 * 512, 17 * 8 };
	struct bench b;

	path_setup(&b, &(struct path){ .max_transfer = 8192, .metadata_len = 8, .protection = 1 });
	CU_ASSERT_EQUAL(queue(&b, &shape), 0);
	nvio_submit(&b.qpair);
	CU_ASSERT_EQUAL(next_command(&b)->cdw12, 15 | 7u << 26);
	CU_ASSERT_EQUAL(next_command(&b)->cdw12, 0 | 7u << 26);
	path_teardown(&b);
}

/* With PRACT metadata that is protection information alone is not transferred. */
static void made_and_stripped_by_the_controller(void)
{
	const unsigned int flags = CHECKS | NVIO_IO_PRACT;
	struct bench b;

	path_setup(&b, &(struct path){ .max_transfer = 8192, .metadata_len = 8, .protection = 2 });
	CHECK(SHAPE(NVIO_OP_WRITE, 17, flags, 8704, 0), { 1000, 16, 0, 0, 0xfffffffe },
	      { 1016, 1, 8192, 0, 14 });
	refused(&b, SHAPE(NVIO_OP_WRITE, 17, flags, 8704, 136), EINVAL);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 16, NVIO_IO_PRACT, 9), 0);
	CU_ASSERT_EQUAL(path_finish(&b, 9), 1);
	path_teardown(&b);

	path_setup(&b, &(struct path){ .max_transfer = 8192,
				       .metadata_len = 8,
				       .extended = true,
				       .protection = 2 });
	CHECK(SHAPE(0, 15, flags, 7680, 0), { 1000, 15, 0, 0, 0xfffffffe });
	refused(&b, SHAPE(0, 15, flags, 7800, 0), EINVAL);
	path_teardown(&b);

	/* With other metadata around it, it is. */
	path_setup(&b, &(struct path){ .max_transfer = 8192, .metadata_len = 16, .protection = 2 });
	CHECK(SHAPE(0, 17, flags, 8704, 272), { 1000, 16, 0, 0, 0xfffffffe },
	      { 1016, 1, 8192, 256, 14 });
	refused(&b, SHAPE(0, 17, flags, 8704, 0), EINVAL);
	path_teardown(&b);
}

/* nvio_read() and nvio_write() have no tags: the reference tag is the block's address. */
static void plain_calls_take_the_address_for_a_tag(void)
{
	const unsigned int flags = NVIO_IO_PRACT | NVIO_IO_CHECK_REF;
	const struct nvio_sqe *sqe;
	struct iovec iov = { 0 };
	struct bench b;

	path_setup(&b, &(struct path){ .max_transfer = 8192, .metadata_len = 8, .protection = 1 });
	iov = (struct iovec){ b.buf, 512 };
	CU_ASSERT_EQUAL(nvio_write(&b.qpair, &b.ns, b.buf, 0x100001000, 17, flags, 9), 0);
	CU_ASSERT_EQUAL(nvio_readv(&b.qpair, &b.ns, &iov, 1, 0x2000, 1, flags, 9), 0);
	CU_ASSERT_EQUAL(nvio_compare_and_write(&b.qpair, &b.ns, b.buf, b.buf, 0x3000, 1, flags, 9),
			0);
	nvio_submit(&b.qpair);
	sqe = next_command(&b);
	CU_ASSERT_EQUAL(sqe->cdw14, 0x1000);
	CU_ASSERT_EQUAL(sqe->cdw15, 0);
	CU_ASSERT_EQUAL(next_command(&b)->cdw14, 0x1010);
	CU_ASSERT_EQUAL(next_command(&b)->cdw14, 0x2000);
	CU_ASSERT_EQUAL(next_command(&b)->cdw14, 0x3000);
	CU_ASSERT_EQUAL(next_command(&b)->cdw14, 0x3000);
	path_teardown(&b);
}

static void refuses_metadata_of_no_use(void)
{
	struct nvio_io io = NVIO_IO;
	struct bench b;
	char *p = path_pages(3);

	path_setup(&b, &(struct path){ .max_transfer = 8192, .metadata_len = 8 });
	io.opcode = NVIO_OP_READ;
	io.nr_blocks = 16;
	io.iov = &(struct iovec){ b.buf, 8192 };
	io.nr_iov = 1;
	io.metadata = p;
	io.metadata_len = 128;
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, 9), -EFAULT);
	nvio_mem_register(b.iommu, p, PAGE, NVIO_DMA_READ);
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, 9), -EFAULT);
	nvio_mem_unregister(b.iommu, p, PAGE);
	/* Two registrations whose addresses are apart. */
	nvio_mem_register(b.iommu, p, PAGE, NVIO_DMA_RW);
	nvio_mem_register(b.iommu, p + 2 * PAGE, PAGE, NVIO_DMA_RW);
	nvio_mem_register(b.iommu, p + PAGE, PAGE, NVIO_DMA_RW);
	io.metadata = p + PAGE - 60;
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, 9), -EFAULT);
	io.metadata = p + PAGE - 128;
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, 9), 0);
	io.metadata = p + 2;
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, 9), -EINVAL);
	/* Each command's has to be in one piece, not the request's. */
	io.nr_blocks = 32;
	io.iov = &(struct iovec){ b.buf, 16384 };
	io.metadata_len = 256;
	io.metadata = p + PAGE - 128;
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, 9), 0);
	CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 3);
	path_teardown(&b);

	/* Metadata of lengths that a later command cannot begin at. */
	path_setup(&b, &(struct path){ .max_transfer = 8192, .metadata_len = 10, .boundary = 3 });
	CHECK(SHAPE(0, 3, 0, 1536, 30), { 1000, 2, 0, 0, 0 }, { 1002, 1, 1024, 20, 0 });
	refused(&b, SHAPE(0, 6, 0, 3072, 60), EINVAL);
	path_teardown(&b);
	munmap(p, 3 * PAGE);
}

/* Commands are made smaller for its sake, too: where it ends, and where its registrations do. */
static void splits_for_the_metadata(void)
{
	char *p = path_pages(3);
	struct nvio_io io = NVIO_IO;
	struct bench b;

	path_setup(&b, &(struct path){ .max_transfer = 17 * 512, .metadata_len = 6 });
	CHECK(SHAPE(0, 40, 0, 20480, 240), { 1000, 16, 0, 0, 0 }, { 1016, 16, 8192, 96, 0 },
	      { 1032, 8, 16384, 192, 0 });
	CHECK(SHAPE(0, 17, 0, 8704, 102), { 1000, 17, 0, 0, 0 });
	path_teardown(&b);
	path_setup(&b, &(struct path){ .max_transfer = 7 * 512, .metadata_len = 5 });
	CHECK(SHAPE(0, 11, 0, 5632, 55), { 1000, 4, 0, 0, 0 }, { 1004, 7, 2048, 20, 0 });
	path_teardown(&b);
	path_setup(&b, &(struct path){ .max_transfer = 3 * 512, .metadata_len = 5 });
	refused(&b, SHAPE(0, 4, 0, 2048, 20), EINVAL);
	path_teardown(&b);

	/* Two registrations whose addresses are apart; the metadata of 12 blocks is in the first.
	 */
	path_setup(&b, &(struct path){ .metadata_len = 6 });
	nvio_mem_register(b.iommu, p, PAGE, NVIO_DMA_RW);
	nvio_mem_register(b.iommu, p + 2 * PAGE, PAGE, NVIO_DMA_RW);
	nvio_mem_register(b.iommu, p + PAGE, PAGE, NVIO_DMA_RW);
	io.opcode = NVIO_OP_READ;
	io.slba = 1000;
	io.nr_blocks = 40;
	io.iov = &(struct iovec){ b.buf, 40 * 512 };
	io.nr_iov = 1;
	io.metadata = p + PAGE - 76;
	io.metadata_len = 240;
	/* The 13th block's lies in both. */
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, 9), -EFAULT);
	io.metadata = p + PAGE - 72;
	CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, 9), 0);
	CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 2);
	for (int i = 0; i < 2; i++) {
		const struct nvio_sqe *sqe = next_command(&b);

		CU_ASSERT_EQUAL(sqe_slba(sqe), i ? 1012 : 1000);
		CU_ASSERT_EQUAL(sqe_nr(sqe), i ? 28 : 12);
		CU_ASSERT_EQUAL(sqe->mptr, iova_of(&b, i ? p + PAGE : p + PAGE - 72));
		CU_ASSERT_TRUE(is_at(&b, sqe, b.buf + i * 6144, i ? 28 * 512 : 6144));
		complete(&b, sqe->cid, 0, 0);
	}
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, (struct nvio_completion[2]){ 0 }, 2), 1);
	path_teardown(&b);
	munmap(p, 3 * PAGE);
}

/* Memory of metadata is in use like that of data, in one command and in several. */
static void keeps_metadata_registered(void)
{
	struct nvio_io io = NVIO_IO;
	struct bench b;
	char *p = path_pages(2);

	path_setup(&b, &(struct path){ .max_transfer = 8192, .metadata_len = 8, .depth = 2 });
	CU_ASSERT_EQUAL(nvio_mem_register(b.iommu, p, PAGE, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nvio_mem_register(b.iommu, p + PAGE, PAGE, NVIO_DMA_RW), 0);
	for (uint32_t nr = 16; nr <= 64; nr += 48) {
		const struct iovec iov = { b.buf, nr * 512 };

		io.opcode = NVIO_OP_READ;
		io.nr_blocks = nr;
		io.iov = &iov;
		io.nr_iov = 1;
		io.metadata = p + 32;
		io.metadata_len = nr * 8;
		CU_ASSERT_EQUAL(nvio_io(&b.qpair, &b.ns, &io, 9), 0);
		CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p, PAGE), -EBUSY);
		CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p + PAGE, PAGE), 0);
		CU_ASSERT_EQUAL(nvio_mem_register(b.iommu, p + PAGE, PAGE, NVIO_DMA_RW), 0);
		nvio_submit(&b.qpair);
		CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p, PAGE), -EBUSY);
		CU_ASSERT_EQUAL(path_finish(&b, 9), 1);
		CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p, PAGE), 0);
		CU_ASSERT_EQUAL(nvio_mem_register(b.iommu, p, PAGE, NVIO_DMA_RW), 0);
	}
	path_teardown(&b);
	munmap(p, 2 * PAGE);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "in a buffer of its own", in_a_buffer_of_its_own },
		{ "at the end of each block", at_the_end_of_each_block },
		{ "tags go up with the blocks", tags_go_up_with_the_blocks },
		{ "the same checks in all parts", the_same_checks_in_all_parts },
		{ "made and stripped by the controller", made_and_stripped_by_the_controller },
		{ "plain calls take the address for a tag",
		  plain_calls_take_the_address_for_a_tag },
		{ "refuses metadata of no use", refuses_metadata_of_no_use },
		{ "splits for the metadata", splits_for_the_metadata },
		{ "keeps metadata registered", keeps_metadata_registered },
	};

	return tap_run("metadata", tests, sizeof(tests) / sizeof(tests[0]));
}
