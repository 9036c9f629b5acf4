/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What waiting costs: reads of 4 KiB, one at a time, on software controllers that take different
 * times for them. Prints for each way to wait the mean time of a read and the share of a processor
 * that the waiting thread used, of the fastest of 9 runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <nvio/nvio.h>

#define NR_RUNS 9
#define RUN_NS  20000000u

struct result {
	double us; /* of a read */
	double percent; /* of a processor */
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Returns 0, or 1 when a read failed. */
static int run(struct nvio_qpair *qpair, struct nvio_ns *ns, void *buf, struct result *result)
{
	uint64_t start = clock_ns(CLOCK_MONOTONIC), cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	struct nvio_completion done;
	uint64_t nr = 0, wall;

	do {
		if (nvio_read(qpair, ns, buf, 0, 1, 0, 0) ||
		    nvio_wait(qpair, &done, 1, 1, 1000000000) != 1 || done.status)
			return 1;
		nr++;
		wall = clock_ns(CLOCK_MONOTONIC) - start;
	} while (wall < RUN_NS);
	cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
	*result = (struct result){
		.us = (double)wall / 1000 / (double)nr,
		.percent = (double)cpu * 100 / (double)wall,
	};
	return 0;
}

static int compare(const void *a, const void *b)
{
	double x = ((const struct result *)a)->us, y = ((const struct result *)b)->us;

	return (x > y) - (x < y);
}

static int measure(struct nvio_ctrl *ctrl, bool interrupts, uint32_t spin_ns)
{
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;
	struct nvio_ns *ns = nvio_ctrl_ns(ctrl, 1);
	struct nvio_iommu *iommu = nvio_ctrl_iommu(ctrl);
	void *buf = nvio_alloc(iommu, 4096, 4096);
	struct result results[NR_RUNS];
	struct nvio_qpair *qpair;
	int failed = 1;

	opts.interrupts = interrupts;
	opts.spin_ns = spin_ns;
	if (!ns || !buf || nvio_qpair_create(ctrl, &opts, &qpair))
		return 1;
	failed = run(qpair, ns, buf, &results[0]);
	for (int i = 0; i < NR_RUNS && !failed; i++)
		failed = run(qpair, ns, buf, &results[i]);
	nvio_qpair_free(qpair);
	nvio_free(iommu, buf);
	if (failed)
		return 1;
	qsort(results, NR_RUNS, sizeof(results[0]), compare);
	printf("  %10.1f %5.1f", results[0].us, results[0].percent);
	fflush(stdout);
	return 0;
}

int main(void)
{
	static const char *const latencies[] = { "0", "5us", "15us", "30us", "100us", "1ms" };
	int failed = 0;

	printf("%-8s  %16s  %16s  %16s\n", "a read", "polling", "nvio_wait()", "no spinning");
	printf("%-8s  %10s %5s  %10s %5s  %10s %5s\n", "takes", "us", "%", "us", "%", "us", "%");
	for (size_t i = 0; i < sizeof(latencies) / sizeof(latencies[0]) && !failed; i++) {
		struct nvio_ctrl *ctrl = NULL;
		char name[64];

		snprintf(name, sizeof(name), "emu:size=1M,lba=4096,latency=%s", latencies[i]);
		printf("%-8s", latencies[i]);
		failed = nvio_ctrl_open(name, NULL, &ctrl) || measure(ctrl, false, 0) ||
			 measure(ctrl, true, 0) || measure(ctrl, true, NVIO_NO_SPIN);
		nvio_ctrl_close(ctrl);
		printf("\n");
	}
	if (failed)
		fprintf(stderr, "%s\n", nvio_last_error());
	return failed;
}
