/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opens controllers, gathers namespaces, and refuses what cannot run: one sentence for each reason,
 * before the first I/O.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "perf/target.h"
#include "perf/worker.h"

/* Passes the library's own sentence on. */
static int library_failed(struct perf_msg *msg, int err)
{
	perf_fail(msg, "%s", nvio_last_error());
	return err;
}

static struct perf_ctrl *find_ctrl(const struct perf_target *target, const char *device)
{
	size_t i;

	for (i = 0; i < target->nr_ctrls; i++)
		if (!strcmp(target->ctrls[i].asked, device))
			return &target->ctrls[i];
	return NULL;
}

/* How many queue pairs to ask a controller for, before its namespaces are known: 128 at least. */
static uint16_t qpairs_wanted(const struct perf_opts *opts, unsigned int nr_workers)
{
	uint64_t nr = opts->nr_qpairs * (nr_workers > 128 ? nr_workers : 128);

	return nr > UINT16_MAX ? UINT16_MAX : (uint16_t)nr;
}

/*
 * The heap takes its options before the first controller, whose queues come from it: afterwards
 * there would be one with the defaults.
 */
static int open_iommu(const struct perf_opts *opts, struct perf_target *target,
		      struct perf_msg *msg)
{
	struct nvio_heap_opts heap_opts = NVIO_HEAP_OPTS;
	struct nvio_iommu_opts iommu_opts = NVIO_IOMMU_OPTS;
	int err;

	iommu_opts.way = (enum nvio_way)opts->way.value;
	/* All that is mapped comes from the heap. */
	if (opts->page_len != NVIO_HEAP_NO_HUGE)
		iommu_opts.page_len = opts->page_len;
	iommu_opts.allow_noiommu = opts->allow_noiommu;
	err = nvio_iommu_open(&iommu_opts, &target->iommu);
	if (err)
		return library_failed(msg, err);
	if (!opts->page_len)
		return 0;
	heap_opts.page_len = opts->page_len;
	err = nvio_heap_open(target->iommu, &heap_opts);
	return err ? library_failed(msg, err) : 0;
}

/* The host wants a drive back: the run ends early, and the drive with it. */
static void on_event(void *arg, struct nvio_device *device, enum nvio_event event)
{
	struct nvio_device_info info;

	(void)arg;
	nvio_device_get_info(device, &info, sizeof(info));
	if (event == NVIO_EVENT_FAILED)
		fprintf(stderr, "nvme_perf: %s reports an error of its own\n", info.name);
	if (event == NVIO_EVENT_REQUESTED)
		perf_stop();
}

static void watch(struct nvio_ctrl *ctrl)
{
	struct nvio_watch_opts opts = NVIO_WATCH_OPTS;

	opts.fn = on_event;
	/* What cannot be watched cannot be wanted back either. */
	nvio_device_watch(nvio_ctrl_device(ctrl), &opts);
}

static int open_ctrl(const struct perf_opts *opts, unsigned int nr_workers, const char *device,
		     struct perf_target *target, struct perf_msg *msg)
{
	struct nvio_ctrl_opts ctrl_opts = NVIO_CTRL_OPTS;
	struct perf_ctrl *ctrl = &target->ctrls[target->nr_ctrls];
	int err;

	ctrl_opts.iommu = target->iommu;
	ctrl_opts.nr_qpairs = qpairs_wanted(opts, nr_workers);
	ctrl_opts.host_memory_max = opts->host_memory_max;
	ctrl_opts.arbitration = opts->priority.value ? NVIO_WEIGHTED : NVIO_ROUND_ROBIN;
	ctrl_opts.shadow_doorbells = (uint8_t)opts->shadow_doorbells.value;
	ctrl_opts.vf_token = opts->vf_token;
	ctrl_opts.quirks = (uint32_t)opts->quirks;
	err = nvio_ctrl_open(device, &ctrl_opts, &ctrl->handle);
	if (err)
		return library_failed(msg, err);
	target->nr_ctrls++;
	watch(ctrl->handle);
	snprintf(ctrl->asked, sizeof(ctrl->asked), "%s", device);
	nvio_ctrl_get_info(ctrl->handle, &ctrl->info, sizeof(ctrl->info));
	if ((opts->depth + opts->nr_qpairs - 1) / opts->nr_qpairs > ctrl->info.max_depth)
		return perf_fail(msg,
				 "-q %" PRIu64
				 " is too deep for %s, whose queue pairs hold %u commands",
				 opts->depth, ctrl->info.name, ctrl->info.max_depth);
	return 0;
}

/* Everything that makes a namespace unfit for these options. */
static int check_ns(const struct perf_opts *opts, const struct perf_ns *ns, struct perf_msg *msg)
{
	const struct nvio_ns_info *info = &ns->info;

	if (opts->io_len % info->block_len)
		return perf_fail(
			msg, "I/O size %" PRIu64 " is no multiple of the %u bytes of a block of %s",
			opts->io_len, info->block_len, ns->name);
	if (opts->io_len / info->block_len > info->nr_blocks)
		return perf_fail(msg,
				 "I/O size %" PRIu64 " is larger than %s, which has %" PRIu64
				 " blocks of %u bytes",
				 opts->io_len, ns->name, info->nr_blocks, info->block_len);
	if (info->read_only && opts->read_percent < 100)
		return perf_fail(msg, "%s is write protected; -w %s needs to write", ns->name,
				 opts->workload);
	return 0;
}

static bool has_ns(const struct perf_target *target, const struct perf_ctrl *ctrl, uint32_t nsid)
{
	size_t i;

	for (i = 0; i < target->nr_nss; i++)
		if (target->nss[i].ctrl == ctrl && target->nss[i].info.nsid == nsid)
			return true;
	return false;
}

static int add_ns(const struct perf_opts *opts, struct perf_ctrl *ctrl, uint32_t nsid,
		  struct perf_target *target, struct perf_msg *msg)
{
	struct perf_ns *nss, *ns;

	if (has_ns(target, ctrl, nsid))
		return 0;
	nss = reallocarray(target->nss, target->nr_nss + 1, sizeof(*nss));
	if (!nss)
		return perf_fail(msg, "out of memory");
	target->nss = nss;
	ns = &nss[target->nr_nss];
	memset(ns, 0, sizeof(*ns));
	ns->ctrl = ctrl;
	ns->handle = nvio_ctrl_ns(ctrl->handle, nsid);
	if (!ns->handle)
		return library_failed(msg, -ENODEV);
	nvio_ns_get_info(ns->handle, &ns->info, sizeof(ns->info));
	snprintf(ns->name, sizeof(ns->name), "%s/%u", ctrl->info.name, nsid);
	target->nr_nss++;
	return check_ns(opts, ns, msg);
}

static int add_all_nss(const struct perf_opts *opts, struct perf_ctrl *ctrl,
		       struct perf_target *target, struct perf_msg *msg)
{
	uint32_t nsid = nvio_ctrl_next_nsid(ctrl->handle, 0);
	int err = 0;

	if (!nsid)
		return perf_fail(msg, "%s has no active namespace", ctrl->info.name);
	for (; nsid && !err; nsid = nvio_ctrl_next_nsid(ctrl->handle, nsid))
		err = add_ns(opts, ctrl, nsid, target, msg);
	return err;
}

/* One -r: opens its device unless an earlier one has, and adds its namespaces. */
static int add_name(const struct perf_opts *opts, unsigned int nr_workers, const char *name,
		    struct perf_target *target, struct perf_msg *msg)
{
	char device[DEVICE_NAME_LEN];
	struct perf_ctrl *ctrl;
	uint32_t nsid;
	int err;

	err = nvio_name_split(name, device, sizeof(device), &nsid);
	if (err)
		return library_failed(msg, err);
	ctrl = find_ctrl(target, device);
	if (!ctrl) {
		err = open_ctrl(opts, nr_workers, device, target, msg);
		if (err)
			return err;
		ctrl = &target->ctrls[target->nr_ctrls - 1];
	}
	if (nsid)
		return add_ns(opts, ctrl, nsid, target, msg);
	return add_all_nss(opts, ctrl, target, msg);
}

int perf_target_open(const struct perf_opts *opts, unsigned int nr_workers,
		     struct perf_target *target, struct perf_msg *msg)
{
	size_t i;
	int err;

	memset(target, 0, sizeof(*target));
	/* As many controllers as names at most, so that pointers to them stay good. */
	target->ctrls = calloc(opts->nr_names, sizeof(*target->ctrls));
	if (!target->ctrls)
		return perf_fail(msg, "out of memory");
	err = open_iommu(opts, target, msg);
	for (i = 0; i < opts->nr_names && !err; i++)
		err = add_name(opts, nr_workers, opts->names[i], target, msg);
	if (err)
		perf_target_close(target);
	return err;
}

void perf_target_close(struct perf_target *target)
{
	size_t i;

	for (i = target->nr_ctrls; i > 0; i--)
		nvio_ctrl_close(target->ctrls[i - 1].handle);
	nvio_iommu_close(target->iommu);
	free(target->nss);
	free(target->ctrls);
	memset(target, 0, sizeof(*target));
}
