/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bringing a controller up and shutting it down (sections 3.5 and 3.6): a table of states, each
 * with a deadline.
 *
 * A state is entered once and then checked until it says that it is done. One stepping function
 * runs a table; states know nothing of each other.
 */
#include <errno.h>
#include <string.h>

#include <nvio/quirk.h>

#include "base/clock.h"
#include "base/error.h"
#include "nvme/arbitration.h"
#include "nvme/cmb.h"
#include "nvme/ctrl.h"
#include "nvme/features.h"
#include "nvme/handover.h"
#include "nvme/hmb.h"
#include "nvme/pmr.h"
#include "nvme/restart.h"
#include "vfio/device.h"

/* One less than can be said: sizes of rings are counted in 16 bits. */
#define DEPTH_MAX 65534u

#define VERSION_1_1 0x00010100u

/* With NVIO_QUIRK_DELAY_READY. */
#define DELAY_READY_MS 2300u

struct state {
	const char *name;
	int (*enter)(struct nvio_ctrl *ctrl);
	/* 1 when done, 0 when not yet, -errno. NULL: done once entered. */
	int (*check)(struct nvio_ctrl *ctrl, uint32_t csts);
	/* Milliseconds that the check may take. */
	uint32_t (*deadline_ms)(const struct nvio_ctrl *ctrl);
};

static int gone(const struct nvio_ctrl *ctrl)
{
	return nvio_error(ENODEV, "%s is gone: its registers read as all ones", ctrl->info.name);
}

static int check_state(struct nvio_ctrl *ctrl, const struct state *state)
{
	uint32_t csts = nvio_reg_read32(ctrl, NVIO_REG_CSTS);

	return csts == NVIO_REG_GONE ? gone(ctrl) : state->check(ctrl, csts);
}

static int run_state(struct nvio_ctrl *ctrl, const struct state *state)
{
	struct nvio_backoff backoff;
	int ret = state->enter ? state->enter(ctrl) : 0;

	if (ret || !state->check)
		return ret;
	nvio_backoff_start(&backoff, state->deadline_ms(ctrl) * NVIO_NS_PER_MS);
	for (;;) {
		/* The deadline first, so that a check follows however long this thread was kept
		 * waiting. */
		bool in_time = nvio_backoff_wait(&backoff);

		ret = check_state(ctrl, state);
		if (ret)
			break;
		if (!in_time)
			return nvio_error(ETIMEDOUT,
					  "%s: still %s after %llu ms (CC 0x%x, CSTS 0x%x)",
					  ctrl->info.name, state->name,
					  (unsigned long long)nvio_backoff_elapsed_ms(&backoff),
					  nvio_reg_read32(ctrl, NVIO_REG_CC),
					  nvio_reg_read32(ctrl, NVIO_REG_CSTS));
	}
	return ret < 0 ? ret : 0;
}

static int run(struct nvio_ctrl *ctrl, const struct state *states, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		uint64_t start = nvio_now();
		int err = run_state(ctrl, &states[i]);

		if (err)
			return err;
		nvio_log(NVIO_LOG_DEBUG, "%s: %s took %llu us", ctrl->info.name, states[i].name,
			 (unsigned long long)(nvio_now() - start) / 1000);
	}
	return 0;
}

static uint32_t ready_deadline(const struct nvio_ctrl *ctrl)
{
	return ctrl->ready_timeout_ms;
}

static uint32_t shutdown_deadline(const struct nvio_ctrl *ctrl)
{
	return ctrl->shutdown_timeout_ms;
}

static int choose_page_len(struct nvio_ctrl *ctrl)
{
	uint32_t min_shift = 12 + (uint32_t)FIELD_GET(CAP_MPSMIN, ctrl->cap);

	/* 4 KiB where the controller has them, whatever the host's pages: registered memory is in 4
	 * KiB. */
	ctrl->info.page_len = 1u << min_shift;
	if (FIELD_GET(CAP_MPSMAX, ctrl->cap) < FIELD_GET(CAP_MPSMIN, ctrl->cap))
		return nvio_error(ENOTSUP, "%s: CAP 0x%016llx names no memory page size",
				  ctrl->info.name, (unsigned long long)ctrl->cap);
	return 0;
}

/* How long it may take to get ready, in units of 500 ms: those that know say it better in CRTO,
 * whose field is larger (3.1.3.23). */
static uint32_t ready_units(struct nvio_ctrl *ctrl)
{
	uint32_t to = (uint32_t)FIELD_GET(CAP_TO, ctrl->cap), crto;

	if (!FIELD_GET(CAP_CRMS, ctrl->cap))
		return to;
	crto = nvio_reg_read32(ctrl, NVIO_REG_CRTO);
	if (crto == NVIO_REG_GONE)
		return to;
	if (FIELD_GET(CAP_CRMS, ctrl->cap) == CAP_CRMS_BOTH)
		ctrl->media_timeout_ms = ctrl->opts.ready_timeout_ms
						 ? ctrl->opts.ready_timeout_ms
						 : (uint32_t)FIELD_GET(CRTO_CRWMT, crto) * 500;
	return (uint32_t)max_u64(to,
				 max_u64(FIELD_GET(CRTO_CRWMT, crto), FIELD_GET(CRTO_CRIMT, crto)));
}

static int read_capabilities(struct nvio_ctrl *ctrl)
{
	uint32_t to;

	if (!(FIELD_GET(CAP_CSS, ctrl->cap) & CAP_CSS_NVM))
		return nvio_error(ENOTSUP, "%s has no NVM command set (CAP 0x%016llx)",
				  ctrl->info.name, (unsigned long long)ctrl->cap);
	to = ready_units(ctrl) * 500;
	/* A controller that says 0 gets the shortest time that can be said. */
	ctrl->ready_timeout_ms = ctrl->opts.ready_timeout_ms ? ctrl->opts.ready_timeout_ms
				 : to                        ? to
							     : 500;
	ctrl->info.version = nvio_reg_read32(ctrl, NVIO_REG_VS);
	if (ctrl->info.version < VERSION_1_1)
		return nvio_error(ENOTSUP,
				  "%s speaks NVMe 1.0 (VS 0x%x), which cannot list its namespaces",
				  ctrl->info.name, ctrl->info.version);
	/* MQES is a ring's largest size minus one, and a ring holds one command less than its size.
	 */
	ctrl->info.max_depth = (uint16_t)min_u64(FIELD_GET(CAP_MQES, ctrl->cap), DEPTH_MAX);
	if (!ctrl->info.max_depth)
		return nvio_error(ENOTSUP, "%s: CAP.MQES is 0: its queues hold no command",
				  ctrl->info.name);
	return choose_page_len(ctrl);
}

/* Section 3.5.1: EN must not change while RDY has not followed it yet. */
static int check_settled(struct nvio_ctrl *ctrl, uint32_t csts)
{
	uint32_t cc = nvio_reg_read32(ctrl, NVIO_REG_CC);

	return FIELD_GET(CC_EN, cc) == FIELD_GET(CSTS_RDY, csts) || FIELD_GET(CSTS_CFS, csts);
}

static int disable(struct nvio_ctrl *ctrl)
{
	uint32_t cc = nvio_reg_read32(ctrl, NVIO_REG_CC);
	struct nvio_backoff pause;

	if (!FIELD_GET(CC_EN, cc))
		return 0;
	nvio_reg_write32(ctrl, NVIO_REG_CC, cc & ~(CC_EN_MASK << CC_EN_SHIFT));
	if (!(ctrl->info.quirks & NVIO_QUIRK_DELAY_READY))
		return 0;
	nvio_backoff_start(&pause, DELAY_READY_MS * NVIO_NS_PER_MS);
	while (nvio_backoff_wait(&pause)) {
		/* Its configuration space is none of its registers. */
		if (nvio_backoff_is_long(&pause) && !nvio_device_answers(ctrl->device))
			return gone(ctrl);
	}
	return 0;
}

static int check_disabled(struct nvio_ctrl *ctrl, uint32_t csts)
{
	(void)ctrl;
	return !FIELD_GET(CSTS_RDY, csts);
}

uint32_t nvio_ctrl_cc(const struct nvio_ctrl *ctrl)
{
	uint32_t mps = (uint32_t)__builtin_ctz(ctrl->info.page_len) - 12;
	/* Else passthrough to a zoned namespace, say, reaches only what it has of the NVM set. */
	uint32_t css = FIELD_GET(CAP_CSS, ctrl->cap) & CAP_CSS_ALL ? CC_CSS_ALL : CC_CSS_NVM;

	return FIELD_SET(CC_EN, 1u) | FIELD_SET(CC_CSS, css) | FIELD_SET(CC_MPS, mps) |
	       FIELD_SET(CC_AMS, nvio_arbitration_ams(ctrl)) |
	       FIELD_SET(CC_IOSQES, NVIO_SQE_SHIFT) | FIELD_SET(CC_IOCQES, NVIO_CQE_SHIFT) |
	       FIELD_SET(CC_CRIME, ctrl->media_timeout_ms ? 1u : 0);
}

static int enable(struct nvio_ctrl *ctrl)
{
	uint32_t entries = ctrl->admin->sq_entries - 1u;
	int err = nvio_device_bus_master(ctrl->device, true);

	if (err)
		return err;
	nvio_reg_write32(ctrl, NVIO_REG_AQA,
			 FIELD_SET(AQA_ASQS, entries) | FIELD_SET(AQA_ACQS, entries));
	nvio_reg_write64(ctrl, NVIO_REG_ASQ, ctrl->admin->sq_iova);
	nvio_reg_write64(ctrl, NVIO_REG_ACQ, nvio_qpair_cq_iova(ctrl->admin));
	nvio_reg_write32(ctrl, NVIO_REG_CC, nvio_ctrl_cc(ctrl));
	ctrl->enabled = true;
	__atomic_store_n(&ctrl->media_until, nvio_coarse_ms() + ctrl->media_timeout_ms,
			 __ATOMIC_RELAXED);
	return 0;
}

static int check_enabled(struct nvio_ctrl *ctrl, uint32_t csts)
{
	if (FIELD_GET(CSTS_CFS, csts))
		return nvio_error(EIO, "%s reports a fatal status while it is enabled (CSTS 0x%x)",
				  ctrl->info.name, csts);
	return FIELD_GET(CSTS_RDY, csts);
}

int nvio_ctrl_bring_up(struct nvio_ctrl *ctrl)
{
	static const struct state first[] = {
		{ "reading capabilities", read_capabilities, NULL, NULL },
		{ "checking arbitration", nvio_arbitration_check, NULL, NULL },
	};
	static const struct state start[] = {
		{ "settling", NULL, check_settled, ready_deadline },
		{ "disabling", disable, check_disabled, ready_deadline },
		{ "discarding what was left", nvio_admin_queue_discard, NULL, NULL },
		{ "making the admin queue", nvio_admin_queue_init, NULL, NULL },
		{ "enabling", enable, check_enabled, ready_deadline },
	};
	static const struct state take_over[] = {
		{ "taking the admin queue over", nvio_admin_queue_take_over, NULL, NULL },
	};
	static const struct state last[] = {
		{ "identifying the controller", nvio_identify_ctrl, NULL, NULL },
		{ "keeping it alive", nvio_keep_alive_set_up, NULL, NULL },
		{ "lending memory", nvio_hmb_set_up, NULL, NULL },
		{ "setting up shadow doorbells", nvio_shadow_set_up, NULL, NULL },
		{ "setting up arbitration", nvio_arbitration_set_up, NULL, NULL },
		{ "asking for queues", nvio_request_queues, NULL, NULL },
		{ "listing namespaces", nvio_identify_namespaces, NULL, NULL },
		{ "taking features over", nvio_features_resume, NULL, NULL },
	};
	int err = run(ctrl, first, ARRAY_LEN(first));

	if (!err)
		err = nvio_ctrl_runs(ctrl) ? run(ctrl, take_over, ARRAY_LEN(take_over))
					   : run(ctrl, start, ARRAY_LEN(start));
	if (!err)
		err = run(ctrl, last, ARRAY_LEN(last));
	ctrl->taken_over = false;
	return err;
}

/* It is stopped: nothing of what it was told before reaches memory any more. */
static int restart_admin_queue(struct nvio_ctrl *ctrl)
{
	nvio_restart_admin(ctrl->admin);
	nvio_async_forget(ctrl);
	ctrl->keeper.under_way = false;
	nvio_admin_forget(ctrl);
	return 0;
}

int nvio_ctrl_bring_up_again(struct nvio_ctrl *ctrl)
{
	static const struct state states[] = {
		{ "settling", NULL, check_settled, ready_deadline },
		{ "disabling", disable, check_disabled, ready_deadline },
		{ "restarting the admin queue", restart_admin_queue, NULL, NULL },
		{ "placing its memory buffer", nvio_cmb_again, NULL, NULL },
		{ "enabling its persistent memory", nvio_pmr_again, NULL, NULL },
		{ "enabling", enable, check_enabled, ready_deadline },
		{ "identifying the controller", nvio_identify_again, NULL, NULL },
		{ "keeping it alive", nvio_keep_alive_set_up, NULL, NULL },
		{ "lending memory", nvio_hmb_again, NULL, NULL },
		{ "setting up shadow doorbells", nvio_shadow_again, NULL, NULL },
		{ "setting up arbitration", nvio_arbitration_set_up, NULL, NULL },
		{ "asking for queues", nvio_request_queues, NULL, NULL },
		{ "asking for events", nvio_async_again, NULL, NULL },
		{ "setting features", nvio_features_again, NULL, NULL },
	};

	return run(ctrl, states, ARRAY_LEN(states));
}

static int notify_shutdown(struct nvio_ctrl *ctrl)
{
	uint32_t cc = nvio_reg_read32(ctrl, NVIO_REG_CC);

	if (cc == NVIO_REG_GONE)
		return gone(ctrl);
	cc &= ~(CC_SHN_MASK << CC_SHN_SHIFT);
	nvio_reg_write32(ctrl, NVIO_REG_CC, cc | FIELD_SET(CC_SHN, CC_SHN_NORMAL));
	return 0;
}

static int check_shutdown(struct nvio_ctrl *ctrl, uint32_t csts)
{
	if (FIELD_GET(CSTS_CFS, csts))
		return nvio_error(EIO, "%s reports a fatal status during shutdown (CSTS 0x%x)",
				  ctrl->info.name, csts);
	return FIELD_GET(CSTS_SHST, csts) == CSTS_SHST_COMPLETE;
}

void nvio_ctrl_shut_down(struct nvio_ctrl *ctrl)
{
	static const struct state states[] = {
		{ "shutting down", notify_shutdown, check_shutdown, shutdown_deadline },
	};

	/* Closing goes on whatever the controller does: the kernel resets the function. */
	if (run(ctrl, states, ARRAY_LEN(states)))
		nvio_log(NVIO_LOG_WARN, "no clean shutdown: %s", nvio_last_error());
}
