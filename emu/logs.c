/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Get Log Page (5.16): builds a page and sends the part of it that was asked for.
 *
 * Reading a page with RAE clear lets the events of its kind go on.
 */
#include <string.h>

#include "data.h"
#include "fault.h"
#include "identify.h"

#define LID(cmd) ((uint8_t)(cmd)->cdw10)
#define RAE(cmd) ((cmd)->cdw10 >> 15 & 1)
#define OT(cmd)  ((cmd)->cdw14 >> 23 & 1)
#define ALL_NS   0xffffffffu

/* Supported log pages, features and commands: bit 0 of an entry. */
#define SUPPORTED 1u

/* LID Supported and Effects: the log page offset may be an index; not here. */
#define PAGE_MAX 4096u

/* Scope of a feature: the controller (figure 264). */
#define SCOPE_CTRL (NVME_FID_SUPPORTED_EFFECTS_SCOPE_CTRL << 20)

_Static_assert(sizeof(struct nvme_error_log_page) == 64, "figure 206");
_Static_assert(sizeof(struct nvme_smart_log) == 512, "figure 207");
_Static_assert(sizeof(struct nvme_firmware_slot) == 512, "figure 209");
_Static_assert(sizeof(struct nvme_cmd_effects_log) == 4096, "figure 210");

static void put_u128(uint8_t *out, uint64_t value)
{
	value = htole64(value);
	memcpy(out, &value, sizeof(value));
}

/* The newest entry first. */
static size_t error_log(struct emu_ctrl *ctrl, uint8_t *page)
{
	for (unsigned int i = 0; i < EMU_ERRORS; i++)
		memcpy(page + i * sizeof(ctrl->errors[0]),
		       &ctrl->errors[(ctrl->last_error + EMU_ERRORS - i) % EMU_ERRORS],
		       sizeof(ctrl->errors[0]));
	return EMU_ERRORS * sizeof(ctrl->errors[0]);
}

static size_t smart_log(struct emu_ctrl *ctrl, uint8_t *page)
{
	struct nvme_smart_log *log = (void *)page;
	const struct emu_stats *stats = &ctrl->stats;
	uint16_t temperature = htole16(EMU_TEMPERATURE);
	uint64_t hours = (nvio_emu_now() - ctrl->born) / 3600000000000ull;

	log->critical_warning = nvio_emu_too_hot(ctrl) ? NVME_SMART_CRIT_TEMPERATURE : 0;
	memcpy(log->temperature, &temperature, sizeof(temperature));
	log->avail_spare = 100;
	log->spare_thresh = 10;
	/* Thousands of 512 bytes, rounded up. */
	put_u128(log->data_units_read, (stats->blocks_read + 999) / 1000);
	put_u128(log->data_units_written, (stats->blocks_written + 999) / 1000);
	put_u128(log->host_reads, stats->reads);
	put_u128(log->host_writes, stats->writes);
	put_u128(log->power_cycles, stats->power_cycles);
	put_u128(log->power_on_hours, hours);
	put_u128(log->unsafe_shutdowns, stats->unsafe_shutdowns);
	put_u128(log->media_errors, stats->media_errors);
	put_u128(log->num_err_log_entries, stats->errors);
	log->temp_sensor[0] = temperature;
	return sizeof(*log);
}

static size_t firmware_log(struct emu_ctrl *ctrl, uint8_t *page)
{
	struct nvme_firmware_slot *log = (void *)page;

	log->afi = 1;
	memset(log->frs[0], ' ', sizeof(log->frs[0]));
	memcpy(log->frs[0], ctrl->opts.firmware, strnlen(ctrl->opts.firmware, sizeof(log->frs[0])));
	return sizeof(*log);
}

static size_t effects_log(uint8_t *page)
{
	struct nvme_cmd_effects_log *log = (void *)page;
	static const uint8_t readers[] = { nvme_cmd_flush, nvme_cmd_read, nvme_cmd_compare,
					   nvme_cmd_verify };
	static const uint8_t writers[] = { nvme_cmd_write, nvme_cmd_write_uncor,
					   nvme_cmd_write_zeroes, nvme_cmd_dsm, nvme_cmd_copy };

	for (unsigned int i = 0; i < 256; i++)
		log->acs[i] = htole32(nvio_emu_admin_effects((uint8_t)i));
	for (unsigned int i = 0; i < sizeof(readers); i++)
		log->iocs[readers[i]] = htole32(NVME_CMD_EFFECTS_CSUPP);
	for (unsigned int i = 0; i < sizeof(writers); i++)
		log->iocs[writers[i]] = htole32(NVME_CMD_EFFECTS_CSUPP | NVME_CMD_EFFECTS_LBCC);
	return sizeof(*log);
}

static size_t supported_log(uint8_t *page)
{
	static const uint8_t pages[] = { NVME_LOG_LID_SUPPORTED_LOG_PAGES,
					 NVME_LOG_LID_ERROR,
					 NVME_LOG_LID_SMART,
					 NVME_LOG_LID_FW_SLOT,
					 NVME_LOG_LID_CHANGED_NS,
					 NVME_LOG_LID_CMD_EFFECTS,
					 NVME_LOG_LID_FID_SUPPORTED_EFFECTS,
					 NVME_LOG_LID_MI_CMD_SUPPORTED_EFFECTS };
	struct nvme_supported_log_pages *log = (void *)page;

	for (unsigned int i = 0; i < sizeof(pages); i++)
		log->lid_support[pages[i]] = htole32(SUPPORTED);
	return sizeof(*log);
}

static size_t features_log(const struct emu_ctrl *ctrl, uint8_t *page)
{
	struct nvme_fid_supported_effects_log *log = (void *)page;

	for (unsigned int i = 0; i < 256; i++)
		if (nvio_emu_feature_exists(ctrl, (uint8_t)i))
			log->fid_support[i] = htole32(SUPPORTED | SCOPE_CTRL);
	return sizeof(*log);
}

/* Bytes of the page; 0 when there is no such page. */
static size_t build(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint8_t *page)
{
	switch (LID(cmd)) {
	case NVME_LOG_LID_SUPPORTED_LOG_PAGES:
		return supported_log(page);
	case NVME_LOG_LID_ERROR:
		return error_log(ctrl, page);
	case NVME_LOG_LID_SMART:
		return smart_log(ctrl, page);
	case NVME_LOG_LID_FW_SLOT:
		return firmware_log(ctrl, page);
	case NVME_LOG_LID_CHANGED_NS:
		nvio_emu_changed_list(ctrl, (uint32_t *)page);
		return PAGE_MAX;
	case NVME_LOG_LID_CMD_EFFECTS:
		return effects_log(page);
	case NVME_LOG_LID_FID_SUPPORTED_EFFECTS:
		return features_log(ctrl, page);
	case NVME_LOG_LID_MI_CMD_SUPPORTED_EFFECTS:
		return sizeof(struct nvme_mi_cmd_supported_effects_log);
	default:
		return 0;
	}
}

uint16_t nvio_emu_get_log(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd)
{
	uint8_t page[PAGE_MAX] __attribute__((aligned(8))) = { 0 };
	uint64_t len = ((cmd->cdw10 >> 16 | (uint64_t)(cmd->cdw11 & 0xffff) << 16) + 1) * 4;
	uint64_t offset = cmd->cdw12 | (uint64_t)cmd->cdw13 << 32;
	uint64_t limit = ctrl->max_transfer < EMU_ADMIN_MAX ? ctrl->max_transfer : EMU_ADMIN_MAX;
	size_t size;
	uint16_t status;

	if (len > limit || OT(cmd) || offset & 3)
		return NVME_SC_INVALID_FIELD;
	/* One SMART log for all: there is none by namespace (LPA, bit 0). */
	if (LID(cmd) == NVME_LOG_LID_SMART && cmd->nsid && cmd->nsid != ALL_NS)
		return NVME_SC_INVALID_FIELD;
	size = build(ctrl, cmd, page);
	if (!size)
		return EMU_SPECIFIC(NVME_SC_INVALID_LOG_PAGE);
	if (offset > size)
		return NVME_SC_INVALID_FIELD;
	nvio_emu_fault_data(ctrl, page, size);
	status = nvio_emu_data_answer(ctrl, cmd, page + offset, size - offset, len);
	if (!status && !RAE(cmd))
		nvio_emu_event_seen(ctrl, LID(cmd));
	return status;
}
