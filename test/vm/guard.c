/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guard NAME: registers that the kernel takes away, because somebody switches the device's memory
 * off. A doorbell that is rung then ends the process; with the guard the device is gone, and opened
 * anew by the same process.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmtest.h"

#define COMMAND  0x04u
#define MEMORY   0x02u
#define NR_READS 8u
#define GONE_NS  (2 * VMT_NS_PER_S)

static void take_away(struct nvio_device *device)
{
	uint16_t value;

	vmt_ok(nvio_device_region_read(device, NVIO_REGION_CONFIG, COMMAND, &value, sizeof(value)));
	value &= (uint16_t)~MEMORY;
	vmt_ok(nvio_device_region_write(device, NVIO_REGION_CONFIG, COMMAND, &value,
					sizeof(value)));
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * VMT_NS_PER_S + ts.tv_nsec;
}

/* Reads, of which those after the first have no registers any more. Returns what ended them. */
static int read_on(const char *name, bool recovery)
{
	struct nvio_ctrl_opts opts = NVIO_CTRL_OPTS;
	struct nvio_completion done[NR_READS];
	uint64_t queued = 0, completed = 0;
	struct nvio_qpair *qpair;
	struct vmt_drive drive;
	int64_t until;
	char *buf;
	int n = 0;

	opts.no_recovery = !recovery;
	vmt_ok(nvio_ctrl_open(name, &opts, &drive.ctrl));
	vmt_use_ctrl(&drive, 1);
	qpair = vmt_qpair(drive.ctrl, NR_READS, false);
	buf = vmt_alloc(drive.iommu, drive.info.block_len);
	vmt_io(qpair, drive.ns, VMT_READ, buf, 0, 1);
	take_away(nvio_ctrl_device(drive.ctrl));
	until = now_ns() + GONE_NS;
	while (n >= 0 && now_ns() < until) {
		if (!nvio_read(qpair, drive.ns, buf, 0, 1, 0, 0))
			queued++;
		n = nvio_poll(qpair, done, NR_READS);
		completed += n > 0 ? (uint64_t)n : 0;
	}
	vmt_check(queued == completed, "%" PRIu64 " and %" PRIu64, queued, completed);
	nvio_ctrl_close(drive.ctrl);
	return n;
}

int main(int argc, char **argv)
{
	struct sigaction plain = { .sa_handler = SIG_DFL };
	int status, err;
	pid_t pid;

	vmt_check(argc == 2, "usage: guard NAME");
	sigaction(SIGBUS, &plain, NULL);
	pid = fork();
	if (!pid) {
		read_on(argv[1], true);
		_exit(0);
	}
	vmt_check(waitpid(pid, &status, 0) == pid, "%d", pid);
	vmt_check(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS, "status 0x%x", status);
	vmt_ok(nvio_sigbus_guard(true));
	for (int recovery = 0; recovery < 2; recovery++) {
		err = read_on(argv[1], recovery);
		vmt_check(err == -ENODEV, "%d: %s", err, nvio_last_error());
	}
	printf("gone, and not the process\n");
	return 0;
}
