/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A full queue pair: every call says so, at once, and leaves no trace.
 */
#include <errno.h>
#include <string.h>

#include "path_bench.h"

/* Everything that a caller or the controller could notice. */
struct trace {
	struct nvio_sqe sq[8];
	struct nvio_sqe *sq_next;
	struct nvio_tracker *free;
	struct nvio_parent *free_parents;
	struct nvio_counters stats;
	uint32_t states[8];
	uint32_t doorbell;
	unsigned int outstanding;
};

static struct trace take_trace(const struct bench *b)
{
	struct trace trace = { .sq_next = b->qpair.sq_next,
			       .free = b->qpair.free,
			       .free_parents = b->qpair.free_parents,
			       .stats = b->qpair.stats,
			       .doorbell = b->sq_doorbell,
			       .outstanding = nvio_qpair_outstanding(&b->qpair) };

	memcpy(trace.sq, b->qpair.sq, b->qpair.sq_entries * sizeof(trace.sq[0]));
	for (uint32_t i = 0; i < b->qpair.nr_trackers; i++)
		trace.states[i] = b->qpair.trackers[i].state;
	return trace;
}

/* Tries all calls that queue anything; each returns @err. */
static void try_all(struct bench *b, int err)
{
	const struct nvio_sqe cmd = { .opcode = 0x80 };
	const struct nvio_range range = { 0, 1, 0 };
	const struct iovec iov = { b->buf, 512 };
	struct nvio_buffer *buffer;
	struct nvio_io io = NVIO_IO;

	io.opcode = NVIO_OP_WRITE_ZEROES;
	io.nr_blocks = 1;
	nvio_buffer_open(b->iommu, b->buf, 512, NVIO_DMA_RW, &buffer);
	CU_ASSERT_EQUAL(nvio_read(&b->qpair, &b->ns, b->buf, 0, 1, 0, 1), err);
	CU_ASSERT_EQUAL(nvio_read(&b->qpair, &b->ns, b->buf, 0, 32, 0, 1), err);
	CU_ASSERT_EQUAL(nvio_write(&b->qpair, &b->ns, b->buf, 0, 1, 0, 1), err);
	CU_ASSERT_EQUAL(nvio_readv(&b->qpair, &b->ns, &iov, 1, 0, 1, 0, 1), err);
	CU_ASSERT_EQUAL(nvio_writev(&b->qpair, &b->ns, &iov, 1, 0, 1, 0, 1), err);
	CU_ASSERT_EQUAL(nvio_read_buffer(&b->qpair, &b->ns, buffer, 0, 0, 1, 0, 1), err);
	CU_ASSERT_EQUAL(nvio_write_buffer(&b->qpair, &b->ns, buffer, 0, 0, 1, 0, 1), err);
	CU_ASSERT_EQUAL(nvio_flush(&b->qpair, &b->ns, 1), err);
	CU_ASSERT_EQUAL(nvio_io(&b->qpair, &b->ns, &io, 1), err);
	CU_ASSERT_EQUAL(nvio_dsm(&b->qpair, &b->ns, &range, 1, 4, 1), err);
	CU_ASSERT_EQUAL(nvio_copy(&b->qpair, &b->ns, 1, &range, 1, 0, 1), err);
	CU_ASSERT_EQUAL(nvio_passthrough(&b->qpair, &cmd, NULL, 0, NULL, 0, 0, 1), err);
	CU_ASSERT_EQUAL(nvio_compare_and_write(&b->qpair, &b->ns, b->buf, b->buf, 0, 1, 0, 1), err);
	nvio_buffer_close(buffer);
}

static void a_full_queue_pair_changes_nothing(void)
{
	struct trace before, after;
	struct bench b;

	path_setup(&b, &(struct path){ .max_transfer = 8192, .depth = 5 });
	b.ns.copy_max = b.ns.copy_range_max = b.ns.copy_ranges = 1;
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 48, 0, 1), 0);
	CU_ASSERT_EQUAL(nvio_flush(&b.qpair, &b.ns, 1), 0);
	CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 4);
	/* One place, where a pair needs two. */
	before = take_trace(&b);
	CU_ASSERT_EQUAL(nvio_compare_and_write(&b.qpair, &b.ns, b.buf, b.buf, 0, 1, 0, 1), -EAGAIN);
	after = take_trace(&b);
	CU_ASSERT_EQUAL(memcmp(&before, &after, sizeof(before)), 0);
	CU_ASSERT_EQUAL(nvio_flush(&b.qpair, &b.ns, 1), 0);
	before = take_trace(&b);
	try_all(&b, -EAGAIN);
	after = take_trace(&b);
	CU_ASSERT_EQUAL(memcmp(&before, &after, sizeof(before)), 0);
	CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 1);
	CU_ASSERT_EQUAL(path_finish(&b, 1), 3);
	path_teardown(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "a full queue pair changes nothing", a_full_queue_pair_changes_nothing },
	};

	return tap_run("full", tests, sizeof(tests) / sizeof(tests[0]));
}
