/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests of several commands under way: more parts than the queue pair holds, errors in any of
 * them, who comes first, memory in use.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "path_bench.h"

#define PAGE     4096u
#define PER_PART 16u /* blocks */

/* Statuses that no command is sent again for. */
#define READ_ERROR  0x4281u
#define WRITE_FAULT 0x4280u

static void begin(struct bench *b, uint16_t depth)
{
	path_setup(b, &(struct path){ .depth = depth, .max_transfer = PER_PART * 512 });
}

/* A read that takes so many commands, from the block PER_PART * @first_part on. */
static int queue_parts(struct bench *b, uint64_t first_part, uint32_t nr_parts, uint64_t user_data)
{
	return nvio_read(&b->qpair, &b->ns, b->buf, first_part * PER_PART, nr_parts * PER_PART, 0,
			 user_data);
}

/* The next command is this part. Returns its identifier. */
static uint16_t take_part(struct bench *b, uint64_t part)
{
	const struct nvio_sqe *sqe = next_command(b);

	CU_ASSERT_EQUAL(sqe_slba(sqe), part * PER_PART);
	CU_ASSERT_EQUAL(sqe_nr(sqe), PER_PART);
	return sqe->cid;
}

/* Polls; no completion is there. */
static void poll_none(struct bench *b)
{
	struct nvio_completion done[4];

	CU_ASSERT_EQUAL(nvio_poll(&b->qpair, done, 4), 0);
}

/* Polls; this completion is there and no other. */
static void poll_one(struct bench *b, uint64_t user_data, uint16_t status)
{
	struct nvio_completion done[4];

	CU_ASSERT_EQUAL_FATAL(nvio_poll(&b->qpair, done, 4), 1);
	CU_ASSERT_EQUAL(done[0].user_data, user_data);
	CU_ASSERT_EQUAL(done[0].status, status);
}

/* Queue pairs of any depth; parts go on as others end, one after the other, in order. */
static void more_parts_than_commands(void)
{
	for (uint16_t depth = 1; depth <= 9; depth++) {
		struct bench b;
		uint16_t first, cids[9];
		unsigned int sent;

		begin(&b, depth);
		CU_ASSERT_EQUAL(queue_parts(&b, 100, 30, 5), 0);
		CU_ASSERT_EQUAL(nvio_submit(&b.qpair), depth);
		for (sent = 0; sent < depth; sent++)
			cids[sent] = take_part(&b, 100 + sent);
		for (unsigned int done = 0; done < 30; done++) {
			CU_ASSERT_PTR_NULL(fetch(&b));
			CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 1);
			first = cids[done % depth];
			complete(&b, first, 0, 0);
			if (done == 29)
				break;
			poll_none(&b);
			/* The next part takes the place, and is submitted by the poll. */
			if (sent < 30)
				cids[done % depth] = take_part(&b, 100 + sent++);
		}
		poll_one(&b, 5, 0);
		CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
		CU_ASSERT_EQUAL(b.qpair.stats.submitted, 30);
		CU_ASSERT_EQUAL(b.qpair.stats.completed, 30);
		/* Everything is free again. */
		for (uint16_t i = 0; i < depth; i++)
			CU_ASSERT_EQUAL(queue_parts(&b, 0, 1, i), 0);
		CU_ASSERT_EQUAL(queue_parts(&b, 0, 1, 9), -EAGAIN);
		path_teardown(&b);
	}
}

/* Requests wait in line; nothing overtakes, and each completes by itself. */
static void several_requests_in_line(void)
{
	struct bench b;
	uint16_t cids[4];

	begin(&b, 4);
	CU_ASSERT_EQUAL(nvio_flush(&b.qpair, &b.ns, 1), 0);
	CU_ASSERT_EQUAL(queue_parts(&b, 0, 2, 2), 0);
	/* One place is left: the first of three parts. */
	CU_ASSERT_EQUAL(queue_parts(&b, 10, 3, 3), 0);
	CU_ASSERT_EQUAL(queue_parts(&b, 20, 2, 4), -EAGAIN);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 3);
	CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 4);
	cids[0] = next_command(&b)->cid;
	cids[1] = take_part(&b, 0);
	cids[2] = take_part(&b, 1);
	cids[3] = take_part(&b, 10);
	complete(&b, cids[0], 0, 0);
	poll_one(&b, 1, 0);
	/* Its place went to a part, not to whoever asks next. */
	CU_ASSERT_EQUAL(nvio_flush(&b.qpair, &b.ns, 1), -EAGAIN);
	cids[0] = take_part(&b, 11);
	complete(&b, cids[1], 0, 0);
	poll_none(&b);
	cids[1] = take_part(&b, 12);
	complete(&b, cids[2], 0, 0);
	poll_one(&b, 2, 0);
	CU_ASSERT_EQUAL(queue_parts(&b, 20, 2, 4), 0);
	complete(&b, cids[3], 0, 0);
	complete(&b, cids[0], 0, 0);
	poll_none(&b);
	cids[2] = take_part(&b, 20);
	cids[3] = take_part(&b, 21);
	complete(&b, cids[3], 0, 0);
	complete(&b, cids[1], 0, 0);
	poll_one(&b, 3, 0);
	complete(&b, cids[2], 0, 0);
	poll_one(&b, 4, 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
	path_teardown(&b);
}

/* Parts go on also when a poll's array is full each time, and others ask for the places. */
static void parts_go_on_beside_busy_polls(void)
{
	struct nvio_completion done;
	struct bench b;
	uint16_t cid;

	begin(&b, 2);
	CU_ASSERT_EQUAL(nvio_flush(&b.qpair, &b.ns, 1), 0);
	CU_ASSERT_EQUAL(queue_parts(&b, 0, 3, 2), 0);
	nvio_submit(&b.qpair);
	cid = next_command(&b)->cid;
	take_part(&b, 0);
	complete(&b, cid, 0, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, &done, 1), 1);
	CU_ASSERT_EQUAL(done.user_data, 1);
	CU_ASSERT_EQUAL(nvio_flush(&b.qpair, &b.ns, 3), -EAGAIN);
	take_part(&b, 1);
	path_teardown(&b);
}

/* With room for one at a time, completions come in the order in which requests ended. */
static void completes_in_its_turn(void)
{
	struct nvio_completion done;
	struct bench b;
	uint16_t cids[3];

	begin(&b, 3);
	CU_ASSERT_EQUAL(nvio_flush(&b.qpair, &b.ns, 1), 0);
	CU_ASSERT_EQUAL(queue_parts(&b, 0, 3, 2), 0);
	nvio_submit(&b.qpair);
	cids[0] = next_command(&b)->cid;
	cids[1] = take_part(&b, 0);
	cids[2] = take_part(&b, 1);
	complete(&b, cids[1], READ_ERROR, 0);
	complete(&b, cids[2], 0, 0);
	complete(&b, cids[0], 0, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, &done, 1), 1);
	CU_ASSERT_EQUAL(done.user_data, 2);
	CU_ASSERT_EQUAL(done.status, READ_ERROR);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 1);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, &done, 1), 1);
	CU_ASSERT_EQUAL(done.user_data, 1);
	CU_ASSERT_PTR_NULL(fetch(&b));
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
	path_teardown(&b);
}

/* Four parts at once, one or two of which fail: one completion with the first error, when all have
 * ended. */
static void errors_of_parts_under_way(void)
{
	for (unsigned int bad = 0; bad < 4; bad++) {
		for (unsigned int worse = bad; worse < 4; worse++) {
			struct bench b;
			uint16_t cids[4];

			begin(&b, 8);
			CU_ASSERT_EQUAL(queue_parts(&b, 0, 4, 5), 0);
			nvio_submit(&b.qpair);
			for (unsigned int i = 0; i < 4; i++)
				cids[i] = take_part(&b, i);
			for (unsigned int i = 0; i < 4; i++) {
				complete(&b, cids[i],
					 i == bad     ? READ_ERROR
					 : i == worse ? WRITE_FAULT
						      : 0,
					 0);
				if (i < 3)
					poll_none(&b);
			}
			poll_one(&b, 5, READ_ERROR);
			CU_ASSERT_EQUAL(b.qpair.stats.errors, 1);
			CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
			path_teardown(&b);
		}
	}
}

/* What was not sent yet when a part failed never is. */
static void nothing_is_sent_behind_an_error(void)
{
	for (uint16_t depth = 1; depth <= 3; depth++) {
		for (unsigned int bad = 0; bad < 6; bad++) {
			struct bench b;
			uint16_t cids[3];
			unsigned int sent = depth;

			begin(&b, depth);
			CU_ASSERT_EQUAL(queue_parts(&b, 0, 6, 5), 0);
			nvio_submit(&b.qpair);
			for (unsigned int i = 0; i < depth; i++)
				cids[i] = take_part(&b, i);
			for (unsigned int i = 0; i < bad; i++) {
				complete(&b, cids[i % depth], 0, 0);
				poll_none(&b);
				if (sent < 6)
					cids[i % depth] = take_part(&b, sent++);
			}
			for (unsigned int i = bad; i < sent; i++) {
				complete(&b, cids[i % depth], i == bad ? READ_ERROR : 0, 0);
				if (i < sent - 1)
					poll_none(&b);
				CU_ASSERT_PTR_NULL(fetch(&b));
			}
			poll_one(&b, 5, READ_ERROR);
			CU_ASSERT_EQUAL(b.qpair.stats.submitted, sent);
			CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
			path_teardown(&b);
		}
	}
}

/* All its memory is in use from the first part to the last, sent or not. */
static void keeps_memory_registered(void)
{
	struct nvio_completion done;
	struct bench b;
	char *p = path_pages(4);
	uint16_t cid;

	begin(&b, 1);
	for (int i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(nvio_mem_register(b.iommu, p + i * PAGE, PAGE, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, p + PAGE, 0, 3 * 8, 0, 5), 0);
	nvio_submit(&b.qpair);
	for (int part = 0; part < 2; part++) {
		CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p, PAGE), 0);
		CU_ASSERT_EQUAL(nvio_mem_register(b.iommu, p, PAGE, NVIO_DMA_RW), 0);
		for (int i = 1; i < 4; i++)
			CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p + i * PAGE, PAGE), -EBUSY);
		cid = next_command(&b)->cid;
		complete(&b, cid, 0, 0);
		CU_ASSERT_EQUAL(nvio_poll(&b.qpair, &done, 1), part);
	}
	CU_ASSERT_EQUAL(done.status, 0);
	for (int i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p + i * PAGE, PAGE), 0);
	path_teardown(&b);
	munmap(p, 4 * PAGE);
}

/* A vector that changes under way ends its request, which the caller has spoilt, and nothing else.
 */
static void a_vector_that_changes(void)
{
	struct iovec iov[2] = { { 0 } };
	struct bench b;
	uint16_t cid;

	begin(&b, 1);
	iov[0] = (struct iovec){ b.buf, 8192 };
	iov[1] = (struct iovec){ b.buf + 8 * PAGE, 16384 };
	CU_ASSERT_EQUAL(nvio_readv(&b.qpair, &b.ns, iov, 2, 0, 48, 0, 5), 0);
	nvio_submit(&b.qpair);
	cid = take_part(&b, 0);
	iov[1].iov_base = &b;
	complete(&b, cid, 0, 0);
	poll_one(&b, 5, 0x371);
	CU_ASSERT_PTR_NULL(fetch(&b));
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
	CU_ASSERT_EQUAL(queue_parts(&b, 0, 1, 6), 0);
	nvio_submit(&b.qpair);
	complete(&b, take_part(&b, 0), 0, 0);
	poll_one(&b, 6, 0);
	path_teardown(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "more parts than commands", more_parts_than_commands },
		{ "several requests in line", several_requests_in_line },
		{ "parts go on beside busy polls", parts_go_on_beside_busy_polls },
		{ "completes in its turn", completes_in_its_turn },
		{ "errors of parts under way", errors_of_parts_under_way },
		{ "nothing is sent behind an error", nothing_is_sent_behind_an_error },
		{ "keeps memory registered", keeps_memory_registered },
		{ "a vector that changes", a_vector_that_changes },
	};

	return tap_run("parts", tests, sizeof(tests) / sizeof(tests[0]));
}
