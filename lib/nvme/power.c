/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Power states and autonomous transitions; see <nvio/power.h>.
 *
 * What a controller says of them is asked for when somebody wants to know: nothing here is on the
 * way to I/O.
 */
#include <endian.h>
#include <errno.h>
#include <nvme/types.h>
#include <stdlib.h>
#include <string.h>

#include <nvio/power.h>

#include "base/bits.h"
#include "base/error.h"
#include "nvme/ctrl.h"
#include "nvme/features.h"
#include "nvme/power.h"

#define STATE_MASK 0x1fu

/* An entry of the table (figure 316): where to, after how many milliseconds. */
#define APST_ENTRY(state, ms) ((uint64_t)(state) << 3 | (uint64_t)(ms) << 8)
#define APST_MS_MAX           0xffffffu
#define PATIENCE              50u

/* Idle power: 0.1 mW or 10 mW, by the upper bits of its scale. */
static uint64_t idle_uw(const struct nvme_id_psd *psd)
{
	static const uint32_t units[] = { 0, 100, 10000, 0 };

	return (uint64_t)le16toh(psd->idlp) * units[psd->ips >> 6];
}

static void take_state(const struct nvme_id_psd *psd, struct nvio_power_state *state)
{
	*state = (struct nvio_power_state){
		.max_uw = (uint64_t)le16toh(psd->mp) *
			  (psd->flags & NVME_PSD_FLAGS_MXPS ? 100 : 10000),
		.idle_uw = idle_uw(psd),
		.entry_us = le32toh(psd->enlat),
		.exit_us = le32toh(psd->exlat),
		.operational = !(psd->flags & NVME_PSD_FLAGS_NOPS),
	};
}

static int read_states(struct nvio_ctrl *ctrl, struct nvio_power_info *info)
{
	struct nvme_id_ctrl *id = malloc(sizeof(*id));
	int err;

	if (!id)
		return nvio_error(ENOMEM, "no memory to identify a controller");
	err = nvio_admin_must(ctrl, "Identify Controller",
			      nvio_identify(ctrl, NVIO_CNS_CTRL, 0, id));
	if (!err && id->npss >= NVIO_POWER_STATES)
		err = nvio_error(EPROTO, "%s claims %u power states", ctrl->info.name,
				 id->npss + 1u);
	if (!err) {
		memset(info, 0, sizeof(*info));
		info->nr_states = id->npss + 1u;
		info->has_apst = id->apsta & 1;
		for (uint32_t i = 0; i < info->nr_states; i++)
			take_state(&id->psd[i], &info->states[i]);
	}
	free(id);
	return err;
}

static int get_feature(struct nvio_ctrl *ctrl, uint8_t fid, void *data, size_t len, uint32_t *value)
{
	struct nvio_sqe sqe = { .opcode = NVIO_ADMIN_GET_FEATURES, .cdw10 = fid };

	return nvio_admin_must(ctrl, "Get Features (power)",
			       nvio_admin_locked(ctrl, &sqe, data, len, value));
}

static int get_power(struct nvio_ctrl *ctrl, struct nvio_power_info *info)
{
	uint64_t table[NVIO_POWER_STATES];
	uint32_t value = 0;
	int err = read_states(ctrl, info);

	if (!err)
		err = get_feature(ctrl, NVME_FEAT_FID_POWER_MGMT, NULL, 0, &value);
	info->state = value & STATE_MASK;
	if (err || !info->has_apst)
		return err;
	err = get_feature(ctrl, NVME_FEAT_FID_AUTO_PST, table, sizeof(table), &value);
	info->apst = value & 1;
	return err;
}

int nvio_ctrl_get_power(struct nvio_ctrl *ctrl, struct nvio_power_info *out, size_t size)
{
	struct nvio_power_info info;
	int err;

	nvio_ctrl_claim(ctrl);
	err = get_power(ctrl, &info);
	pthread_mutex_unlock(&ctrl->lock);
	return err ? err : nvio_give_info(out, size, &info, sizeof(info));
}

int nvio_power_go(struct nvio_ctrl *ctrl, uint8_t state)
{
	struct nvio_sqe sqe = { .opcode = NVIO_ADMIN_SET_FEATURES,
				.cdw10 = NVME_FEAT_FID_POWER_MGMT,
				.cdw11 = state };

	return nvio_admin_locked(ctrl, &sqe, NULL, 0, NULL);
}

int nvio_power_deepest(struct nvio_ctrl *ctrl)
{
	struct nvio_power_info info;
	int err = read_states(ctrl, &info);

	if (err)
		return err;
	for (uint32_t i = info.nr_states; i-- > 1;) {
		if (!info.states[i].operational)
			return (int)i;
	}
	return nvio_error(ENOTSUP, "%s has no power state for when it is idle", ctrl->info.name);
}

int nvio_ctrl_set_power_state(struct nvio_ctrl *ctrl, uint32_t state)
{
	struct nvio_sqe sqe = { .opcode = NVIO_ADMIN_SET_FEATURES,
				.cdw10 = NVME_FEAT_FID_POWER_MGMT,
				.cdw11 = state };
	struct nvio_power_info info;
	int ret;

	nvio_ctrl_claim(ctrl);
	ret = read_states(ctrl, &info);
	if (!ret && state >= info.nr_states)
		ret = nvio_error(EINVAL, "%s has power states 0 to %u, and no %u", ctrl->info.name,
				 info.nr_states - 1, state);
	if (!ret)
		ret = nvio_admin_locked(ctrl, &sqe, NULL, 0, NULL);
	if (!ret)
		nvio_features_note(ctrl, &sqe, NULL, 0);
	pthread_mutex_unlock(&ctrl->lock);
	return ret;
}

/*
 * From each state to the next one below it that is not operational and quick enough. Returns how
 * many of those there are.
 */
static uint32_t make_table(const struct nvio_power_info *info, uint32_t max_us,
			   uint64_t table[NVIO_POWER_STATES])
{
	uint64_t next = 0;
	uint32_t nr = 0;

	memset(table, 0, NVIO_POWER_STATES * sizeof(*table));
	for (uint32_t i = info->nr_states; i-- > 0;) {
		const struct nvio_power_state *state = &info->states[i];
		uint64_t us = (uint64_t)state->entry_us + state->exit_us;

		table[i] = htole64(next);
		if (state->operational || us > max_us)
			continue;
		next = APST_ENTRY(i, min_u64(us * PATIENCE / 1000 + 1, APST_MS_MAX));
		nr++;
	}
	return nr;
}

static int set_apst(struct nvio_ctrl *ctrl, uint32_t max_us)
{
	struct nvio_sqe sqe = { .opcode = NVIO_ADMIN_SET_FEATURES,
				.cdw10 = NVME_FEAT_FID_AUTO_PST,
				.cdw11 = max_us != 0 };
	uint64_t table[NVIO_POWER_STATES];
	struct nvio_power_info info;
	int ret = read_states(ctrl, &info);

	if (ret)
		return ret;
	if (!info.has_apst)
		return nvio_error(ENOTSUP, "%s does not change power states by itself (APSTA 0)",
				  ctrl->info.name);
	if (!make_table(&info, max_us, table) && max_us)
		return nvio_error(
			ENOTSUP, "%s has no power state for when it is idle that takes up to %u us",
			ctrl->info.name, max_us);
	ret = nvio_admin_locked(ctrl, &sqe, table, sizeof(table), NULL);
	if (!ret)
		nvio_features_note(ctrl, &sqe, table, sizeof(table));
	return ret;
}

int nvio_ctrl_set_apst(struct nvio_ctrl *ctrl, uint32_t max_latency_us)
{
	int ret;

	nvio_ctrl_claim(ctrl);
	ret = set_apst(ctrl, max_latency_us);
	pthread_mutex_unlock(&ctrl->lock);
	return ret;
}
