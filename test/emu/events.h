/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What suites share that are about events of a controller.
 */
#ifndef TEST_EMU_EVENTS_H
#define TEST_EMU_EVENTS_H

#include "stack.h"

/* Looked for often, so that tests are short. */
struct nvio_async_opts events_often(void);

/* stack_open(), and asks for events. */
void events_start(struct stack *s, const char *options, const struct nvio_async_opts *opts);

/* Waits for the descriptor, and takes the event, which must be the only one. */
void events_expect(struct stack *s, unsigned int type, unsigned int info, unsigned int log,
		   struct nvio_async_event *event);

#endif
