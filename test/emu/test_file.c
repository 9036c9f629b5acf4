/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A namespace in a file that is cut off while the controller in this very process serves it: each
 * command gets a status, and the process no signal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "stack.h"

static void cut_off_while_served(void)
{
	char path[] = "/dev/shm/emu-file-XXXXXX", options[64];
	struct nvio_completion done[STACK_BUFS];
	unsigned int failed = 0;
	struct stack s;

	close(mkstemp(path));
	snprintf(options, sizeof(options), "file=%s", path);
	stack_open(&s, options, NULL);
	stack_write_all(&s);
	CU_ASSERT_EQUAL(stack_read_one(&s, 5), 0);
	CU_ASSERT_EQUAL(truncate(path, 8 * BLOCK), 0);
	stack_read(&s, 0, 15);
	CU_ASSERT_EQUAL(nvio_wait(s.qpair, done, 16, 16, 2 * SECOND), 16);
	for (unsigned int i = 0; i < 16; i++) {
		CU_ASSERT_EQUAL(done[i].status, done[i].user_data < 8 ? 0 : READ_ERROR);
		failed += done[i].status != 0;
	}
	CU_ASSERT_EQUAL(failed, 8);
	for (unsigned int i = 0; i < 8; i++)
		CU_ASSERT_EQUAL(stack_differs(stack_buf(&s, i), i), 0);
	CU_ASSERT_EQUAL(truncate(path, 0), 0);
	CU_ASSERT_EQUAL(stack_read_one(&s, 0), READ_ERROR);
	/* What is written is there again. */
	stack_write_all(&s);
	stack_read(&s, 0, 15);
	stack_expect(&s, 0, 15, 16);
	stack_close(&s);
	/* And kept; but a file that is too short is not taken. */
	CU_ASSERT_EQUAL(stack_try(options, NULL), -EINVAL);
	CU_ASSERT_EQUAL(truncate(path, 16 << 20), 0);
	stack_open(&s, options, NULL);
	CU_ASSERT_EQUAL(stack_read_one(&s, 15), 0);
	CU_ASSERT_EQUAL(stack_differs(stack_buf(&s, 15), 15), 0);
	stack_close(&s);
	unlink(path);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "cut off while served", cut_off_while_served },
	};

	return tap_run("file", tests, sizeof(tests) / sizeof(tests[0]));
}
