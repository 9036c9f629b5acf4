/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Compare and write as one operation: two commands side by side, one completion.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "path_bench.h"

#define PAGE 4096u

/* As a controller ends a pair: what made it fail, and that the other failed with it; 4.6.1.2.1. */
#define MISMATCH     0x285u
#define FUSED_FAILED 0x009u

static int queue(struct bench *b, uint64_t user_data)
{
	return nvio_compare_and_write(&b->qpair, &b->ns, b->buf, b->buf + PAGE, 0x123456789, 2,
				      NVIO_IO_FUA, user_data);
}

/* Both commands in neighbouring slots. */
static void check_pair(struct bench *b, uint16_t cids[2])
{
	for (int i = 0; i < 2; i++) {
		const struct nvio_sqe *sqe = next_command(b);
		const struct nvio_sqe expected = {
			.opcode = i ? NVIO_OP_WRITE : NVIO_OP_COMPARE,
			.flags = i ? 2 : 1,
			.cid = sqe->cid,
			.nsid = 7,
			.prp1 = iova_of(b, b->buf) + (i ? PAGE : 0),
			.cdw10 = 0x23456789,
			.cdw11 = 1,
			.cdw12 = 1 | 1u << 30,
		};

		CU_ASSERT_EQUAL(memcmp(sqe, &expected, sizeof(expected)), 0);
		cids[i] = sqe->cid;
	}
	CU_ASSERT_NOT_EQUAL(cids[0], cids[1]);
}

/* At every place of the ring, also with one command at its end and one at its beginning. */
static void side_by_side(void)
{
	struct nvio_completion done[2];
	struct bench b;
	uint16_t cids[2];

	path_setup(&b, &(struct path){ .depth = 4 });
	CU_ASSERT_EQUAL(b.qpair.sq_entries, 5);
	for (uint64_t i = 0; i < 20; i++) {
		CU_ASSERT_EQUAL_FATAL(queue(&b, i), 0);
		CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 1);
		CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 2);
		check_pair(&b, cids);
		complete(&b, cids[i % 2], 0, 0);
		CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 2), 0);
		complete(&b, cids[1 - i % 2], 0, 0);
		CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 2), 1);
		CU_ASSERT_EQUAL(done[0].user_data, i);
		CU_ASSERT_EQUAL(done[0].status, 0);
	}
	CU_ASSERT_EQUAL(b.qpair.stats.submitted, 40);
	CU_ASSERT_EQUAL(b.qpair.stats.splits, 0);
	path_teardown(&b);
}

/* Whatever comes first, the status is the one that says why, and nothing is sent again. */
static void tells_why_it_failed(void)
{
	static const struct {
		uint16_t compare, write, status;
	} ends[] = {
		{ MISMATCH, FUSED_FAILED, MISMATCH },
		{ 0, 0x280, 0x280 },
		{ FUSED_FAILED, 0x280, 0x280 },
		{ FUSED_FAILED, FUSED_FAILED, FUSED_FAILED },
		{ 0x281, 0x280, 0x281 },
		{ FUSED_FAILED, 0, FUSED_FAILED },
	};
	struct nvio_completion done[2];
	struct bench b;
	uint16_t cids[2];

	path_setup(&b, &(struct path){ .max_retries = 3 });
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		for (int write_first = 0; write_first < 2; write_first++) {
			CU_ASSERT_EQUAL_FATAL(queue(&b, i), 0);
			nvio_submit(&b.qpair);
			check_pair(&b, cids);
			if (write_first)
				complete(&b, cids[1], ends[i].write, 0);
			complete(&b, cids[0], ends[i].compare, 0);
			if (!write_first)
				complete(&b, cids[1], ends[i].write, 0);
			CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 2), 1);
			/* Of two reasons the first that came. */
			CU_ASSERT_EQUAL(done[0].status, write_first && ends[i].compare == 0x281
								? ends[i].write
								: ends[i].status);
			CU_ASSERT_PTR_NULL(fetch(&b));
		}
	}
	CU_ASSERT_EQUAL(b.qpair.stats.retries, 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
	path_teardown(&b);
}

static void refuses_what_is_no_pair(void)
{
	struct bench b;

	path_setup(&b, &(struct path){ .max_transfer = 8192, .boundary = 24 });
	CU_ASSERT_EQUAL(nvio_compare_and_write(&b.qpair, &b.ns, b.buf, b.buf, 0, 16, 0, 1), 0);
	CU_ASSERT_EQUAL(nvio_compare_and_write(&b.qpair, &b.ns, b.buf, b.buf, 0, 17, 0, 1),
			-EINVAL);
	CU_ASSERT_EQUAL(nvio_compare_and_write(&b.qpair, &b.ns, b.buf, b.buf, 23, 1, 0, 1), 0);
	/* Over the boundary, where others would be split. */
	CU_ASSERT_EQUAL(nvio_compare_and_write(&b.qpair, &b.ns, b.buf, b.buf, 23, 2, 0, 1), 0);
	CU_ASSERT_EQUAL(nvio_compare_and_write(&b.qpair, &b.ns, b.buf, b.buf, 23, 0, 0, 1),
			-EINVAL);
	CU_ASSERT_EQUAL(nvio_compare_and_write(&b.qpair, &b.ns, b.buf, b.buf, PATH_BLOCKS, 1, 0, 1),
			-EINVAL);
	CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 6);
	b.ctrl.fuses = 0;
	CU_ASSERT_EQUAL(nvio_compare_and_write(&b.qpair, &b.ns, b.buf, b.buf, 0, 1, 0, 1),
			-ENOTSUP);
	path_teardown(&b);

	/* A queue pair of depth 1 never has room for two. */
	path_setup(&b, &(struct path){ .depth = 1 });
	CU_ASSERT_EQUAL(queue(&b, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_flush(&b.qpair, &b.ns, 1), 0);
	CU_ASSERT_EQUAL(queue(&b, 1), -EAGAIN);
	path_teardown(&b);
}

static void keeps_both_buffers_registered(void)
{
	struct bench b;
	char *p = path_pages(3);

	path_setup(&b, &(struct path){ 0 });
	for (int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(nvio_mem_register(b.iommu, p + i * PAGE, PAGE, NVIO_DMA_READ), 0);
	CU_ASSERT_EQUAL(nvio_compare_and_write(&b.qpair, &b.ns, p, p + 2 * PAGE, 0, 8, 0, 4), 0);
	CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p, PAGE), -EBUSY);
	CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p + PAGE, PAGE), 0);
	CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p + 2 * PAGE, PAGE), -EBUSY);
	CU_ASSERT_EQUAL(path_finish(&b, 4), 1);
	CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p, PAGE), 0);
	CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p + 2 * PAGE, PAGE), 0);
	path_teardown(&b);
	munmap(p, 3 * PAGE);
}

/* Both with metadata and tags of their own, and one with its data in pieces. */
static void brings_metadata_along(void)
{
	struct nvio_io compare = NVIO_IO, write = NVIO_IO;
	const struct nvio_sqe *sqe;
	struct iovec iov[3];
	struct bench b;

	path_setup(&b, &(struct path){ .metadata_len = 8, .protection = 2 });
	iov[0] = (struct iovec){ b.buf, 1024 };
	iov[1] = (struct iovec){ b.buf + PAGE + 3584, 512 };
	iov[2] = (struct iovec){ b.buf + 3 * PAGE, 512 };
	compare.opcode = NVIO_OP_COMPARE;
	compare.slba = write.slba = 77;
	compare.nr_blocks = write.nr_blocks = 2;
	compare.iov = &iov[0];
	compare.nr_iov = 1;
	compare.metadata = b.buf + 4 * PAGE;
	compare.metadata_len = write.metadata_len = 16;
	compare.tags = (struct nvio_pi_tags){ 0x1000, 0, 0x1234, 0xffff };
	compare.flags = NVIO_IO_CHECK_REF;
	write.opcode = NVIO_OP_WRITE;
	write.iov = &iov[1];
	write.nr_iov = 2;
	write.metadata = b.buf + 5 * PAGE;
	write.tags = (struct nvio_pi_tags){ 0x2000, 0, 0x5678, 0xfff0 };
	write.flags = NVIO_IO_CHECK_GUARD | NVIO_IO_FUA;
	CU_ASSERT_EQUAL_FATAL(nvio_io_fused(&b.qpair, &b.ns, &compare, &write, 5), 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 1);
	nvio_submit(&b.qpair);
	sqe = next_command(&b);
	CU_ASSERT_EQUAL(sqe->opcode, NVIO_OP_COMPARE);
	CU_ASSERT_EQUAL(sqe->flags, 1);
	CU_ASSERT_EQUAL(sqe->mptr, iova_of(&b, b.buf + 4 * PAGE));
	CU_ASSERT_EQUAL(sqe->prp1, iova_of(&b, b.buf));
	CU_ASSERT_EQUAL(sqe->cdw12, 1 | 1u << 26);
	CU_ASSERT_EQUAL(sqe->cdw14, 0x1000);
	CU_ASSERT_EQUAL(sqe->cdw15, 0xffff1234);
	complete(&b, sqe->cid, 0, 0);
	sqe = next_command(&b);
	CU_ASSERT_EQUAL(sqe->opcode, NVIO_OP_WRITE);
	CU_ASSERT_EQUAL(sqe->flags, 2);
	CU_ASSERT_EQUAL(sqe->mptr, iova_of(&b, b.buf + 5 * PAGE));
	CU_ASSERT_EQUAL(sqe->prp1, iova_of(&b, b.buf + PAGE + 3584));
	CU_ASSERT_EQUAL(sqe->prp2, iova_of(&b, b.buf + 3 * PAGE));
	CU_ASSERT_EQUAL(sqe->cdw12, 1 | 4u << 26 | 1u << 30);
	CU_ASSERT_EQUAL(sqe->cdw14, 0x2000);
	CU_ASSERT_EQUAL(sqe->cdw15, 0xfff05678);
	complete(&b, sqe->cid, 0, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, (struct nvio_completion[2]){ 0 }, 2), 1);
	/* Anything but a compare and a write of the same blocks; metadata that is not there. */
	write.slba++;
	CU_ASSERT_EQUAL(nvio_io_fused(&b.qpair, &b.ns, &compare, &write, 5), -EINVAL);
	write.slba--;
	write.nr_blocks = 1;
	CU_ASSERT_EQUAL(nvio_io_fused(&b.qpair, &b.ns, &compare, &write, 5), -EINVAL);
	write.nr_blocks = 2;
	CU_ASSERT_EQUAL(nvio_io_fused(&b.qpair, &b.ns, &write, &write, 5), -EINVAL);
	CU_ASSERT_EQUAL(nvio_io_fused(&b.qpair, &b.ns, &compare, &compare, 5), -EINVAL);
	CU_ASSERT_EQUAL(nvio_io_fused(&b.qpair, &b.ns, &write, &compare, 5), -EINVAL);
	CU_ASSERT_EQUAL(nvio_io_fused(&b.qpair, &b.ns, &compare, NULL, 5), -EINVAL);
	write.metadata = NULL;
	CU_ASSERT_EQUAL(nvio_io_fused(&b.qpair, &b.ns, &compare, &write, 5), -EINVAL);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
	CU_ASSERT_PTR_NULL(fetch(&b));
	path_teardown(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "side by side", side_by_side },
		{ "tells why it failed", tells_why_it_failed },
		{ "refuses what is no pair", refuses_what_is_no_pair },
		{ "brings metadata along", brings_metadata_along },
		{ "keeps both buffers registered", keeps_both_buffers_registered },
	};

	return tap_run("fused", tests, sizeof(tests) / sizeof(tests[0]));
}
