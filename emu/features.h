/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is kept of the features (5.27): for features.c, and for saved.c, which takes it elsewhere.
 */
#ifndef NVIO_EMU_FEATURES_H
#define NVIO_EMU_FEATURES_H

#include "state.h"

#define EMU_NR_FIDS 0x20u

struct emu_features {
	uint32_t current[EMU_NR_FIDS];
	uint32_t saved[EMU_NR_FIDS];
	uint32_t under; /* Temperature Threshold has two: the upper is in @current */
	uint64_t timestamp; /* milliseconds, at @timestamp_at */
	uint64_t timestamp_at;
	bool timestamp_set;
	struct nvme_feat_host_behavior host;
};

/* Current values that something depends on take effect. */
void nvio_emu_features_apply(struct emu_ctrl *ctrl);

#endif
