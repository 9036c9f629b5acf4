/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The persistent memory region; see pmr.h.
 *
 * It fills a BAR of its own. Reading the status register, or the region, pushes what was written
 * before it to where it lasts; which of the two, the controller says.
 */
#include <errno.h>
#include <stdlib.h>

#include <nvio/devmem.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mmio.h"
#include "nvme/ctrl.h"
#include "nvme/pmr.h"

#define TIMEOUT_MIN_MS 500u

struct nvio_pmr {
	uint32_t cap;
	struct nvio_window window; /* as mapped; its address for commands, when it has one */
	unsigned int rights; /* what commands can do with it; 0: it has no address for them */
	bool reserved; /* that address is none of its BAR's */
};

static int gone(const struct nvio_ctrl *ctrl)
{
	return nvio_error(ENODEV, "%s is gone: its registers read as all ones", ctrl->info.name);
}

static uint64_t timeout_ms(const struct nvio_pmr *pmr)
{
	uint64_t unit = FIELD_GET(PMRCAP_PMRTU, pmr->cap) ? 60000 : 500;

	return max_u64(FIELD_GET(PMRCAP_PMRTO, pmr->cap) * unit, TIMEOUT_MIN_MS);
}

/* Waits for PMRSTS.NRDY. Returns 0; -ETIMEDOUT; -ENODEV. */
static int wait_for(struct nvio_ctrl *ctrl, const struct nvio_pmr *pmr, bool ready)
{
	struct nvio_backoff backoff;
	uint32_t status;
	bool in_time;

	nvio_backoff_start(&backoff, timeout_ms(pmr) * NVIO_NS_PER_MS);
	do {
		in_time = nvio_backoff_wait(&backoff);
		status = nvio_reg_read32(ctrl, NVIO_REG_PMRSTS);
		if (status == NVIO_REG_GONE)
			return gone(ctrl);
		if (FIELD_GET(PMRSTS_NRDY, status) == !ready)
			return 0;
	} while (in_time);
	return nvio_error(ETIMEDOUT,
			  "%s: its persistent memory is %s ready after %llu ms (PMRCAP 0x%x, "
			  "PMRSTS 0x%x)",
			  ctrl->info.name, ready ? "not" : "still",
			  (unsigned long long)nvio_backoff_elapsed_ms(&backoff), pmr->cap, status);
}

static int map(struct nvio_ctrl *ctrl, struct nvio_pmr *pmr)
{
	uint32_t bir = FIELD_GET(PMRCAP_BIR, pmr->cap);
	struct nvio_region_info region;
	void *addr;
	int err = nvio_device_region(ctrl->device, bir, &region, sizeof(region));

	if (err)
		return err;
	if (bir < 2 || bir > 5 || region.len < NVIO_MEM_PAGE)
		return nvio_error(EPROTO,
				  "%s: its persistent memory is in BAR %u, which has %llu bytes",
				  ctrl->info.name, bir, (unsigned long long)region.len);
	err = nvio_device_region_map(ctrl->device, bir, 0, region.len, &addr);
	if (err)
		return err;
	pmr->window.addr = (uintptr_t)addr;
	pmr->window.len = region.len;
	return 0;
}

static void write_address(struct nvio_ctrl *ctrl, uint64_t value)
{
	nvio_reg_write32(ctrl, NVIO_REG_PMRMSCU, (uint32_t)(value >> 32));
	nvio_reg_write32(ctrl, NVIO_REG_PMRMSCL, (uint32_t)value);
}

/* Gives it an address for commands. Returns whether it has one. */
static bool give_address(struct nvio_ctrl *ctrl, struct nvio_pmr *pmr)
{
	struct nvio_window *window = &pmr->window;

	if (nvio_local_bar_address(ctrl, FIELD_GET(PMRCAP_BIR, pmr->cap), 0, window->len,
				   &window->iova)) {
		if (nvio_local_reserve(ctrl, window->len, &window->iova))
			return false;
		pmr->reserved = true;
	}
	write_address(ctrl, window->iova | PMRMSCL_CMSE);
	if (!FIELD_GET(PMRSTS_CBAI, nvio_reg_read32(ctrl, NVIO_REG_PMRSTS)))
		return true;
	write_address(ctrl, 0);
	return false;
}

/* Lets commands use it. Where they cannot, it is memory for the program all the same. */
static void share(struct nvio_ctrl *ctrl, struct nvio_pmr *pmr)
{
	struct nvio_local local = { .rights = 0 };

	if (FIELD_GET(PMRCAP_RDS, pmr->cap))
		local.rights |= NVIO_DMA_WRITE;
	if (FIELD_GET(PMRCAP_WDS, pmr->cap))
		local.rights |= NVIO_DMA_READ;
	if (!FIELD_GET(PMRCAP_CMSS, pmr->cap) || !local.rights)
		return;
	if (!give_address(ctrl, pmr)) {
		nvio_log(NVIO_LOG_WARN, "%s: commands cannot use its persistent memory: no address",
			 ctrl->info.name);
		return;
	}
	pmr->rights = local.rights;
	local.window = pmr->window;
	nvio_local_publish(ctrl, NVIO_LOCAL_PMR, &local);
}

static void destroy(struct nvio_ctrl *ctrl, struct nvio_pmr *pmr)
{
	if (pmr->reserved)
		nvio_local_release(ctrl, pmr->window.len, pmr->window.iova);
	free(pmr);
}

static int enable(struct nvio_ctrl *ctrl, struct nvio_pmr *pmr)
{
	int err;

	pmr->cap = nvio_reg_read32(ctrl, NVIO_REG_PMRCAP);
	if (pmr->cap == NVIO_REG_GONE)
		return gone(ctrl);
	/* Enabled before it is mapped: some have nothing there until then. */
	nvio_reg_write32(ctrl, NVIO_REG_PMRCTL, PMRCTL_EN);
	err = wait_for(ctrl, pmr, true);
	if (!err)
		err = map(ctrl, pmr);
	if (err)
		nvio_reg_write32(ctrl, NVIO_REG_PMRCTL, 0);
	return err;
}

/* Enables and maps it unless that was done. The controller is locked. Returns 0 or -errno. */
static int open_pmr(struct nvio_ctrl *ctrl)
{
	struct nvio_pmr *pmr;
	int err;

	if (ctrl->pmr)
		return 0;
	if (!FIELD_GET(CAP_PMRS, ctrl->cap))
		return nvio_error(ENOTSUP, "%s has no persistent memory region (CAP 0x%016llx)",
				  ctrl->info.name, (unsigned long long)ctrl->cap);
	pmr = calloc(1, sizeof(*pmr));
	if (!pmr)
		return nvio_error(ENOMEM, "no memory to keep track of persistent memory");
	err = enable(ctrl, pmr);
	if (err) {
		destroy(ctrl, pmr);
		return err;
	}
	share(ctrl, pmr);
	ctrl->pmr = pmr;
	nvio_log(NVIO_LOG_INFO, "%s: persistent memory of %zu bytes", ctrl->info.name,
		 pmr->window.len);
	return 0;
}

int nvio_pmr_again(struct nvio_ctrl *ctrl)
{
	struct nvio_pmr *pmr = ctrl->pmr;
	int err;

	if (!pmr)
		return 0;
	nvio_reg_write32(ctrl, NVIO_REG_PMRCTL, PMRCTL_EN);
	err = wait_for(ctrl, pmr, true);
	if (!err && pmr->rights)
		write_address(ctrl, pmr->window.iova | PMRMSCL_CMSE);
	return err;
}

int nvio_pmr_map(struct nvio_ctrl *ctrl, void **addr, size_t *len)
{
	int err;

	nvio_ctrl_claim(ctrl);
	err = open_pmr(ctrl);
	if (!err) {
		*addr = (void *)ctrl->pmr->window.addr;
		*len = ctrl->pmr->window.len;
	}
	pthread_mutex_unlock(&ctrl->lock);
	return err;
}

/* Bytes: a value in units of powers of 1024. */
static uint64_t scaled(uint32_t value)
{
	return FIELD_GET(PMREBS_VALUE, (uint64_t)value)
	       << min_u64(10ull * FIELD_GET(PMREBS_UNIT, value), 30);
}

int nvio_pmr_get_info(struct nvio_ctrl *ctrl, struct nvio_pmr_info *out, size_t size)
{
	struct nvio_pmr_info info = { 0 };
	uint32_t status;
	int err;

	nvio_ctrl_claim(ctrl);
	err = open_pmr(ctrl);
	if (!err) {
		status = nvio_reg_read32(ctrl, NVIO_REG_PMRSTS);
		info = (struct nvio_pmr_info){
			.len = ctrl->pmr->window.len,
			.health = FIELD_GET(PMRSTS_HSTS, status),
			.error = FIELD_GET(PMRSTS_ERR, status),
			.buffer_len = scaled(nvio_reg_read32(ctrl, NVIO_REG_PMREBS)),
			.sustained = scaled(nvio_reg_read32(ctrl, NVIO_REG_PMRSWTP)),
			.reads = ctrl->pmr->rights & NVIO_DMA_WRITE,
			.writes = ctrl->pmr->rights & NVIO_DMA_READ,
		};
		err = status == NVIO_REG_GONE ? gone(ctrl) : 0;
	}
	pthread_mutex_unlock(&ctrl->lock);
	return err ? err : nvio_give_info(out, size, &info, sizeof(info));
}

static int flush(struct nvio_ctrl *ctrl, const struct nvio_pmr *pmr)
{
	uint32_t status;

	/* Our stores before the read that pushes them. */
	nvio_smp_mb();
	if (!(FIELD_GET(PMRCAP_PMRWBM, pmr->cap) & PMRWBM_READ_STATUS))
		nvio_mmio_read32((const void *)pmr->window.addr);
	status = nvio_reg_read32(ctrl, NVIO_REG_PMRSTS);
	if (status == NVIO_REG_GONE)
		return gone(ctrl);
	if (FIELD_GET(PMRSTS_ERR, status) || FIELD_GET(PMRSTS_NRDY, status) ||
	    FIELD_GET(PMRSTS_HSTS, status) >= NVIO_PMR_READ_ONLY)
		return nvio_error(EIO,
				  "%s: what was written to its persistent memory is not safe "
				  "(PMRSTS 0x%x)",
				  ctrl->info.name, status);
	return 0;
}

int nvio_pmr_flush(struct nvio_ctrl *ctrl)
{
	int err;

	pthread_mutex_lock(&ctrl->lock);
	err = ctrl->pmr ? flush(ctrl, ctrl->pmr)
			: nvio_error(EINVAL, "%s: its persistent memory is not mapped",
				     ctrl->info.name);
	pthread_mutex_unlock(&ctrl->lock);
	return err;
}

void nvio_pmr_stop(struct nvio_ctrl *ctrl)
{
	int err;

	if (!ctrl->pmr)
		return;
	err = flush(ctrl, ctrl->pmr);
	write_address(ctrl, 0);
	nvio_reg_write32(ctrl, NVIO_REG_PMRCTL, 0);
	if (!err)
		err = wait_for(ctrl, ctrl->pmr, false);
	if (err)
		nvio_log(NVIO_LOG_WARN, "no clean end of persistent memory: %s", nvio_last_error());
}

void nvio_pmr_free(struct nvio_ctrl *ctrl)
{
	if (ctrl->pmr)
		destroy(ctrl, ctrl->pmr);
	ctrl->pmr = NULL;
}
