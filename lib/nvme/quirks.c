/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Controllers that are known to need something; see <nvio/quirk.h>. Each entry is what public
 * trackers and the device tables of other drivers say.
 */
#include <nvio/quirk.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/error.h"
#include "nvme/ctrl.h"
#include "vfio/device.h"

static const struct {
	uint16_t vendor;
	uint16_t device;
	uint32_t quirks;
} table[] = {
	{ 0x144d, 0xa808, NVIO_QUIRK_DELAY_READY }, /* Samsung X5 */
	{ 0x144d, 0xa821, NVIO_QUIRK_DELAY_READY }, /* Samsung PM1725 */
	{ 0x144d, 0xa822, NVIO_QUIRK_DELAY_READY }, /* Samsung PM1725a */
	{ 0x1414, 0xb111, NVIO_QUIRK_ADMIN_PAGE }, /* Microsoft Azure */
	{ 0x1ae0, 0x001f, NVIO_QUIRK_FRESH_QIDS }, /* Google Cloud, local SSD */
	{ 0x1b36, 0x0010, NVIO_QUIRK_DOORBELL_PAUSE }, /* QEMU */
	{ 0x1bb1, 0x0100, NVIO_QUIRK_DELAY_READY }, /* Seagate Nytro */
	{ 0x1c58, 0x0003, NVIO_QUIRK_DELAY_READY }, /* HGST SN100 */
	{ 0x1c58, 0x0023, NVIO_QUIRK_DELAY_READY }, /* WDC SN200 */
	{ 0x1c5f, 0x0540, NVIO_QUIRK_DELAY_READY }, /* Memblaze PBlaze4 */
};

uint32_t nvio_quirks_of(uint16_t vendor, uint16_t device)
{
	for (unsigned int i = 0; i < ARRAY_LEN(table); i++) {
		if (table[i].vendor == vendor && table[i].device == device)
			return table[i].quirks;
	}
	return 0;
}

void nvio_quirks_choose(struct nvio_ctrl *ctrl)
{
	struct nvio_ctrl_info *info = &ctrl->info;

	uint32_t known = nvio_quirks_of(info->vendor, info->device);

	/* A doorbell in memory that is shared stops nobody, and a clock that is read by system call
	 * would cost more than it wins. */
	if (known & NVIO_QUIRK_DOORBELL_PAUSE &&
	    (nvio_device_is_process(ctrl->device) || !nvio_clock_is_fine()))
		known &= ~(uint32_t)NVIO_QUIRK_DOORBELL_PAUSE;
	info->quirks = ctrl->opts.quirks & ~(uint32_t)NVIO_QUIRK_ONLY;
	if (!(ctrl->opts.quirks & NVIO_QUIRK_ONLY))
		info->quirks |= known;
	if (info->quirks)
		nvio_log(NVIO_LOG_INFO, "%s (%04x:%04x) has quirks: 0x%x", info->name, info->vendor,
			 info->device, info->quirks);
}
