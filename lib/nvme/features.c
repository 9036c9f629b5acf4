/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Features that the application has set; see features.h.
 *
 * One record for each feature, namespace, and part of a feature that has several: the last one
 * counts.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nvme/ctrl.h"
#include "nvme/features.h"

#define FEATURES_MAX 256u
#define DATA_MAX     4096u

#define FID_MASK 0xffu
#define SAVE     (1u << 31)

struct kept_feature {
	struct kept_feature *next;
	struct nvio_sqe cmd;
	size_t len;
	uint8_t data[];
};

/* Bits of dword 11 that say which part of the feature is meant. */
static uint32_t part_mask(uint32_t fid)
{
	switch (fid) {
	case NVIO_FEATURE_TEMPERATURE:
		return 0x3f0000;
	case NVIO_FEATURE_VECTOR:
		return 0xffff;
	default:
		return 0;
	}
}

/* What the library sees to itself, and the time, which has moved on. */
static bool is_recorded(uint32_t fid)
{
	return fid != NVIO_FEATURE_NR_QUEUES && fid != NVIO_FEATURE_HOST_MEMORY &&
	       fid != NVIO_FEATURE_TIMESTAMP;
}

static bool is_same(const struct nvio_sqe *a, const struct nvio_sqe *b)
{
	uint32_t fid = a->cdw10 & FID_MASK;

	return fid == (b->cdw10 & FID_MASK) && a->nsid == b->nsid &&
	       !((a->cdw11 ^ b->cdw11) & part_mask(fid));
}

/* Takes the record of the same out of the list; *nr: how many are left. */
static void forget(struct nvio_ctrl *ctrl, const struct nvio_sqe *cmd, unsigned int *nr)
{
	struct kept_feature **at = &ctrl->features;

	*nr = 0;
	while (*at) {
		struct kept_feature *feature = *at;

		if (is_same(&feature->cmd, cmd)) {
			*at = feature->next;
			free(feature);
			continue;
		}
		at = &feature->next;
		++*nr;
	}
}

void nvio_features_note(struct nvio_ctrl *ctrl, const struct nvio_sqe *cmd, const void *data,
			size_t len)
{
	struct kept_feature *feature;
	unsigned int nr;

	if (cmd->opcode != NVIO_ADMIN_SET_FEATURES || !is_recorded(cmd->cdw10 & FID_MASK) ||
	    len > DATA_MAX)
		return;
	forget(ctrl, cmd, &nr);
	feature = nr < FEATURES_MAX ? malloc(sizeof(*feature) + len) : NULL;
	if (!feature) {
		nvio_log(NVIO_LOG_WARN, "%s: feature 0x%02x will not be set again after a reset",
			 ctrl->info.name, cmd->cdw10 & FID_MASK);
		return;
	}
	feature->cmd = *cmd;
	/* What is to be kept over a power cycle was written once. */
	feature->cmd.cdw10 &= ~SAVE;
	feature->len = len;
	if (len)
		memcpy(feature->data, data, len);
	feature->next = ctrl->features;
	ctrl->features = feature;
}

int nvio_features_again(struct nvio_ctrl *ctrl)
{
	for (struct kept_feature *f = ctrl->features; f; f = f->next) {
		int status =
			nvio_admin_locked(ctrl, &f->cmd, f->len ? f->data : NULL, f->len, NULL);

		if (status < 0)
			return status;
		if (status)
			nvio_log(NVIO_LOG_WARN, "%s: feature 0x%02x is not what it was: %s",
				 ctrl->info.name, f->cmd.cdw10 & FID_MASK,
				 nvio_status_text((unsigned int)status));
	}
	return 0;
}

void nvio_features_free(struct nvio_ctrl *ctrl)
{
	while (ctrl->features) {
		struct kept_feature *feature = ctrl->features;

		ctrl->features = feature->next;
		free(feature);
	}
}
