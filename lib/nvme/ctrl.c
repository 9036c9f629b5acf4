/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The controller's life: opened, asked about itself, closed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nvme/cmb.h"
#include "nvme/ctrl.h"
#include "nvme/features.h"
#include "nvme/vectors.h"
#include "nvme/hmb.h"
#include "nvme/pmr.h"
#include "vfio/device.h"
#include "vfio/iommu.h"
#include "vfio/pci.h"

#define QPAIRS_DEFAULT 128
#define QPAIRS_MAX     65534

static int take_opts(struct nvio_ctrl *ctrl, const struct nvio_ctrl_opts *given)
{
	struct nvio_ctrl_opts *opts = &ctrl->opts;
	int err = nvio_take_opts(opts, sizeof(*opts), given, "nvio_ctrl_open");

	if (!opts->nr_qpairs)
		opts->nr_qpairs = QPAIRS_DEFAULT;
	if (opts->nr_qpairs > QPAIRS_MAX)
		opts->nr_qpairs = QPAIRS_MAX;
	if (!opts->admin_timeout_ms)
		opts->admin_timeout_ms = NVIO_ADMIN_TIMEOUT_MS;
	/* Until the controller says better. */
	ctrl->shutdown_timeout_ms = NVIO_SHUTDOWN_TIMEOUT_MS;
	return err;
}

static int take_iommu(struct nvio_ctrl *ctrl)
{
	if (!ctrl->opts.iommu)
		return nvio_iommu_open(NULL, &ctrl->iommu);
	ctrl->iommu = ctrl->opts.iommu;
	nvio_iommu_get(ctrl->iommu);
	return 0;
}

/* An uncorrectable error (AER). */
static void device_failed(void *arg)
{
	nvio_recovery_ask(arg, NULL, "its device reports an error");
}

static int open_device(struct nvio_ctrl *ctrl, const char *name)
{
	struct nvio_device_opts opts = NVIO_DEVICE_OPTS;
	struct nvio_device_info info;
	int err;

	opts.class_code = NVIO_PCI_CLASS_NVME;
	opts.vf_token = ctrl->opts.vf_token;
	/* The caller's memory, and of no use once it is open. */
	ctrl->opts.vf_token = NULL;
	err = nvio_device_open(ctrl->iommu, name, &opts, &ctrl->device);
	if (err)
		return err;
	nvio_device_get_info(ctrl->device, &info, sizeof(info));
	ctrl->info.name = info.name;
	ctrl->info.vendor = info.vendor;
	ctrl->info.device = info.device;
	ctrl->info.numa_node = info.numa_node;
	if (!ctrl->opts.no_recovery)
		nvio_device_on_error(ctrl->device, NULL, NULL);
	nvio_quirks_choose(ctrl);
	/* Completions are polled, or come by MSI-X: an INTx that nobody serves would stay asserted.
	 */
	return nvio_device_intx(ctrl->device, false);
}

/* Lets the device go, and only then frees what it could reach. */
void nvio_ctrl_free(struct nvio_ctrl *ctrl)
{
	if (ctrl->device)
		nvio_device_bus_master(ctrl->device, false);
	nvio_device_close(ctrl->device);
	while (ctrl->qpairs) {
		struct nvio_qpair *qpair = ctrl->qpairs;

		ctrl->qpairs = qpair->next;
		nvio_mem_user_remove(nvio_memory_of(ctrl->iommu), &qpair->user);
		nvio_qpair_fini(qpair, ctrl->iommu);
		free(qpair);
	}
	if (ctrl->admin) {
		nvio_qpair_fini(ctrl->admin, ctrl->iommu);
		free(ctrl->admin);
	}
	nvio_admin_forget(ctrl);
	nvio_features_free(ctrl);
	nvio_async_free(ctrl);
	nvio_vectors_free(ctrl);
	nvio_ns_free_all(ctrl);
	nvio_cmb_free_all(ctrl);
	nvio_pmr_free(ctrl);
	nvio_shadow_free(ctrl);
	nvio_hmb_free(ctrl);
	nvio_idle_fini(ctrl);
	nvio_recovery_fini(ctrl);
	if (ctrl->iommu)
		nvio_iommu_put(ctrl->iommu);
	pthread_mutex_destroy(&ctrl->ns_lock);
	pthread_mutex_destroy(&ctrl->lock);
	free(ctrl);
}

int nvio_ctrl_open(const char *device, const struct nvio_ctrl_opts *opts, struct nvio_ctrl **out)
{
	struct nvio_ctrl *ctrl = calloc(1, sizeof(*ctrl));
	struct nvio_sentence sentence;
	int err;

	if (!ctrl)
		return nvio_error(ENOMEM, "no memory for a controller");
	pthread_mutex_init(&ctrl->lock, NULL);
	pthread_mutex_init(&ctrl->ns_lock, NULL);
	nvio_recovery_init(ctrl);
	nvio_idle_init(ctrl);
	err = take_opts(ctrl, opts);
	if (!err)
		err = take_iommu(ctrl);
	if (!err)
		err = open_device(ctrl, device);
	if (!err)
		err = nvio_reg_init(ctrl);
	if (!err)
		err = nvio_ctrl_bring_up(ctrl);
	ctrl->up = !err;
	/* What came before there was a recovery to be asked, too. */
	if (!err && !ctrl->opts.no_recovery)
		nvio_device_on_error(ctrl->device, device_failed, ctrl);
	if (!err && ctrl->keeper.timeout_ms)
		err = nvio_keeper_start(ctrl);
	if (err) {
		nvio_error_save(&sentence);
		nvio_hmb_stop(ctrl);
		if (ctrl->enabled)
			nvio_ctrl_shut_down(ctrl);
		nvio_ctrl_free(ctrl);
		nvio_error_restore(&sentence);
		return err;
	}
	nvio_log(NVIO_LOG_INFO, "%s: %s, firmware %s, %u namespaces, %u I/O queue pairs",
		 ctrl->info.name, ctrl->info.model, ctrl->info.firmware, ctrl->info.nr_namespaces,
		 ctrl->info.nr_qpairs);
	*out = ctrl;
	return 0;
}

void nvio_ctrl_quiesce(struct nvio_ctrl *ctrl)
{
	nvio_recovery_stop(ctrl);
	nvio_keeper_stop(ctrl);
	pthread_mutex_lock(&ctrl->lock);
	for (struct nvio_qpair *q = ctrl->qpairs; q; q = q->next) {
		if (nvio_queues_delete(q))
			nvio_log(NVIO_LOG_WARN, "queue pair %u was not deleted: %s", q->qid,
				 nvio_last_error());
	}
	if (ctrl->recovery.rest != NVIO_REST_ASLEEP)
		nvio_hmb_stop(ctrl);
	pthread_mutex_unlock(&ctrl->lock);
	if (ctrl->nr_vectors)
		nvio_device_irq_disable(ctrl->device, ctrl->irq);
	nvio_pmr_stop(ctrl);
}

void nvio_ctrl_close(struct nvio_ctrl *ctrl)
{
	if (!ctrl)
		return;
	nvio_ctrl_quiesce(ctrl);
	/* One that no reset helped does not follow. */
	if (!ctrl->recovery.ended && ctrl->recovery.rest != NVIO_REST_ASLEEP)
		nvio_ctrl_shut_down(ctrl);
	nvio_cmb_stop(ctrl);
	nvio_ctrl_free(ctrl);
}

int nvio_ctrl_get_info(struct nvio_ctrl *ctrl, struct nvio_ctrl_info *out, size_t size)
{
	struct nvio_ctrl_info info;

	pthread_mutex_lock(&ctrl->ns_lock);
	info = ctrl->info;
	pthread_mutex_unlock(&ctrl->ns_lock);
	return nvio_give_info(out, size, &info, sizeof(info));
}

struct nvio_iommu *nvio_ctrl_iommu(struct nvio_ctrl *ctrl)
{
	return ctrl->iommu;
}

struct nvio_device *nvio_ctrl_device(struct nvio_ctrl *ctrl)
{
	return ctrl->device;
}
