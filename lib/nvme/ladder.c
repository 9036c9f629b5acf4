/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ways to reset a controller; see ladder.h.
 *
 * Each rung leaves the controller disabled, or tries to; what follows is the same for all: it is
 * brought up with what it was told before. Between two rungs its bus mastering is off.
 */
#include <errno.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/error.h"
#include "nvme/ctrl.h"
#include "nvme/ladder.h"
#include "nvme/vectors.h"
#include "vfio/device.h"
#include "vfio/eeh.h"

#define NSSR_MAGIC 0x4e564d65u /* "NVMe" (3.1.3.9) */

/* How long a function may be off the bus for its reset (PCIe 6.6.1): one that was removed meanwhile
 * looks the same, and owners are to hear of that soon. */
#define OFF_BUS_MS 1000u

/* How long it may take to begin. */
#define BEGINS_MS 100u

struct rung {
	const char *name;
	bool (*exists)(const struct nvio_ctrl *ctrl);
	int (*step)(struct nvio_ctrl *ctrl);
	size_t counter; /* in struct nvio_ctrl_stats */
	bool thaws; /* it helps where the host bridge has cut the controller off */
};

static bool is_always_there(const struct nvio_ctrl *ctrl)
{
	(void)ctrl;
	return true;
}

/* After a reset of the function: as nvio_ctrl_open() left it. */
static int set_up_function(struct nvio_ctrl *ctrl)
{
	int err = nvio_device_memory(ctrl->device, true);

	if (!err)
		err = nvio_device_intx(ctrl->device, false);
	return err ? err : nvio_vectors_again(ctrl);
}

/*
 * Bringing it up begins with the reset itself. A function that decodes nothing was reset by
 * somebody else, or has been away for a moment without power: its interrupts are off, too.
 */
static int look_after_function(struct nvio_ctrl *ctrl)
{
	int decodes = nvio_device_decodes(ctrl->device);

	if (decodes)
		return decodes < 0 ? decodes : 0;
	return set_up_function(ctrl);
}

/* It resets all controllers of the subsystem: only where there is one. */
static bool has_subsystem_reset(const struct nvio_ctrl *ctrl)
{
	return FIELD_GET(CAP_NSSRS, ctrl->cap) && !ctrl->shares_subsystem;
}

/* The function may be off the bus for a while (3.7.1), and decodes nothing then. It need not leave
 * at once: until it was away, or says that it was reset, it is looked at. */
static int await_function(struct nvio_ctrl *ctrl)
{
	struct nvio_backoff backoff;
	uint64_t start = nvio_now(), seen = start;
	bool was_reset = false;

	nvio_backoff_start(&backoff, ctrl->ready_timeout_ms * NVIO_NS_PER_MS);
	for (;;) {
		/* The time first, so that a look follows however long this thread was kept
		 * waiting. */
		bool in_time = nvio_backoff_wait(&backoff);
		uint64_t now = nvio_now();
		int err = nvio_device_memory(ctrl->device, true);
		uint32_t csts = err ? NVIO_REG_GONE : nvio_reg_read32(ctrl, NVIO_REG_CSTS);

		was_reset |= csts == NVIO_REG_GONE || FIELD_GET(CSTS_NSSRO, csts);
		if (csts != NVIO_REG_GONE &&
		    (was_reset || !in_time || now - start > BEGINS_MS * NVIO_NS_PER_MS))
			return 0;
		if (err &&
		    (!nvio_device_alive(ctrl->device) || now - seen > OFF_BUS_MS * NVIO_NS_PER_MS))
			return err;
		if (!err)
			seen = now;
		if (!in_time)
			return nvio_error(ENODEV, "%s does not come back from a subsystem reset",
					  ctrl->info.name);
	}
}

static int reset_subsystem(struct nvio_ctrl *ctrl)
{
	int err;

	/* That of an earlier one. */
	nvio_reg_write32(ctrl, NVIO_REG_CSTS, FIELD_SET(CSTS_NSSRO, 1u));
	nvio_reg_write32(ctrl, NVIO_REG_NSSR, NSSR_MAGIC);
	err = await_function(ctrl);
	if (err)
		return err;
	nvio_reg_write32(ctrl, NVIO_REG_CSTS, FIELD_SET(CSTS_NSSRO, 1u));
	return set_up_function(ctrl);
}

static bool has_device_reset(const struct nvio_ctrl *ctrl)
{
	struct nvio_device_info info;

	nvio_device_get_info(ctrl->device, &info, sizeof(info));
	return info.can_reset && !nvio_eeh_is_alone(ctrl->device);
}

static int reset_device(struct nvio_ctrl *ctrl)
{
	int err = nvio_device_reset(ctrl->device);

	return err ? err : set_up_function(ctrl);
}

/* Only where it takes nothing else along. */
static bool has_hot_reset(const struct nvio_ctrl *ctrl)
{
	struct nvio_reset_device device;

	return !nvio_eeh_is_alone(ctrl->device) &&
	       nvio_device_hot_reset_info(ctrl->device, &device, 1) == 1;
}

static int reset_slot(struct nvio_ctrl *ctrl)
{
	int err = nvio_device_hot_reset(ctrl->device);

	return err ? err : set_up_function(ctrl);
}

/* In the place of the two above. */
static bool has_eeh(const struct nvio_ctrl *ctrl)
{
	return nvio_eeh_is_alone(ctrl->device);
}

static int reset_by_eeh(struct nvio_ctrl *ctrl)
{
	int err = nvio_eeh_recover(ctrl->device, NVIO_EEH_HOT);

	return err ? err : set_up_function(ctrl);
}

static int reset_fundamentally(struct nvio_ctrl *ctrl)
{
	int err = nvio_eeh_recover(ctrl->device, NVIO_EEH_FUNDAMENTAL);

	return err ? err : set_up_function(ctrl);
}

#define COUNTER(name) offsetof(struct nvio_ctrl_stats, name)

static const struct rung rungs[] = {
	{ "controller reset", is_always_there, look_after_function, COUNTER(controller_resets),
	  false },
	{ "subsystem reset", has_subsystem_reset, reset_subsystem, COUNTER(subsystem_resets),
	  false },
	{ "device reset", has_device_reset, reset_device, COUNTER(device_resets), false },
	{ "hot reset", has_hot_reset, reset_slot, COUNTER(hot_resets), false },
	{ "hot reset by EEH", has_eeh, reset_by_eeh, COUNTER(hot_resets), true },
	{ "fundamental reset by EEH", has_eeh, reset_fundamentally, COUNTER(hot_resets), true },
};

static void count(struct nvio_ctrl *ctrl, const struct rung *rung)
{
	if (ctrl->recovery.waking && rung == &rungs[0])
		return;
	pthread_mutex_lock(&ctrl->recovery.lock);
	++*(uint64_t *)(void *)((char *)&ctrl->recovery.stats + rung->counter);
	pthread_mutex_unlock(&ctrl->recovery.lock);
}

static int try_rung(struct nvio_ctrl *ctrl, const struct rung *rung)
{
	int err;

	count(ctrl, rung);
	ctrl->dead = false;
	err = rung->step(ctrl);
	if (!err)
		err = nvio_ctrl_bring_up_again(ctrl);
	if (err)
		nvio_log(NVIO_LOG_WARN, "%s: %s does not help: %s", ctrl->info.name, rung->name,
			 nvio_last_error());
	else
		nvio_log(ctrl->recovery.waking ? NVIO_LOG_DEBUG : NVIO_LOG_WARN, "%s: %s done",
			 ctrl->info.name, rung->name);
	return err;
}

static bool is_closing(struct nvio_ctrl *ctrl)
{
	bool closing;

	pthread_mutex_lock(&ctrl->recovery.lock);
	closing = ctrl->recovery.closing;
	pthread_mutex_unlock(&ctrl->recovery.lock);
	return closing;
}

int nvio_ladder_climb(struct nvio_ctrl *ctrl, unsigned int *rung)
{
	int err = nvio_error(EIO, "%s: no kind of reset is left", ctrl->info.name);
	struct nvio_sentence sentence;
	bool tried = false, gone;

	for (unsigned int i = *rung; i < ARRAY_LEN(rungs); i++) {
		if (!rungs[i].exists(ctrl) || (tried && is_closing(ctrl)) ||
		    (!rungs[i].thaws && nvio_eeh_is_frozen(ctrl->device)))
			continue;
		*rung = i;
		tried = true;
		err = try_rung(ctrl, &rungs[i]);
		if (!err)
			return 0;
		/* Whose configuration space cannot be reached is not there to be reset, unless it
		 * is cut off, and writes nothing. */
		nvio_error_save(&sentence);
		gone = nvio_device_bus_master(ctrl->device, false) &&
		       !nvio_eeh_is_frozen(ctrl->device);
		nvio_error_restore(&sentence);
		if (gone)
			return -ENODEV;
	}
	return nvio_device_bus_master(ctrl->device, false) ? -ENODEV : err;
}

unsigned int nvio_ladder_top(const struct nvio_ctrl *ctrl)
{
	unsigned int top = 0;

	for (unsigned int i = 0; i < ARRAY_LEN(rungs); i++) {
		if (rungs[i].exists(ctrl))
			top = i;
	}
	return top;
}
