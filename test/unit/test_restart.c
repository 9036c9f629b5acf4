/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the owner of a queue pair does while its controller is reset, step by step and without one:
 * the test is the recovery and the controller.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "restart_bench.h"

/* Wherever in the rings it happens. */
static void unfinished_commands_are_queued_again(void)
{
	for (unsigned int turn = 0; turn < 20; turn++) {
		struct bench b;

		begin(&b, &(struct path){ .depth = DEPTH });
		for (uint64_t i = 0; i < turn; i++) {
			queue_read(&b, i);
			nvio_submit(&b.qpair);
			serve(&b, i);
			expect_done(&b, i, 0);
		}
		/* Two that were submitted, one that was not. */
		queue_read(&b, 1);
		queue_read(&b, 2);
		nvio_submit(&b.qpair);
		queue_read(&b, 3);
		CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 3);
		reset(&b, 3);
		CU_ASSERT_EQUAL(b.sq_doorbell, 3);
		CU_ASSERT_EQUAL(b.qpair.stats.resent, 3);
		for (int k = 0; k < 3; k++) {
			const struct nvio_sqe *sqe = next_command(&b);

			complete(&b, sqe->cid, 0, 0);
			expect_done(&b, sqe_slba(sqe), 0);
		}
		CU_ASSERT_PTR_NULL(fetch(&b));
		CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
		/* And it goes on, around both rings. */
		for (uint64_t i = 0; i < 40; i++) {
			queue_read(&b, i % 8);
			nvio_submit(&b.qpair);
			serve(&b, i % 8);
			expect_done(&b, i % 8, 0);
		}
		end(&b);
	}
}

static void nothing_rings_meanwhile(void)
{
	struct bench b;

	begin(&b, &(struct path){ .depth = DEPTH });
	b.sq_doorbell = b.cq_doorbell = DOORBELL_UNTOUCHED;
	tell(&b, NVIO_CALL_HOLD);
	for (uint64_t i = 0; i < DEPTH; i++) {
		queue_read(&b, i);
		CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 1);
		expect_nothing(&b, (unsigned int)i + 1);
	}
	CU_ASSERT_EQUAL(nvio_flush(&b.qpair, &b.ns, 1), -EAGAIN);
	CU_ASSERT_EQUAL(b.sq_doorbell, DOORBELL_UNTOUCHED);
	tell(&b, NVIO_CALL_RESTART);
	expect_nothing(&b, DEPTH);
	CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 0);
	CU_ASSERT_EQUAL(b.sq_doorbell, DOORBELL_UNTOUCHED);
	CU_ASSERT_EQUAL(b.cq_doorbell, DOORBELL_UNTOUCHED);
	start_afresh(&b);
	tell(&b, NVIO_CALL_NONE);
	expect_nothing(&b, DEPTH);
	CU_ASSERT_EQUAL(b.sq_doorbell, DEPTH);
	for (uint64_t i = 0; i < DEPTH; i++) {
		const struct nvio_sqe *sqe = next_command(&b);

		complete(&b, sqe->cid, 0, 0);
		expect_done(&b, sqe_slba(sqe), 0);
	}
	end(&b);
}

/* What the controller did before it stopped counts, also when polls take one at a time. */
static void what_was_completed_is_taken(void)
{
	struct bench b;

	begin(&b, &(struct path){ .depth = DEPTH });
	for (uint64_t i = 0; i < 4; i++)
		queue_read(&b, i);
	nvio_submit(&b.qpair);
	for (uint64_t i = 0; i < 3; i++)
		serve(&b, i);
	tell(&b, NVIO_CALL_HOLD);
	expect_done(&b, 0, 0);
	tell(&b, NVIO_CALL_RESTART);
	expect_done(&b, 1, 0);
	CU_ASSERT_EQUAL(b.qpair.call, NVIO_CALL_RESTART);
	expect_done(&b, 2, 0);
	expect_nothing(&b, 1);
	CU_ASSERT_EQUAL(b.qpair.call, NVIO_CALL_READY);
	CU_ASSERT_EQUAL(b.qpair.stats.resent, 1);
	start_afresh(&b);
	tell(&b, NVIO_CALL_NONE);
	expect_nothing(&b, 1);
	serve(&b, 3);
	expect_done(&b, 3, 0);
	end(&b);
}

/* It may begin again at any point. */
static void resets_during_resets(void)
{
	struct bench b;

	begin(&b, &(struct path){ .depth = DEPTH });
	queue_read(&b, 5);
	nvio_submit(&b.qpair);
	b.qpair.reset_was_asked = true;
	tell(&b, NVIO_CALL_HOLD);
	tell(&b, NVIO_CALL_RESTART);
	tell(&b, NVIO_CALL_HOLD);
	expect_nothing(&b, 1);
	tell(&b, NVIO_CALL_RESTART);
	expect_nothing(&b, 1);
	tell(&b, NVIO_CALL_HOLD);
	tell(&b, NVIO_CALL_RESTART);
	expect_nothing(&b, 1);
	tell(&b, NVIO_CALL_NONE);
	tell(&b, NVIO_CALL_HOLD);
	expect_nothing(&b, 1);
	for (int i = 0; i < 5; i++)
		reset(&b, 1);
	serve(&b, 5);
	expect_done(&b, 5, 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
	end(&b);
}

/* So often and no more, unless the application wanted it. */
static void resends_are_counted(void)
{
	struct bench b;

	begin(&b, &(struct path){ .depth = DEPTH });
	queue_read(&b, 5);
	nvio_submit(&b.qpair);
	reset(&b, 1);
	reset(&b, 1);
	tell(&b, NVIO_CALL_RESTART);
	expect_done(&b, 5, HOST_ABORTED);
	CU_ASSERT_EQUAL(b.qpair.stats.abandoned, 1);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
	end(&b);
}

/* One of each kind: passthrough, fused, parts, one that waits to be sent again. */
static void commands_of_each_kind(void)
{
	const struct nvio_sqe vendor = { .opcode = 0xc0, .nsid = 7 };
	struct nvio_completion done[4];
	uint32_t ended = 0;
	struct bench b;

	begin(&b, &(struct path){ .max_transfer = 8192, .depth = DEPTH, .max_retries = 3 });
	b.ctrl.retry_delay_ms[1] = 3600000;
	queue_read(&b, 0);
	nvio_submit(&b.qpair);
	complete(&b, next_command(&b)->cid, READ_ERROR | 1u << 11, 0);
	expect_nothing(&b, 1);
	CU_ASSERT_EQUAL(nvio_passthrough(&b.qpair, &vendor, NULL, 0, NULL, 0, 0, 1), 0);
	CU_ASSERT_EQUAL(nvio_compare_and_write(&b.qpair, &b.ns, b.buf, b.buf, 0, 1, 0, 2), 0);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 48, 0, 3), 0);
	nvio_submit(&b.qpair);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 4);
	tell(&b, NVIO_CALL_RESTART);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 4), 2);
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(done[i].status, HOST_ABORTED);
		ended |= 1u << done[i].user_data;
	}
	CU_ASSERT_EQUAL(ended, 6);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 2);
	start_afresh(&b);
	tell(&b, NVIO_CALL_NONE);
	expect_nothing(&b, 2);
	/* The three parts; the one that waits goes on waiting. */
	for (int i = 0; i < 3; i++)
		complete(&b, next_command(&b)->cid, 0, 0);
	CU_ASSERT_PTR_NULL(fetch(&b));
	expect_done(&b, 3, 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 1);
	end(&b);
}

static void memory_stays_in_use(void)
{
	char *p = path_pages(1);
	struct bench b;

	begin(&b, &(struct path){ .depth = DEPTH });
	nvio_mem_register(b.iommu, p, 4096, NVIO_DMA_RW);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, p, 6, 1, 0, 6), 0);
	nvio_submit(&b.qpair);
	reset(&b, 1);
	CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p, 4096), -EBUSY);
	complete(&b, next_command(&b)->cid, 0, 0);
	expect_done(&b, 6, 0);
	CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p, 4096), 0);
	end(&b);
	munmap(p, 4096);
}

static void aborted_with_their_queue(void)
{
	struct bench b;

	begin(&b, &(struct path){ .depth = DEPTH });
	for (uint64_t i = 0; i < 3; i++)
		queue_read(&b, i);
	nvio_submit(&b.qpair);
	tell(&b, NVIO_CALL_HOLD);
	for (int i = 0; i < 2; i++)
		complete(&b, next_command(&b)->cid, SQ_DELETED, 0);
	expect_nothing(&b, 3);
	tell(&b, NVIO_CALL_RESTART);
	expect_nothing(&b, 3);
	start_afresh(&b);
	tell(&b, NVIO_CALL_NONE);
	expect_nothing(&b, 3);
	CU_ASSERT_EQUAL(b.sq_doorbell, 3);
	for (int i = 0; i < 3; i++) {
		const struct nvio_sqe *sqe = next_command(&b);

		complete(&b, sqe->cid, 0, 0);
		expect_done(&b, sqe_slba(sqe), 0);
	}
	end(&b);
}

/* Everything completes, and then it is said why. */
static void no_reset_helped(void)
{
	static const struct {
		enum nvio_call call;
		int err;
	} ends[] = { { NVIO_CALL_DEAD, -EIO }, { NVIO_CALL_GONE, -ENODEV } };

	for (int i = 0; i < 2; i++) {
		struct nvio_completion done;
		struct bench b;

		begin(&b, &(struct path){ .depth = DEPTH });
		queue_read(&b, 1);
		nvio_submit(&b.qpair);
		queue_read(&b, 2);
		tell(&b, NVIO_CALL_HOLD);
		expect_nothing(&b, 2);
		tell(&b, ends[i].call);
		for (int k = 0; k < 2; k++) {
			CU_ASSERT_EQUAL(poll_one(&b, &done), 1);
			CU_ASSERT_EQUAL(done.status, HOST_ABORTED);
		}
		CU_ASSERT_EQUAL(poll_one(&b, &done), ends[i].err);
		CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, 0), ends[i].err);
		CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
		end(&b);
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "unfinished commands are queued again", unfinished_commands_are_queued_again },
		{ "nothing rings meanwhile", nothing_rings_meanwhile },
		{ "what was completed is taken", what_was_completed_is_taken },
		{ "resets during resets", resets_during_resets },
		{ "resends are counted", resends_are_counted },
		{ "commands of each kind", commands_of_each_kind },
		{ "memory stays in use", memory_stays_in_use },
		{ "aborted with their queue", aborted_with_their_queue },
		{ "no reset helped", no_reset_helped },
	};

	return tap_run("restart", tests, sizeof(tests) / sizeof(tests[0]));
}
