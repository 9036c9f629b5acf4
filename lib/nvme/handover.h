/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A controller that the program before left enabled and idle (<nvio/handover.h>): its admin queue
 * goes on. Registers say where its rings are, and the completions in them how far it has come.
 */
#ifndef NVIO_LIB_NVME_HANDOVER_H
#define NVIO_LIB_NVME_HANDOVER_H

#include <stdbool.h>

struct nvio_ctrl;
struct nvio_qpair;

/* Whether it runs as it would be enabled now. Its capabilities are known. */
bool nvio_ctrl_runs(struct nvio_ctrl *ctrl);

/* Makes the admin queue of what is there. Returns 0 or -errno. */
int nvio_admin_queue_take_over(struct nvio_ctrl *ctrl);

/* Frees the rings of one that runs otherwise, which was disabled. Returns 0. */
int nvio_admin_queue_discard(struct nvio_ctrl *ctrl);

/* Finds the next slot of each ring from the completions there; no command is under way. Returns 0
 * or -EPROTO. */
int nvio_rings_resume(struct nvio_qpair *qpair);

#endif
