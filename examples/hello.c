/* SPDX-License-Identifier: BSD-3-Clause */
/* hello [DEVICE]: overwrites the first block of namespace 1, reads it back, and prints it. */
#include <stdio.h>
#include <string.h>
#include <nvio/nvio.h>

int main(int argc, char **argv)
{
	struct nvio_completion done = { 0 };
	struct nvio_ctrl *ctrl = NULL;
	struct nvio_qpair *qpair;
	struct nvio_ns_info info;
	struct nvio_ns *ns;
	char *out, *in;
	size_t len;
	int failed = 1;

	if (nvio_ctrl_open(argc > 1 ? argv[1] : "emu:", NULL, &ctrl) ||
	    nvio_qpair_create(ctrl, NULL, &qpair) || !(ns = nvio_ctrl_ns(ctrl, 1)))
		goto close;
	nvio_ns_get_info(ns, &info, sizeof(info));
	len = info.block_len + info.metadata_len;
	out = nvio_alloc(nvio_ctrl_iommu(ctrl), len, 4096);
	in = nvio_alloc(nvio_ctrl_iommu(ctrl), len, 4096);
	if (!out || !in)
		goto close;
	strcpy(out, "hello, world");
	if (nvio_write(qpair, ns, out, 0, 1, 0, 42) || nvio_wait(qpair, &done, 1, 1, -1) != 1 ||
	    done.status)
		goto close;
	if (nvio_read(qpair, ns, in, 0, 1, 0, 43) || nvio_wait(qpair, &done, 1, 1, -1) != 1 ||
	    done.status)
		goto close;
	printf("block 0: %s\n", in);
	failed = strcmp(in, out) != 0;
close:
	if (failed)
		fprintf(stderr, "%s\n",
			done.status ? nvio_status_text(done.status) : nvio_last_error());
	nvio_ctrl_close(ctrl);
	return failed;
}
