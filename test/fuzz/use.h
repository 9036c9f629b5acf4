/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The use of a controller that lies.
 */
#ifndef TEST_FUZZ_USE_H
#define TEST_FUZZ_USE_H

#include <nvio/nvme.h>

#define FUZZ_NAMESPACES 4u /* that it has, unless it says otherwise */

/* Asks for all there is to know, reads a block, takes events, sets power states, and closes it. */
void fuzz_use_ctrl(struct nvio_ctrl *ctrl);

#endif
