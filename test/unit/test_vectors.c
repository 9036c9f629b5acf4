/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Data in pieces: what PRPs can say in one command and where they need another, registrations that
 * meet within a request, random vectors.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "vector_bench.h"

static void one_command_where_prps_can(void)
{
	struct bench b;
	char *p;

	path_setup(&b, &(struct path){ 0 });
	p = b.buf;
	PIECES(two_pages, AT(0, 0, PAGE), AT(5, 0, PAGE));
	CHECK(two_pages, 16);
	/* In any order; the first begins where it likes and reaches its page's end. */
	PIECES(backwards, AT(9, 3584, 512), AT(7, 0, PAGE), AT(5, 0, PAGE), AT(3, 0, PAGE));
	CHECK(backwards, 25);
	PIECES(last_is_short, AT(0, 2048, 2048), AT(5, 0, PAGE), AT(3, 0, 512));
	CHECK(last_is_short, 13);
	/* Pieces that follow one another are one. */
	PIECES(contiguous, AT(1, 100, 28), AT(1, 128, 4), AT(1, 132, 8000), AT(3, -60, 160));
	CHECK(contiguous, 16);
	PIECES(with_nothing, AT(8, 4, 0), AT(2, 0, PAGE), { NULL, 0 }, AT(6, 0, 512), AT(9, 9, 0));
	CHECK(with_nothing, 9);
	/* The same piece twice. */
	PIECES(twice, AT(4, 0, PAGE), AT(4, 0, PAGE));
	CHECK(twice, 16);
	path_teardown(&b);
}

/* The words of the first two above. */
static void prps_word_by_word(void)
{
	struct bench b;
	const struct nvio_sqe *sqe;
	const uint64_t *list;
	uint64_t at;
	char *p;

	path_setup(&b, &(struct path){ 0 });
	p = b.buf;
	at = iova_of(&b, p);
	PIECES(two_pages, AT(0, 0, PAGE), AT(5, 0, PAGE));
	CU_ASSERT_EQUAL(vector_queue(&b, two_pages, 2), 0);
	PIECES(four_pages, AT(9, 3584, 512), AT(7, 0, PAGE), AT(5, 0, PAGE), AT(3, 0, PAGE));
	CU_ASSERT_EQUAL(vector_queue(&b, four_pages, 4), 0);
	nvio_submit(&b.qpair);
	sqe = next_command(&b);
	CU_ASSERT_EQUAL(sqe->flags, 0);
	CU_ASSERT_EQUAL(sqe->prp1, at);
	CU_ASSERT_EQUAL(sqe->prp2, at + 0x5000);
	sqe = next_command(&b);
	CU_ASSERT_EQUAL(sqe->prp1, at + 0x9e00);
	CU_ASSERT_EQUAL(sqe->prp2, b.qpair.lists_iova + sqe->cid * b.qpair.list_len);
	list = at_iova(&b, sqe->prp2);
	CU_ASSERT_EQUAL(list[0], at + 0x7000);
	CU_ASSERT_EQUAL(list[1], at + 0x5000);
	CU_ASSERT_EQUAL(list[2], at + 0x3000);
	path_teardown(&b);
}

static void more_commands_where_prps_cannot(void)
{
	struct bench b;
	char *p;

	path_setup(&b, &(struct path){ 0 });
	p = b.buf;
	PIECES(ends_early, AT(0, 0, 512), AT(5, 0, 512));
	CHECK(ends_early, 1, 1);
	PIECES(begins_late, AT(0, 0, PAGE), AT(5, 512, 512));
	CHECK(begins_late, 8, 1);
	PIECES(each, AT(0, 4, 512), AT(2, 8, 1024), AT(4, 12, 1536), AT(6, 4092, 512));
	CHECK(each, 1, 2, 3, 1);
	/* Two that go together between others. */
	PIECES(some, AT(0, 0, 512), AT(2, 3584, 512), AT(4, 0, 1024), AT(5, 0, 512));
	CHECK(some, 1, 3, 1);
	/* The block that both pieces are of begins a command. */
	PIECES(on_both, AT(0, 3072, 1024), AT(2, 4, 256), AT(2, 260, 256), AT(3, 0, 512));
	CHECK(on_both, 2, 1, 1);
	path_teardown(&b);

	/* Blocks of 4 KiB on two pages that are apart. */
	path_setup(&b, &(struct path){ .block_len = PAGE });
	p = b.buf;
	PIECES(halves, AT(0, 2048, 2048), AT(5, 0, 2048), AT(7, 2048, 2048), AT(9, 0, 2048));
	CHECK(halves, 1, 1);
	path_teardown(&b);
}

static void refuses_what_no_command_can(void)
{
	struct bench b;
	char *p;

	path_setup(&b, &(struct path){ 0 });
	p = b.buf;
	PIECES(mid_block, AT(0, 0, 256), AT(5, 0, 256));
	REFUSED(mid_block, EINVAL);
	/* In the last block of some: none of them is sent. */
	PIECES(late, AT(0, 0, 512), AT(5, 0, 512), AT(6, 0, 256), AT(7, 0, 256));
	REFUSED(late, EINVAL);
	PIECES(unaligned, AT(0, 2, 512), AT(5, 0, 512));
	REFUSED(unaligned, EINVAL);
	PIECES(unaligned_later, AT(0, 0, 512), AT(5, 2, 512));
	REFUSED(unaligned_later, EINVAL);
	PIECES(nothing, { NULL, 512 }, AT(5, 0, 512));
	REFUSED(nothing, ENOTSUP);
	PIECES(outside, AT(0, 0, 512), { (char *)&b, 512 });
	REFUSED(outside, EFAULT);
	/* Lengths that are not those of the blocks. */
	CU_ASSERT_EQUAL(nvio_readv(&b.qpair, &b.ns, late, 4, VECTOR_SLBA, 2, 0, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_readv(&b.qpair, &b.ns, late, 2, VECTOR_SLBA, 3, 0, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_readv(&b.qpair, &b.ns, NULL, 0, VECTOR_SLBA, 1, 0, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 0);
	path_teardown(&b);
}

/* More pieces than blocks, and than a tracker's list has room for: its neighbour's stays as it was.
 */
static void no_more_than_a_list(void)
{
	struct bench b;
	struct iovec iov[2];
	uint8_t *behind;
	size_t wrong = 0, len;

	path_setup(&b, &(struct path){ .max_transfer = 65536 });
	b.qpair.heap = nvio_memory_window(b.qpair.memory);
	len = b.qpair.list_len;
	behind = (uint8_t *)b.qpair.lists + len;
	memset(b.qpair.lists, 0xee, 2 * len);
	iov[0] = (struct iovec){ b.buf, 4096 };
	iov[1] = (struct iovec){ b.buf + 8192, 1 << 20 };
	CU_ASSERT_EQUAL(nvio_readv(&b.qpair, &b.ns, iov, 2, VECTOR_SLBA, 16, 0, 1), -EINVAL);
	iov[1].iov_len = 0;
	CU_ASSERT_EQUAL(nvio_readv(&b.qpair, &b.ns, iov, 2, VECTOR_SLBA, 16, 0, 1), -EINVAL);
	for (size_t i = 0; i < len; i++)
		wrong += behind[i] != 0xee;
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
	path_teardown(&b);
}

/* The bench's buffer is of a heap that has grown since: the first request notices. */
static void heaps_that_have_grown(void)
{
	const struct nvio_window *heap;
	struct iovec iov[2];
	struct bench b;

	for (int vectored = 0; vectored < 2; vectored++) {
		path_setup(&b, &(struct path){ 0 });
		heap = &b.qpair.heap;
		iov[0] = (struct iovec){ b.buf, 4096 };
		iov[1] = (struct iovec){ b.buf + 8192, 4096 };
		CU_ASSERT_TRUE((uintptr_t)b.buf - heap->addr >= heap->len);
		CU_ASSERT_EQUAL(vectored ? nvio_readv(&b.qpair, &b.ns, iov, 2, 0, 16, 0, 1)
					 : nvio_read(&b.qpair, &b.ns, b.buf, 0, 16, 0, 1),
				0);
		CU_ASSERT_TRUE((uintptr_t)b.buf - heap->addr < heap->len);
		path_teardown(&b);
	}
}

/* A vector that went the short way is sent again as it was, with the list that it had. */
static void sent_again(void)
{
	struct nvio_completion done;
	struct nvio_sqe sqe[2];
	struct bench b;
	char *p;

	path_setup(&b, &(struct path){ .max_retries = 2 });
	b.qpair.heap = nvio_memory_window(b.qpair.memory);
	p = b.buf;
	PIECES(pages, AT(9, 3584, 512), AT(7, 0, PAGE), AT(5, 0, PAGE), AT(3, 0, 512));
	CU_ASSERT_EQUAL(vector_queue(&b, pages, 4), 0);
	nvio_submit(&b.qpair);
	for (int i = 0; i < 2; i++) {
		struct run runs[PATH_RUNS_MAX];

		sqe[i] = *next_command(&b);
		CU_ASSERT_TRUE(path_data(&b, &sqe[i], vector_len(pages, 4), runs) &&
			       are_pieces(&b, runs, pages, 0, vector_len(pages, 4)));
		complete(&b, sqe[i].cid, i ? 0 : 0x281, 0);
		CU_ASSERT_EQUAL(nvio_poll(&b.qpair, &done, 1), i);
	}
	CU_ASSERT_NOT_EQUAL(sqe[0].cid, sqe[1].cid);
	sqe[1].cid = sqe[0].cid;
	CU_ASSERT_EQUAL(memcmp(&sqe[0], &sqe[1], sizeof(sqe[0])), 0);
	CU_ASSERT_EQUAL(done.status, 0);
	CU_ASSERT_EQUAL(b.qpair.stats.retries, 1);
	CU_ASSERT_EQUAL(b.qpair.stats.submitted, b.qpair.stats.completed);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
	path_teardown(&b);
}

/* Registrations side by side in the process whose device addresses are apart. */
static void registrations_that_meet(void)
{
	struct bench b;
	char *p = path_pages(16);

	/* Controller pages of 4 KiB: they meet where pages do. */
	path_setup(&b, &(struct path){ 0 });
	for (int i = 0; i < 16; i += 2)
		CU_ASSERT_EQUAL(nvio_mem_register(b.iommu, p + i * PAGE, PAGE, NVIO_DMA_RW), 0);
	for (int i = 1; i < 16; i += 2)
		CU_ASSERT_EQUAL(nvio_mem_register(b.iommu, p + i * PAGE, PAGE, NVIO_DMA_RW), 0);
	PIECES(all, AT(0, 0, 16 * PAGE));
	CHECK(all, 128);
	PIECES(some, AT(3, 2048, 4 * PAGE));
	CHECK(some, 32);
	path_teardown(&b);

	/* Pages of 16 KiB: a command ends within one. */
	path_setup(&b, &(struct path){ .page_len = 4 * PAGE, .max_transfer = 64 * PAGE });
	CU_ASSERT_EQUAL(nvio_mem_register(b.iommu, p, PAGE, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nvio_mem_register(b.iommu, p + 2 * PAGE, 6 * PAGE, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nvio_mem_register(b.iommu, p + PAGE, PAGE, NVIO_DMA_RW), 0);
	PIECES(three, AT(0, 512, 7 * PAGE));
	CHECK(three, 7, 8, 41);
	PIECES(not_whole, AT(0, 256, 7 * PAGE));
	REFUSED(not_whole, EINVAL);
	path_teardown(&b);
	munmap(p, 16 * PAGE);
}

/* Random vectors: cut into pieces at any multiple of 4, the data of all commands is that of all
 * pieces, in order. */
static void check_random(struct bench *b, const struct path *path)
{
	struct run runs[PATH_RUNS_MAX];
	struct iovec iov[24];
	const struct nvio_sqe *sqe;
	uint32_t nr = (uint32_t)(1 + rand() % 24);
	size_t offset = 0, len = 0, rest;

	for (uint32_t i = 0; i < nr; i++) {
		/* PRPs can hardly ever say what ends within a block. */
		size_t n = path->sgls ? (size_t)(rand() % 2048) * 4 : (size_t)(rand() % 16) * 512;
		size_t page = (size_t)(rand() % 400), at = rand() % 2 ? 0 : (size_t)(rand() % 1024);

		/* Mostly a piece goes on where the last ended. */
		if (i && rand() % 4)
			iov[i].iov_base = (char *)iov[i - 1].iov_base + iov[i - 1].iov_len;
		else
			iov[i].iov_base = b->buf + page * PAGE + at * 4;
		iov[i].iov_len = n;
		len += n;
	}
	rest = -len & 511;
	iov[nr - 1].iov_len += rest;
	len += rest;
	if (!len)
		return;
	if (vector_queue(b, iov, nr)) {
		/* Never of controllers that take any SGL. */
		CU_ASSERT_FALSE(path->sgls);
		return;
	}
	nvio_submit(&b->qpair);
	while ((sqe = fetch(b))) {
		const size_t n = sqe_nr(sqe) * 512;

		CU_ASSERT_EQUAL(sqe_slba(sqe), VECTOR_SLBA + offset / 512);
		CU_ASSERT_TRUE(path_data(b, sqe, n, runs) && are_pieces(b, runs, iov, offset, n));
		offset += n;
		complete(b, sqe->cid, 0, 0);
	}
	CU_ASSERT_EQUAL(offset, len);
	CU_ASSERT_EQUAL(nvio_poll(&b->qpair, (struct nvio_completion[2]){ 0 }, 2), 1);
}

/* From the lowest to the highest byte, wherever pieces of no bytes point to. */
static void keeps_what_it_uses_registered(void)
{
	char *p = path_pages(4);
	const struct iovec iov[] = { { p, 0 }, { p + PAGE, 1024 }, { p + 3 * PAGE, 0 } };
	struct bench b;

	for (int split = 0; split < 2; split++) {
		path_setup(&b, &(struct path){ .boundary = split });
		for (int i = 0; i < 4; i++)
			CU_ASSERT_EQUAL(nvio_mem_register(b.iommu, p + i * PAGE, PAGE, NVIO_DMA_RW),
					0);
		CU_ASSERT_EQUAL(nvio_readv(&b.qpair, &b.ns, iov, 3, 0, 2, 0, 1), 0);
		nvio_submit(&b.qpair);
		CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p, PAGE), 0);
		CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p + PAGE, PAGE), -EBUSY);
		CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p + 2 * PAGE, PAGE), 0);
		CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p + 3 * PAGE, PAGE), 0);
		CU_ASSERT_EQUAL(path_finish(&b, 1), 1);
		CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p + PAGE, PAGE), 0);
		path_teardown(&b);
	}
	munmap(p, 4 * PAGE);
}

static void random_vectors(void)
{
	static const struct path paths[] = {
		{ .depth = 300, .max_transfer = 65536 },
		{ .depth = 300, .max_transfer = 65536, .sgls = SGLS_ANY },
		{ .depth = 300, .max_transfer = 8192, .boundary = 12, .sgls = SGLS_ALIGNED },
	};

	srand(12);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct bench b;

		path_setup(&b, &paths[i]);
		for (int k = 0; k < 2000; k++)
			check_random(&b, &paths[i]);
		CU_ASSERT_TRUE(b.qpair.stats.splits > 500);

		path_teardown(&b);
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "one command where PRPs can", one_command_where_prps_can },
		{ "PRPs word by word", prps_word_by_word },
		{ "more commands where PRPs cannot", more_commands_where_prps_cannot },
		{ "refuses what no command can", refuses_what_no_command_can },
		{ "no more than a list", no_more_than_a_list },
		{ "heaps that have grown", heaps_that_have_grown },
		{ "sent again", sent_again },
		{ "registrations that meet", registrations_that_meet },
		{ "keeps what it uses registered", keeps_what_it_uses_registered },
		{ "random vectors", random_vectors },
	};

	return tap_run("vectors", tests, sizeof(tests) / sizeof(tests[0]));
}
