/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shadow doorbells from end to end: data and accounting with them at several depths, with registers
 * that are mapped and that go by message, over queue pairs made anew and controllers begun again.
 */
#include <stdio.h>
#include <stdlib.h>

#include "stack.h"

/* Sanitizers and valgrind slow everything down tenfold and more. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CYCLES 100u
#else
#define CYCLES 1000u
#endif

/* So many of a thousand as tests are to do, which NVIO_TEST_CYCLES may say. */
static uint64_t share_of(uint64_t total)
{
	const char *asked = getenv("NVIO_TEST_CYCLES");

	return total * (asked ? strtoul(asked, NULL, 10) : CYCLES) / 1000;
}

static struct nvio_ctrl *open_with(const char *device, enum nvio_choice shadow)
{
	struct nvio_ctrl_opts opts = stack_opts();
	struct nvio_ctrl *ctrl = NULL;
	int err;

	opts.shadow_doorbells = shadow;
	err = nvio_ctrl_open(device, &opts, &ctrl);
	if (err)
		printf("# %s: %s\n", device, nvio_last_error());
	CU_ASSERT_EQUAL_FATAL(err, 0);
	return ctrl;
}

static bool has_shadow(const char *device, enum nvio_choice shadow)
{
	struct nvio_ctrl *ctrl = open_with(device, shadow);
	struct nvio_ctrl_info info;

	nvio_ctrl_get_info(ctrl, &info, sizeof(info));
	nvio_ctrl_close(ctrl);
	return info.shadow_doorbells;
}

static void chooses(void)
{
	struct nvio_ctrl_opts opts = stack_opts();

	CU_ASSERT_TRUE(has_shadow("emu:", NVIO_ON));
	CU_ASSERT_FALSE(has_shadow("emu:", NVIO_OFF));
	/* A doorbell that is mapped is memory in any case; one that goes by message is slow. */
	CU_ASSERT_FALSE(has_shadow("emu:", NVIO_AUTO));
	CU_ASSERT_TRUE(has_shadow("emu:mmap=off", NVIO_AUTO));
	CU_ASSERT_FALSE(has_shadow("emu:mmap=off", NVIO_OFF));
	CU_ASSERT_FALSE(has_shadow("emu:mmap=off,shadow=off", NVIO_AUTO));
	opts.shadow_doorbells = NVIO_ON;
	CU_ASSERT_EQUAL(stack_try("shadow=off", &opts), -ENOTSUP);
	CU_ASSERT_PTR_NOT_NULL(strstr(nvio_last_error(), "has no shadow doorbells"));
	opts.shadow_doorbells = 3;
	CU_ASSERT_EQUAL(stack_try("", &opts), -EINVAL);
}

/* A controller says how far apart its doorbells are. Of those that do not fit a page of shadows the
 * registers are used, and data gets through. */
static void fits_them_in_a_page(void)
{
	char device[64];

	for (unsigned int dstrd = 7; dstrd <= 10; dstrd++) {
		struct stack s;

		snprintf(device, sizeof(device), "emu:lba=4096,size=16M,mmap=off,dstrd=%u", dstrd);
		CU_ASSERT_EQUAL(has_shadow(device, NVIO_AUTO), dstrd < 9);
		stack_open(&s, device, NULL);
		stack_write_all(&s);
		stack_read(&s, 0, STACK_BUFS - 1);
		stack_expect(&s, 0, STACK_BUFS - 1, STACK_BUFS);
		stack_close(&s);
	}
}

/* A queue pair at work: each slot writes a block, reads it, and compares. */
struct work {
	struct nvio_qpair *qpair;
	struct nvio_ns *ns;
	uint8_t *bufs;
	unsigned int depth;
	unsigned int *rounds; /* of each slot; odd while it reads */
	unsigned int wrong;
	uint64_t queued;
	uint64_t completed;
};

static uint8_t *slot_buf(const struct work *w, unsigned int slot)
{
	return w->bufs + (size_t)slot * BLOCK;
}

static void go_on(struct work *w, unsigned int slot)
{
	unsigned int round = w->rounds[slot]++;
	uint64_t pattern = slot + (round / 2) * 1000003ull;
	uint8_t *buf = slot_buf(w, slot);
	int err;

	if (round % 2) {
		memset(buf, 0xee, BLOCK);
		err = nvio_read(w->qpair, w->ns, buf, slot, 1, 0, slot);
	} else {
		if (round)
			w->wrong += stack_differs(buf, slot + (round / 2 - 1) * 1000003ull);
		stack_fill(buf, pattern);
		err = nvio_write(w->qpair, w->ns, buf, slot, 1, 0, slot);
	}
	CU_ASSERT_EQUAL_FATAL(err, 0);
	w->queued++;
}

/* Batches of any size, so that one doorbell is for one command or for many. */
static void work_on(struct work *w, uint64_t total)
{
	struct nvio_completion done[128];

	for (unsigned int slot = 0; slot < w->depth; slot++)
		go_on(w, slot);
	while (w->completed < total) {
		int max = 1 + rand() % (int)w->depth;
		int n = nvio_wait(w->qpair, done, 1 + rand() % max, max, 10 * SECOND);

		CU_ASSERT_FATAL(n > 0);
		w->completed += (uint64_t)n;
		for (int i = 0; i < n; i++) {
			CU_ASSERT_EQUAL(done[i].status, 0);
			if (w->queued < total)
				go_on(w, (unsigned int)done[i].user_data);
		}
	}
	CU_ASSERT_EQUAL(w->wrong, 0);
	CU_ASSERT_EQUAL(w->queued, w->completed);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(w->qpair), 0);
}

static void check_stats(const struct work *w, uint64_t total)
{
	struct nvio_qpair_stats stats;

	nvio_qpair_get_stats(w->qpair, &stats, sizeof(stats));
	CU_ASSERT_EQUAL(stats.submitted, total);
	CU_ASSERT_EQUAL(stats.completed, total);
	CU_ASSERT(stats.sq_doorbells > 0 && stats.sq_doorbells <= total);
	CU_ASSERT(stats.doorbells_spared <= stats.sq_doorbells + stats.cq_doorbells);
	/* A controller at work asks for few. */
	CU_ASSERT(stats.doorbells_spared > 0 || total < 1000);
	CU_ASSERT_EQUAL(stats.errors, 0);
	CU_ASSERT_EQUAL(stats.retries, 0);
}

static void run_at(struct nvio_ctrl *ctrl, uint16_t depth, uint64_t total)
{
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;
	struct work w = { .ns = nvio_ctrl_ns(ctrl, 1), .depth = depth };

	opts.depth = depth;
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_create(ctrl, &opts, &w.qpair), 0);
	w.bufs = nvio_alloc(nvio_ctrl_iommu(ctrl), (size_t)depth * BLOCK, BLOCK);
	w.rounds = calloc(depth, sizeof(*w.rounds));
	CU_ASSERT_FATAL(w.bufs && w.rounds);
	work_on(&w, total);
	check_stats(&w, total);
	nvio_qpair_free(w.qpair);
	nvio_free(nvio_ctrl_iommu(ctrl), w.bufs);
	free(w.rounds);
}

static void run_all(const char *device, uint64_t total)
{
	struct nvio_ctrl *ctrl = open_with(device, NVIO_ON);

	srand(3);
	run_at(ctrl, 1, total / 8);
	run_at(ctrl, 5, total);
	run_at(ctrl, 127, total);
	nvio_ctrl_close(ctrl);
}

static void data_is_right(void)
{
	run_all("emu:lba=4096,size=16M", share_of(40000));
}

static void data_is_right_by_message(void)
{
	run_all("emu:lba=4096,size=16M,mmap=off", share_of(20000));
}

/* Reads of a disk that answers at once, at all depths that change the pace. */
static void millions_of_them(void)
{
	struct nvio_ctrl *ctrl = open_with("emu:null,size=1G", NVIO_ON);
	struct nvio_ns *ns = nvio_ctrl_ns(ctrl, 1);
	uint64_t total = share_of(2000000), queued = 0, completed = 0, errors = 0;
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;
	struct nvio_completion done[64];
	struct nvio_qpair *qpair;
	void *buf = nvio_alloc(nvio_ctrl_iommu(ctrl), BLOCK, BLOCK);

	opts.depth = 63;
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_create(ctrl, &opts, &qpair), 0);
	while (completed < total) {
		uint64_t want = 1 + (uint64_t)rand() % 63;
		int n;

		while (queued < total && queued - completed < want)
			errors += nvio_read(qpair, ns, buf, queued++ % 1000, 1, 0, 0) != 0;
		n = nvio_wait(qpair, done, 1, 64, 10 * SECOND);
		CU_ASSERT_FATAL(n > 0);
		completed += (uint64_t)n;
		for (int i = 0; i < n; i++)
			errors += done[i].status != 0;
	}
	CU_ASSERT_EQUAL(errors, 0);
	CU_ASSERT_EQUAL(completed, queued);
	nvio_ctrl_close(ctrl);
}

/* Identifiers that are used again find nothing of before in memory. */
static void begins_again(void)
{
	struct daemon d;

	daemon_start(&d, NULL);
	for (int i = 0; i < 3; i++) {
		struct nvio_ctrl *ctrl = open_with(d.name, NVIO_ON);

		for (uint16_t j = 0; j < 5; j++)
			run_at(ctrl, (uint16_t)(3 + j), 100 + j);
		nvio_ctrl_close(ctrl);
	}
	daemon_stop(&d);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "chooses", chooses },
		{ "fits them in a page", fits_them_in_a_page },
		{ "data is right", data_is_right },
		{ "data is right by message", data_is_right_by_message },
		{ "millions of them", millions_of_them },
		{ "begins again", begins_again },
	};

	return tap_run("shadow", tests, sizeof(tests) / sizeof(tests[0]));
}
