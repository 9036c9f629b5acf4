/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The registers of BAR 0 below the doorbells (3.1.3), and what writing CC does: enabling,
 * disabling, shutdown, the resets.
 *
 * Accesses of any width end up as masked accesses to one or two dwords.
 */
#include <string.h>

#include "fault.h"
#include "state.h"
#include "store.h"

#define VERSION_2_0 0x00020000u

/* "NVMe", the value that resets the subsystem (3.1.3.7). */
#define NSSR_KEY 0x4e564d65u

#define CSTS_RDY     (1u << NVME_CSTS_RDY_SHIFT)
#define CSTS_CFS     (1u << NVME_CSTS_CFS_SHIFT)
#define CSTS_SHST    (3u << NVME_CSTS_SHST_SHIFT)
#define CSTS_SHUT    ((uint32_t)NVME_CSTS_SHST_CMPLT << NVME_CSTS_SHST_SHIFT)
#define CSTS_NSSRO   (1u << NVME_CSTS_NSSRO_SHIFT)
#define CC_EN        (1u << NVME_CC_EN_SHIFT)
#define CC_SHN       (3u << NVME_CC_SHN_SHIFT)
#define CC_WRITABLE  0x00fffff1u
#define CC_CRIME     (1u << 24) /* read-only where there is one ready mode (3.1.3.5) */
#define AQA_WRITABLE 0x0fff0fffu
#define AQ_WRITABLE  (~0xfffull)

void nvio_emu_fatal(struct emu_ctrl *ctrl)
{
	ctrl->csts |= CSTS_CFS;
	ctrl->running = false;
}

/* Everything that a Controller Level Reset ends (3.7.2); AQA, ASQ and ACQ stay. */
static void stop(struct emu_ctrl *ctrl)
{
	ctrl->running = false;
	nvio_emu_queues_close(ctrl);
	nvio_emu_events_reset(ctrl);
	nvio_emu_features_reset(ctrl);
	nvio_emu_hmb_reset(ctrl);
	ctrl->shadow = 0;
	ctrl->intms = 0;
	ctrl->granted_sqs = 0;
	ctrl->granted_cqs = 0;
	ctrl->kato_due = 0;
	ctrl->kato_ms = 0;
	ctrl->ready_at = 0;
	if (ctrl->intx_up)
		ctrl->bus->lower(ctrl->bus);
	ctrl->intx_up = false;
	ctrl->csts &= CSTS_NSSRO;
}

void nvio_emu_ctrl_reset(struct emu_ctrl *ctrl)
{
	/* No shutdown notification came before (5.16.1.3). */
	if (ctrl->running)
		ctrl->stats.unsafe_shutdowns++;
	stop(ctrl);
	ctrl->cc = 0;
	ctrl->csts = 0;
	ctrl->aqa = 0;
	ctrl->asq = 0;
	ctrl->acq = 0;
}

void nvio_emu_ctrl_remove(struct emu_ctrl *ctrl)
{
	if (ctrl->running)
		ctrl->stats.unsafe_shutdowns++;
	ctrl->running = false;
	ctrl->gone = true;
}

bool nvio_emu_ctrl_gone(const struct emu_ctrl *ctrl)
{
	return ctrl->gone;
}

void nvio_emu_ctrl_return(struct emu_ctrl *ctrl)
{
	ctrl->gone = false;
	ctrl->stats.power_cycles++;
	nvio_emu_ctrl_reset(ctrl);
}

const char *nvio_emu_ctrl_state(const struct emu_ctrl *ctrl)
{
	if (ctrl->gone)
		return "gone";
	if (ctrl->csts & CSTS_CFS)
		return "fatal";
	if (ctrl->csts & CSTS_SHST)
		return "shutdown";
	return ctrl->csts & CSTS_RDY ? "ready" : "disabled";
}

static uint32_t get(uint32_t value, unsigned int shift, uint32_t mask)
{
	return value >> shift & mask;
}

/* What makes enabling fail with CSTS.CFS instead of CSTS.RDY (3.5.1, 9.5). */
static bool configuration_is_valid(const struct emu_ctrl *ctrl)
{
	uint32_t mps = NVME_CC_MPS(ctrl->cc), css = NVME_CC_CSS(ctrl->cc);
	uint32_t sqes = NVME_CC_IOSQES(ctrl->cc), cqes = NVME_CC_IOCQES(ctrl->cc);
	uint64_t page_mask = (EMU_DMA_PAGE << mps) - 1ull;

	if (mps < ctrl->opts.mpsmin || mps > ctrl->opts.mpsmax ||
	    NVME_CC_AMS(ctrl->cc) > (ctrl->opts.wrr ? NVME_CC_AMS_WRRU : NVME_CC_AMS_RR))
		return false;
	if (css != NVME_CC_CSS_NVM && css != NVME_CC_CSS_CSI)
		return false;
	/* The entry sizes may still be missing: they matter to I/O queues (3.1.3.5). */
	if ((sqes && sqes != NVIO_SQE_SHIFT) || (cqes && cqes != NVIO_CQE_SHIFT))
		return false;
	if (!get(ctrl->aqa, 0, 0xfff) || !get(ctrl->aqa, 16, 0xfff))
		return false;
	return !(ctrl->asq & page_mask) && !(ctrl->acq & page_mask);
}

static void become_ready(struct emu_ctrl *ctrl)
{
	ctrl->ready_at = 0;
	ctrl->csts |= CSTS_RDY;
	ctrl->running = true;
	ctrl->kato_ms = nvio_emu_feature(ctrl, NVME_FEAT_FID_KATO);
	ctrl->kato_due = ctrl->kato_ms ? nvio_emu_now() + ctrl->kato_ms * 1000000ull : 0;
}

static void enable(struct emu_ctrl *ctrl)
{
	if (ctrl->faults && nvio_emu_fault_event(ctrl, EMU_FAULT_NO_READY))
		return;
	ctrl->csts &= ~CSTS_SHST;
	if (!configuration_is_valid(ctrl)) {
		nvio_emu_fatal(ctrl);
		return;
	}
	ctrl->page_len = EMU_DMA_PAGE << NVME_CC_MPS(ctrl->cc);
	ctrl->weighted = NVME_CC_AMS(ctrl->cc) == NVME_CC_AMS_WRRU;
	ctrl->generation = ctrl->bus->generation;
	if (!nvio_emu_cq_open(ctrl, 0, ctrl->acq, get(ctrl->aqa, 16, 0xfff) + 1) ||
	    !nvio_emu_sq_open(ctrl, 0, 0, ctrl->asq, get(ctrl->aqa, 0, 0xfff) + 1)) {
		nvio_emu_fatal(ctrl);
		return;
	}
	/* The admin completion queue uses vector 0 and cannot do without (3.3.3.1). */
	ctrl->cqs[0].interrupts = true;
	ctrl->media_at = nvio_emu_now() + ctrl->opts.media_ms * 1000000ull;
	if (ctrl->opts.media_ms && !(ctrl->cc & CC_CRIME))
		ctrl->ready_at = ctrl->media_at;
	else
		become_ready(ctrl);
}

/* The shutdown is complete once what was written is on the medium (3.6.1). */
static void shut_down(struct emu_ctrl *ctrl)
{
	ctrl->running = false;
	ctrl->kato_due = 0;
	if (nvio_emu_hmb_lent(ctrl))
		nvio_emu_fatal(ctrl);
	if (ctrl->faults && nvio_emu_fault_event(ctrl, EMU_FAULT_NO_SHUTDOWN)) {
		ctrl->csts |= (uint32_t)NVME_CSTS_SHST_OCCUR << NVME_CSTS_SHST_SHIFT;
		return;
	}
	for (unsigned int i = 0; i < EMU_NS_MAX; i++)
		if (ctrl->ns[i].nsid)
			nvio_emu_store_sync(&ctrl->ns[i]);
	ctrl->csts = (ctrl->csts & ~CSTS_SHST) | CSTS_SHUT;
}

static void write_cc(struct emu_ctrl *ctrl, uint32_t value)
{
	uint32_t was = ctrl->cc;

	ctrl->cc = value & (CC_WRITABLE | (ctrl->opts.media_ms ? CC_CRIME : 0));
	if (was & CC_EN && !(value & CC_EN))
		stop(ctrl);
	else if (!(was & CC_EN) && value & CC_EN)
		enable(ctrl);
	if (value & CC_SHN && !(ctrl->csts & CSTS_SHST))
		shut_down(ctrl);
}

static void write_nssr(struct emu_ctrl *ctrl, uint32_t value)
{
	if (value != NSSR_KEY)
		return;
	nvio_emu_ctrl_reset(ctrl);
	if (ctrl->bus->reset)
		ctrl->bus->reset(ctrl->bus);
	ctrl->csts = CSTS_NSSRO;
}

static uint32_t read_crto(const struct emu_ctrl *ctrl)
{
	uint32_t to = (uint32_t)NVME_CAP_TO(ctrl->cap),
		 media = (ctrl->opts.media_ms + 499) / 500 + 1;

	return to << 16 | (media > to ? media : to);
}

static uint32_t read_dword(const struct emu_ctrl *ctrl, uint32_t offset)
{
	switch (offset) {
	case NVME_REG_CAP:
		return (uint32_t)ctrl->cap;
	case NVME_REG_CAP + 4:
		return (uint32_t)(ctrl->cap >> 32);
	case NVME_REG_VS:
		return VERSION_2_0;
	case NVME_REG_INTMS:
	case NVME_REG_INTMC:
		return ctrl->intms;
	case NVME_REG_CC:
		return ctrl->cc;
	case NVME_REG_CSTS:
		return ctrl->csts;
	case NVME_REG_AQA:
		return ctrl->aqa;
	case NVME_REG_ASQ:
		return (uint32_t)ctrl->asq;
	case NVME_REG_ASQ + 4:
		return (uint32_t)(ctrl->asq >> 32);
	case NVME_REG_ACQ:
		return (uint32_t)ctrl->acq;
	case NVME_REG_ACQ + 4:
		return (uint32_t)(ctrl->acq >> 32);
	case NVME_REG_CRTO:
		return read_crto(ctrl);
	default:
		return 0;
	}
}

static uint32_t merge(uint32_t old, uint32_t value, uint32_t mask)
{
	return (old & ~mask) | (value & mask);
}

static void write_queue_base(uint64_t *base, bool high, uint32_t value, uint32_t mask)
{
	unsigned int shift = high ? 32 : 0;

	*base &= ~((uint64_t)mask << shift);
	*base |= (uint64_t)(value & mask) << shift;
	*base &= AQ_WRITABLE;
}

static void write_mask(struct emu_ctrl *ctrl, uint32_t intms)
{
	uint32_t was = ctrl->intms;

	ctrl->intms = intms;
	nvio_emu_interrupt_masked(ctrl, was);
}

static void write_dword(struct emu_ctrl *ctrl, uint32_t offset, uint32_t value, uint32_t mask)
{
	switch (offset) {
	case NVME_REG_INTMS:
		write_mask(ctrl, ctrl->intms | (value & mask));
		break;
	case NVME_REG_INTMC:
		write_mask(ctrl, ctrl->intms & ~(value & mask));
		break;
	case NVME_REG_CC:
		write_cc(ctrl, merge(ctrl->cc, value, mask));
		break;
	case NVME_REG_CSTS:
		/* NSSRO alone is written, with 1 to clear. */
		ctrl->csts &= ~(value & mask & CSTS_NSSRO);
		break;
	case NVME_REG_NSSR:
		write_nssr(ctrl, value & mask);
		break;
	case NVME_REG_AQA:
		if (!(ctrl->cc & CC_EN))
			ctrl->aqa = merge(ctrl->aqa, value, mask) & AQA_WRITABLE;
		break;
	case NVME_REG_ASQ:
	case NVME_REG_ASQ + 4:
		if (!(ctrl->cc & CC_EN))
			write_queue_base(&ctrl->asq, offset != NVME_REG_ASQ, value, mask);
		break;
	case NVME_REG_ACQ:
	case NVME_REG_ACQ + 4:
		if (!(ctrl->cc & CC_EN))
			write_queue_base(&ctrl->acq, offset != NVME_REG_ACQ, value, mask);
		break;
	default:
		break;
	}
}

static bool access_is_valid(uint32_t offset, unsigned int len)
{
	return (len == 1 || len == 2 || len == 4 || len == 8) && !(offset % len) &&
	       offset < EMU_DOORBELLS_OFFSET;
}

uint64_t nvio_emu_ctrl_read(struct emu_ctrl *ctrl, uint32_t offset, unsigned int len)
{
	uint64_t value;

	if (!access_is_valid(offset, len))
		return 0;
	if (ctrl->ready_at && nvio_emu_now() >= ctrl->ready_at)
		become_ready(ctrl);
	value = read_dword(ctrl, offset & ~3u);
	if (len == 8)
		value |= (uint64_t)read_dword(ctrl, offset + 4) << 32;
	value = nvio_emu_fault_register(ctrl, value) >> 8 * (offset & 3);
	return len == 8 ? value : value & ((1ull << 8 * len) - 1);
}

void nvio_emu_ctrl_write(struct emu_ctrl *ctrl, uint32_t offset, unsigned int len, uint64_t value)
{
	unsigned int shift = 8 * (offset & 3);
	uint32_t mask = len >= 4 ? UINT32_MAX : (1u << 8 * len) - 1;

	if (!access_is_valid(offset, len))
		return;
	write_dword(ctrl, offset & ~3u, (uint32_t)value << shift, mask << shift);
	if (len == 8)
		write_dword(ctrl, offset + 4, (uint32_t)(value >> 32), UINT32_MAX);
}
