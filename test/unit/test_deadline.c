/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Time: commands that are sent again after a delay, deadlines, how often the clock is read; with a
 * clock that the test moves.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "fake_clock.h"
#include "path_bench.h"

#define READ_ERROR   0x281u
#define NS_NOT_READY 0x082u
#define DELAY(n)     ((n) << 11)
#define NOON         43200000u /* when tests begin */

static void begin(struct bench *b, const struct path *path)
{
	path_setup(b, path);
	b->ctrl.retry_delay_ms[1] = 100;
	b->ctrl.retry_delay_ms[2] = 5000;
	fake_ms = NOON;
	clock_is_fake = true;
}

static void end(struct bench *b)
{
	clock_is_fake = false;
	path_teardown(b);
}

static int poll_at(struct bench *b, uint64_t ms)
{
	struct nvio_completion done[8];

	fake_ms = ms;
	return nvio_poll(&b->qpair, done, 8);
}

/* A read of the next block, submitted. Returns its identifier. */
static uint16_t read_next(struct bench *b, uint64_t slba)
{
	CU_ASSERT_EQUAL(nvio_read(&b->qpair, &b->ns, b->buf, slba, 1, 0, slba), 0);
	CU_ASSERT_EQUAL(nvio_submit(&b->qpair), 1);
	return next_command(b)->cid;
}

/* The next command is a read of that block once more. Returns its identifier. */
static uint16_t repeat_of(struct bench *b, uint64_t slba)
{
	const struct nvio_sqe *sqe = next_command(b);

	CU_ASSERT_EQUAL(sqe_slba(sqe), slba);
	return sqe->cid;
}

static void repeats_after_the_delay(void)
{
	struct bench b;
	char *p = path_pages(1);
	uint16_t cid;

	begin(&b, &(struct path){ .max_retries = 2, .depth = 3 });
	nvio_mem_register(b.iommu, p, 4096, NVIO_DMA_RW);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, p, 6, 1, 0, 6), 0);
	nvio_submit(&b.qpair);
	cid = next_command(&b)->cid;
	complete(&b, cid, READ_ERROR | DELAY(1), 0);
	for (uint64_t ms = 0; ms < 100; ms++) {
		CU_ASSERT_EQUAL(poll_at(&b, NOON + ms), 0);
		CU_ASSERT_PTR_NULL(fetch(&b));
	}
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 1);
	CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p, 4096), -EBUSY);
	/* Others are not held up, and take none of its place. */
	complete(&b, read_next(&b, 7), 0, 0);
	CU_ASSERT_EQUAL(poll_at(&b, NOON + 99), 1);
	CU_ASSERT_EQUAL(poll_at(&b, NOON + 101), 0);
	cid = repeat_of(&b, 6);
	/* A delay that the controller says nothing of is none. */
	complete(&b, cid, READ_ERROR | DELAY(3), 0);
	CU_ASSERT_EQUAL(poll_at(&b, NOON + 102), 0);
	cid = repeat_of(&b, 6);
	complete(&b, cid, READ_ERROR | DELAY(1), 0);
	CU_ASSERT_EQUAL(poll_at(&b, NOON + 103), 1);
	CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p, 4096), 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
	end(&b);
	munmap(p, 4096);
}

/* Several wait at once, for different times; an identifier that waits is not outstanding to the
 * controller. */
static void several_wait(void)
{
	struct bench b;
	uint16_t cids[4];

	begin(&b, &(struct path){ .max_retries = 5, .depth = 4 });
	for (uint64_t i = 0; i < 4; i++)
		cids[i] = read_next(&b, i);
	complete(&b, cids[0], READ_ERROR | DELAY(2), 0);
	complete(&b, cids[1], READ_ERROR | DELAY(1), 0);
	CU_ASSERT_EQUAL(poll_at(&b, NOON), 0);
	complete(&b, cids[2], READ_ERROR | DELAY(1), 0);
	CU_ASSERT_EQUAL(poll_at(&b, NOON + 50), 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 4);
	CU_ASSERT_EQUAL(nvio_flush(&b.qpair, &b.ns, 9), -EAGAIN);
	CU_ASSERT_EQUAL(poll_at(&b, NOON + 101), 0);
	cids[1] = repeat_of(&b, 1);
	CU_ASSERT_PTR_NULL(fetch(&b));
	CU_ASSERT_EQUAL(poll_at(&b, NOON + 151), 0);
	cids[2] = repeat_of(&b, 2);
	complete(&b, cids[1], 0, 0);
	complete(&b, cids[2], 0, 0);
	complete(&b, cids[3], 0, 0);
	CU_ASSERT_EQUAL(poll_at(&b, NOON + 200), 3);
	CU_ASSERT_EQUAL(poll_at(&b, NOON + 4999), 0);
	CU_ASSERT_PTR_NULL(fetch(&b));
	CU_ASSERT_EQUAL(poll_at(&b, NOON + 5001), 0);
	cids[0] = repeat_of(&b, 0);
	/* 32 bits of milliseconds wrap. */
	fake_ms = UINT32_MAX - 20;
	complete(&b, cids[0], READ_ERROR | DELAY(1), 0);
	CU_ASSERT_EQUAL(poll_at(&b, fake_ms), 0);
	CU_ASSERT_EQUAL(poll_at(&b, fake_ms + 99), 0);
	CU_ASSERT_PTR_NULL(fetch(&b));
	CU_ASSERT_EQUAL(poll_at(&b, fake_ms + 2), 0);
	cids[0] = repeat_of(&b, 0);
	/* A completion for one that waits is a lie. */
	complete(&b, cids[0], READ_ERROR | DELAY(1), 0);
	complete(&b, cids[0], 0, 0);
	CU_ASSERT_EQUAL(poll_at(&b, fake_ms), -EIO);
	end(&b);
}

/* Polls every so many milliseconds until the queue pair fails. Returns how long that took. */
static uint64_t until_it_fails(struct bench *b, uint64_t step)
{
	const uint64_t start = fake_ms;

	for (uint64_t ms = start; ms < start + 1000000; ms += step) {
		int ret = poll_at(b, ms);

		if (ret < 0)
			return ret == -EIO ? ms - start : 0;
	}
	return UINT64_MAX;
}

/* Not before its time and at most a quarter later, wherever in a tick it began. */
static void late_commands_fail_the_queue_pair(void)
{
	static const uint32_t timeouts[] = { 80, 200, 1000, 30000 };

	for (size_t i = 0; i < ARRAY_LEN(timeouts); i++) {
		const uint32_t timeout = timeouts[i];

		for (uint32_t offset = 0; offset < timeout / 8; offset += timeout / 40) {
			struct bench b;
			uint64_t took;

			begin(&b, &(struct path){ .timeout_ms = timeout, .interrupts = true });
			/* Others have come and gone before. */
			for (uint64_t k = 0; k < 300; k++) {
				complete(&b, read_next(&b, k), 0, 0);
				CU_ASSERT_EQUAL(poll_at(&b, fake_ms + timeout / 10), 1);
			}
			CU_ASSERT_EQUAL(poll_at(&b, fake_ms + offset), 0);
			read_next(&b, 5);
			took = until_it_fails(&b, timeout / 80);
			CU_ASSERT_TRUE(took >= timeout);
			CU_ASSERT_TRUE(took <= timeout + timeout / 4);
			CU_ASSERT_EQUAL(nvio_flush(&b.qpair, &b.ns, 1), -EIO);
			CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 1);
			end(&b);
		}
	}
}

/* However often polls come, and when they come less often than they did. */
static void however_often_polls_come(void)
{
	static const uint32_t timeouts[] = { 80, 500, 30000 };

	for (size_t i = 0; i < ARRAY_LEN(timeouts); i++) {
		const uint32_t timeout = timeouts[i];

		for (uint64_t step = 1; step <= timeout / 80; step *= 4) {
			for (uint64_t fast = 0; fast <= 5000; fast += 5000) {
				struct bench b;
				uint64_t took;

				begin(&b, &(struct path){ .timeout_ms = timeout });
				for (uint64_t k = 0; k < fast; k++)
					CU_ASSERT_EQUAL(poll_at(&b, fake_ms), 0);
				read_next(&b, 5);
				took = until_it_fails(&b, step);
				CU_ASSERT_TRUE(took >= timeout);
				/* Those between two looks are not known to be slow. */
				took -= fast ? min_u64(took, 1024 * step) : 0;
				CU_ASSERT_TRUE(took <= timeout + timeout / 2);
				end(&b);
			}
		}
	}
}

/* Also one part of several, one that is sent again, and one that only was queued. */
static void late_commands_of_any_kind(void)
{
	struct path path = { .timeout_ms = 80,
			     .interrupts = true,
			     .max_retries = 5,
			     .max_transfer = 8192,
			     .depth = 2 };
	struct bench b;
	uint16_t cid;

	begin(&b, &path);
	nvio_read(&b.qpair, &b.ns, b.buf, 0, 100, 0, 1);
	nvio_submit(&b.qpair);
	cid = next_command(&b)->cid;
	complete(&b, next_command(&b)->cid, 0, 0);
	CU_ASSERT_EQUAL(poll_at(&b, NOON + 60), 0);
	/* The part that is under way, not those that were sent since. */
	complete(&b, cid, 0, 0);
	CU_ASSERT_EQUAL(poll_at(&b, NOON + 61), 0);
	CU_ASSERT_TRUE(until_it_fails(&b, 1) >= 79);
	end(&b);

	begin(&b, &path);
	cid = read_next(&b, 1);
	CU_ASSERT_EQUAL(poll_at(&b, NOON + 70), 0);
	complete(&b, cid, READ_ERROR | DELAY(2), 0);
	/* Time that it waits for the controller's sake is not its own, and as long at most. */
	for (uint64_t ms = 70; ms <= 150; ms += 5)
		CU_ASSERT_EQUAL(poll_at(&b, NOON + ms), 0);
	CU_ASSERT_PTR_NULL(fetch(&b));
	CU_ASSERT_EQUAL(poll_at(&b, NOON + 151), 0);
	next_command(&b);
	CU_ASSERT_TRUE(until_it_fails(&b, 1) >= 80);
	end(&b);
}

/* The media take longer than a command may: it is looked for them so often that they are found. */
static void media_have_their_time(void)
{
	struct bench b;

	begin(&b, &(struct path){ .max_retries = 4, .timeout_ms = 80 });
	b.ctrl.media_timeout_ms = 40000;
	b.ctrl.media_until = NOON + 40000;
	complete(&b, read_next(&b, 1), NS_NOT_READY, 0);
	for (uint64_t ms = 0; ms < 39000; ms++) {
		const struct nvio_sqe *sqe = fetch(&b);

		if (sqe)
			complete(&b, sqe->cid, NS_NOT_READY, 0);
		CU_ASSERT_EQUAL_FATAL(poll_at(&b, NOON + ms), 0);
	}
	for (uint64_t ms = 39000; nvio_qpair_outstanding(&b.qpair) && ms < 40000; ms++) {
		const struct nvio_sqe *sqe = fetch(&b);

		if (sqe)
			complete(&b, sqe->cid, 0, 0);
		poll_at(&b, NOON + ms);
	}
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
	CU_ASSERT_EQUAL(b.qpair.stats.errors, 0);
	end(&b);
}

/* Who comes back after a pause finds what finished meanwhile before anything counts as late. */
static void a_pause_is_not_held_against_the_controller(void)
{
	struct bench b;
	uint16_t cid;

	for (int done_before = 0; done_before < 2; done_before++) {
		begin(&b, &(struct path){ .timeout_ms = 80, .interrupts = true });
		cid = read_next(&b, 1);
		CU_ASSERT_EQUAL(poll_at(&b, NOON + 1), 0);
		if (done_before)
			complete(&b, cid, 0, 0);
		CU_ASSERT_EQUAL(poll_at(&b, NOON + 3600000), done_before);
		if (!done_before)
			complete(&b, cid, 0, 0);
		CU_ASSERT_EQUAL(poll_at(&b, NOON + 7200000), !done_before);
		end(&b);
	}
	/* Polls that are rarer than ticks, with one command after the other. */
	begin(&b, &(struct path){ .timeout_ms = 80, .interrupts = true });
	for (uint64_t i = 0; i < 600; i++) {
		cid = read_next(&b, i);
		for (int k = 0; k < 3; k++)
			CU_ASSERT_EQUAL(poll_at(&b, fake_ms + 26), 0);
		complete(&b, cid, 0, 0);
		CU_ASSERT_EQUAL(poll_at(&b, fake_ms), 1);
	}
	end(&b);
}

static void no_deadline_where_none_is_wanted(void)
{
	struct bench b;

	begin(&b, &(struct path){ .interrupts = true });
	read_next(&b, 1);
	CU_ASSERT_EQUAL(until_it_fails(&b, 500), UINT64_MAX);
	end(&b);
}

/* A completion that comes after all does not bring the queue pair back. */
static void failed_is_failed(void)
{
	for (int interrupts = 0; interrupts < 2; interrupts++) {
		struct path path = { .timeout_ms = 80, .interrupts = interrupts };
		struct nvio_completion done;
		struct bench b;
		uint16_t cid;
		int n = 0;

		begin(&b, &path);
		cid = read_next(&b, 1);
		for (int i = 0; i < 20 * 1024 && !n; i++)
			n = poll_at(&b, fake_ms + !(i % 1024) * 10);
		CU_ASSERT_EQUAL(n, -EIO);
		complete(&b, cid, 0, 0);
		CU_ASSERT_EQUAL(nvio_poll(&b.qpair, &done, 1), -EIO);
		CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, 2), -EIO);
		CU_ASSERT_EQUAL(nvio_flush(&b.qpair, &b.ns, 2), -EIO);
		CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 0);
		end(&b);
	}
}

static void reads_the_clock_once_in_many_polls(void)
{
	struct bench b;

	begin(&b, &(struct path){ .timeout_ms = 80, .depth = 4 });
	clock_reads = 0;
	for (uint64_t i = 0; i < 10240; i++) {
		complete(&b, read_next(&b, i), 0, 0);
		CU_ASSERT_EQUAL(poll_at(&b, fake_ms), 1);
	}
	/* More often in the beginning, when nobody knows how often polls come. */
	CU_ASSERT_EQUAL(clock_reads, 20);
	/* That is enough for a deadline: empty polls are many. */
	read_next(&b, 1);
	for (int i = 0; i < 20 * 1024; i++) {
		if (poll_at(&b, fake_ms + !(i % 1024) * 10) == -EIO)
			break;
	}
	CU_ASSERT_TRUE(fake_ms >= NOON + 80 && fake_ms <= NOON + 110);
	end(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "repeats after the delay", repeats_after_the_delay },
		{ "several wait", several_wait },
		{ "late commands fail the queue pair", late_commands_fail_the_queue_pair },
		{ "however often polls come", however_often_polls_come },
		{ "late commands of any kind", late_commands_of_any_kind },
		{ "media have their time", media_have_their_time },
		{ "a pause is not held against the controller",
		  a_pause_is_not_held_against_the_controller },
		{ "no deadline where none is wanted", no_deadline_where_none_is_wanted },
		{ "failed is failed", failed_is_failed },
		{ "reads the clock once in many polls", reads_the_clock_once_in_many_polls },
	};

	return tap_run("deadline", tests, sizeof(tests) / sizeof(tests[0]));
}
