/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What `nvio bind` remembers; see state.h. A line of a file is a word and its values:
 *
 *	driver nvme
 *	override vfio-pci
 *	with 0000:01:00.0
 *	node /dev/vfio/7 0 0 0600
 *
 * A driver or override that there was none of has no line.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "nvio/state.h"
#include "vfio/sysfs.h"

const char *state_dir = "/run/nvio";

static int cannot(const char *what, const char *path)
{
	int err = errno;

	return nvio_error(err, "cannot %s %s: %s%s", what, path, strerror(err),
			  err == EACCES || err == EPERM || err == EROFS
				  ? ": run it as root, with `sudo nvio`"
				  : "");
}

int state_lock(void)
{
	char path[NVIO_PATH_LEN];
	struct stat st;
	int fd, err;

	if (mkdir(state_dir, 0755) && errno != EEXIST)
		return cannot("make the folder", state_dir);
	/* What is remembered is done by root: nobody else may have a say in it. */
	if (lstat(state_dir, &st))
		return cannot("look at", state_dir);
	if (!S_ISDIR(st.st_mode) || (geteuid() == 0 && st.st_uid) ||
	    st.st_mode & (S_IWGRP | S_IWOTH))
		return nvio_error(EPERM,
				  "%s is not a folder that only root can write: look who made it, "
				  "then `rm -r %s`",
				  state_dir, state_dir);
	snprintf(path, sizeof(path), "%s/lock", state_dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return cannot("open", path);
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	err = errno == EWOULDBLOCK
		      ? nvio_error(EBUSY, "another `nvio bind` or `nvio restore` runs: "
					  "wait for its end")
		      : cannot("lock", path);
	close(fd);
	return err;
}

static void file_of(char path[NVIO_PATH_LEN], const char *device, const char *suffix)
{
	snprintf(path, NVIO_PATH_LEN, "%s/%s%s", state_dir, device, suffix);
}

/* Takes one line. Returns whether it means something. */
static bool take_line(struct state *state, const char *line)
{
	struct state_node *node = &state->nodes[state->nr_nodes];

	if (sscanf(line, "driver %63s", state->driver) == 1 ||
	    sscanf(line, "override %63s", state->override) == 1 ||
	    sscanf(line, "with %15s", state->with) == 1)
		return true;
	if (state->nr_nodes == STATE_NODES || sscanf(line, "node %95s %u %u %o", node->path,
						     &node->uid, &node->gid, &node->mode) != 4)
		return false;
	state->nr_nodes++;
	return true;
}

int state_load(const char *device, struct state *state)
{
	char path[NVIO_PATH_LEN], line[256];
	bool good = true;
	FILE *f;

	memset(state, 0, sizeof(*state));
	snprintf(state->device, sizeof(state->device), "%s", device);
	file_of(path, device, "");
	f = fopen(path, "re");
	if (!f)
		return errno == ENOENT ? -ENOENT : cannot("read", path);
	while (good && fgets(line, sizeof(line), f))
		good = take_line(state, line);
	fclose(f);
	if (!good)
		return nvio_error(EPROTO,
				  "%s makes no sense: `rm %s`, and give %s to its driver "
				  "by hand",
				  path, path, device);
	return 0;
}

static void print_state(FILE *f, const struct state *state)
{
	unsigned int i;

	if (state->driver[0])
		fprintf(f, "driver %s\n", state->driver);
	if (state->override[0])
		fprintf(f, "override %s\n", state->override);
	if (state->with[0])
		fprintf(f, "with %s\n", state->with);
	for (i = 0; i < state->nr_nodes; i++)
		fprintf(f, "node %s %u %u %04o\n", state->nodes[i].path, state->nodes[i].uid,
			state->nodes[i].gid, state->nodes[i].mode);
}

int state_save(const struct state *state)
{
	char path[NVIO_PATH_LEN], next[NVIO_PATH_LEN];
	FILE *f;
	int err;

	file_of(path, state->device, "");
	file_of(next, state->device, ".next");
	f = fopen(next, "we");
	if (!f)
		return cannot("write", next);
	print_state(f, state);
	err = fflush(f) || fsync(fileno(f)) ? cannot("write", next) : 0;
	if (fclose(f) && !err)
		err = cannot("write", next);
	if (!err && rename(next, path))
		err = cannot("write", path);
	if (err)
		unlink(next);
	return err;
}

int state_remove(const char *device)
{
	char path[NVIO_PATH_LEN];

	file_of(path, device, "");
	return unlink(path) && errno != ENOENT ? cannot("remove", path) : 0;
}

/* Not the lock, nor what a crash left half written. */
static bool is_device(const char *name)
{
	char canonical[NVIO_PCI_NAME_LEN];

	return !nvio_pci_name(name, canonical) && !strcmp(name, canonical);
}

int state_devices(struct names *names)
{
	return names_collect(names, state_dir, is_device);
}

bool state_find_node(const char *path, const char *device, struct state_node *node)
{
	struct names names;
	struct state state;
	bool found = false;
	unsigned int k;
	size_t i;

	if (state_devices(&names))
		return false;
	for (i = 0; i < names.nr && !found; i++) {
		if (!strcmp(names.name[i], device) || state_load(names.name[i], &state))
			continue;
		for (k = 0; k < state.nr_nodes && !found; k++) {
			found = !strcmp(state.nodes[k].path, path);
			if (found)
				*node = state.nodes[k];
		}
	}
	names_free(&names);
	return found;
}
