/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Taking events from a controller that lies; see events.h.
 */
#include "events.h"
#include "fuzz.h"

#define EVENTS_MAX 16

void fuzz_events(struct nvio_ctrl *ctrl)
{
	struct nvio_async_opts opts = NVIO_ASYNC_OPTS;
	struct nvio_async_event event;

	/* A thread would not know which input it is of. */
	opts.no_thread = true;
	if (nvio_ctrl_async_start(ctrl, &opts))
		return;
	for (int i = 0; i < EVENTS_MAX; i++) {
		if (nvio_ctrl_async_next(ctrl, &event, sizeof(event)) != 1)
			break;
		fuzz_check(event.type < 8);
		fuzz_check(event.log_len <= sizeof(event.log));
	}
	nvio_ctrl_rescan(ctrl);
}
