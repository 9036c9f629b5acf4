/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Asynchronous events (5.2): requests that wait, events that wait for requests, and which kinds are
 * held back until their log page was read.
 *
 * Owns the changed namespace list (5.16.1.5) too, which is what one of the events is about.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

#define NR_TYPES   8u
#define QUEUED_MAX 16u

/* Async Event Configuration: Namespace Attribute Notices (figure 317). */
#define NOTICE_NS (1u << 8)

struct event {
	uint8_t type;
	uint8_t info;
	uint8_t log;
};

struct emu_events {
	unsigned int nr_requests;
	uint16_t requests[EMU_AER_MAX]; /* command identifiers, the oldest first */
	unsigned int nr_queued;
	struct event queued[QUEUED_MAX];
	uint8_t held_log[NR_TYPES]; /* the log page that lets events of this type go on */
	bool held[NR_TYPES];
	unsigned int nr_changed;
	uint32_t changed[EMU_NS_MAX];
};

int nvio_emu_events_new(struct emu_ctrl *ctrl)
{
	ctrl->events = calloc(1, sizeof(*ctrl->events));
	return ctrl->events ? 0 : -ENOMEM;
}

void nvio_emu_events_free(struct emu_ctrl *ctrl)
{
	free(ctrl->events);
}

void nvio_emu_events_reset(struct emu_ctrl *ctrl)
{
	memset(ctrl->events, 0, sizeof(*ctrl->events));
}

void *nvio_emu_events_state(const struct emu_ctrl *ctrl, size_t *len)
{
	*len = sizeof(*ctrl->events);
	return ctrl->events;
}

bool nvio_emu_events_are_valid(const void *bytes)
{
	const uint8_t *held = (const uint8_t *)bytes + offsetof(struct emu_events, held);
	struct emu_events events;
	bool valid = true;

	/* Before it is one: other bytes than these are no truth. */
	for (unsigned int i = 0; i < NR_TYPES; i++)
		valid &= held[i] <= 1;
	if (!valid)
		return false;
	memcpy(&events, bytes, sizeof(events));
	for (unsigned int i = 0; i < events.nr_queued && i < QUEUED_MAX; i++)
		valid &= events.queued[i].type < NR_TYPES;
	return valid && events.nr_requests <= EMU_AER_MAX && events.nr_queued <= QUEUED_MAX &&
	       events.nr_changed <= EMU_NS_MAX;
}

/* One of each kind waits at most; a flood is cut off. */
void nvio_emu_event(struct emu_ctrl *ctrl, uint8_t type, uint8_t info, uint8_t log)
{
	struct emu_events *events = ctrl->events;

	for (unsigned int i = 0; i < events->nr_queued; i++)
		if (events->queued[i].type == type && events->queued[i].info == info)
			return;
	if (events->nr_queued < QUEUED_MAX && type < NR_TYPES)
		events->queued[events->nr_queued++] = (struct event){ type, info, log };
}

void nvio_emu_event_seen(struct emu_ctrl *ctrl, uint8_t log)
{
	for (unsigned int i = 0; i < NR_TYPES; i++)
		if (ctrl->events->held_log[i] == log)
			ctrl->events->held[i] = false;
	if (log == NVME_LOG_LID_CHANGED_NS)
		ctrl->events->nr_changed = 0;
}

static void remove_request(struct emu_events *events, unsigned int i)
{
	events->nr_requests--;
	memmove(&events->requests[i], &events->requests[i + 1],
		(events->nr_requests - i) * sizeof(events->requests[0]));
}

static void answer(struct emu_ctrl *ctrl, uint16_t status, uint32_t result, unsigned int i)
{
	struct emu_done done = { .cid = ctrl->events->requests[i], .status = status };

	done.result = result;
	remove_request(ctrl->events, i);
	nvio_emu_cq_post(ctrl, &ctrl->cqs[0], &done);
}

void nvio_emu_events_send(struct emu_ctrl *ctrl)
{
	struct emu_events *events = ctrl->events;
	unsigned int i = 0;

	if (!events->nr_queued || !events->nr_requests || !ctrl->running)
		return;
	while (i < events->nr_queued && events->nr_requests && nvio_emu_cq_room(&ctrl->cqs[0])) {
		struct event e = events->queued[i];

		if (events->held[e.type]) {
			i++;
			continue;
		}
		events->nr_queued--;
		memmove(&events->queued[i], &events->queued[i + 1],
			(events->nr_queued - i) * sizeof(e));
		events->held[e.type] = true;
		events->held_log[e.type] = e.log;
		answer(ctrl, 0, e.type | (uint32_t)e.info << 8 | (uint32_t)e.log << 16, 0);
	}
}

uint16_t nvio_emu_event_request(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd)
{
	struct emu_events *events = ctrl->events;

	if (events->nr_requests == EMU_AER_MAX)
		return EMU_SPECIFIC(NVME_SC_ASYNC_LIMIT);
	events->requests[events->nr_requests++] = cmd->cid;
	return EMU_PENDING;
}

bool nvio_emu_event_abort(struct emu_ctrl *ctrl, uint16_t cid)
{
	struct emu_events *events = ctrl->events;

	for (unsigned int i = 0; i < events->nr_requests; i++) {
		if (events->requests[i] != cid)
			continue;
		if (!nvio_emu_cq_room(&ctrl->cqs[0]))
			return false;
		answer(ctrl, NVME_SC_ABORT_REQ, 0, i);
		return true;
	}
	return false;
}

void nvio_emu_ns_changed(struct emu_ctrl *ctrl, uint32_t nsid)
{
	struct emu_events *events = ctrl->events;
	unsigned int i = 0;

	while (i < events->nr_changed && events->changed[i] < nsid)
		i++;
	if (i == events->nr_changed || events->changed[i] != nsid) {
		memmove(&events->changed[i + 1], &events->changed[i],
			(events->nr_changed - i) * sizeof(nsid));
		events->changed[i] = nsid;
		events->nr_changed++;
	}
	if (nvio_emu_feature(ctrl, NVME_FEAT_FID_ASYNC_EVENT) & NOTICE_NS)
		nvio_emu_event(ctrl, NVME_AER_NOTICE, NVME_AER_NOTICE_NS_CHANGED,
			       NVME_LOG_LID_CHANGED_NS);
}

/* Ascending. */
void nvio_emu_changed_list(struct emu_ctrl *ctrl, uint32_t list[1024])
{
	struct emu_events *events = ctrl->events;

	_Static_assert(EMU_NS_MAX <= 1024, "all changed namespaces fit in the list");
	for (unsigned int i = 0; i < events->nr_changed; i++)
		list[i] = htole32(events->changed[i]);
}
