/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * resets NAME RESETS SECONDS: reads and writes against a model, on a queue pair that is polled
 * and one with interrupts, while the controller is reset, and then for some seconds in which others
 * may reset the device.
 *
 * resets NAME: reads until the device is gone, when each completes, and closes it.
 */
#include <pthread.h>
#include <unistd.h>

#include "traffic/traffic.h"
#include "vmtest.h"

#define NR_THREADS 2u
#define REGION_LEN (4u << 20)
#define NR_READS   16u
/* What must not run twice ends with a status, which the model knows nothing of. */
#define KINDS (1u << TRAFFIC_READ | 1u << TRAFFIC_WRITE | 1u << TRAFFIC_FLUSH)

static void *run(void *arg)
{
	struct traffic *t = arg;

	return traffic_run(t) ? arg : NULL;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * VMT_NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void under_traffic(struct vmt_drive *drive, unsigned int nr_resets, unsigned int seconds)
{
	static struct traffic traffic[NR_THREADS];
	struct nvio_ctrl_stats stats;
	pthread_t threads[NR_THREADS];
	void *fine;

	for (unsigned int i = 0; i < NR_THREADS; i++) {
		traffic[i] = (struct traffic){
			.ctrl = drive->ctrl,
			.ns = drive->ns,
			.nr_blocks = REGION_LEN / drive->info.block_len,
			.max_len = 1u << 20,
			.fill_first = true,
			.until_ns = now_ns() + (seconds + nr_resets / 5) * (uint64_t)VMT_NS_PER_S,
			.seed = vmt_seed("0") % 1000000,
			.leave_out = ~KINDS,
		};
		traffic[i].first = i * traffic[i].nr_blocks;
		traffic[i].qpair_opts.size = sizeof(traffic[i].qpair_opts);
		traffic[i].qpair_opts.interrupts = i;
		vmt_check(!pthread_create(&threads[i], NULL, run, &traffic[i]), "%u", i);
	}
	for (unsigned int i = 0; i < nr_resets; i++) {
		usleep((useconds_t)(rand() % 200000));
		vmt_ok(nvio_ctrl_reset(drive->ctrl));
	}
	printf("%u resets\n", nr_resets);
	fflush(stdout);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		char text[256];

		pthread_join(threads[i], &fine);
		traffic_describe(&traffic[i], text, sizeof(text));
		printf("%s; %" PRIu64 " sent again\n", text, traffic[i].stats.resent);
		vmt_check(fine, "%s", traffic[i].failure);
		vmt_check(!traffic[i].stats.abandoned, "%" PRIu64, traffic[i].stats.abandoned);
	}
	nvio_ctrl_get_stats(drive->ctrl, &stats, sizeof(stats));
	printf("%" PRIu64 " recoveries by %" PRIu64 " controller and %" PRIu64 " device resets\n",
	       stats.recoveries, stats.controller_resets, stats.device_resets);
	vmt_check(stats.recoveries >= nr_resets && !stats.given_up, "see above");
}

static void until_it_is_gone(struct vmt_drive *drive)
{
	struct nvio_qpair *qpair = vmt_qpair(drive->ctrl, NR_READS, false);
	struct nvio_completion done[NR_READS];
	char *buf = vmt_alloc(drive->iommu, drive->info.block_len);
	struct nvio_watch_opts watch = NVIO_WATCH_OPTS;
	uint64_t submitted = 0, completed = 0;
	int n = 0, err = 0;

	watch.grace_ms = 100;
	vmt_ok(nvio_device_watch(nvio_ctrl_device(drive->ctrl), &watch));
	printf("reading\n");
	fflush(stdout);
	while (n >= 0) {
		while (!err) {
			err = nvio_read(qpair, drive->ns, buf, 0, 1, 0, 0);
			submitted += !err;
		}
		if (err == -EAGAIN)
			err = 0;
		n = nvio_poll(qpair, done, NR_READS);
		completed += n > 0 ? (uint64_t)n : 0;
	}
	vmt_check(n == -ENODEV, "%d", n);
	vmt_check(submitted == completed, "%" PRIu64 " and %" PRIu64, submitted, completed);
	vmt_check(!nvio_qpair_outstanding(qpair), "%u", nvio_qpair_outstanding(qpair));
	printf("gone after %" PRIu64 " reads\n", completed);
}

int main(int argc, char **argv)
{
	struct vmt_drive drive;

	vmt_check(argc == 2 || argc == 4, "usage: resets NAME [RESETS SECONDS]");
	vmt_open(&drive, argv[1], NULL);
	if (argc == 4)
		under_traffic(&drive, (unsigned int)strtoul(argv[2], NULL, 0),
			      (unsigned int)strtoul(argv[3], NULL, 0));
	else
		until_it_is_gone(&drive);
	nvio_ctrl_close(drive.ctrl);
	return 0;
}
