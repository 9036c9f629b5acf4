/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The I/O path of the whole stack makes no allocation, and no system call but for one look after
 * the device every half second: on the software controller, whose thread may do what it likes.
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include <nvio/nvio.h>

#include "quiet.h"
#include "tap.h"

#define BLOCK      512u
#define LEN        (1u << 20)
#define NR_KINDS   9u
#define ROUNDS     4000u
#define SECONDS    2
#define READ_ERROR 0x281u

/* What poll() is made of: newer architectures have no call of its own for it. */
#ifdef SYS_poll
#define POLL SYS_poll
#else
#define POLL SYS_ppoll
#endif

struct stack {
	struct nvio_ctrl *ctrl;
	struct nvio_ns *ns;
	struct nvio_qpair *qpair;
	char *buf;
	struct iovec pieces[3];
};

static void open_stack(struct stack *s)
{
	struct nvio_iommu *iommu;

	CU_ASSERT_EQUAL_FATAL(nvio_ctrl_open("emu:size=64M,mdts=5", NULL, &s->ctrl), 0);
	s->ns = nvio_ctrl_ns(s->ctrl, 1);
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_create(s->ctrl, NULL, &s->qpair), 0);
	iommu = nvio_ctrl_iommu(s->ctrl);
	s->buf = nvio_alloc(iommu, LEN, 4096);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->buf);
	memset(s->buf, 0x5a, LEN);
	s->pieces[0] = (struct iovec){ s->buf + 100, 1000 };
	s->pieces[1] = (struct iovec){ NULL, 48 };
	s->pieces[2] = (struct iovec){ s->buf + 70000, 2048 - 1048 };
}

static int of_blocks(struct stack *s, uint8_t opcode, uint64_t slba, uint32_t nr)
{
	struct nvio_io io = NVIO_IO;

	io.opcode = opcode;
	io.slba = slba;
	io.nr_blocks = nr;
	return nvio_io(s->qpair, s->ns, &io, 0);
}

/* A request of the kind whose turn it is; reads of block 0 fail. */
static int queue(struct stack *s, unsigned int kind)
{
	const struct nvio_range range = { 5000, 64, 0 };

	switch (kind) {
	case 0:
		return nvio_read(s->qpair, s->ns, s->buf, 8, 1, 0, 0);
	case 1:
		return nvio_write(s->qpair, s->ns, s->buf, 8, 8, NVIO_IO_FUA, 0);
	case 2:
		return nvio_read(s->qpair, s->ns, s->buf + 4, 100, 64, 0, 0);
	case 3:
		/* Several commands. */
		return nvio_write(s->qpair, s->ns, s->buf, 1000, LEN / BLOCK, 0, 0);
	case 4:
		return nvio_readv(s->qpair, s->ns, s->pieces, 3, 50, 4, 0, 0);
	case 5:
		return nvio_dsm(s->qpair, s->ns, &range, 1, NVIO_DSM_DEALLOCATE, 0);
	case 6:
		return of_blocks(s, NVIO_OP_WRITE_ZEROES, 6000, 100);
	case 7:
		return nvio_flush(s->qpair, s->ns, 0);
	default:
		return nvio_read(s->qpair, s->ns, s->buf, 0, 1, 0, READ_ERROR);
	}
}

/* Takes completions; each has the status that was asked for. */
static int reap(struct stack *s)
{
	struct nvio_completion done[16];
	int n = nvio_poll(s->qpair, done, 16);

	for (int i = 0; i < n; i++)
		if ((done[i].status & 0x7ff) != done[i].user_data)
			return -1;
	return n;
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Everything, for so long and so often. */
static void run_all(struct stack *s, struct quiet *quiet)
{
	const double start = seconds();
	unsigned long queued = 0;

	while (quiet->counted < ROUNDS || seconds() < start + SECONDS) {
		int n = queue(s, queued % NR_KINDS);

		if (n && n != -EAGAIN)
			return;
		queued += !n;
		n = reap(s);
		if (n < 0)
			return;
		quiet->counted += (unsigned int)n;
	}
	while (quiet->counted < queued) {
		int n = reap(s);

		if (n < 0)
			return;
		quiet->counted += (unsigned int)n;
	}
	quiet->done = true;
}

static void in_the_child(struct quiet *quiet, void *arg)
{
	static const int none[] = { -1 };
	struct nvio_completion done;
	struct stack s;

	(void)arg;
	open_stack(&s);
	of_blocks(&s, NVIO_OP_WRITE_UNCORRECTABLE, 0, 1);
	if (nvio_wait(s.qpair, &done, 1, 1, 10000000000) != 1 || done.status)
		return;
	quiet_begin(quiet, none);
	run_all(&s, quiet);
	/* Closing is loud. */
	if (!quiet_watches())
		nvio_ctrl_close(s.ctrl);
}

static void requests_of_all_kinds(void)
{
	const struct quiet *quiet = quiet_run(in_the_child, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(quiet);
	CU_ASSERT_TRUE(quiet->counted >= ROUNDS);
	/* Whether it is there, and whether it reports an error. */
	CU_ASSERT_EQUAL(quiet_calls_but(quiet, POLL), quiet->calls[SYS_read]);
	CU_ASSERT_TRUE(quiet->calls[SYS_read] <= 2 * SECONDS + 2);
	CU_ASSERT_TRUE(quiet->calls[POLL] <= 2 * SECONDS + 2);
	CU_ASSERT_TRUE(quiet->calls[POLL] > 0 || !quiet_watches());
	CU_ASSERT_EQUAL(quiet->allocations, 0);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "requests of all kinds", requests_of_all_kinds },
	};

	return tap_run("io_quiet", tests, sizeof(tests) / sizeof(tests[0]));
}
