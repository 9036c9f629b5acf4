/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A queue pair whose controller writes anything into the completion queue.
 *
 * The input queues commands, polls, and completes: as a controller does, with any identifier, or by
 * any bytes at any place of the ring. What a poll returns has to be a command that is outstanding,
 * once; the counts add up; nothing behind what it returns is written; and a queue pair that has
 * failed stays so.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "qpair_bench.h"
#include "fuzz.h"

#define DEPTH_MAX  24u
#define LAG_MAX    32u
#define DONE_MAX   40
#define STEPS      400u
#define UNTOUCHED  0x5a
#define BLOCKS_MAX 300u /* a command takes less, a namespace has more */

static struct {
	struct fuzz_input in;
	struct bench bench;
	bool outstanding[STEPS]; /* by the number of the step that queued it, its user_data */
	uint16_t cids[DEPTH_MAX + 1]; /* of commands that the controller has fetched */
	unsigned int nr_cids;
	unsigned int nr_outstanding;
	unsigned int depth;
	bool failed;
} f;

/* The address space and its buffer serve all inputs: they take longer to make than an input. */
static void begin(void)
{
	uint16_t depth = (uint16_t)(1 + fuzz_below(&f.in, DEPTH_MAX));
	uint16_t lag = (uint16_t)fuzz_below(&f.in, LAG_MAX + 1);

	if (!f.bench.iommu)
		setup_lagging(&f.bench, depth, lag);
	else
		renew(&f.bench, depth, lag);
	memset(f.outstanding, 0, sizeof(f.outstanding));
	f.nr_cids = 0;
	f.nr_outstanding = 0;
	f.depth = depth;
	f.failed = false;
}

static void check_doorbells(void)
{
	fuzz_check(f.bench.sq_doorbell <= f.depth);
	fuzz_check(f.bench.cq_doorbell <= f.depth + LAG_MAX);
	fuzz_check(nvio_qpair_outstanding(&f.bench.qpair) == f.nr_outstanding);
}

static void queue(unsigned int number)
{
	struct bench *b = &f.bench;
	char *buf = b->buf + fuzz_u16(&f.in);
	uint64_t slba = fuzz_u16(&f.in);
	uint32_t nr = fuzz_below(&f.in, BLOCKS_MAX);
	int ret;

	if (slba == 0xffff)
		ret = nvio_flush(&b->qpair, &b->ns, number);
	else if (slba & 1)
		ret = nvio_read(&b->qpair, &b->ns, buf, slba / 16, nr, 0, number);
	else
		ret = nvio_write(&b->qpair, &b->ns, buf, slba / 16, nr, 0, number);
	fuzz_check(ret <= 0);
	if (f.failed)
		fuzz_check(ret && ret != -EAGAIN);
	else if (f.nr_outstanding == f.depth)
		fuzz_check(ret == -EAGAIN);
	if (ret)
		return;
	f.outstanding[number] = true;
	f.nr_outstanding++;
}

/* The controller takes what the doorbell covers. */
static void fetch_all(void)
{
	const struct nvio_sqe *sqe;

	while ((sqe = fetch(&f.bench))) {
		if (f.nr_cids < DEPTH_MAX)
			f.cids[f.nr_cids++] = sqe->cid;
	}
}

static void submit(void)
{
	int ret = nvio_submit(&f.bench.qpair);

	fuzz_check(ret <= (int)f.depth);
	fetch_all();
}

static void take(const struct nvio_completion *done, int n)
{
	for (int i = 0; i < n; i++) {
		fuzz_check(done[i].user_data < STEPS && f.outstanding[done[i].user_data]);
		f.outstanding[done[i].user_data] = false;
		f.nr_outstanding--;
	}
}

static void poll_some(bool wait)
{
	struct nvio_completion done[DONE_MAX + 1];
	const uint8_t *bytes = (const uint8_t *)done;
	int max = 1 + (int)fuzz_below(&f.in, DONE_MAX);
	int n;

	memset(done, UNTOUCHED, sizeof(done));
	if (wait)
		n = nvio_wait(&f.bench.qpair, done, 1, max, 0);
	else
		n = nvio_poll(&f.bench.qpair, done, max);
	fuzz_check(n <= max);
	if (f.failed)
		fuzz_check(n < 0 || (wait && !f.nr_outstanding));
	take(done, n);
	for (size_t i = n > 0 ? (size_t)n * sizeof(*done) : 0; i < sizeof(done); i++)
		fuzz_check(bytes[i] == UNTOUCHED);
	f.failed |= n < 0 && n != -ETIMEDOUT;
	fetch_all();
}

/* As a controller does it, for a command that it has. */
static void complete_one(void)
{
	unsigned int idx;
	uint16_t status = fuzz_u8(&f.in) < 0xf0 ? 0 : fuzz_u16(&f.in);

	if (!f.nr_cids)
		return;
	idx = fuzz_below(&f.in, f.nr_cids);
	complete(&f.bench, f.cids[idx], status & 0x7fff, 0);
	f.cids[idx] = f.cids[--f.nr_cids];
}

static void overwrite(void)
{
	struct nvio_cqe *cqe = &f.bench.qpair.cq[fuzz_u8(&f.in) % f.bench.qpair.cq_entries];

	fuzz_bytes(&f.in, cqe, sizeof(*cqe));
}

static void next_step(unsigned int number)
{
	switch (fuzz_below(&f.in, 10)) {
	case 0:
		complete(&f.bench, fuzz_u16(&f.in), 0, 0);
		break;
	case 1:
		overwrite();
		break;
	case 2:
		submit();
		break;
	case 3:
		poll_some(true);
		break;
	case 4:
	case 5:
		poll_some(false);
		break;
	case 6:
	case 7:
		complete_one();
		break;
	default:
		queue(number);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	f.in = (struct fuzz_input){ data, len };
	begin();
	for (unsigned int i = 0; i < STEPS && f.in.len; i++) {
		next_step(i);
		check_doorbells();
	}
	return 0;
}
