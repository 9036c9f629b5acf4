/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Power states (8.15): set by the client, or by themselves after a time without I/O.
 *
 * The second half of the states are not operational: I/O takes the controller back to the last one
 * that was. Transitions of its own are worked out when somebody asks.
 */
#include <string.h>

#include "data.h"

#define STATE(value)     ((value)&0x1f)
#define WORKLOAD(value)  ((value)&0xe0)
#define APST_STATE(word) ((uint8_t)((word) >> 3 & 0x1f))
#define APST_MS(word)    ((word) >> 8 & 0xffffff)
#define NS_PER_MS        1000000ull

static bool is_operational(const struct emu_ctrl *ctrl, uint8_t state)
{
	return state < (ctrl->opts.nr_states + 1) / 2;
}

void nvio_emu_power_reset(struct emu_ctrl *ctrl)
{
	memset(&ctrl->power, 0, sizeof(ctrl->power));
	ctrl->power.used_at = nvio_emu_now();
}

/* Each state takes half of what the one before it does, and twice as long to come back from. */
void nvio_emu_power_id(const struct emu_ctrl *ctrl, struct nvme_id_ctrl *id)
{
	id->npss = (uint8_t)(ctrl->opts.nr_states - 1);
	id->apsta = ctrl->opts.nr_states > 1;
	for (uint8_t i = 0; i < ctrl->opts.nr_states; i++) {
		struct nvme_id_psd *psd = &id->psd[i];
		uint16_t mw = (uint16_t)(5000u >> i);

		/* Centiwatts (5 W), or units of 0.1 mW, which one that is not operational needs. */
		psd->mp = htole16(is_operational(ctrl, i) ? mw / 10u : mw * 10u);
		psd->flags =
			is_operational(ctrl, i) ? 0 : NVME_PSD_FLAGS_MXPS | NVME_PSD_FLAGS_NOPS;
		psd->enlat = htole32(i ? 100u << i : 0);
		psd->exlat = htole32(i ? 200u << i : 0);
	}
}

/* Where idleness has taken it by now. */
static void go_on(struct emu_ctrl *ctrl)
{
	struct emu_power *p = &ctrl->power;
	uint64_t idle_ms = (nvio_emu_now() - p->used_at) / NS_PER_MS;

	for (unsigned int i = 0; p->autonomous && i < ctrl->opts.nr_states; i++) {
		uint64_t word = p->table[p->state];

		if (!APST_MS(word) || idle_ms < APST_MS(word) || APST_STATE(word) <= p->state)
			return;
		p->state = APST_STATE(word);
	}
}

uint16_t nvio_emu_power_use(struct emu_ctrl *ctrl)
{
	struct emu_power *p = &ctrl->power;

	go_on(ctrl);
	if (!is_operational(ctrl, p->state))
		p->state = p->operational;
	p->used_at = nvio_emu_now();
	return p->used_at < ctrl->media_at ? NVME_SC_NS_NOT_READY : 0;
}

uint16_t nvio_emu_power_set(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value,
			    uint32_t *result)
{
	struct emu_power *p = &ctrl->power;
	uint8_t state = STATE(cmd->cdw11);

	(void)result;
	if (state >= ctrl->opts.nr_states)
		return NVME_SC_INVALID_FIELD;
	p->state = state;
	if (is_operational(ctrl, state))
		p->operational = state;
	p->used_at = nvio_emu_now();
	*value = cmd->cdw11;
	return 0;
}

uint16_t nvio_emu_power_get(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value)
{
	if (cmd->cdw10 >> 8 & 7)
		return 0;
	go_on(ctrl);
	*value = WORKLOAD(*value) | ctrl->power.state;
	return 0;
}

/* Every entry names a state that is there and not operational (figure 316). */
static bool is_valid(const struct emu_ctrl *ctrl, const uint64_t *table)
{
	for (unsigned int i = 0; i < 32; i++) {
		uint8_t to = APST_STATE(table[i]);

		if (APST_MS(table[i]) && (to >= ctrl->opts.nr_states || is_operational(ctrl, to)))
			return false;
	}
	return true;
}

uint16_t nvio_emu_apst_set(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value,
			   uint32_t *result)
{
	uint64_t table[32];
	struct emu_data data;
	uint16_t status = nvio_emu_data(&data, ctrl, cmd, sizeof(table), false);

	(void)result;
	if (ctrl->opts.nr_states == 1)
		return NVME_SC_INVALID_FIELD;
	if (!status)
		status = nvio_emu_data_get(&data, table, sizeof(table));
	if (status)
		return status;
	for (unsigned int i = 0; i < 32; i++)
		table[i] = le64toh(table[i]);
	if (!is_valid(ctrl, table))
		return NVME_SC_INVALID_FIELD;
	memcpy(ctrl->power.table, table, sizeof(table));
	ctrl->power.autonomous = cmd->cdw11 & 1;
	ctrl->power.used_at = nvio_emu_now();
	*value = cmd->cdw11 & 1;
	return 0;
}

uint16_t nvio_emu_apst_get(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value)
{
	uint64_t table[32] = { 0 };

	(void)value;
	if (ctrl->opts.nr_states == 1)
		return NVME_SC_INVALID_FIELD;
	for (unsigned int i = 0; i < 32 && !(cmd->cdw10 >> 8 & 7); i++)
		table[i] = htole64(ctrl->power.table[i]);
	return nvio_emu_data_answer(ctrl, cmd, table, sizeof(table), sizeof(table));
}
