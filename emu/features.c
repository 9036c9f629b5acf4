/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Get Features and Set Features (5.15, 5.27): current, default and saved values.
 *
 * Most features are one dword that is kept; those that do something have a function in the table.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"
#include "features.h"
#include "identify.h"
#include "store.h"

#define SEL(cmd)   ((cmd)->cdw10 >> 8 & 7)
#define SAVE       (1u << 31)
#define ALL_NS     0xffffffffu
#define CAN_SAVE   1u
#define CAN_SET    4u
#define UNDER      (1u << 20)
#define SENSOR(dw) ((dw) >> 16 & 0xf)
#define DULBE      (1u << 16)

/* A byte of Host Behavior Support (figure 337): libnvme's names for them changed. */
#define LBAFEE 2

/* Timestamp (figure 310): the origin says that a host set it. */
#define TIMESTAMP_SET (1u << 1)

enum selector { CURRENT, DEFAULT, SAVED, SUPPORTED };

struct feature {
	uint8_t caps;
	uint32_t start; /* default value */
	uint16_t (*set)(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value,
			uint32_t *result);
	uint16_t (*get)(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value);
};

static uint16_t set_arbitration(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value,
				uint32_t *result)
{
	(void)result;
	*value = cmd->cdw11;
	nvio_emu_arbitration_set(ctrl, *value);
	return 0;
}

static uint16_t set_coalescing(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value,
			       uint32_t *result)
{
	(void)result;
	*value = cmd->cdw11;
	nvio_emu_coalescing_set(ctrl, *value);
	return 0;
}

bool nvio_emu_too_hot(const struct emu_ctrl *ctrl)
{
	const struct emu_features *f = ctrl->features;

	return EMU_TEMPERATURE >= f->current[NVME_FEAT_FID_TEMP_THRESH] ||
	       EMU_TEMPERATURE <= f->under;
}

static uint16_t set_temperature(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value,
				uint32_t *result)
{
	(void)result;
	/* The composite temperature, or all there are. */
	if (cmd->cdw11 >> 21 & 1 || (SENSOR(cmd->cdw11) && SENSOR(cmd->cdw11) != 0xf))
		return NVME_SC_INVALID_FIELD;
	if (cmd->cdw11 & UNDER)
		ctrl->features->under = cmd->cdw11 & 0xffff;
	else
		*value = cmd->cdw11 & 0xffff;
	ctrl->features->current[NVME_FEAT_FID_TEMP_THRESH] = *value;
	if (nvio_emu_too_hot(ctrl) &&
	    nvio_emu_feature(ctrl, NVME_FEAT_FID_ASYNC_EVENT) & NVME_SMART_CRIT_TEMPERATURE)
		nvio_emu_event(ctrl, NVME_AER_SMART, NVME_AER_SMART_TEMPERATURE_THRESHOLD,
			       NVME_LOG_LID_SMART);
	return 0;
}

static uint16_t get_temperature(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value)
{
	if (cmd->cdw11 >> 21 & 1 || SENSOR(cmd->cdw11))
		return NVME_SC_INVALID_FIELD;
	if (cmd->cdw11 & UNDER)
		*value = SEL(cmd) == CURRENT ? ctrl->features->under : 0;
	return 0;
}

static uint16_t set_recovery(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value,
			     uint32_t *result)
{
	(void)ctrl, (void)result;
	/* Deallocated blocks always read as zero. */
	if (cmd->cdw11 & DULBE)
		return NVME_SC_INVALID_FIELD;
	*value = cmd->cdw11;
	return 0;
}

static uint16_t set_cache(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value,
			  uint32_t *result)
{
	(void)result;
	if (!ctrl->opts.vwc)
		return NVME_SC_INVALID_FIELD;
	*value = cmd->cdw11 & 1;
	ctrl->write_back = *value;
	/* Turning it off must not leave anything behind in it. */
	for (unsigned int i = 0; i < EMU_NS_MAX && !*value; i++)
		if (ctrl->ns[i].nsid && nvio_emu_store_sync(&ctrl->ns[i]))
			return NVME_SC_INTERNAL;
	return 0;
}

static uint16_t get_cache(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value)
{
	(void)cmd, (void)value;
	return ctrl->opts.vwc ? 0 : NVME_SC_INVALID_FIELD;
}

static uint32_t grant(uint32_t wanted, uint32_t max)
{
	return (wanted < max ? wanted + 1 : max) - 1;
}

/* Number of Queues (5.27.1.5): before there are any. */
static uint16_t set_queues(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value,
			   uint32_t *result)
{
	uint32_t sqs = cmd->cdw11 & 0xffff, cqs = cmd->cdw11 >> 16;

	if (ctrl->nr_sqs || ctrl->nr_cqs > 1)
		return NVME_SC_CMD_SEQ_ERROR;
	if (sqs == 0xffff || cqs == 0xffff)
		return NVME_SC_INVALID_FIELD;
	sqs = grant(sqs, ctrl->opts.nr_queues);
	cqs = grant(cqs, ctrl->opts.nr_queues);
	ctrl->granted_sqs = (uint16_t)(sqs + 1);
	ctrl->granted_cqs = (uint16_t)(cqs + 1);
	*value = *result = sqs | cqs << 16;
	return 0;
}

static bool vector_is_valid(const struct emu_ctrl *ctrl, uint32_t dw)
{
	return (dw & 0xffff) < nvio_emu_ctrl_nr_vectors(&ctrl->opts);
}

static uint16_t set_vector(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value,
			   uint32_t *result)
{
	(void)value, (void)result;
	if (!vector_is_valid(ctrl, cmd->cdw11))
		return NVME_SC_INVALID_FIELD;
	nvio_emu_vector_set(ctrl, (uint16_t)cmd->cdw11, cmd->cdw11 >> 16 & 1);
	return 0;
}

static uint16_t get_vector(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value)
{
	if (!vector_is_valid(ctrl, cmd->cdw11))
		return NVME_SC_INVALID_FIELD;
	*value = cmd->cdw11 & 0xffff;
	if (SEL(cmd) == CURRENT)
		*value |= (uint32_t)ctrl->vectors[*value].immediate << 16;
	return 0;
}

static uint16_t set_timestamp(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value,
			      uint32_t *result)
{
	struct emu_features *f = ctrl->features;
	struct nvme_timestamp stamp;
	struct emu_data data;
	uint16_t status = nvio_emu_data(&data, ctrl, cmd, sizeof(stamp), false);

	(void)value, (void)result;
	if (!status)
		status = nvio_emu_data_get(&data, &stamp, sizeof(stamp));
	if (status)
		return status;
	f->timestamp = 0;
	memcpy(&f->timestamp, stamp.timestamp, sizeof(stamp.timestamp));
	f->timestamp = le64toh(f->timestamp);
	f->timestamp_at = nvio_emu_now();
	f->timestamp_set = true;
	return 0;
}

static uint16_t get_timestamp(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value)
{
	const struct emu_features *f = ctrl->features;
	uint64_t since = f->timestamp_set ? f->timestamp_at : ctrl->born;
	uint64_t ms = htole64(f->timestamp + (nvio_emu_now() - since) / 1000000);
	struct nvme_timestamp stamp = { .attr = f->timestamp_set ? TIMESTAMP_SET : 0 };

	(void)value;
	if (SEL(cmd) != CURRENT)
		memset(&stamp, 0, sizeof(stamp));
	else
		memcpy(stamp.timestamp, &ms, sizeof(stamp.timestamp));
	return nvio_emu_data_answer(ctrl, cmd, &stamp, sizeof(stamp), sizeof(stamp));
}

static uint16_t set_keep_alive(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value,
			       uint32_t *result)
{
	(void)result;
	/* Rounded up to the granularity that Identify names: 1 s. */
	ctrl->kato_ms = cmd->cdw11 > 3600000 ? 3600000 : (cmd->cdw11 + 999) / 1000 * 1000;
	ctrl->kato_due = ctrl->kato_ms ? nvio_emu_now() + ctrl->kato_ms * 1000000ull : 0;
	*value = ctrl->kato_ms;
	return 0;
}

static uint16_t set_host(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value,
			 uint32_t *result)
{
	struct nvme_feat_host_behavior host = { 0 };
	const uint8_t *bytes = (const uint8_t *)&host;
	struct emu_data data;
	uint16_t status = nvio_emu_data(&data, ctrl, cmd, sizeof(host), false);

	(void)value, (void)result;
	if (!status)
		status = nvio_emu_data_get(&data, &host, sizeof(host));
	if (status)
		return status;
	if (host.acre > NVME_ENABLE_ACRE || bytes[LBAFEE] > 1)
		return NVME_SC_INVALID_FIELD;
	ctrl->features->host = host;
	ctrl->formats_known = bytes[LBAFEE];
	return 0;
}

static uint16_t get_host(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value)
{
	static const struct nvme_feat_host_behavior none;
	const void *from = SEL(cmd) == CURRENT ? &ctrl->features->host : &none;

	(void)value;
	return nvio_emu_data_answer(ctrl, cmd, from, sizeof(none), sizeof(none));
}

static uint16_t set_profile(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value,
			    uint32_t *result)
{
	(void)ctrl, (void)result;
	if (cmd->cdw11 & 0x1ff)
		return EMU_SPECIFIC(NVME_SC_IOCS_COMBINATION_REJECTED);
	*value = 0;
	return 0;
}

static const struct feature features[EMU_NR_FIDS] = {
	[NVME_FEAT_FID_ARBITRATION] = { CAN_SET | CAN_SAVE, EMU_BURST_LOG2, set_arbitration, NULL },
	[NVME_FEAT_FID_POWER_MGMT] = { CAN_SET, 0, nvio_emu_power_set, nvio_emu_power_get },
	[NVME_FEAT_FID_TEMP_THRESH] = { CAN_SET | CAN_SAVE, EMU_WARM, set_temperature,
					get_temperature },
	[NVME_FEAT_FID_ERR_RECOVERY] = { CAN_SET | CAN_SAVE, 0, set_recovery, NULL },
	[NVME_FEAT_FID_VOLATILE_WC] = { CAN_SET | CAN_SAVE, 1, set_cache, get_cache },
	[NVME_FEAT_FID_NUM_QUEUES] = { CAN_SET, 0, set_queues, NULL },
	[NVME_FEAT_FID_IRQ_COALESCE] = { CAN_SET | CAN_SAVE, 0, set_coalescing, NULL },
	[NVME_FEAT_FID_IRQ_CONFIG] = { CAN_SET, 0, set_vector, get_vector },
	[NVME_FEAT_FID_WRITE_ATOMIC] = { CAN_SET | CAN_SAVE, 0, NULL, NULL },
	[NVME_FEAT_FID_ASYNC_EVENT] = { CAN_SET | CAN_SAVE, 0, NULL, NULL },
	[NVME_FEAT_FID_AUTO_PST] = { CAN_SET, 0, nvio_emu_apst_set, nvio_emu_apst_get },
	[NVME_FEAT_FID_HOST_MEM_BUF] = { CAN_SET, 0, nvio_emu_hmb_set, nvio_emu_hmb_get },
	[NVME_FEAT_FID_TIMESTAMP] = { CAN_SET, 0, set_timestamp, get_timestamp },
	[NVME_FEAT_FID_KATO] = { CAN_SET, 0, set_keep_alive, NULL },
	[NVME_FEAT_FID_HOST_BEHAVIOR] = { CAN_SET, 0, set_host, get_host },
	[NVME_FEAT_FID_IOCS_PROFILE] = { CAN_SET, 0, set_profile, NULL },
};

static uint32_t default_value(const struct emu_ctrl *ctrl, uint8_t fid)
{
	if (fid == NVME_FEAT_FID_NUM_QUEUES)
		return (ctrl->opts.nr_queues - 1u) | (ctrl->opts.nr_queues - 1u) << 16;
	if (fid == NVME_FEAT_FID_VOLATILE_WC)
		return ctrl->opts.vwc;
	return fid == NVME_FEAT_FID_KATO ? ctrl->opts.kato_ms : features[fid].start;
}

int nvio_emu_features_new(struct emu_ctrl *ctrl)
{
	ctrl->features = calloc(1, sizeof(*ctrl->features));
	if (!ctrl->features)
		return -ENOMEM;
	for (uint8_t fid = 0; fid < EMU_NR_FIDS; fid++)
		ctrl->features->saved[fid] = default_value(ctrl, fid);
	nvio_emu_features_reset(ctrl);
	return 0;
}

void nvio_emu_features_free(struct emu_ctrl *ctrl)
{
	free(ctrl->features);
}

void nvio_emu_features_apply(struct emu_ctrl *ctrl)
{
	const uint32_t *values = ctrl->features->current;

	ctrl->write_back = values[NVME_FEAT_FID_VOLATILE_WC];
	nvio_emu_arbitration_set(ctrl, values[NVME_FEAT_FID_ARBITRATION]);
	nvio_emu_coalescing_set(ctrl, values[NVME_FEAT_FID_IRQ_COALESCE]);
}

/* Saved values are what a reset goes back to (4.4). The time goes on. */
void nvio_emu_features_reset(struct emu_ctrl *ctrl)
{
	struct emu_features *f = ctrl->features;

	memcpy(f->current, f->saved, sizeof(f->current));
	memset(&f->host, 0, sizeof(f->host));
	ctrl->formats_known = false;
	f->under = 0;
	nvio_emu_power_reset(ctrl);
	nvio_emu_features_apply(ctrl);
}

uint32_t nvio_emu_feature(const struct emu_ctrl *ctrl, uint8_t fid)
{
	return ctrl->features->current[fid];
}

uint16_t nvio_emu_get_feature(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *result)
{
	uint8_t fid = (uint8_t)cmd->cdw10;
	const struct feature *feature;

	if (fid >= EMU_NR_FIDS || !features[fid].caps || SEL(cmd) > SUPPORTED)
		return NVME_SC_INVALID_FIELD;
	feature = &features[fid];
	if (SEL(cmd) == SUPPORTED) {
		*result = feature->caps;
		return 0;
	}
	if (SEL(cmd) == CURRENT)
		*result = ctrl->features->current[fid];
	else if (SEL(cmd) == SAVED && feature->caps & CAN_SAVE)
		*result = ctrl->features->saved[fid];
	else
		*result = default_value(ctrl, fid);
	return feature->get ? feature->get(ctrl, cmd, result) : 0;
}

uint16_t nvio_emu_set_feature(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *result)
{
	uint8_t fid = (uint8_t)cmd->cdw10;
	uint32_t value;
	uint16_t status = 0;

	if (fid >= EMU_NR_FIDS || !features[fid].caps)
		return NVME_SC_INVALID_FIELD;
	if (cmd->cdw10 & SAVE && !(features[fid].caps & CAN_SAVE))
		return EMU_SPECIFIC(NVME_SC_FEATURE_NOT_SAVEABLE);
	if (cmd->nsid && cmd->nsid != ALL_NS && fid != NVME_FEAT_FID_ERR_RECOVERY)
		return EMU_SPECIFIC(NVME_SC_FEATURE_NOT_PER_NS);
	value = ctrl->features->current[fid];
	if (features[fid].set)
		status = features[fid].set(ctrl, cmd, &value, result);
	else
		value = cmd->cdw11;
	if (status)
		return status;
	ctrl->features->current[fid] = value;
	if (cmd->cdw10 & SAVE)
		ctrl->features->saved[fid] = value;
	return 0;
}

/* Which features there are, for the log of their effects (5.16.1.19): bit 0. */
bool nvio_emu_feature_exists(const struct emu_ctrl *ctrl, uint8_t fid)
{
	if (fid == NVME_FEAT_FID_AUTO_PST && ctrl->opts.nr_states == 1)
		return false;
	return fid < EMU_NR_FIDS && features[fid].caps;
}
