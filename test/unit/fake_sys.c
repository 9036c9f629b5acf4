/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A machine of files; see fake_sys.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vfio/sysfs.h"
#include "fake_sys.h"

static char root[64], sys[80], proc[80], dev[80];

const char *fake_sys_begin(void)
{
	snprintf(root, sizeof(root), "/tmp/nvio-sys.XXXXXX");
	if (!mkdtemp(root))
		abort();
	snprintf(sys, sizeof(sys), "%s/sys", root);
	snprintf(proc, sizeof(proc), "%s/proc", root);
	snprintf(dev, sizeof(dev), "%s/dev", root);
	nvio_roots = (struct nvio_roots){ sys, proc, dev };
	return root;
}

void fake_sys_end(void)
{
	char command[128];

	nvio_roots = (struct nvio_roots){ "/sys", "/proc", "/dev" };
	snprintf(command, sizeof(command), "rm -r %s", root);
	if (system(command))
		abort();
}

/* The whole path, whose folders are made. */
static const char *prepare(const char *path)
{
	static char full[512];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
	return full;
}

void fake_sys_put(const char *path, const char *text)
{
	FILE *f = fopen(prepare(path), "w");

	if (!f)
		abort();
	fputs(text, f);
	fclose(f);
}

void fake_sys_link(const char *path, const char *target)
{
	const char *full = prepare(path);

	unlink(full);
	if (symlink(target, full))
		abort();
}

void fake_sys_remove(const char *path)
{
	char command[640];

	snprintf(command, sizeof(command), "rm -rf %s/%s", root, path);
	if (system(command))
		abort();
}

const char *fake_sys_get(const char *path)
{
	static char line[512];

	nvio_sysfs_line(line, sizeof(line), "%s/%s", root, path);
	return line;
}
