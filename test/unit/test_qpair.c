/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Queue pairs over plain memory: commands word by word, ring wrap at every offset, full rings,
 * batches, requests that are refused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "nvme/command.h"
#include "qpair_bench.h"
#include "tap.h"

static void builds_commands(void)
{
	struct bench b;
	const struct nvio_sqe *sqe;
	struct nvio_completion done[4];
	uint64_t iova;
	int n;

	setup(&b, 4);
	nvio_mem_iova(b.iommu, b.buf, 1, NVIO_DMA_RW, &iova);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf + 512, 0x123, 1, 0, 11), 0);
	CU_ASSERT_EQUAL(nvio_write(&b.qpair, &b.ns, b.buf, 744, 256, NVIO_IO_FUA, 12), 0);
	CU_ASSERT_EQUAL(nvio_flush(&b.qpair, &b.ns, 13), 0);
	CU_ASSERT_PTR_NULL(fetch(&b));
	CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 3);
	CU_ASSERT_EQUAL(b.sq_doorbell, 3);
	sqe = fetch(&b);
	CU_ASSERT_EQUAL(sqe->opcode, NVIO_NVM_READ);
	CU_ASSERT_EQUAL(sqe->nsid, 7);
	CU_ASSERT_EQUAL(sqe->prp1, iova + 512);
	CU_ASSERT_EQUAL(sqe->prp2, (iova + 4096));
	CU_ASSERT_EQUAL(sqe->cdw10, 0x123);
	CU_ASSERT_EQUAL(sqe->cdw12, 0);
	complete(&b, sqe->cid, 0, 99);
	sqe = fetch(&b);
	CU_ASSERT_EQUAL(sqe->opcode, NVIO_NVM_WRITE);
	CU_ASSERT_EQUAL(sqe->prp1, iova);
	CU_ASSERT_EQUAL(sqe->prp2, b.qpair.lists_iova + (uint64_t)sqe->cid * b.qpair.list_len);
	CU_ASSERT_EQUAL(sqe->cdw10, 744);
	CU_ASSERT_EQUAL(sqe->cdw12, 255 | 1u << 30);
	complete(&b, sqe->cid, 0x4281, 0);
	sqe = fetch(&b);
	CU_ASSERT_EQUAL(sqe->opcode, NVIO_NVM_FLUSH);
	CU_ASSERT_EQUAL(sqe->prp1, 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 3);
	/* What came with an error may be the next poll's. */
	n = nvio_poll(&b.qpair, done, 4);
	CU_ASSERT_EQUAL_FATAL(n + nvio_poll(&b.qpair, done + n, 4 - n), 2);
	CU_ASSERT_EQUAL(done[0].user_data, 11);
	CU_ASSERT_EQUAL(done[0].result, 99);
	CU_ASSERT_EQUAL(done[0].status, 0);
	CU_ASSERT_EQUAL(done[1].user_data, 12);
	CU_ASSERT_EQUAL(done[1].status, 0x4281);
	CU_ASSERT_EQUAL(b.cq_doorbell, 2);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 1);
	teardown(&b);
}

static bool is_spoilt(const struct nvio_sqe *sqe)
{
	return sqe->cdw2 || sqe->cdw3 || sqe->mptr || sqe->cdw14 || sqe->cdw15;
}

/* One read, to its end. Returns whether its command has what no read has. */
static bool read_spoilt(struct bench *b)
{
	struct nvio_completion done;
	const struct nvio_sqe *sqe;
	bool spoilt;

	CU_ASSERT_EQUAL(nvio_read(&b->qpair, &b->ns, b->buf, 5, 1, 0, 1), 0);
	CU_ASSERT_EQUAL(nvio_submit(&b->qpair), 1);
	sqe = fetch(b);
	CU_ASSERT_EQUAL(sqe->opcode, NVIO_NVM_READ);
	CU_ASSERT_EQUAL(sqe->cdw10, 5);
	spoilt = is_spoilt(sqe);
	complete(b, sqe->cid, 0, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b->qpair, &done, 1), 1);
	CU_ASSERT_EQUAL(done.status, 0);
	return spoilt;
}

/* What a command leaves in words that a read does not write is gone before a read is there. */
static void slots_are_clean(void)
{
	static const struct nvio_sqe spoilers[] = {
		{ .opcode = 0xc0, .cdw2 = 1 },      { .opcode = 0xc0, .cdw3 = 1 },
		{ .opcode = 0xc0, .mptr = 0x1000 }, { .opcode = 0xc0, .cdw14 = 1 },
		{ .opcode = 0xc0, .cdw15 = 1 },
	};
	struct nvio_completion done;
	struct bench b;

	setup(&b, 4);
	for (unsigned int i = 0; i < 3 * sizeof(spoilers) / sizeof(*spoilers); i++) {
		const struct nvio_sqe *sqe;

		/* From each place of the ring, and twice before the last one's are all gone. */
		CU_ASSERT_EQUAL(nvio_command_post(&b.qpair, &spoilers[i % 5], 0, 1), 0);
		CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 1);
		sqe = fetch(&b);
		CU_ASSERT_TRUE(is_spoilt(sqe));
		complete(&b, sqe->cid, 0, 0);
		CU_ASSERT_EQUAL(nvio_poll(&b.qpair, &done, 1), 1);
		for (unsigned int n = 1; n <= (i % 2 ? 2u : 12u); n++)
			CU_ASSERT_FALSE(read_spoilt(&b));
	}
	teardown(&b);
}

static void refuses_bad_requests(void)
{
	struct bench b;
	struct nvio_ctrl other;
	char *outside =
		mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	setup(&b, 4);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 0, 0, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 1000, 1, 0, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 999, 2, 0, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, UINT64_MAX, 1, 0, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, UINT64_MAX, 2, 0, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf + 2, 0, 1, 0, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 512, 1), -EINVAL);
	/* A namespace of another controller. */
	b.ns.ctrl = &other;
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_flush(&b.qpair, &b.ns, 1), -EINVAL);
	b.ns.ctrl = &b.ctrl;
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, outside, 0, 1, 0, 1), -EFAULT);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, NULL, 0, 1, 0, 1), -EFAULT);
	/* Read-only to the device: it may be written from, not read into. */
	CU_ASSERT_EQUAL(nvio_mem_register(b.iommu, outside, 4096, NVIO_DMA_READ), 0);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, outside, 0, 1, 0, 1), -EFAULT);
	CU_ASSERT_EQUAL(nvio_write(&b.qpair, &b.ns, outside, 0, 1, 0, 1), 0);
	/* The second page is not registered. */
	CU_ASSERT_EQUAL(nvio_write(&b.qpair, &b.ns, outside, 0, 2, 0, 1), -EFAULT);
	CU_ASSERT_EQUAL(nvio_write(&b.qpair, &b.ns, outside + 4, 0, 1, 0, 1), -EFAULT);
	b.ns.info.metadata_len = 8;
	nvio_ns_prepare(&b.ns);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 1);
	CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 1);
	teardown(&b);
	munmap(outside, 8192);
}

static void never_overfills(void)
{
	struct bench b;
	struct nvio_completion done[8];

	setup(&b, 3);
	for (uint64_t i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, i), 0);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, 3), -EAGAIN);
	CU_ASSERT_EQUAL(nvio_flush(&b.qpair, &b.ns, 3), -EAGAIN);
	CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 3);
	complete(&b, fetch(&b)->cid, 0, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 8), 1);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, 3), 0);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, 4), -EAGAIN);
	teardown(&b);
}

static void rings_once_per_batch(void)
{
	struct bench b;
	struct nvio_completion done[8];

	setup(&b, 8);
	b.sq_doorbell = b.cq_doorbell = DOORBELL_UNTOUCHED;
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 8), 0);
	CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 0);
	CU_ASSERT_EQUAL(b.sq_doorbell, DOORBELL_UNTOUCHED);
	CU_ASSERT_EQUAL(b.cq_doorbell, DOORBELL_UNTOUCHED);
	for (uint64_t i = 0; i < 5; i++)
		nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, i);
	CU_ASSERT_EQUAL(b.sq_doorbell, DOORBELL_UNTOUCHED);
	/* Polling submits what is pending. */
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 8), 0);
	CU_ASSERT_EQUAL(b.sq_doorbell, 5);
	CU_ASSERT_EQUAL(b.cq_doorbell, DOORBELL_UNTOUCHED);
	for (int i = 0; i < 5; i++)
		complete(&b, fetch(&b)->cid, 0, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 2), 2);
	CU_ASSERT_EQUAL(b.cq_doorbell, 2);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 8), 3);
	CU_ASSERT_EQUAL(b.cq_doorbell, 5);
	teardown(&b);
}

/* The completion doorbell may wait for some polls, and the ring never fills over it. */
static void rings_late(void)
{
	struct bench b;
	struct nvio_completion done[4];
	int wrong = 0, rung = 0;

	setup_lagging(&b, 2, 5);
	CU_ASSERT_EQUAL(b.qpair.cq_entries, 8);
	for (int i = 0; i < 100; i++) {
		uint16_t unseen;

		b.cq_doorbell = DOORBELL_UNTOUCHED;
		nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, 1);
		nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, 2);
		nvio_submit(&b.qpair);
		complete(&b, fetch(&b)->cid, 0, 0);
		complete(&b, fetch(&b)->cid, 0, 0);
		wrong += nvio_poll(&b.qpair, done, 4) != 2;
		unseen = (uint16_t)(b.qpair.stats.completed - b.qpair.cq_rung);
		wrong += unseen > 5;
		if (b.cq_doorbell != DOORBELL_UNTOUCHED) {
			rung++;
			wrong += b.cq_doorbell != b.posted || unseen;
		}
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(rung, 33);
	teardown(&b);
}

/* One round: @nr commands in, completed in random order, all out again. Returns what is wrong. */
static int one_round(struct bench *b, int nr, uint64_t *next)
{
	struct nvio_completion done[64];
	uint16_t cids[64];
	uint64_t sum = 0;
	int wrong = 0, got = 0;

	for (int i = 0; i < nr; i++) {
		sum += *next;
		wrong += nvio_read(&b->qpair, &b->ns, b->buf, 5, 1, 0, (*next)++) != 0;
	}
	wrong += nvio_submit(&b->qpair) != nr;
	for (int i = 0; i < nr; i++) {
		const struct nvio_sqe *sqe = fetch(b);

		wrong += !sqe || sqe->cdw10 != 5;
		cids[i] = sqe ? sqe->cid : 0;
	}
	wrong += fetch(b) != NULL;
	for (int i = nr; i > 0; i--) {
		int pick = rand() % i;

		complete(b, cids[pick], 0, 0);
		cids[pick] = cids[i - 1];
	}
	while (got < nr) {
		int n = nvio_poll(&b->qpair, done, 1 + rand() % 64);

		if (n <= 0)
			return wrong + 1;
		for (int i = 0; i < n; i++)
			sum -= done[i].user_data;
		got += n;
	}
	return wrong + (sum != 0) + (got != nr) + (nvio_qpair_outstanding(&b->qpair) != 0);
}

/* Every depth up to 40 with every batch size: each offset of the rings is a place where they wrap.
 */
static void wraps_at_every_offset(void)
{
	int wrong = 0;

	srand(3);
	for (uint16_t depth = 1; depth <= 40; depth++) {
		struct bench b;
		uint64_t next = 1;

		setup_lagging(&b, depth, depth % 3);
		for (int nr = 1; nr <= depth; nr++) {
			for (int i = 0; i < 2 * b.qpair.cq_entries; i++)
				wrong += one_round(&b, nr, &next);
		}
		teardown(&b);
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

static void waits_with_a_deadline(void)
{
	struct bench b;
	struct nvio_completion done[4];

	setup(&b, 4);
	CU_ASSERT_EQUAL(nvio_wait(&b.qpair, done, 1, 4, 1000), 0);
	CU_ASSERT_EQUAL(nvio_wait(&b.qpair, done, 5, 4, 1000), -EINVAL);
	CU_ASSERT_EQUAL(nvio_wait(&b.qpair, done, 0, 4, 1000), -EINVAL);
	nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, 1);
	nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, 2);
	CU_ASSERT_EQUAL(nvio_wait(&b.qpair, done, 1, 4, 100000), -ETIMEDOUT);
	complete(&b, fetch(&b)->cid, 0, 0);
	CU_ASSERT_EQUAL(nvio_wait(&b.qpair, done, 2, 4, 100000), 1);
	complete(&b, fetch(&b)->cid, 0, 0);
	CU_ASSERT_EQUAL(nvio_wait(&b.qpair, done, 4, 4, -1), 1);
	CU_ASSERT_EQUAL(done[0].user_data, 2);
	teardown(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "builds commands", builds_commands },
		{ "slots are clean", slots_are_clean },
		{ "refuses bad requests", refuses_bad_requests },
		{ "never overfills", never_overfills },
		{ "rings once per batch", rings_once_per_batch },
		{ "rings the completion doorbell late", rings_late },
		{ "wraps at every offset", wraps_at_every_offset },
		{ "waits with a deadline", waits_with_a_deadline },
	};

	return tap_run("qpair", tests, sizeof(tests) / sizeof(tests[0]));
}
