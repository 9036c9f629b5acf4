/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doorbells off the short way; see doorbell.h.
 *
 * The memory for shadow doorbells is two pages of the controller's: our values, and its event
 * indices, both at the offsets that the registers have from the first doorbell on. It lives until
 * the device is closed.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include <nvio/quirk.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mmio.h"
#include "nvme/command.h"

/* Of NVIO_QUIRK_DOORBELL_PAUSE: how long QEMU holds its lock after a completion can be seen, and
 * with how many commands under way it is known to be at a completion. */
#define PAUSE_NS  1000u
#define PAUSE_MAX 4u
/* Readings of a clock that does not move. */
#define PAUSE_READINGS 64u

bool nvio_shadow_ring(const struct nvio_shadow *shadow, uint16_t value)
{
	uint16_t old = (uint16_t)*shadow->value;
	uint16_t event;

	/* What the controller may do once it sees the value was ordered by the caller. */
	__atomic_store_n(shadow->value, value, __ATOMIC_RELAXED);
	/* Our value before the controller's event index. It writes the index first and looks at the
	 * value then: one of the two sees the other. */
	nvio_smp_mb();
	event = (uint16_t)__atomic_load_n(shadow->event, __ATOMIC_RELAXED);
	return (uint16_t)(value - event - 1) < (uint16_t)(value - old);
}

uint16_t nvio_shadow_max_qpairs(const struct nvio_ctrl *ctrl)
{
	uint32_t pairs = ctrl->info.page_len / ctrl->doorbell_stride / 2;

	/* The admin queue's come first. */
	return (uint16_t)min_u64(pairs > 1 ? pairs - 1 : 0, UINT16_MAX);
}

/* Returns 1 or 0; -ENOTSUP when it is asked for and cannot be had; -EINVAL. */
static int is_wanted(const struct nvio_ctrl *ctrl)
{
	bool offered = ctrl->oacs & NVIO_OACS_DOORBELL_BUFFERS;
	bool fit = nvio_shadow_max_qpairs(ctrl) > 0;

	switch (ctrl->opts.shadow_doorbells) {
	case NVIO_ON:
		if (!offered)
			return nvio_error(ENOTSUP, "%s has no shadow doorbells (OACS 0x%x)",
					  ctrl->info.name, ctrl->oacs);
		if (!fit)
			return nvio_error(ENOTSUP,
					  "%s: doorbells %u bytes apart leave a page of shadows no "
					  "room for an I/O queue pair",
					  ctrl->info.name, ctrl->doorbell_stride);
		return 1;
	case NVIO_AUTO:
		/* A mapped register costs less than the barrier, unless it stops a guest for long:
		 * whoever runs in such a one knows. */
		return offered && fit && !ctrl->doorbells &&
		       !(ctrl->info.quirks & NVIO_QUIRK_NO_SHADOW);
	case NVIO_OFF:
		return 0;
	default:
		return nvio_error(EINVAL, "shadow_doorbells %u: not one of enum nvio_choice",
				  ctrl->opts.shadow_doorbells);
	}
}

static int tell(struct nvio_ctrl *ctrl)
{
	struct nvio_sqe sqe = { .opcode = NVIO_ADMIN_DOORBELL_BUFFERS };

	nvio_mem_iova(ctrl->iommu, ctrl->shadow, 2ul * ctrl->info.page_len, NVIO_DMA_RW, &sqe.prp1);
	sqe.prp2 = sqe.prp1 + ctrl->info.page_len;
	return nvio_admin_locked(ctrl, &sqe, NULL, 0, NULL);
}

static int configure(struct nvio_ctrl *ctrl)
{
	int status;

	memset(ctrl->shadow, 0, 2ul * ctrl->info.page_len);
	status = tell(ctrl);
	if (status <= 0 || ctrl->opts.shadow_doorbells == NVIO_ON)
		return nvio_admin_must(ctrl, "Doorbell Buffer Config", status);
	nvio_log(NVIO_LOG_WARN, "%s: no shadow doorbells: %s", ctrl->info.name,
		 nvio_status_text((unsigned int)status));
	nvio_shadow_free(ctrl);
	return 0;
}

int nvio_shadow_set_up(struct nvio_ctrl *ctrl)
{
	int wanted = is_wanted(ctrl), err;

	if (wanted <= 0)
		return wanted;
	if (!ctrl->shadow) {
		ctrl->shadow =
			nvio_alloc(ctrl->iommu, 2ul * ctrl->info.page_len, ctrl->info.page_len);
		if (!ctrl->shadow)
			return -ENOMEM;
	}
	err = configure(ctrl);
	ctrl->info.shadow_doorbells = !err && ctrl->shadow;
	return err;
}

int nvio_shadow_again(struct nvio_ctrl *ctrl)
{
	int status;

	if (!ctrl->shadow)
		return 0;
	/* Owners may still be about to write there: it cannot be done without now. */
	status = tell(ctrl);
	return nvio_admin_must(ctrl, "Doorbell Buffer Config", status);
}

void nvio_shadow_free(struct nvio_ctrl *ctrl)
{
	nvio_free(ctrl->iommu, ctrl->shadow);
	ctrl->shadow = NULL;
}

static struct nvio_shadow shadow_at(const struct nvio_ctrl *ctrl, uint16_t qid, bool cq)
{
	uint64_t offset = nvio_reg_doorbell_offset(ctrl, qid, cq) - NVIO_REG_DOORBELLS;
	uint32_t *value = (uint32_t *)(ctrl->shadow + offset);
	uint32_t *event = (uint32_t *)(ctrl->shadow + ctrl->info.page_len + offset);

	assert(offset < ctrl->info.page_len);
	/* What a queue of this identifier left there. */
	*value = 0;
	*event = 0;
	return (struct nvio_shadow){ value, event };
}

void nvio_doorbells_find(struct nvio_qpair *qpair)
{
	struct nvio_ctrl *ctrl = qpair->ctrl;

	qpair->sq_register = nvio_reg_doorbell(ctrl, qpair->qid, false);
	qpair->cq_register = nvio_reg_doorbell(ctrl, qpair->qid, true);
	if (!ctrl->shadow)
		return;
	qpair->sq_shadow = shadow_at(ctrl, qpair->qid, false);
	qpair->cq_shadow = shadow_at(ctrl, qpair->qid, true);
}

void nvio_doorbells_use(struct nvio_qpair *qpair)
{
	bool stores = !qpair->sq_shadow.value;
	bool pauses = qpair->ctrl->info.quirks & NVIO_QUIRK_DOORBELL_PAUSE;

	__atomic_store_n(&qpair->sq_doorbell, stores && !pauses ? qpair->sq_register : NULL,
			 __ATOMIC_RELAXED);
	__atomic_store_n(&qpair->cq_doorbell, stores ? qpair->cq_register : NULL, __ATOMIC_RELAXED);
}

void nvio_doorbell_ring(struct nvio_qpair *qpair, bool cq, uint16_t value)
{
	const struct nvio_shadow *shadow = cq ? &qpair->cq_shadow : &qpair->sq_shadow;
	uint32_t *reg = cq ? qpair->cq_register : qpair->sq_register;
	uint32_t wide = value;

	if (shadow->value && !nvio_shadow_ring(shadow, value)) {
		nvio_count(&qpair->stats.doorbells_spared, 1);
		return;
	}
	if (reg)
		nvio_mmio_write32(reg, value);
	else if (qpair->ctrl->device) /* plain memory has no controller to tell */
		nvio_device_region_write(qpair->ctrl->device, NVIO_REGION_BAR0,
					 nvio_reg_doorbell_offset(qpair->ctrl, qpair->qid, cq),
					 &wide, sizeof(wide));
}

static bool is_held(const struct nvio_qpair *qpair)
{
	return __atomic_load_n(&qpair->held, __ATOMIC_RELAXED);
}

/* Without nvio_cpu_relax(), which gives a guest's processor away. */
static void pause_if_few(const struct nvio_qpair *qpair)
{
	uint64_t until;

	if (qpair->stats.submitted - qpair->stats.completed - qpair->nr_drained > PAUSE_MAX)
		return;
	until = nvio_now() + PAUSE_NS;
	for (unsigned int i = 0; i < PAUSE_READINGS && nvio_now() < until; i++)
		;
}

void nvio_doorbell_tell_sq(struct nvio_qpair *qpair, uint32_t nr)
{
	if (qpair->ctrl->info.quirks & NVIO_QUIRK_DOORBELL_PAUSE)
		pause_if_few(qpair);
	if (is_held(qpair))
		__atomic_store_n(&qpair->nr_untold, qpair->nr_untold + nr, __ATOMIC_RELEASE);
	else
		nvio_doorbell_ring(qpair, false, (uint16_t)(qpair->sq_next - qpair->sq));
}

void nvio_doorbell_tell_cq(struct nvio_qpair *qpair)
{
	if (is_held(qpair))
		qpair->cq_owed = true;
	else
		nvio_doorbell_ring(qpair, true, (uint16_t)(qpair->cq_next - qpair->cq));
}

void nvio_doorbells_settle(struct nvio_qpair *qpair)
{
	const struct nvio_sqe *told = qpair->sq_rung ? qpair->sq_rung : qpair->sq_told;

	/* The entries, which the controller fetches, before the doorbell that tells it of them. */
	nvio_dma_mb();
	if (qpair->nr_untold)
		nvio_doorbell_ring(qpair, false, (uint16_t)(told - qpair->sq));
	if (qpair->cq_owed)
		nvio_doorbell_ring(qpair, true, (uint16_t)(qpair->cq_next - qpair->cq));
	nvio_doorbells_forget(qpair);
}

void nvio_doorbells_forget(struct nvio_qpair *qpair)
{
	__atomic_store_n(&qpair->nr_untold, 0, __ATOMIC_RELAXED);
	qpair->cq_owed = false;
}
