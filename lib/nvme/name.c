/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device names as users write them.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "nvme/wire.h"
#include "vfio/device.h"
#include "vfio/pci.h"
#include "vfio/user.h"

#define FILE_OPTION "file="

/* Where a path begins that the name ends in, or ends in before a namespace; NULL: nowhere. */
static const char *find_path(const char *name)
{
	const char *comma = strrchr(name, ',');
	const char *last = (comma ? comma : strchr(name, ':')) + 1;

	if (!strncmp(name, NVIO_USER_PREFIX, strlen(NVIO_USER_PREFIX)))
		return name + strlen(NVIO_USER_PREFIX);
	return strncmp(last, FILE_OPTION, strlen(FILE_OPTION)) ? NULL : last + strlen(FILE_OPTION);
}

static bool is_directory(const char *path, size_t len)
{
	char copy[PATH_MAX];
	struct stat st;

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, path, len);
	copy[len] = '\0';
	return !stat(len ? copy : "/", &st) && S_ISDIR(st.st_mode);
}

/*
 * Where the namespace begins: behind the last slash, if that is no part of the path of a socket or
 * file. It is when no number follows it, and when a directory is before it, which is neither.
 */
static const char *find_slash(const char *name)
{
	const char *slash = strrchr(name, '/');
	const char *path;

	if (!slash || !nvio_user_name(name))
		return slash;
	if (slash[1 + strspn(slash + 1, "0123456789")] || !slash[1])
		return NULL;
	path = find_path(name);
	return path && slash >= path && is_directory(path, (size_t)(slash - path)) ? NULL : slash;
}

static int canonical(char *device, size_t len)
{
	char name[NVIO_PCI_NAME_LEN];
	int err;

	if (nvio_user_name(device) || !strncmp(device, NVIO_FD_PREFIX, strlen(NVIO_FD_PREFIX)))
		return 0;
	err = nvio_pci_name(device, name);
	if (err)
		return err;
	if (strlen(name) >= len)
		return nvio_error(ENAMETOOLONG, "'%s' does not fit %zu bytes", name, len);
	strcpy(device, name);
	return 0;
}

int nvio_name_split(const char *name, char *device, size_t len, uint32_t *nsid)
{
	const char *slash = find_slash(name);
	size_t device_len = slash ? (size_t)(slash - name) : strlen(name);
	unsigned long long value = 0;
	char *end;

	if (!device_len)
		return nvio_error(EINVAL, "'%s' names no device", name);
	if (slash) {
		value = strtoull(slash + 1, &end, 10);
		if (slash[1] < '0' || slash[1] > '9' || *end || !value || value > NVIO_NSID_MAX)
			return nvio_error(EINVAL, "'%s': '%s' is no namespace identifier", name,
					  slash + 1);
	}
	if (device_len >= len)
		return nvio_error(ENAMETOOLONG, "'%s' is too long for a device name", name);
	memcpy(device, name, device_len);
	device[device_len] = '\0';
	*nsid = (uint32_t)value;
	return canonical(device, len);
}
