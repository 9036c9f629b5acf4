/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events and namespaces of a controller that answers whatever it likes.
 */
#ifndef TEST_FUZZ_EVENTS_H
#define TEST_FUZZ_EVENTS_H

#include <nvio/nvio.h>

/* Asks for events, takes some, and looks at namespaces again. */
void fuzz_events(struct nvio_ctrl *ctrl);

#endif
