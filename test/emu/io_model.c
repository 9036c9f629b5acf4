/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Traffic on a software controller; see io_model.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "io_model.h"

uint64_t choose_seed(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_nsec % 1000000;
}

void run_on(const char *device, struct traffic t)
{
	const char *cycles = getenv("NVIO_TEST_CYCLES");
	struct nvio_ns_info info;
	char text[256];
	bool well;

	CU_ASSERT_EQUAL_FATAL(nvio_ctrl_open(device, NULL, &t.ctrl), 0);
	t.ns = nvio_ctrl_ns(t.ctrl, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(t.ns);
	nvio_ns_get_info(t.ns, &info, sizeof(info));
	t.nr_blocks = info.nr_blocks;
	t.qpair_opts.size = sizeof(t.qpair_opts);
	t.seed = choose_seed();
	if (cycles)
		t.requests = (uint64_t)atoi(cycles);
	t.cover = !cycles;
	well = traffic_run(&t);
	traffic_describe(&t, text, sizeof(text));
	printf("# %s, seed %llu: %s\n", device, (unsigned long long)t.seed, text);
	if (!well)
		printf("# %s\n", t.failure);
	CU_ASSERT_TRUE(well);
	if (well && t.cover) {
		CU_ASSERT_TRUE(t.covered);
		CU_ASSERT_TRUE(t.stats.splits > 0);
	}
	nvio_ctrl_close(t.ctrl);
}

void run_both_ways(const char *device, struct traffic t)
{
	run_on(device, t);
	t.qpair_opts.no_sgl = true;
	run_on(device, t);
}
