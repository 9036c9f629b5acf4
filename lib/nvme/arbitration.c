/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose commands the controller takes next; see arbitration.h.
 */
#include <errno.h>

#include "base/error.h"
#include "nvme/arbitration.h"
#include "nvme/ctrl.h"

#define BURST_MAX  64u
#define WEIGHT_MAX 256u
#define NR_WEIGHTS 3u

/* Arbitration (figure 318): a burst as a power of two, weights minus one with high in the highest
 * byte. */
#define BURST_BITS      7u
#define BURST_NO_LIMIT  7u
#define WEIGHT_SHIFT(i) (8 * (NR_WEIGHTS - (i)))

static bool is_weighted(const struct nvio_ctrl *ctrl)
{
	return ctrl->opts.arbitration == NVIO_WEIGHTED;
}

static int check_weights(const struct nvio_ctrl *ctrl)
{
	const uint16_t *weights = ctrl->opts.weights;

	for (unsigned int i = 0; i < NR_WEIGHTS; i++) {
		if (weights[i] && !is_weighted(ctrl))
			return nvio_error(EINVAL, "weights are for arbitration NVIO_WEIGHTED only");
		if (weights[i] > WEIGHT_MAX)
			return nvio_error(EINVAL, "weight %u: not one of 1 to %u", weights[i],
					  WEIGHT_MAX);
	}
	return 0;
}

int nvio_arbitration_check(struct nvio_ctrl *ctrl)
{
	uint8_t burst = ctrl->opts.burst;

	if (ctrl->opts.arbitration > NVIO_WEIGHTED)
		return nvio_error(EINVAL, "arbitration %u: not one of enum nvio_arbitration",
				  ctrl->opts.arbitration);
	if (burst && burst != NVIO_NO_BURST_LIMIT && (burst > BURST_MAX || !is_power_of_two(burst)))
		return nvio_error(EINVAL, "burst %u: not a power of two up to %u", burst,
				  BURST_MAX);
	if (is_weighted(ctrl) && !(FIELD_GET(CAP_AMS, ctrl->cap) & CAP_AMS_WEIGHTED))
		return nvio_error(ENOTSUP,
				  "%s has no weighted round robin arbitration (CAP 0x%016llx)",
				  ctrl->info.name, (unsigned long long)ctrl->cap);
	return check_weights(ctrl);
}

uint32_t nvio_arbitration_ams(const struct nvio_ctrl *ctrl)
{
	return is_weighted(ctrl) ? CC_AMS_WEIGHTED : CC_AMS_ROUND_ROBIN;
}

/* What the options name, over what the controller has. */
static uint32_t choose(const struct nvio_ctrl *ctrl, uint32_t value)
{
	const struct nvio_ctrl_opts *opts = &ctrl->opts;

	if (opts->burst) {
		value &= ~BURST_BITS;
		value |= opts->burst == NVIO_NO_BURST_LIMIT ? BURST_NO_LIMIT
							    : (uint32_t)__builtin_ctz(opts->burst);
	}
	for (unsigned int i = 0; i < NR_WEIGHTS; i++) {
		if (!opts->weights[i])
			continue;
		value &= ~(0xffu << WEIGHT_SHIFT(i));
		value |= (opts->weights[i] - 1u) << WEIGHT_SHIFT(i);
	}
	return value;
}

int nvio_arbitration_set_up(struct nvio_ctrl *ctrl)
{
	struct nvio_sqe sqe = { .opcode = NVIO_ADMIN_GET_FEATURES,
				.cdw10 = NVIO_FEATURE_ARBITRATION };
	const struct nvio_ctrl_opts *opts = &ctrl->opts;
	uint32_t value;
	int err;

	if (!opts->burst && !opts->weights[0] && !opts->weights[1] && !opts->weights[2])
		return 0;
	err = nvio_admin_must(ctrl, "Get Features (Arbitration)",
			      nvio_admin_locked(ctrl, &sqe, NULL, 0, &value));
	if (err)
		return err;
	sqe.opcode = NVIO_ADMIN_SET_FEATURES;
	sqe.cdw11 = choose(ctrl, value);
	return nvio_admin_must(ctrl, "Set Features (Arbitration)",
			       nvio_admin_locked(ctrl, &sqe, NULL, 0, NULL));
}

int nvio_priority_check(const struct nvio_ctrl *ctrl, unsigned int priority)
{
	if (priority > NVIO_PRIORITY_LOW)
		return nvio_error(EINVAL, "priority %u: not one of enum nvio_priority", priority);
	if (priority && !is_weighted(ctrl))
		return nvio_error(ENOTSUP,
				  "%s takes turns: queue pairs have priorities when it is opened "
				  "with arbitration NVIO_WEIGHTED",
				  ctrl->info.name);
	return 0;
}

uint32_t nvio_priority_cdw11(const struct nvio_ctrl *ctrl, unsigned int priority)
{
	if (!is_weighted(ctrl))
		return 0;
	if (!priority)
		priority = NVIO_PRIORITY_MEDIUM;
	return (priority - NVIO_PRIORITY_URGENT) << NVIO_QUEUE_PRIORITY_SHIFT;
}
