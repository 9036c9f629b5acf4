/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Priorities of queue pairs from end to end: who comes first is seen in the data that both write to
 * the same blocks while the controller stands still, and what makes no sense is refused.
 */
#include <stdio.h>

#include "stack.h"

#define GET_FEATURES 0x0a
#define ARBITRATION  0x01

static struct nvio_ctrl_opts weighted(void)
{
	struct nvio_ctrl_opts opts = stack_opts();

	opts.arbitration = NVIO_WEIGHTED;
	return opts;
}

static struct nvio_qpair *qpair_of(struct nvio_ctrl *ctrl, enum nvio_priority priority)
{
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;
	struct nvio_qpair *qpair = NULL;

	opts.priority = (uint8_t)priority;
	opts.depth = STACK_BUFS;
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_create(ctrl, &opts, &qpair), 0);
	return qpair;
}

static void write_all(struct nvio_qpair *qpair, struct nvio_ns *ns, const uint8_t *buf)
{
	for (uint64_t i = 0; i < STACK_BUFS; i++)
		CU_ASSERT_EQUAL(nvio_write(qpair, ns, buf, i, 1, 0, i), 0);
	CU_ASSERT_EQUAL(nvio_submit(qpair), (int)STACK_BUFS);
}

static void wait_all(struct nvio_qpair *qpair)
{
	struct nvio_completion done[STACK_BUFS];

	CU_ASSERT_EQUAL(nvio_wait(qpair, done, STACK_BUFS, STACK_BUFS, 5 * SECOND), STACK_BUFS);
	for (unsigned int i = 0; i < STACK_BUFS; i++)
		CU_ASSERT_EQUAL(done[i].status, 0);
}

/* Whose data is left: who wrote last, the first or the second of two queue pairs. 0: both. */
static unsigned int last_writer(const struct daemon *d, struct nvio_ctrl *ctrl,
				enum nvio_priority first, enum nvio_priority second)
{
	struct nvio_qpair *a = qpair_of(ctrl, first), *b = qpair_of(ctrl, second);
	struct nvio_ns *ns = nvio_ctrl_ns(ctrl, 1);
	uint8_t *bufs = nvio_alloc(nvio_ctrl_iommu(ctrl), (STACK_BUFS + 2) * BLOCK, BLOCK);
	unsigned int of_first = 0, of_second = 0;
	struct nvio_completion done;

	CU_ASSERT_FATAL(ns && bufs);
	memset(bufs, 1, BLOCK);
	memset(bufs + BLOCK, 2, BLOCK);
	daemon_do(d, "stall");
	write_all(a, ns, bufs);
	write_all(b, ns, bufs + BLOCK);
	daemon_do(d, "clear");
	wait_all(a);
	wait_all(b);
	CU_ASSERT_EQUAL(nvio_read(a, ns, bufs + 2 * BLOCK, 0, STACK_BUFS, 0, 0), 0);
	CU_ASSERT_EQUAL(nvio_wait(a, &done, 1, 1, 5 * SECOND), 1);
	for (unsigned int i = 2; i < STACK_BUFS + 2; i++) {
		of_first += !stack_is_not(bufs + i * BLOCK, 1);
		of_second += !stack_is_not(bufs + i * BLOCK, 2);
	}
	CU_ASSERT_EQUAL(of_first + of_second, STACK_BUFS);
	nvio_qpair_free(a);
	nvio_qpair_free(b);
	nvio_free(nvio_ctrl_iommu(ctrl), bufs);
	return of_first == STACK_BUFS ? 1 : of_second == STACK_BUFS ? 2 : 0;
}

static void urgent_comes_first(void)
{
	struct nvio_ctrl_opts opts = weighted();
	struct nvio_ctrl *ctrl = NULL;
	struct daemon d;

	daemon_start(&d, NULL);
	CU_ASSERT_EQUAL_FATAL(nvio_ctrl_open(d.name, &opts, &ctrl), 0);
	CU_ASSERT_EQUAL(last_writer(&d, ctrl, NVIO_PRIORITY_URGENT, NVIO_PRIORITY_LOW), 2);
	CU_ASSERT_EQUAL(last_writer(&d, ctrl, NVIO_PRIORITY_LOW, NVIO_PRIORITY_URGENT), 1);
	CU_ASSERT_EQUAL(last_writer(&d, ctrl, NVIO_PRIORITY_HIGH, NVIO_PRIORITY_URGENT), 1);
	CU_ASSERT_EQUAL(last_writer(&d, ctrl, NVIO_PRIORITY_URGENT, NVIO_PRIORITY_DEFAULT), 2);
	nvio_ctrl_close(ctrl);
	daemon_stop(&d);
}

/* With a weight for more than there are the class is done at once, in whichever order they are. */
static void weights_count(void)
{
	struct nvio_ctrl_opts opts = weighted();
	struct nvio_ctrl *ctrl = NULL;
	struct daemon d;

	opts.weights[0] = STACK_BUFS;
	opts.weights[1] = 1;
	daemon_start(&d, NULL);
	CU_ASSERT_EQUAL_FATAL(nvio_ctrl_open(d.name, &opts, &ctrl), 0);
	CU_ASSERT_EQUAL(last_writer(&d, ctrl, NVIO_PRIORITY_DEFAULT, NVIO_PRIORITY_HIGH), 1);
	CU_ASSERT_EQUAL(last_writer(&d, ctrl, NVIO_PRIORITY_HIGH, NVIO_PRIORITY_MEDIUM), 2);
	nvio_ctrl_close(ctrl);
	daemon_stop(&d);
}

/* The feature as the controller has it after opening with these. */
static uint32_t feature(const char *device, const struct nvio_ctrl_opts *opts)
{
	struct nvio_sqe get = { .opcode = GET_FEATURES, .cdw10 = ARBITRATION };
	struct nvio_ctrl *ctrl = NULL;
	uint32_t value = 0;

	CU_ASSERT_EQUAL_FATAL(nvio_ctrl_open(device, opts, &ctrl), 0);
	CU_ASSERT_EQUAL(nvio_admin(ctrl, &get, NULL, 0, &value), 0);
	nvio_ctrl_close(ctrl);
	return value;
}

static void tells_weights_and_burst(void)
{
	struct nvio_ctrl_opts opts = weighted();

	/* The controller's own burst is 64, its weights are 1. */
	CU_ASSERT_EQUAL(feature("emu:", &opts), 6);
	opts.weights[0] = 256;
	opts.weights[2] = 3;
	CU_ASSERT_EQUAL(feature("emu:", &opts), 0xff000206);
	opts.weights[1] = 17;
	opts.burst = 1;
	CU_ASSERT_EQUAL(feature("emu:", &opts), 0xff100200);
	opts = stack_opts();
	opts.burst = 16;
	CU_ASSERT_EQUAL(feature("emu:wrr=off", &opts), 4);
	opts.burst = NVIO_NO_BURST_LIMIT;
	CU_ASSERT_EQUAL(feature("emu:", &opts), 7);
}

static void refused(const char *options, const struct nvio_ctrl_opts *opts, int err,
		    const char *text)
{
	CU_ASSERT_EQUAL(stack_try(options, opts), err);
	CU_ASSERT_PTR_NOT_NULL(strstr(nvio_last_error(), text));
	if (!strstr(nvio_last_error(), text))
		printf("# not \"%s\": %s\n", text, nvio_last_error());
}

static void refuses_what_makes_no_sense(void)
{
	struct nvio_ctrl_opts opts = weighted();
	struct nvio_qpair_opts qpair_opts = NVIO_QPAIR_OPTS;
	struct nvio_qpair *qpair;
	struct stack s;

	refused("wrr=off", &opts, -ENOTSUP, "has no weighted round robin arbitration");
	opts.weights[1] = 257;
	refused("", &opts, -EINVAL, "weight 257: not one of 1 to 256");
	opts.weights[1] = 0;
	opts.burst = 3;
	refused("", &opts, -EINVAL, "burst 3: not a power of two up to 64");
	opts.burst = 128;
	refused("", &opts, -EINVAL, "burst 128: not a power of two up to 64");
	opts.burst = 0;
	opts.arbitration = 2;
	refused("", &opts, -EINVAL, "arbitration 2: not one of");
	opts = stack_opts();
	opts.weights[2] = 1;
	refused("", &opts, -EINVAL, "weights are for arbitration NVIO_WEIGHTED only");
	stack_open(&s, "", NULL);
	qpair_opts.priority = NVIO_PRIORITY_MEDIUM;
	CU_ASSERT_EQUAL(nvio_qpair_create(s.ctrl, &qpair_opts, &qpair), -ENOTSUP);
	CU_ASSERT_PTR_NOT_NULL(strstr(nvio_last_error(), "opened with arbitration NVIO_WEIGHTED"));
	qpair_opts.priority = 5;
	CU_ASSERT_EQUAL(nvio_qpair_create(s.ctrl, &qpair_opts, &qpair), -EINVAL);
	stack_close(&s);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "urgent comes first", urgent_comes_first },
		{ "weights count", weights_count },
		{ "tells weights and burst", tells_weights_and_burst },
		{ "refuses what makes no sense", refuses_what_makes_no_sense },
	};

	return tap_run("arbitration", tests, sizeof(tests) / sizeof(tests[0]));
}
