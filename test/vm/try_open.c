/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * try_open [-w] NAME...: opens drives, each in an address space of its own, and reads their first
 * block. With -w it says "open" then, and waits for the end of its input.
 *
 * When one cannot be had, it says why on stderr in one line, "ERRNO: sentence", and exits with 1.
 */
#include <unistd.h>

#include "vmtest.h"

#define NR_MAX 8

/* 0, or a negative errno with its sentence set. */
static int open_drive(const char *name, struct nvio_ctrl **ctrl, struct nvio_ns **ns)
{
	char device[64];
	uint32_t nsid;
	int err = nvio_name_split(name, device, sizeof(device), &nsid);

	if (!err)
		err = nvio_ctrl_open(device, NULL, ctrl);
	if (err)
		return err;
	*ns = nvio_ctrl_ns(*ctrl, nsid ? nsid : 1);
	if (*ns)
		return 0;
	nvio_ctrl_close(*ctrl);
	return -ENOENT;
}

static void read_block(struct nvio_ctrl *ctrl, struct nvio_ns *ns)
{
	struct nvio_qpair *qpair = vmt_qpair(ctrl, 1, false);
	char *buf = vmt_alloc(nvio_ctrl_iommu(ctrl), NVIO_MEM_PAGE);

	vmt_io(qpair, ns, VMT_READ, buf, 0, 1);
	nvio_free(nvio_ctrl_iommu(ctrl), buf);
	nvio_qpair_free(qpair);
}

static void say_and_wait(void)
{
	char end;

	puts("open");
	fflush(stdout);
	while (read(STDIN_FILENO, &end, 1) > 0)
		;
}

int main(int argc, char **argv)
{
	bool wait = argc > 1 && !strcmp(argv[1], "-w");
	struct nvio_ctrl *ctrls[NR_MAX];
	struct nvio_ns *ns;
	int nr = 0, err = 0;

	argv += 1 + wait;
	while (nr < NR_MAX && argv[nr] && !err) {
		err = open_drive(argv[nr], &ctrls[nr], &ns);
		if (!err)
			read_block(ctrls[nr++], ns);
	}
	if (!err && wait)
		say_and_wait();
	if (err)
		fprintf(stderr, "%s: %s\n", strerrorname_np(-err), nvio_last_error());
	while (nr)
		nvio_ctrl_close(ctrls[--nr]);
	return err ? 1 : 0;
}
