/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Features that the application has set, which a reset of the controller takes back (5.27): they
 * are recorded, and set again.
 */
#ifndef NVIO_LIB_NVME_FEATURES_H
#define NVIO_LIB_NVME_FEATURES_H

#include <stddef.h>

#include <nvio/nvme.h>

/* Notes a Set Features that succeeded; other commands are passed over. The controller is locked. */
void nvio_features_note(struct nvio_ctrl *ctrl, const struct nvio_sqe *cmd, const void *data,
			size_t len);

/* Sets them again. That the controller refuses one is logged. Returns 0 or -errno. */
int nvio_features_again(struct nvio_ctrl *ctrl);

/* Writes them down, in one malloc()ed line; NULL when there are none. Returns 0 or -ENOMEM. */
int nvio_features_describe(const struct nvio_ctrl *ctrl, char **line);

/* Takes what the program before had set, as its device's notes tell. They are set again where the
 * controller does not go on as it was. Returns 0 or -errno. */
int nvio_features_resume(struct nvio_ctrl *ctrl);

void nvio_features_free(struct nvio_ctrl *ctrl);

#endif
