/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Data in pieces by SGLs: word by word, of any shape, by what the controller can.
 */
#include <errno.h>
#include <string.h>

#include "vector_bench.h"

#define PSDT_SGL     0x40u
#define LAST_SEGMENT (3ull << 60)
#define BIT_BUCKET   (1ull << 60)

static void sgls_word_by_word(void)
{
	struct bench b;
	const struct nvio_sqe *sqe;
	const uint64_t *list;
	uint64_t at;
	char *p;

	path_setup(&b, &(struct path){ .sgls = SGLS_ANY | SGLS_BUCKETS });
	p = b.buf;
	at = iova_of(&b, p);
	/* One piece is better said by PRPs, unless they cannot. */
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, p + 4, VECTOR_SLBA, 1, 0, 1), 0);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, p + 1, VECTOR_SLBA, 1, 0, 1), 0);
	PIECES(odd, AT(0, 3, 255), { NULL, 200 }, AT(7, 4095, 57));
	CU_ASSERT_EQUAL(vector_queue(&b, odd, 3), 0);
	PIECES(bucket, { NULL, 512 });
	CU_ASSERT_EQUAL(vector_queue(&b, bucket, 1), 0);
	CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 4);
	sqe = next_command(&b);
	CU_ASSERT_EQUAL(sqe->flags, 0);
	CU_ASSERT_EQUAL(sqe->prp1, at + 4);
	CU_ASSERT_EQUAL(sqe->prp2, 0);
	/* A descriptor in the command. */
	sqe = next_command(&b);
	CU_ASSERT_EQUAL(sqe->flags, PSDT_SGL);
	CU_ASSERT_EQUAL(sqe->prp1, at + 1);
	CU_ASSERT_EQUAL(sqe->prp2, 512);
	/* A segment, the last one, of three. */
	sqe = next_command(&b);
	CU_ASSERT_EQUAL(sqe->flags, PSDT_SGL);
	CU_ASSERT_EQUAL(sqe->prp1, b.qpair.lists_iova + sqe->cid * b.qpair.list_len);
	CU_ASSERT_EQUAL(sqe->prp2, (48 | LAST_SEGMENT));
	list = at_iova(&b, sqe->prp1);
	CU_ASSERT_EQUAL(list[0], at + 3);
	CU_ASSERT_EQUAL(list[1], 255);
	CU_ASSERT_EQUAL(list[2], 0);
	CU_ASSERT_EQUAL(list[3], (200 | BIT_BUCKET));
	CU_ASSERT_EQUAL(list[4], at + 0x7fff);
	CU_ASSERT_EQUAL(list[5], 57);
	sqe = next_command(&b);
	CU_ASSERT_EQUAL(sqe->flags, PSDT_SGL);
	CU_ASSERT_EQUAL(sqe->prp1, 0);
	CU_ASSERT_EQUAL(sqe->prp2, (512 | BIT_BUCKET));
	path_teardown(&b);
}

static void sgls_of_any_shape(void)
{
	struct iovec iov[80];
	struct bench b;
	char *p;

	/* List memory for 32 descriptors; 64 blocks in a command. */
	path_setup(&b, &(struct path){ .sgls = SGLS_ANY | SGLS_BUCKETS, .max_transfer = 32768 });
	p = b.buf;
	CU_ASSERT_EQUAL(b.qpair.list_len, 512);
	for (int i = 0; i < 80; i++)
		iov[i] = (struct iovec)AT(i, 17 * i, 512);
	vector_check(&b, iov, 32, PARTS(32));
	vector_check(&b, iov, 33, PARTS(32, 1));
	vector_check(&b, iov, 80, PARTS(32, 32, 16));
	/* Whole blocks only: the 32nd descriptor ends within one. */
	iov[0].iov_len = 256;
	iov[40].iov_len = 256;
	vector_check(&b, iov, 41, PARTS(31, 9));
	/* Pieces that go on in the next command, thrown away or not. */
	PIECES(large, AT(0, 1, 40000), { NULL, 40000 }, AT(50, 3, 1920));
	CHECK(large, 64, 64, 32);
	PIECES(ends_in_nothing, AT(0, 0, 32768), { NULL, 32768 });
	CHECK(ends_in_nothing, 64, 64);
	PIECES(begins_with_nothing, { NULL, 32768 }, AT(0, 0, 32768));
	CHECK(begins_with_nothing, 64, 64);
	path_teardown(&b);
}

/* What fits is described again from the start: as one piece here, which takes no list. */
static void one_piece_is_left_of_a_list(void)
{
	struct iovec iov[33];
	struct bench b;
	char *p;

	path_setup(&b, &(struct path){ .sgls = SGLS_ANY | SGLS_BUCKETS, .max_transfer = 32768 });
	p = b.buf;
	CU_ASSERT_EQUAL(b.qpair.list_len, 512);
	iov[0] = (struct iovec)AT(0, 0, 512);
	for (int i = 1; i < 33; i++)
		iov[i] = (struct iovec)AT(i, 0, 16);
	vector_check(&b, iov, 33, PARTS(1, 1));
	path_teardown(&b);
}

/* A block of more pieces than there are descriptors, of which the memory has fewer. */
static void pieces_that_touch_are_one(void)
{
	const struct nvio_sqe *sqe;
	struct iovec iov[64];
	struct bench b;
	char *p;

	path_setup(&b, &(struct path){ .sgls = SGLS_ANY | SGLS_BUCKETS, .max_transfer = 32768 });
	p = b.buf;
	CU_ASSERT_EQUAL(b.qpair.list_len, 512);
	for (int i = 0; i < 64; i++)
		iov[i] = (struct iovec)AT(0, 3 + 8 * i, 8);
	vector_check(&b, iov, 64, PARTS(1));
	/* Not what is thrown away. */
	for (int i = 0; i < 63; i++)
		iov[i] = (struct iovec){ NULL, 8 };
	vector_refused(&b, iov, 64, EINVAL);
	for (int i = 0; i < 64; i++)
		iov[i] = (struct iovec)AT(i, 4, 8);
	vector_refused(&b, iov, 64, EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(nvio_last_error(), "may be in 32 pieces"));
	for (int i = 0; i < 64; i++)
		iov[i] = (struct iovec)AT(0, 3 + 8 * i, 8);
	CU_ASSERT_EQUAL(vector_queue(&b, iov, 64), 0);
	iov[0] = (struct iovec)AT(9, 1, 8);
	CU_ASSERT_EQUAL(vector_queue(&b, iov, 64), 0);
	nvio_submit(&b.qpair);
	sqe = next_command(&b);
	CU_ASSERT_EQUAL(sqe->prp1, iova_of(&b, p + 3));
	CU_ASSERT_EQUAL(sqe->prp2, 512);
	sqe = next_command(&b);
	CU_ASSERT_EQUAL(sqe->prp2, (32 | LAST_SEGMENT));
	path_teardown(&b);
}

/* More pages than descriptors: PRPs, in memory whose way is the long one. */
static void what_takes_more(void)
{
	struct iovec iov[64];
	struct bench b;
	char *p;

	path_setup(&b, &(struct path){ .sgls = SGLS_ANY | SGLS_BUCKETS, .max_transfer = 262144 });
	p = b.buf;
	b.qpair.heap.len = 0;
	for (int i = 0; i < 64; i++)
		iov[i] = (struct iovec)AT((i * 3) % 64, 0, 4096);
	vector_check(&b, iov, 64, PARTS(512));
	path_teardown(&b);
}

static void sgls_of_aligned_controllers(void)
{
	struct bench b;
	char *p;

	path_setup(&b, &(struct path){ .sgls = SGLS_ALIGNED });
	p = b.buf;
	PIECES(aligned, AT(0, 4, 252), AT(3, 8, 260));
	CHECK(aligned, 1);
	PIECES(odd_address, AT(0, 2, 256), AT(3, 8, 256));
	REFUSED(odd_address, EINVAL);
	PIECES(odd_length, AT(0, 4, 254), AT(3, 8, 258));
	REFUSED(odd_length, EINVAL);
	/* Up to where SGLs cannot, and from there on PRPs. */
	PIECES(odd_behind, AT(0, 4, 256), AT(2, 4, 256), AT(4, 0, 258), AT(4, 258, 254));
	CHECK(odd_behind, 1, 1);
	PIECES(bucket, { NULL, 256 }, AT(3, 8, 256));
	REFUSED(bucket, ENOTSUP);
	/* What SGLs of this controller cannot say PRPs may, as a whole or in several commands. */
	PIECES(odd_but_contiguous, AT(0, 0, 4098), AT(1, 2, 4094));
	CHECK(odd_but_contiguous, 16);
	PIECES(apart, AT(0, 0, 4098), AT(1, 2, 4094), AT(5, 4, 512));
	CHECK(apart, 16, 1);
	path_teardown(&b);
}

static void no_sgls_where_they_are_not_wanted(void)
{
	struct bench b;
	char *p;

	path_setup(&b, &(struct path){ .sgls = SGLS_ANY | SGLS_BUCKETS });
	b.qpair.no_sgl = true;
	p = b.buf;
	PIECES(two, AT(0, 0, 512), AT(5, 0, 512));
	CHECK(two, 1, 1);
	PIECES(bucket, { NULL, 512 }, AT(3, 8, 512));
	REFUSED(bucket, ENOTSUP);
	path_teardown(&b);
}

/* Of pages PRPs are shorter, of long pieces SGLs. */
static void whichever_is_shorter(void)
{
	const struct nvio_sqe *sqe;
	struct bench b;
	char *p;

	path_setup(&b, &(struct path){ .sgls = SGLS_ANY });
	b.qpair.heap = nvio_memory_window(b.qpair.memory);
	p = b.buf;
	PIECES(pages, AT(0, 512, 3584), AT(5, 0, 8192), AT(9, 0, 512));
	CHECK(pages, 24);
	CU_ASSERT_EQUAL(vector_queue(&b, pages, 3), 0);
	PIECES(pieces, AT(0, 0, 65536), AT(32, 0, 65536));
	CU_ASSERT_EQUAL(vector_queue(&b, pieces, 2), 0);
	PIECES(piece, AT(0, 0, 65536));
	CU_ASSERT_EQUAL(vector_queue(&b, piece, 1), 0);
	nvio_submit(&b.qpair);
	sqe = next_command(&b);
	CU_ASSERT_EQUAL(sqe->flags >> 6, 0);
	sqe = next_command(&b);
	CU_ASSERT_EQUAL(sqe->flags >> 6, 1);
	sqe = next_command(&b);
	CU_ASSERT_EQUAL(sqe->flags >> 6, 0);
	path_teardown(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "SGLs word by word", sgls_word_by_word },
		{ "SGLs of any shape", sgls_of_any_shape },
		{ "one piece is left of a list", one_piece_is_left_of_a_list },
		{ "pieces that touch are one", pieces_that_touch_are_one },
		{ "what takes more", what_takes_more },
		{ "SGLs of aligned controllers", sgls_of_aligned_controllers },
		{ "no SGLs where they are not wanted", no_sgls_where_they_are_not_wanted },
		{ "whichever is shorter", whichever_is_shorter },
	};

	return tap_run("sgl", tests, sizeof(tests) / sizeof(tests[0]));
}
