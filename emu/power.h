/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Power states, and media that take a while to be there: what I/O has to do with both.
 */
#ifndef NVIO_EMU_POWER_H
#define NVIO_EMU_POWER_H

#include <nvme/types.h>
#include <stdbool.h>
#include <stdint.h>

struct emu_ctrl;
struct nvio_sqe;

/* Power states (8.15): the one that the client has set, or that it came to by itself. */
struct emu_power {
	uint8_t state;
	uint8_t operational; /* where I/O takes it back to from one that is not */
	bool autonomous; /* it goes to others when it is idle: APST */
	uint64_t used_at; /* nanoseconds: the last I/O, or the last time that a state was set */
	uint64_t table[32];
};

void nvio_emu_power_reset(struct emu_ctrl *ctrl);
void nvio_emu_power_id(const struct emu_ctrl *ctrl, struct nvme_id_ctrl *id);
/* Before I/O is done, where @wakes is set. Returns a status. */
uint16_t nvio_emu_power_use(struct emu_ctrl *ctrl);
uint16_t nvio_emu_power_set(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value,
			    uint32_t *result);
uint16_t nvio_emu_power_get(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value);
uint16_t nvio_emu_apst_set(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value,
			   uint32_t *result);
uint16_t nvio_emu_apst_get(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value);

#endif
