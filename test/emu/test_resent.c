/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Vectored reads that a reset interrupts: sent again they transfer all of their data, or of the
 * parts that had not completed, and touch nothing else.
 *
 * Once such a read is known to have run without a completion, its memory is overwritten, so that
 * what is found there later is of the command that was sent again.
 */
#include <stdio.h>
#include <stdlib.h>

#include "stack.h"

#define AREA      65536u
#define FIRST     2u /* block */
#define NOWHERE   UINT32_MAX /* in place of an offset: the bytes are thrown away */
#define PIECES    4u
#define UNTOUCHED 0xee
#define READ      7u /* user data */
#define MARKER    8u
#define BROKEN    9u

struct shape {
	const char *name;
	const char *options; /* of the controller, with the completion that it drops */
	uint32_t nr_blocks;
	uint32_t nr;
	struct {
		uint32_t at; /* in the area */
		uint32_t len;
	} pieces[PIECES];
	uint32_t from; /* bytes of the read that are sent again */
	uint32_t to;
	bool own; /* memory that the application registers */
	bool no_sgl;
};

#define DROP_FIRST "fault=drop+opcode=2+count=1"
#define DROP_THIRD "mdts=1,fault=drop+opcode=2+skip=2+count=1"

static const struct shape shapes[] = {
	{ "pages",
	  DROP_FIRST,
	  3,
	  4,
	  { { 3072, 1024 }, { 8192, 4096 }, { 16384, 4096 }, { 24576, 3072 } },
	  0,
	  12288,
	  false,
	  true },
	{ "pages of the application's own",
	  DROP_FIRST,
	  3,
	  4,
	  { { 3072, 1024 }, { 8192, 4096 }, { 16384, 4096 }, { 24576, 3072 } },
	  0,
	  12288,
	  true,
	  true },
	{ "bytes",
	  DROP_FIRST,
	  3,
	  3,
	  { { 5000, 100 }, { 9001, 4000 }, { 20003, 8188 } },
	  0,
	  12288,
	  false,
	  false },
	{ "bytes, some of them thrown away",
	  DROP_FIRST,
	  3,
	  4,
	  { { 4097, 4096 }, { NOWHERE, 4096 }, { 12290, 1000 }, { NOWHERE, 3096 } },
	  0,
	  12288,
	  false,
	  false },
	{ "one part of four",
	  DROP_THIRD,
	  8,
	  4,
	  { { 2048, 2048 }, { 8192, 8192 }, { 20480, 20480 }, { 45056, 2048 } },
	  16384,
	  24576,
	  false,
	  true },
	{ "one part of four in bytes",
	  DROP_THIRD,
	  8,
	  4,
	  { { 1, 2000 }, { 8191, 8191 }, { 20487, 20480 }, { 45057, 2097 } },
	  16384,
	  24576,
	  true,
	  false },
};

static struct nvio_qpair_stats stats_of(const struct stack *s)
{
	struct nvio_qpair_stats stats;

	nvio_qpair_get_stats(s->qpair, &stats, sizeof(stats));
	return stats;
}

static uint8_t *make_area(struct stack *s, const struct shape *shape)
{
	struct nvio_iommu *iommu = nvio_ctrl_iommu(s->ctrl);
	uint8_t *area;

	if (!shape->own)
		return nvio_alloc(iommu, AREA, BLOCK);
	area = aligned_alloc(AREA, AREA);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, area, AREA, NVIO_DMA_RW), 0);
	return area;
}

static void free_area(struct stack *s, const struct shape *shape, uint8_t *area)
{
	if (!shape->own)
		return;
	CU_ASSERT_EQUAL(nvio_mem_unregister(nvio_ctrl_iommu(s->ctrl), area, AREA), 0);
	free(area);
}

static void read_pieces(struct stack *s, const struct shape *shape, uint8_t *area,
			struct iovec *iov)
{
	for (uint32_t i = 0; i < shape->nr; i++) {
		const uint32_t at = shape->pieces[i].at;

		iov[i].iov_base = at == NOWHERE ? NULL : area + at;
		iov[i].iov_len = shape->pieces[i].len;
	}
	CU_ASSERT_EQUAL_FATAL(
		nvio_readv(s->qpair, s->ns, iov, shape->nr, FIRST, shape->nr_blocks, 0, READ), 0);
}

/* What has to be in the area: the bytes of the read from @from to @to, each in its place. */
static void make_expected(const struct shape *shape, uint8_t *expected)
{
	static uint8_t data[8 * BLOCK];
	uint32_t pos = 0;

	for (uint32_t i = 0; i < shape->nr_blocks; i++)
		stack_fill(data + (size_t)i * BLOCK, FIRST + i);
	memset(expected, UNTOUCHED, AREA);
	for (uint32_t i = 0; i < shape->nr; i++) {
		for (uint32_t k = 0; k < shape->pieces[i].len; k++, pos++) {
			if (shape->pieces[i].at != NOWHERE && pos >= shape->from && pos < shape->to)
				expected[shape->pieces[i].at + k] = data[pos];
		}
	}
	CU_ASSERT_EQUAL_FATAL(pos, shape->nr_blocks * BLOCK);
}

/* A command behind the read has come back: the read has run, and its completion was lost. */
static void let_it_run(struct stack *s)
{
	struct nvio_completion done = { 0 };

	CU_ASSERT_EQUAL(nvio_flush(s->qpair, s->ns, MARKER), 0);
	CU_ASSERT_EQUAL_FATAL(nvio_wait(s->qpair, &done, 1, 1, 20 * SECOND), 1);
	CU_ASSERT_EQUAL_FATAL(done.user_data, MARKER);
	CU_ASSERT_EQUAL(done.status, 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(s->qpair), 1);
	CU_ASSERT_EQUAL(stats_of(s).resent, 0);
}

/* Both have come, without an error. */
static void finish(struct stack *s, int nr)
{
	struct nvio_completion done[2];
	unsigned int seen = 0;

	CU_ASSERT_EQUAL_FATAL(nvio_wait(s->qpair, done, nr, nr, 20 * SECOND), nr);
	for (int i = 0; i < nr; i++) {
		CU_ASSERT_EQUAL(done[i].status, 0);
		seen |= 1u << done[i].user_data;
	}
	CU_ASSERT_EQUAL(seen, nr == 2 ? 1u << READ | 1u << BROKEN : 1u << READ);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(s->qpair), 0);
}

static void interrupt(const struct shape *shape, bool by_itself)
{
	static uint8_t expected[AREA];
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;
	struct iovec iov[PIECES];
	struct stack s;
	char options[128];
	uint8_t *area;

	snprintf(options, sizeof(options), "%s%s", shape->options,
		 by_itself ? ",fault=cfs+opcode=0+skip=1" : "");
	opts.no_sgl = shape->no_sgl;
	stack_open(&s, options, &opts);
	stack_write_all(&s);
	area = make_area(&s, shape);
	CU_ASSERT_PTR_NOT_NULL_FATAL(area);
	make_expected(shape, expected);
	read_pieces(&s, shape, area, iov);
	let_it_run(&s);
	memset(area, UNTOUCHED, AREA);
	CU_ASSERT_EQUAL(by_itself ? nvio_flush(s.qpair, s.ns, BROKEN) : nvio_ctrl_reset(s.ctrl), 0);
	finish(&s, by_itself ? 2 : 1);
	if (memcmp(area, expected, AREA))
		printf("# %s: not the data, or not in its place\n", shape->name);
	CU_ASSERT_EQUAL(memcmp(area, expected, AREA), 0);
	CU_ASSERT_EQUAL(stats_of(&s).resent, by_itself ? 2 : 1);
	CU_ASSERT_EQUAL(stats_of(&s).abandoned, 0);
	free_area(&s, shape, area);
	stack_close(&s);
}

static void by_the_application(void)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		interrupt(&shapes[i], false);
}

static void by_the_controller(void)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		interrupt(&shapes[i], true);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "a reset that the application asks for", by_the_application },
		{ "a reset because the controller failed", by_the_controller },
	};

	return tap_run("resent", tests, sizeof(tests) / sizeof(tests[0]));
}
