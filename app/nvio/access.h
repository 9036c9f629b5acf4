/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may open the files under /dev through which a function is reached.
 *
 * The group's file and the function's own get another owner. /dev/iommu belongs to nobody: like
 * /dev/vfio/vfio it gives no access to any device, and is opened to everybody, as that is.
 */
#ifndef NVIO_APP_ACCESS_H
#define NVIO_APP_ACCESS_H

#include "nvio/state.h"

/* A user by name or number. Returns 0; -ENOENT, with the sentence. */
int access_find_user(const char *name, uid_t *uid);

/*
 * Gives the user access to the function, which is on vfio-pci. What the files were like is added to
 * @state and saved before anything is changed. Returns 0 or -errno.
 */
int access_give(const struct nvio_pci *pci, uid_t uid, struct state *state);

/* Makes the files that are still there as they were, but for those that another function's memory
 * names too. Returns 0 or -errno. */
int access_take_back(const struct state *state);

#endif
