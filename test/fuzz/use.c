/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an application does with a controller, and what has to be true of what it is told; see
 * use.h.
 */
#include <string.h>

#include <nvio/nvio.h>

#include "nvme/ctrl.h"
#include "events.h"
#include "fuzz.h"
#include "use.h"

#define WAIT_NS 1000000

static void check_ctrl(struct nvio_ctrl *ctrl)
{
	struct nvio_ctrl_info info;

	fuzz_check(!nvio_ctrl_get_info(ctrl, &info, sizeof(info)));
	fuzz_check(info.max_depth && info.nr_qpairs && is_power_of_two(info.page_len));
	fuzz_check(info.max_transfer >= 4096 && info.max_transfer <= NVIO_TRANSFER_MAX);
	fuzz_check(strlen(info.model) < sizeof(info.model));
	fuzz_check(strlen(info.serial) < sizeof(info.serial));
	for (const char *p = info.model; *p; p++)
		fuzz_check(*p >= ' ' && *p <= '~');
}

static void check_ns(struct nvio_ctrl *ctrl, struct nvio_ns *ns, uint32_t nsid)
{
	struct nvio_ctrl_info ctrl_info;
	struct nvio_ns_info info;

	nvio_ctrl_get_info(ctrl, &ctrl_info, sizeof(ctrl_info));
	nvio_ns_get_info(ns, &info, sizeof(info));
	fuzz_check(info.nsid == nsid && info.nr_blocks);
	fuzz_check(is_power_of_two(info.block_len) && info.block_len >= 512);
	fuzz_check(info.nr_blocks <= UINT64_MAX / info.block_len);
	fuzz_check((uint64_t)info.max_blocks * info.block_len <= ctrl_info.max_transfer);
}

/* Reads a block; what comes back is this command's answer, or none in time, or a failure. */
static void read_block(struct nvio_ctrl *ctrl, struct nvio_ns *ns)
{
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;
	struct nvio_qpair *qpair;
	struct nvio_completion done = { 0 };
	void *buf = nvio_alloc(nvio_ctrl_iommu(ctrl), 65536, 4096);
	int n = 0;

	opts.depth = 8;
	fuzz_check(buf);
	if (!nvio_qpair_create(ctrl, &opts, &qpair)) {
		if (ns && !nvio_read(qpair, ns, buf, 0, 1, 0, 77))
			n = nvio_wait(qpair, &done, 1, 1, WAIT_NS);
		fuzz_check(n <= 0 || (n == 1 && done.user_data == 77));
		nvio_qpair_free(qpair);
	}
	nvio_free(nvio_ctrl_iommu(ctrl), buf);
}

static void check_power(struct nvio_ctrl *ctrl)
{
	struct nvio_power_info info;

	if (nvio_ctrl_get_power(ctrl, &info, sizeof(info)))
		return;
	fuzz_check(info.nr_states && info.nr_states <= NVIO_POWER_STATES);
	nvio_ctrl_set_apst(ctrl, 100000);
	nvio_ctrl_set_power_state(ctrl, info.nr_states - 1);
}

void fuzz_use_ctrl(struct nvio_ctrl *ctrl)
{
	uint32_t nsid = 0;
	struct nvio_ns *ns = NULL;

	check_ctrl(ctrl);
	for (unsigned int i = 0; i < FUZZ_NAMESPACES; i++) {
		uint32_t next = nvio_ctrl_next_nsid(ctrl, nsid);

		if (!next)
			break;
		fuzz_check(next > nsid);
		nsid = next;
		ns = nvio_ctrl_ns(ctrl, nsid);
		if (ns)
			check_ns(ctrl, ns, nsid);
	}
	read_block(ctrl, ns);
	fuzz_events(ctrl);
	check_power(ctrl);
	nvio_ctrl_close(ctrl);
}
