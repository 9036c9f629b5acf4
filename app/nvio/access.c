/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may open the files of a function; see access.h.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "nvio/access.h"
#include "common/parse.h"
#include "vfio/sysfs.h"

#define MODE_BITS 07777
/* Where udev makes the files, they come a moment later. */
#define NODE_WAIT_NS (2000 * NVIO_NS_PER_MS)

int access_find_user(const char *name, uid_t *uid)
{
	const struct passwd *user = getpwnam(name);
	uint64_t number;

	if (user) {
		*uid = user->pw_uid;
		return 0;
	}
	if (!parse_u64(name, 0, UINT32_MAX - 1, &number)) {
		*uid = (uid_t)number;
		return 0;
	}
	return nvio_error(ENOENT, "there is no user '%s': `getent passwd` lists them", name);
}

/* Adds what a file is like now, or was before another function's sake. */
static int remember(struct state *state, const char *path)
{
	struct state_node *node = &state->nodes[state->nr_nodes];
	struct stat st;
	unsigned int i;

	for (i = 0; i < state->nr_nodes; i++) {
		if (!strcmp(state->nodes[i].path, path))
			return 0;
	}
	if (state->nr_nodes == STATE_NODES)
		return nvio_error(ENOSPC, "%s has more files under /dev than are known",
				  state->device);
	if (!state_find_node(path, state->device, node)) {
		if (stat(path, &st))
			return nvio_error(errno, "%s: %s", path, strerror(errno));
		snprintf(node->path, sizeof(node->path), "%s", path);
		node->uid = st.st_uid;
		node->gid = st.st_gid;
		node->mode = st.st_mode & MODE_BITS;
	}
	state->nr_nodes++;
	return 0;
}

static int give_file(const char *path, uid_t uid)
{
	struct stat st;

	if (stat(path, &st) || chown(path, uid, (gid_t)-1) ||
	    chmod(path, (st.st_mode & MODE_BITS) | S_IRUSR | S_IWUSR))
		return nvio_error(errno,
				  "cannot give %s to user %u: %s: run it as root, with "
				  "`sudo nvio`",
				  path, uid, strerror(errno));
	return 0;
}

static int open_to_all(const char *path)
{
	struct stat st;

	if (stat(path, &st) || chmod(path, (st.st_mode & MODE_BITS) | 0666))
		return nvio_error(errno,
				  "cannot give access to %s: %s: run it as root, with "
				  "`sudo nvio`",
				  path, strerror(errno));
	return 0;
}

static void wait_for_group_node(const struct nvio_pci *pci, char *node, size_t len)
{
	struct nvio_backoff b;

	nvio_backoff_start(&b, NODE_WAIT_NS);
	do
		function_group_node(pci, node, len);
	while (!node[0] && nvio_backoff_wait(&b));
}

int access_give(const struct nvio_pci *pci, uid_t uid, struct state *state)
{
	char group[NODE_LEN], cdev[NODE_LEN], iommu[NODE_LEN] = "";
	int err = 0;

	wait_for_group_node(pci, group, sizeof(group));
	function_cdev_node(pci, cdev, sizeof(cdev));
	if (!group[0] && !cdev[0])
		return nvio_error(
			ENOENT,
			"%s is on vfio-pci, and neither its group nor itself is in %s/vfio: "
			"`dmesg` may say why",
			pci->name, nvio_roots.dev);
	if (cdev[0] && nvio_sysfs_exists("%s/iommu", nvio_roots.dev))
		snprintf(iommu, sizeof(iommu), "%s/iommu", nvio_roots.dev);
	if (group[0])
		err = remember(state, group);
	if (!err && cdev[0])
		err = remember(state, cdev);
	if (!err && iommu[0])
		err = remember(state, iommu);
	if (!err)
		err = state_save(state);
	if (!err && group[0])
		err = give_file(group, uid);
	if (!err && cdev[0])
		err = give_file(cdev, uid);
	if (!err && iommu[0])
		err = open_to_all(iommu);
	return err;
}

int access_take_back(const struct state *state)
{
	struct state_node other;
	int err = 0;
	unsigned int i;

	for (i = 0; i < state->nr_nodes; i++) {
		const struct state_node *node = &state->nodes[i];

		if (!nvio_sysfs_exists("%s", node->path) ||
		    state_find_node(node->path, state->device, &other))
			continue;
		/* The mode comes first: a change of owner clears none of its bits for root. */
		if (chmod(node->path, node->mode) || chown(node->path, node->uid, node->gid))
			err = nvio_error(errno,
					 "cannot give %s back: %s: `chown %u:%u %s; chmod "
					 "%04o %s`",
					 node->path, strerror(errno), node->uid, node->gid,
					 node->path, node->mode, node->path);
	}
	return err;
}
