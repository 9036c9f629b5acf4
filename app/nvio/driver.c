/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Gives PCI functions to drivers; see driver.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "nvio/driver.h"
#include "vfio/sysfs.h"

extern char **environ;

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;
	int err = 0;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	if (n < 0)
		err = -errno;
	close(fd);
	return err;
}

static int load_module(const char *driver)
{
	char *argv[] = { "modprobe", "-q", (char *)driver, NULL };
	int status, err;
	pid_t pid;

	err = posix_spawnp(&pid, "modprobe", NULL, NULL, argv, environ);
	if (err)
		return -err;
	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -ENOENT;
}

struct driver_ops driver_ops = { write_file, load_module };

/* @what goes into the sentence: "cannot <what>". */
static int write_fact(const char *path, const char *text, const char *what)
{
	int err = driver_ops.write(path, text);

	if (err == -EACCES || err == -EPERM || err == -EROFS)
		return nvio_error(-err,
				  "cannot %s: %s cannot be written: run it as root, with "
				  "`sudo nvio`",
				  what, path);
	if (err)
		return nvio_error(-err, "cannot %s: writing %s to %s: %s; `dmesg` may tell more",
				  what, text[0] == '\n' ? "nothing" : text, path, strerror(-err));
	return 0;
}

int driver_load(const char *driver)
{
	if (nvio_sysfs_exists("%s/bus/pci/drivers/%s", nvio_roots.sys, driver))
		return 0;
	if (!driver_ops.load(driver) &&
	    nvio_sysfs_exists("%s/bus/pci/drivers/%s", nvio_roots.sys, driver))
		return 0;
	return nvio_error(ENOENT,
			  "the driver %s is not there and could not be loaded: try `modprobe %s`",
			  driver, driver);
}

int driver_set_override(const char *pci_name, const char *driver)
{
	char path[NVIO_PATH_LEN], what[128];

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/driver_override", nvio_roots.sys,
		 pci_name);
	snprintf(what, sizeof(what), "choose the driver of %s", pci_name);
	return write_fact(path, driver[0] ? driver : "\n", what);
}

int driver_unbind(const char *pci_name)
{
	char path[NVIO_PATH_LEN], what[128], now[64];

	if (nvio_sysfs_link(now, sizeof(now), "%s/bus/pci/devices/%s/driver", nvio_roots.sys,
			    pci_name))
		return 0;
	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/driver/unbind", nvio_roots.sys,
		 pci_name);
	snprintf(what, sizeof(what), "take %s away from its driver", pci_name);
	return write_fact(path, pci_name, what);
}

int driver_bind(const char *pci_name, const char *driver)
{
	char path[NVIO_PATH_LEN], what[160], now[64];
	int err;

	snprintf(path, sizeof(path), "%s/bus/pci/drivers/%s/bind", nvio_roots.sys, driver);
	snprintf(what, sizeof(what), "give %s to %s", pci_name, driver);
	err = write_fact(path, pci_name, what);
	if (err)
		return err;
	nvio_sysfs_link(now, sizeof(now), "%s/bus/pci/devices/%s/driver", nvio_roots.sys, pci_name);
	if (strcmp(now, driver))
		return nvio_error(EIO,
				  "%s is on %s, though it was given to %s: `dmesg` may say why",
				  pci_name, now[0] ? now : "no driver", driver);
	return 0;
}
