/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A controller in use; see stack.h.
 */
#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "stack.h"

#define GUARD 0x5a

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec;
}

struct nvio_ctrl_opts stack_opts(void)
{
	struct nvio_ctrl_opts opts = NVIO_CTRL_OPTS;

	opts.admin_timeout_ms = 2000;
	opts.ready_timeout_ms = 2000;
	return opts;
}

static int open_ctrl(const char *options, const struct nvio_ctrl_opts *opts,
		     struct nvio_ctrl **ctrl)
{
	char name[256];

	snprintf(name, sizeof(name), "%s%s", strchr(options, ':') ? "" : "emu:lba=4096,size=16M,",
		 options);
	return nvio_ctrl_open(name, opts, ctrl);
}

int stack_try(const char *options, const struct nvio_ctrl_opts *opts)
{
	struct nvio_ctrl *ctrl;
	int err = open_ctrl(options, opts, &ctrl);

	if (!err)
		nvio_ctrl_close(ctrl);
	return err;
}

struct nvio_qpair_opts stack_by_interrupt(void)
{
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;

	opts.interrupts = true;
	return opts;
}

bool stack_is_readable(struct nvio_qpair *qpair, int timeout_ms)
{
	struct pollfd fd = { .fd = nvio_qpair_fd(qpair), .events = POLLIN };

	return poll(&fd, 1, timeout_ms) == 1 && fd.revents == POLLIN;
}

void stack_open(struct stack *s, const char *options, const struct nvio_qpair_opts *qpair_opts)
{
	struct nvio_ctrl_opts opts = stack_opts();

	stack_open_with(s, options, &opts, qpair_opts);
}

void stack_open_plain(struct stack *s, const char *options,
		      const struct nvio_qpair_opts *qpair_opts)
{
	struct nvio_ctrl_opts opts = stack_opts();

	opts.no_recovery = true;
	stack_open_with(s, options, &opts, qpair_opts);
}

void stack_open_with(struct stack *s, const char *options, const struct nvio_ctrl_opts *opts,
		     const struct nvio_qpair_opts *qpair_opts)
{
	struct nvio_ns_info info;
	int err = open_ctrl(options, opts, &s->ctrl);

	if (err)
		printf("# %s: %s\n", options, nvio_last_error());
	CU_ASSERT_EQUAL_FATAL(err, 0);
	s->ns = nvio_ctrl_ns(s->ctrl, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->ns);
	nvio_ns_get_info(s->ns, &info, sizeof(info));
	CU_ASSERT_EQUAL_FATAL(info.block_len, BLOCK);
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_create(s->ctrl, qpair_opts, &s->qpair), 0);
	s->bufs = nvio_alloc(nvio_ctrl_iommu(s->ctrl), (size_t)(STACK_BUFS + 2) * BLOCK, BLOCK);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->bufs);
	memset(s->bufs, GUARD, (size_t)(STACK_BUFS + 2) * BLOCK);
}

void stack_close(struct stack *s)
{
	stack_check_bounds(s);
	nvio_ctrl_close(s->ctrl);
}

void stack_close_within(struct stack *s, int64_t ns)
{
	uint64_t start = now_ns();

	stack_close(s);
	CU_ASSERT(now_ns() - start < (uint64_t)ns);
}

uint8_t *stack_buf(struct stack *s, unsigned int i)
{
	return s->bufs + (size_t)(i + 1) * BLOCK;
}

static uint8_t pattern(uint64_t block, unsigned int i)
{
	return (uint8_t)(block * 31 + i * 7 + i / 256 + 1);
}

void stack_fill(uint8_t *buf, uint64_t block)
{
	for (unsigned int i = 0; i < BLOCK; i++)
		buf[i] = pattern(block, i);
}

unsigned int stack_differs(const uint8_t *buf, uint64_t block)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < BLOCK; i++)
		nr += buf[i] != pattern(block, i);
	return nr;
}

unsigned int stack_is_not(const uint8_t *buf, uint8_t value)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < BLOCK; i++)
		nr += buf[i] != value;
	return nr;
}

void stack_check_bounds(const struct stack *s)
{
	CU_ASSERT_EQUAL(stack_is_not(s->bufs, GUARD), 0);
	CU_ASSERT_EQUAL(stack_is_not(s->bufs + (size_t)(STACK_BUFS + 1) * BLOCK, GUARD), 0);
}

void stack_write_all(struct stack *s)
{
	struct nvio_completion done[STACK_BUFS];

	for (unsigned int i = 0; i < STACK_BUFS; i++) {
		stack_fill(stack_buf(s, i), i);
		CU_ASSERT_EQUAL(nvio_write(s->qpair, s->ns, stack_buf(s, i), i, 1, 0, i), 0);
	}
	CU_ASSERT_EQUAL_FATAL(nvio_wait(s->qpair, done, STACK_BUFS, STACK_BUFS, 2 * SECOND),
			      STACK_BUFS);
	for (unsigned int i = 0; i < STACK_BUFS; i++)
		CU_ASSERT_EQUAL(done[i].status, 0);
	memset(stack_buf(s, 0), 0xee, (size_t)STACK_BUFS * BLOCK);
}

void stack_read(struct stack *s, unsigned int first, unsigned int last)
{
	for (unsigned int i = first; i <= last; i++)
		CU_ASSERT_EQUAL(nvio_read(s->qpair, s->ns, stack_buf(s, i), i, 1, 0, i), 0);
	CU_ASSERT_EQUAL(nvio_submit(s->qpair), (int)(last - first + 1));
}

void stack_expect(struct stack *s, unsigned int first, unsigned int last, int nr)
{
	struct nvio_completion done[STACK_BUFS];
	bool seen[STACK_BUFS] = { false };

	CU_ASSERT_EQUAL_FATAL(nvio_wait(s->qpair, done, nr, nr, 20 * SECOND), nr);
	for (int i = 0; i < nr; i++) {
		uint64_t block = done[i].user_data;

		CU_ASSERT_FATAL(block >= first && block <= last && !seen[block]);
		seen[block] = true;
		CU_ASSERT_EQUAL(done[i].status, 0);
		CU_ASSERT_EQUAL(stack_differs(stack_buf(s, (unsigned int)block), block), 0);
	}
}

int stack_read_one(struct stack *s, unsigned int block)
{
	struct nvio_completion done;
	int n;

	stack_read(s, block, block);
	n = nvio_wait(s->qpair, &done, 1, 1, 20 * SECOND);
	if (n < 0)
		return n;
	CU_ASSERT_EQUAL(n, 1);
	CU_ASSERT_EQUAL(done.user_data, block);
	return done.status;
}
