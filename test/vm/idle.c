/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * idle NAME ROUNDS: a drive that is put to sleep by VFIO when nobody uses it. Each time that it
 * sleeps the kernel says so of its function; then it is written and read, on a queue pair that is
 * polled and on one with interrupts, as if nothing had been. It is closed asleep, or, where it has
 * memory of its own, with that in use, which keeps it awake.
 */
#include <unistd.h>

#include "vmtest.h"

#define IDLE_MS 50u
#define NR      8u /* commands */

static const char *device;

/* What the kernel says of the function: "active", "suspended"; one without power management says
 * nothing. */
static bool is(const char *what)
{
	char path[128], text[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/power/runtime_status", device);
	file = fopen(path, "re");
	if (!file)
		return true;
	vmt_check(fgets(text, sizeof(text), file), "%s", path);
	fclose(file);
	return !strncmp(text, what, strlen(what));
}

static struct nvio_idle_info idle_of(struct nvio_ctrl *ctrl)
{
	struct nvio_idle_info info;

	vmt_ok(nvio_ctrl_get_idle(ctrl, &info, sizeof(info)));
	return info;
}

static void await_sleep(struct nvio_ctrl *ctrl, uint64_t nr)
{
	for (int i = 0; i < 10000 && !(idle_of(ctrl).nr_rests >= nr && is("suspended")); i++)
		usleep(1000);
	vmt_check(idle_of(ctrl).nr_rests == nr && is("suspended"), "%" PRIu64 " rests",
		  idle_of(ctrl).nr_rests);
}

static void use(struct vmt_drive *drive, struct nvio_qpair *qpair, char *buf, uint64_t key)
{
	const size_t len = drive->info.block_len;

	for (uint64_t i = 0; i < NR; i++) {
		vmt_fill(buf, len, key + i);
		vmt_io(qpair, drive->ns, VMT_WRITE, buf, i, 1);
	}
	for (uint64_t i = 0; i < NR; i++) {
		memset(buf, 0xee, len);
		vmt_io(qpair, drive->ns, VMT_READ, buf, i, 1);
		vmt_check(vmt_holds(buf, len, key + i), "block %" PRIu64, i);
	}
}

/* Memory of the controller's is not lost: it does not sleep any more, though it has slept. */
static void with_memory_in_use(struct vmt_drive *drive, uint64_t nr_rests)
{
	struct nvio_idle_opts opts = NVIO_IDLE_OPTS;
	char *memory = nvio_cmb_alloc(drive->ctrl, NVIO_MEM_PAGE, 0);

	if (!memory) {
		printf("no memory buffer: %s\n", nvio_last_error());
		return;
	}
	vmt_check(is("active"), "it is asleep, and its memory is used");
	vmt_fill(memory, NVIO_MEM_PAGE, 99);
	usleep(10 * IDLE_MS * 1000);
	vmt_check(vmt_holds(memory, NVIO_MEM_PAGE, 99), "its memory is not what it was");
	vmt_check(idle_of(drive->ctrl).nr_rests == nr_rests && is("active"), "it sleeps");
	opts.idle_ms = IDLE_MS;
	opts.kind = NVIO_IDLE_DEVICE;
	vmt_refused(nvio_ctrl_idle(drive->ctrl, &opts), ENOTSUP, "in use");
}

int main(int argc, char **argv)
{
	struct nvio_idle_opts opts = NVIO_IDLE_OPTS;
	struct nvio_ctrl_stats stats;
	struct nvio_qpair *qpairs[2];
	struct vmt_drive drive;
	uint64_t rounds;
	char *buf;
	int err;

	vmt_check(argc == 3, "usage: idle NAME ROUNDS");
	device = argv[1];
	rounds = strtoull(argv[2], NULL, 0);
	vmt_open(&drive, device, NULL);
	for (int i = 0; i < 2; i++)
		qpairs[i] = vmt_qpair(drive.ctrl, NR, i);
	buf = vmt_alloc(drive.iommu, drive.info.block_len);
	use(&drive, qpairs[0], buf, 1);
	opts.idle_ms = IDLE_MS;
	err = nvio_ctrl_idle(drive.ctrl, &opts);
	if (err == -ENOTSUP) {
		printf("no low power: %s\n", nvio_last_error());
		return 77;
	}
	vmt_ok(err);
	vmt_check(idle_of(drive.ctrl).kind == NVIO_IDLE_DEVICE, "kind %u",
		  idle_of(drive.ctrl).kind);
	for (uint64_t i = 1; i <= rounds; i++) {
		await_sleep(drive.ctrl, i);
		use(&drive, qpairs[i % 2], buf, 1000 * i);
		vmt_check(is("active"), "it was used asleep");
	}
	nvio_ctrl_get_stats(drive.ctrl, &stats, sizeof(stats));
	vmt_check(!stats.recoveries && !stats.controller_resets && !stats.given_up, "%" PRIu64,
		  stats.recoveries);
	await_sleep(drive.ctrl, rounds + 1);
	with_memory_in_use(&drive, rounds + 1);
	nvio_ctrl_close(drive.ctrl);
	printf("slept %" PRIu64 " times\n", rounds + 1);
	return 0;
}
