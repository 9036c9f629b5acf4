/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reclaim NAME busy|idle|deaf: uses a drive until the host wants it back, and lets it be taken.
 *
 * busy: reads all the time and takes no notice; idle: sleeps;
 * deaf: as busy, without a callback. Says "ready" when it is at it.
 */
#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

#include "vmtest.h"

#define DEPTH 16u

static atomic_uint events;

static void on_event(void *arg, struct nvio_device *device, enum nvio_event event)
{
	(void)arg;
	(void)device;
	atomic_fetch_or(&events, 1u << event);
}

/* Reads until commands end with an error. Returns how many did. */
static unsigned int read_on(struct vmt_drive *drive, struct nvio_qpair *qpair, char *data)
{
	struct nvio_completion done[DEPTH];
	unsigned int ended = 0, queued = 0;

	while (!ended || nvio_qpair_outstanding(qpair)) {
		int n;

		while (!ended && queued < DEPTH &&
		       !nvio_read(qpair, drive->ns, data + queued % DEPTH * 4096, queued * 8, 8, 0,
				  0))
			queued++;
		nvio_submit(qpair);
		n = nvio_wait(qpair, done, 1, DEPTH, VMT_PATIENCE_NS);
		vmt_check(n > 0, "%d: %s", n, nvio_last_error());
		queued -= (unsigned int)n;
		for (int i = 0; i < n; i++)
			ended += done[i].status != 0;
	}
	return ended;
}

int main(int argc, char **argv)
{
	struct nvio_watch_opts opts = NVIO_WATCH_OPTS;
	struct nvio_completion done;
	struct nvio_qpair *qpair;
	struct vmt_drive drive;
	bool idle, deaf;
	char *data;

	vmt_check(argc == 3, "usage: reclaim NAME busy|idle|deaf");
	idle = !strcmp(argv[2], "idle");
	deaf = !strcmp(argv[2], "deaf");
	vmt_open(&drive, argv[1], NULL);
	opts.fn = deaf ? NULL : on_event;
	opts.grace_ms = 500;
	vmt_ok(nvio_device_watch(nvio_ctrl_device(drive.ctrl), &opts));
	qpair = vmt_qpair(drive.ctrl, DEPTH, false);
	data = vmt_alloc(drive.iommu, DEPTH * 4096);
	puts("ready");
	fflush(stdout);
	if (idle) {
		for (int i = 0; i < 600 && !(atomic_load(&events) & 1u << NVIO_EVENT_LET_GO); i++)
			poll(NULL, 0, 50);
	} else {
		unsigned int ended = read_on(&drive, qpair, data);

		vmt_check(ended <= DEPTH, "%u commands of %u ended", ended, DEPTH);
		printf("%u commands ended with an error\n", ended);
	}
	vmt_check(deaf || (atomic_load(&events) & 1u << NVIO_EVENT_REQUESTED), "nothing was told");
	/* What comes later is refused, or ends at once. */
	if (!nvio_read(qpair, drive.ns, data, 0, 8, 0, 0)) {
		nvio_submit(qpair);
		vmt_check(nvio_wait(qpair, &done, 1, 1, VMT_PATIENCE_NS) != 1 || done.status,
			  "a read from a drive that is gone");
	}
	nvio_ctrl_close(drive.ctrl);
	puts("closed");
	return 0;
}
