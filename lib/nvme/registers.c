/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Access to the controller's registers, by call, and to its doorbells, mapped where VFIO allows it.
 *
 * Registers are not on the I/O path, and a mapping raises SIGBUS once the device was taken away.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "nvme/ctrl.h"
#include "vfio/device.h"

uint32_t nvio_reg_read32(struct nvio_ctrl *ctrl, uint32_t offset)
{
	uint32_t value;

	if (nvio_device_region_read(ctrl->device, NVIO_REGION_BAR0, offset, &value, sizeof(value)))
		return NVIO_REG_GONE;
	return value;
}

/* Two reads of 32 bits: section 3.1.1 allows both ways, and not every emulation does. */
uint64_t nvio_reg_read64(struct nvio_ctrl *ctrl, uint32_t offset)
{
	uint64_t low = nvio_reg_read32(ctrl, offset);

	return low | (uint64_t)nvio_reg_read32(ctrl, offset + 4) << 32;
}

void nvio_reg_write32(struct nvio_ctrl *ctrl, uint32_t offset, uint32_t value)
{
	nvio_device_region_write(ctrl->device, NVIO_REGION_BAR0, offset, &value, sizeof(value));
}

void nvio_reg_write64(struct nvio_ctrl *ctrl, uint32_t offset, uint64_t value)
{
	nvio_reg_write32(ctrl, offset, (uint32_t)value);
	nvio_reg_write32(ctrl, offset + 4, (uint32_t)(value >> 32));
}

/* Section 3.1.2: SQ tail doorbell y at 1000h + 2y * stride, CQ head doorbell behind it. */
uint64_t nvio_reg_doorbell_offset(const struct nvio_ctrl *ctrl, uint16_t qid, bool cq)
{
	return NVIO_REG_DOORBELLS + (2ull * qid + cq) * ctrl->doorbell_stride;
}

uint32_t *nvio_reg_doorbell(struct nvio_ctrl *ctrl, uint16_t qid, bool cq)
{
	if (!ctrl->doorbells)
		return NULL;
	return (uint32_t *)(ctrl->doorbells + nvio_reg_doorbell_offset(ctrl, qid, cq) -
			    NVIO_REG_DOORBELLS);
}

/* Queue pairs, the admin one among them, whose doorbells lie in a part that may be mapped. */
static uint64_t mappable_pairs(const struct nvio_ctrl *ctrl, const struct nvio_region_info *bar)
{
	for (uint32_t i = 0; i < bar->nr_areas; i++) {
		uint64_t start = bar->areas[i].offset, len = bar->areas[i].len;

		if (start <= NVIO_REG_DOORBELLS && len > NVIO_REG_DOORBELLS - start)
			return (len - (NVIO_REG_DOORBELLS - start)) / ctrl->doorbell_stride / 2;
	}
	return 0;
}

/* VFIO maps whole pages, and none that another device is on, too. */
static void tell_slow(const struct nvio_ctrl *ctrl, const struct nvio_region_info *bar)
{
	const uint64_t page = (uint64_t)getpagesize();
	char why[256] = "";

	if (ctrl->device->pci.name[0] && bar->len < page)
		snprintf(
			why, sizeof(why),
			": BAR 0 of %u KiB shares a page of %u KiB with another device "
			"(`pci=resource_alignment=pci:0:0` on the kernel's command line gives each "
			"pages of its own; a kernel with pages of 4 KiB does, too)",
			(unsigned int)(bar->len / 1024), (unsigned int)(page / 1024));
	else if (page > NVIO_REG_DOORBELLS)
		snprintf(why, sizeof(why), " (a kernel with pages of 4 KiB maps them)");
	nvio_log(NVIO_LOG_WARN,
		 "%s: the doorbells cannot be mapped: ringing each takes a call, which is slow%s",
		 ctrl->info.name, why);
}

/* Doorbells of as many queue pairs as the area has, and no more pairs than that: those behind it
 * would cost a call for each ring. */
static void map_doorbells(struct nvio_ctrl *ctrl, const struct nvio_region_info *bar)
{
	uint64_t pairs = min_u64(ctrl->opts.nr_qpairs + 1u, mappable_pairs(ctrl, bar));
	void *addr = NULL;
	int err;

	if (pairs < 2) {
		tell_slow(ctrl, bar);
		return;
	}
	err = nvio_device_region_map(ctrl->device, NVIO_REGION_BAR0, NVIO_REG_DOORBELLS,
				     2 * pairs * ctrl->doorbell_stride, &addr);
	if (err) {
		nvio_log(NVIO_LOG_WARN, "%s: %s", ctrl->info.name, nvio_last_error());
		tell_slow(ctrl, bar);
		return;
	}
	ctrl->doorbells = addr;
	if (ctrl->opts.nr_qpairs < pairs)
		return;
	nvio_log(NVIO_LOG_WARN,
		 "%s: the doorbells of %u I/O queue pairs can be mapped: no more are asked for",
		 ctrl->info.name, (unsigned int)pairs - 1);
	ctrl->opts.nr_qpairs = (uint16_t)(pairs - 1);
}

int nvio_reg_init(struct nvio_ctrl *ctrl)
{
	struct nvio_region_info bar;
	uint64_t most, least;
	int err = nvio_device_region(ctrl->device, NVIO_REGION_BAR0, &bar, sizeof(bar));

	if (err)
		return err;
	if (bar.len < NVIO_REG_DOORBELLS)
		return nvio_error(ENOTSUP, "%s: BAR 0 of %llu bytes is too small for the registers",
				  ctrl->info.name, (unsigned long long)bar.len);
	ctrl->cap = nvio_reg_read64(ctrl, NVIO_REG_CAP);
	if (ctrl->cap == UINT64_MAX)
		return nvio_error(ENODEV, "%s is gone: its registers read as all ones",
				  ctrl->info.name);
	ctrl->doorbell_stride = 4u << FIELD_GET(CAP_DSTRD, ctrl->cap);
	/* Doorbells for as many I/O queue pairs as we shall ask for, or as BAR 0 has room for. */
	least = nvio_reg_doorbell_offset(ctrl, 2, false);
	if (bar.len < least)
		return nvio_error(ENOTSUP,
				  "%s: BAR 0 of %llu bytes is too small: the doorbells of one I/O "
				  "queue pair end at %llu",
				  ctrl->info.name, (unsigned long long)bar.len,
				  (unsigned long long)least);
	most = min_u64((bar.len - NVIO_REG_DOORBELLS) / ctrl->doorbell_stride / 2, 65535);
	if (ctrl->opts.nr_qpairs > most - 1)
		ctrl->opts.nr_qpairs = (uint16_t)(most - 1);
	map_doorbells(ctrl, &bar);
	return 0;
}
