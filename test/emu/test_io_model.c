/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests of all kinds, sizes and shapes on the software controller against a model of what every
 * block holds: blocks without metadata. Reads of which a part is thrown away.
 */
#include <stdio.h>

#include "io_model.h"
#include "stack.h"

#define CUTS       200u
#define PIECES_MAX 9u

static void plain_blocks(void)
{
	struct traffic t = { .qpair_opts = { .depth = 8 }, .max_len = 4 * MIB, .requests = 600 };

	run_both_ways("emu:size=32M", t);
	run_both_ways("emu:size=32M,lba=4096,mdts=9", t);
	/* Controller pages of 16 KiB, in the middle of which pieces and registrations meet. */
	run_on("emu:size=32M,mpsmin=2,mpsmax=2,mdts=4", t);
}

/* Boundaries that are no power of two, small transfers, and depths that parts fill. */
static void small_commands_and_few(void)
{
	static const char device[] = "emu:size=8M,mdts=1,fault=identify+cns=0+byte=46+value=24";
	struct traffic t = {
		.qpair_opts = { .depth = 2 }, .max_len = 256 * KIB, .requests = 600, .boundary = 24
	};

	run_both_ways(device, t);
	t.qpair_opts.depth = 1;
	t.leave_out = NO_FUSED;
	run_both_ways(device, t);
	/* Interrupts, and more under way than the completion queue is long. */
	t.qpair_opts = (struct nvio_qpair_opts){ .depth = 64, .interrupts = true };
	run_on("emu:size=8M,lba=4096,mdts=3", t);
}

/* A read of blocks into the buffers: every byte has its place there, but those of buckets. */
struct cut {
	struct iovec iov[PIECES_MAX];
	uint32_t nr;
	unsigned int first, nr_blocks; /* of the blocks, and of the buffers */
	unsigned int buckets;
	bool thrown[STACK_BUFS * BLOCK]; /* by the byte's place in the buffers */
};

/* Pieces one behind the other, buckets where their turn comes: at either end, or in between. */
static void choose_cut(struct stack *s, struct cut *cut, struct random *random)
{
	bool bucket = random_below(random, 2);
	size_t at, end;

	cut->nr_blocks = 1 + (unsigned int)random_below(random, 8);
	cut->first = 1 + (unsigned int)random_below(random, STACK_BUFS - 1 - cut->nr_blocks);
	cut->nr = cut->buckets = 0;
	memset(cut->thrown, 1, sizeof(cut->thrown));
	at = cut->first * BLOCK;
	end = at + cut->nr_blocks * BLOCK;
	for (; at < end; bucket = !bucket) {
		size_t n = 1 + random_below(random, end - at);

		/* The last one that there is room for; with one piece there is no bucket. */
		if (cut->nr == PIECES_MAX - 1 || (!cut->nr && n == end - at))
			n = cut->nr ? end - at : 1;
		cut->iov[cut->nr++] = (struct iovec){ bucket ? NULL : stack_buf(s, 0) + at, n };
		cut->buckets += bucket;
		memset(&cut->thrown[at], bucket, n);
		at += n;
	}
}

/* How many bytes of all buffers are not as they have to be. */
static unsigned int count_wrong(struct stack *s, const struct cut *cut)
{
	static uint8_t expected[STACK_BUFS][BLOCK];
	const uint8_t *read = stack_buf(s, 0);
	unsigned int wrong = 0;

	for (unsigned int i = 0; i < STACK_BUFS; i++) {
		stack_fill(expected[i], i);
		for (size_t k = 0; k < BLOCK; k++) {
			uint8_t byte = cut->thrown[i * BLOCK + k] ? 0xee : expected[i][k];

			wrong += read[i * BLOCK + k] != byte;
		}
	}
	return wrong;
}

static void throw_away(const char *options, bool splits)
{
	struct random random = { choose_seed() << 1 | 1 };
	struct nvio_qpair_stats stats;
	unsigned int buckets = 0;
	static struct cut cut;
	struct stack s;

	printf("# %s, seed %llu\n", options, (unsigned long long)random.state);
	stack_open(&s, options, NULL);
	stack_write_all(&s);
	for (unsigned int i = 0; i < CUTS; i++) {
		struct nvio_completion done;

		choose_cut(&s, &cut, &random);
		memset(stack_buf(&s, 0), 0xee, STACK_BUFS * BLOCK);
		CU_ASSERT_EQUAL_FATAL(
			nvio_readv(s.qpair, s.ns, cut.iov, cut.nr, cut.first, cut.nr_blocks, 0, i),
			0);
		CU_ASSERT_EQUAL_FATAL(nvio_wait(s.qpair, &done, 1, 1, 60 * SECOND), 1);
		CU_ASSERT_EQUAL(done.status, 0);
		CU_ASSERT_EQUAL(done.user_data, i);
		CU_ASSERT_EQUAL(count_wrong(&s, &cut), 0);
		buckets += cut.buckets;
	}
	/* Each cut has one at least. */
	CU_ASSERT_TRUE(buckets > CUTS);
	nvio_qpair_get_stats(s.qpair, &stats, sizeof(stats));
	CU_ASSERT_EQUAL(stats.splits > 0, splits);
	stack_check_bounds(&s);
	stack_close(&s);
}

/* In one command, and in several, between which buckets are cut. */
static void buckets_between_pieces(void)
{
	throw_away("mdts=9", false);
	throw_away("mdts=1", true);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "plain blocks", plain_blocks },
		{ "small commands and few", small_commands_and_few },
		{ "buckets between pieces", buckets_between_pieces },
	};

	return tap_run("io_model", tests, sizeof(tests) / sizeof(tests[0]));
}
