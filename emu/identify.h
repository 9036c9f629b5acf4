/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The large structures of Identify. What is passed in is zero before.
 */
#ifndef NVIO_EMU_IDENTIFY_H
#define NVIO_EMU_IDENTIFY_H

#include "state.h"

/* Kelvin: the temperature it always has, and the two limits of Identify Controller. */
#define EMU_TEMPERATURE 313u
#define EMU_WARM        343u
#define EMU_HOT         353u

void nvio_emu_id_ctrl(const struct emu_ctrl *ctrl, struct nvme_id_ctrl *id);

/* @ns NULL: what all namespaces have in common. */
void nvio_emu_id_ns(const struct emu_ctrl *ctrl, const struct emu_ns *ns, struct nvme_id_ns *id);

void nvio_emu_id_ns_nvm(const struct emu_ctrl *ctrl, struct nvme_nvm_id_ns *id);
void nvio_emu_ns_descriptors(const struct emu_ctrl *ctrl, const struct emu_ns *ns, uint8_t *data);

#endif
