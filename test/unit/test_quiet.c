/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The I/O path makes no system call and no allocation, whatever is asked of it: over plain memory,
 * under a filter of system calls and with counted allocations.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "path_bench.h"
#include "quiet.h"

#define PAGE       4096u
#define ROUNDS     20000u
#define READ_ERROR 0x281u
#define DNR        0x4000u

/* Memory of each kind. */
struct memory {
	char *registered;
	struct nvio_buffer *buffer;
	struct iovec pieces[4];
};

static void make_memory(struct bench *b, struct memory *m)
{
	m->registered = path_pages(8);
	nvio_mem_register(b->iommu, m->registered, 8 * PAGE, NVIO_DMA_RW);
	nvio_buffer_open(b->iommu, m->registered, 8 * PAGE, NVIO_DMA_RW, &m->buffer);
	for (int i = 0; i < 4; i++)
		m->pieces[i] = (struct iovec){ b->buf + 2 * i * PAGE, PAGE };
}

/* Queues a request of the kind whose turn it is. Returns what the call did. */
static int queue(struct bench *b, const struct memory *m, unsigned int turn)
{
	const struct nvio_range range = { 5, 6, 0 };
	const struct nvio_sqe cmd = { .opcode = 0x82 };
	struct nvio_io io = NVIO_IO;

	switch (turn % 12) {
	case 0:
		return nvio_read(&b->qpair, &b->ns, b->buf, turn, 1, 0, turn);
	case 1:
		return nvio_write(&b->qpair, &b->ns, b->buf, turn, 64, NVIO_IO_FUA, turn);
	case 2:
		return nvio_read(&b->qpair, &b->ns, m->registered, turn, 1, 0, turn);
	case 3:
		return nvio_write(&b->qpair, &b->ns, m->registered + 4, turn, 20, 0, turn);
	case 4:
		return nvio_read_buffer(&b->qpair, &b->ns, m->buffer, 512, turn, 8, 0, turn);
	case 5:
		return nvio_readv(&b->qpair, &b->ns, m->pieces, 4, turn, 32, 0, turn);
	case 6:
		/* Several commands. */
		return nvio_read(&b->qpair, &b->ns, b->buf, turn, 1000, 0, turn);
	case 7:
		io.opcode = NVIO_OP_WRITE_ZEROES;
		io.slba = turn;
		io.nr_blocks = 200000;
		return nvio_io(&b->qpair, &b->ns, &io, turn);
	case 8:
		return nvio_dsm(&b->qpair, &b->ns, &range, 1, NVIO_DSM_DEALLOCATE, turn);
	case 9:
		return nvio_passthrough(&b->qpair, &cmd, m->pieces, 4, NULL, 0, 0, turn);
	case 10:
		return nvio_compare_and_write(&b->qpair, &b->ns, b->buf, b->buf, turn * 24, 8, 0,
					      turn);
	default:
		return nvio_flush(&b->qpair, &b->ns, turn);
	}
}

/* A controller that lets every fifth command fail, every other of them for good. */
static void serve(struct bench *b, unsigned int *served)
{
	for (const struct nvio_sqe *sqe; (sqe = fetch(b)); ++*served)
		complete(b, sqe->cid,
			 *served % 10 == 4   ? READ_ERROR
			 : *served % 10 == 9 ? READ_ERROR | DNR
					     : 0,
			 0);
}

/* Requests of all kinds; as many as fit at once, and some that are refused. */
static void run_all(struct bench *b, const struct memory *m, struct quiet *quiet)
{
	struct nvio_completion done[8];
	unsigned int queued = 0, served = 0;

	while (quiet->counted < ROUNDS && queued < ROUNDS + 64) {
		int ret = queue(b, m, queued);

		if (!ret)
			queued++;
		else if (ret != -EAGAIN)
			return;
		/* Refused, with a sentence each. */
		if (queued % 64 == 0) {
			nvio_read(&b->qpair, &b->ns, b->buf, PATH_BLOCKS, 1, 0, 0);
			nvio_read(&b->qpair, &b->ns, b, 0, 1, 0, 0);
			nvio_read(&b->qpair, &b->ns, b->buf + 1, 0, 1, 0, 0);
		}
		if (ret || queued % 3 == 0) {
			nvio_submit(&b->qpair);
			serve(b, &served);
		}
		quiet->counted += (unsigned int)nvio_poll(&b->qpair, done, 8);
	}
	quiet->done = true;
}

/* The child has no DMA memory of its parent's: it makes all there is itself. */
static void in_the_child(struct quiet *quiet, void *arg)
{
	static const int none[] = { -1 };
	static struct bench b;
	struct memory m;

	path_setup(&b, arg);
	make_memory(&b, &m);
	quiet_begin(quiet, none);
	run_all(&b, &m, quiet);
}

static void check(struct path path)
{
	const struct quiet *quiet = quiet_run(in_the_child, &path);

	CU_ASSERT_PTR_NOT_NULL_FATAL(quiet);
	CU_ASSERT_TRUE(quiet->counted >= ROUNDS);
	CU_ASSERT_EQUAL(quiet_calls_but(quiet, -1), 0);
	CU_ASSERT_EQUAL(quiet->allocations, 0);
}

static void by_prps(void)
{
	check((struct path){ .max_transfer = 65536, .max_retries = 4, .depth = 32 });
	check((struct path){ .max_transfer = 65536, .max_retries = 4, .depth = 2 });
}

static void by_sgls_and_with_a_deadline(void)
{
	check((struct path){ .max_transfer = 65536,
			     .max_retries = 4,
			     .sgls = 1,
			     .boundary = 24,
			     .timeout_ms = 30000,
			     .depth = 32 });
}

static void is_loud(struct quiet *quiet, void *arg)
{
	static const int allowed[] = { SYS_getuid, -1 };

	(void)arg;
	quiet_begin(quiet, allowed);
	syscall(SYS_getppid);
	syscall(SYS_getuid);
	/* Volatile, so that the compiler does not do without. */
	free(*(void *volatile *)&(void *){ malloc(77) });
	quiet->done = true;
}

/* The watch itself: it sees what it should. */
static void the_watch_sees(void)
{
	const struct quiet *quiet = quiet_run(is_loud, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(quiet);
	CU_ASSERT_EQUAL(quiet->calls[SYS_getppid], quiet_watches());
	CU_ASSERT_EQUAL(quiet_calls_but(quiet, -1), quiet_watches());
	CU_ASSERT_EQUAL(quiet_calls_but(quiet, SYS_getppid), 0);
	CU_ASSERT_EQUAL(quiet->allocations, quiet_watches() ? 2 : 0);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "the watch sees", the_watch_sees },
		{ "by PRPs", by_prps },
		{ "by SGLs and with a deadline", by_sgls_and_with_a_deadline },
	};

	return tap_run("quiet", tests, sizeof(tests) / sizeof(tests[0]));
}
