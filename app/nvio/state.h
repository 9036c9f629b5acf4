/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What `nvio bind` has to remember until `nvio restore`: a small text file for each function, under
 * /run, which a restart of the machine empties as it resets what the files tell of.
 *
 * A file appears whole or not at all. Whoever changes them holds the lock.
 */
#ifndef NVIO_APP_STATE_H
#define NVIO_APP_STATE_H

#include <stdbool.h>
#include <sys/types.h>

#include "nvio/function.h"
#include "vfio/pci.h"

/* The group's file, the function's own, and /dev/iommu. */
#define STATE_NODES 3

/* A file of which the owner or mode was changed, and what they were. */
struct state_node {
	char path[NODE_LEN];
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

struct state {
	char device[NVIO_PCI_NAME_LEN];
	char driver[64]; /* what it had; "" for none */
	char override[64]; /* driver_override as it was */
	char with[NVIO_PCI_NAME_LEN]; /* the function for whose sake it was taken along; or "" */
	unsigned int nr_nodes;
	struct state_node nodes[STATE_NODES];
};

/* The folder; unit tests have another. */
extern const char *state_dir;

/* Takes the lock, making the folder. Returns its descriptor, for close(); or -errno. */
int state_lock(void);

/* Returns 0; -ENOENT when nothing is remembered, without a sentence; -EPROTO for a broken file. */
int state_load(const char *device, struct state *state);
int state_save(const struct state *state);
int state_remove(const char *device);

/* The functions of which something is remembered. Returns 0 or -ENOMEM. */
int state_devices(struct names *names);

/* Finds what a file under /dev was like, in what is remembered of functions other than @device.
 * Returns whether one tells. */
bool state_find_node(const char *path, const char *device, struct state_node *node);

#endif
