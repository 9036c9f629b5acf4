/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Making, polling and ending a controller.
 *
 * Owns its memory and its time; registers are in ctrl_regs.c, commands in ctrl_run.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "data.h"
#include "doorbell.h"
#include "fault.h"
#include "pi.h"
#include "store.h"

#define SEED 0x9e3779b97f4a7c15ull

/* A block of 64 KiB with all the metadata that Identify can express. */
#define BOUNCE_LEN (2ul * EMU_BLOCK_MAX)

uint64_t nvio_emu_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

size_t nvio_emu_ctrl_doorbells_len(const struct emu_opts *opts)
{
	return ((size_t)opts->nr_queues + 1) * 2 * (4u << opts->dstrd);
}

unsigned int nvio_emu_ctrl_nr_vectors(const struct emu_opts *opts)
{
	return opts->nr_vectors ? opts->nr_vectors : opts->nr_queues + 1u;
}

static uint64_t make_cap(const struct emu_opts *opts)
{
	uint64_t to = ((uint64_t)opts->to_ms + 499) / 500;

	return (uint64_t)(opts->queue_entries - 1) << NVME_CAP_MQES_SHIFT |
	       1ull << NVME_CAP_CQR_SHIFT |
	       (opts->wrr ? (uint64_t)NVME_CAP_AMS_WRR << NVME_CAP_AMS_SHIFT : 0) |
	       (to < 255 ? to : 255) << NVME_CAP_TO_SHIFT |
	       (uint64_t)opts->dstrd << NVME_CAP_DSTRD_SHIFT | 1ull << NVME_CAP_NSSRC_SHIFT |
	       (uint64_t)(NVME_CAP_CSS_NVM | NVME_CAP_CSS_CSI) << NVME_CAP_CSS_SHIFT |
	       (uint64_t)opts->mpsmin << NVME_CAP_MPSMIN_SHIFT |
	       (uint64_t)opts->mpsmax << NVME_CAP_MPSMAX_SHIFT |
	       (uint64_t)(NVME_CAP_CRWMS | (opts->media_ms ? NVME_CAP_CRIMS : 0))
		       << NVME_CAP_CRMS_SHIFT;
}

static int check_opts(const struct emu_opts *opts, const struct emu_bus *bus,
		      struct emu_error *error)
{
	if (!opts->nr_ns || opts->nr_ns > EMU_NS_MAX || !opts->nr_queues ||
	    opts->nr_queues > EMU_QUEUES_MAX || opts->queue_entries < 2 ||
	    opts->mpsmin > opts->mpsmax || opts->mpsmax > 4 || opts->dstrd > 10 ||
	    opts->latency_min_ns > opts->latency_max_ns)
		return nvio_emu_fail(error, -EINVAL, "the options contradict each other");
	if (bus->doorbells_len < nvio_emu_ctrl_doorbells_len(opts))
		return nvio_emu_fail(error, -EINVAL, "%zu bytes of doorbells, and %zu are needed",
				     bus->doorbells_len, nvio_emu_ctrl_doorbells_len(opts));
	return 0;
}

static int make_namespaces(struct emu_ctrl *ctrl, struct emu_error *error)
{
	for (unsigned int i = 0; i < ctrl->opts.nr_ns; i++) {
		int rc = nvio_emu_store_open(ctrl, &ctrl->ns[i], &ctrl->opts.ns[i], error);

		if (rc)
			return rc;
		ctrl->ns[i].nsid = i + 1;
		ctrl->ns[i].attached = true;
		ctrl->capacity += ctrl->ns[i].capacity;
	}
	return 0;
}

static int add_faults(struct emu_ctrl *ctrl, struct emu_error *error)
{
	int rc = 0;

	for (unsigned int i = 0; i < ctrl->opts.nr_faults && !rc; i++)
		rc = nvio_emu_fault_add(ctrl, ctrl->opts.faults[i], error);
	return rc;
}

int nvio_emu_ctrl_new(const struct emu_opts *opts, struct emu_bus *bus, struct emu_ctrl **out,
		      struct emu_error *error)
{
	struct emu_ctrl *ctrl;
	int rc = check_opts(opts, bus, error);

	if (rc)
		return rc;
	ctrl = calloc(1, sizeof(*ctrl));
	if (!ctrl)
		return nvio_emu_fail(error, -ENOMEM, "out of memory");
	ctrl->bus = bus;
	ctrl->opts = *opts;
	ctrl->cap = make_cap(opts);
	ctrl->db_stride = 4u << opts->dstrd;
	ctrl->page_len = EMU_DMA_PAGE << opts->mpsmin;
	ctrl->max_transfer = opts->mdts ? (uint64_t)ctrl->page_len << opts->mdts : UINT64_MAX;
	ctrl->latency = opts->latency_max_ns != 0;
	ctrl->wakes = opts->media_ms || opts->nr_states > 1;
	ctrl->random = SEED;
	ctrl->born = nvio_emu_now();
	ctrl->stats.power_cycles = 1;
	for (unsigned int i = 0; i < EMU_NS_MAX; i++)
		ctrl->ns[i].fd = -1;
	nvio_emu_pi_init();
	ctrl->bounce = malloc(BOUNCE_LEN);
	ctrl->stored = malloc(BOUNCE_LEN);
	ctrl->list = malloc(EMU_DMA_PAGE);
	if (!ctrl->bounce || !ctrl->stored || !ctrl->list || nvio_emu_queues_new(ctrl) ||
	    nvio_emu_features_new(ctrl) || nvio_emu_hmb_new(ctrl) || nvio_emu_events_new(ctrl)) {
		rc = nvio_emu_fail(error, -ENOMEM, "out of memory");
		goto free_ctrl;
	}
	rc = make_namespaces(ctrl, error);
	if (!rc)
		rc = add_faults(ctrl, error);
	if (rc)
		goto free_ctrl;
	*out = ctrl;
	return 0;

free_ctrl:
	nvio_emu_ctrl_free(ctrl);
	return rc;
}

void nvio_emu_ctrl_free(struct emu_ctrl *ctrl)
{
	if (!ctrl)
		return;
	for (unsigned int i = 0; i < EMU_NS_MAX; i++)
		nvio_emu_store_close(&ctrl->ns[i]);
	nvio_emu_faults_clear(ctrl);
	nvio_emu_events_free(ctrl);
	nvio_emu_features_free(ctrl);
	nvio_emu_hmb_free(ctrl);
	nvio_emu_queues_free(ctrl);
	free(ctrl->delayed);
	free(ctrl->list);
	free(ctrl->stored);
	free(ctrl->bounce);
	free(ctrl);
}

/* Keep Alive (7.12): a client that is silent for too long is taken for dead. */
static void check_keep_alive(struct emu_ctrl *ctrl)
{
	if (nvio_emu_now() < ctrl->kato_due)
		return;
	ctrl->kato_due = 0;
	nvio_emu_fatal(ctrl);
}

bool nvio_emu_ctrl_poll(struct emu_ctrl *ctrl)
{
	if (!nvio_emu_queues_usable(ctrl))
		return false;
	if (emu_unlikely(ctrl->kato_due))
		check_keep_alive(ctrl);
	if (emu_unlikely(nvio_emu_hmb_lent(ctrl)))
		nvio_emu_hmb_look(ctrl);
	return nvio_emu_run(ctrl);
}

bool nvio_emu_ctrl_rest(struct emu_ctrl *ctrl)
{
	if (!ctrl->shadow)
		return false;
	nvio_emu_doorbells_ask(ctrl);
	return nvio_emu_ctrl_poll(ctrl);
}

void nvio_emu_ctrl_settle_intx(struct emu_ctrl *ctrl)
{
	if (!ctrl->intx_up || !nvio_emu_queues_usable(ctrl))
		return;
	for (unsigned int i = 0; i < ctrl->nr_cqs; i++)
		nvio_emu_cq_check_head(ctrl, ctrl->active_cqs[i]);
	nvio_emu_interrupt(ctrl);
}

uint64_t nvio_emu_ctrl_next_event(const struct emu_ctrl *ctrl)
{
	uint64_t next = UINT64_MAX;

	if (!ctrl->running)
		return next;
	if (ctrl->nr_delayed)
		next = ctrl->delayed[0].due;
	if (ctrl->kato_due && ctrl->kato_due < next)
		next = ctrl->kato_due;
	if (ctrl->nr_held && nvio_emu_interrupt_due(ctrl) < next)
		next = nvio_emu_interrupt_due(ctrl);
	return next;
}
