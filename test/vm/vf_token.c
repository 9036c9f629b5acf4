/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vf_token NAME FOLDER: sets a token on a physical function, whose folder in /sys is given, has it
 * make a virtual one, and opens that: only with the token.
 */
#include <limits.h>
#include <unistd.h>

#include "vmtest.h"

#define TOKEN       "01234567-89ab-cdef-0123-456789abcdef"
#define OTHER_TOKEN "11234567-89ab-cdef-0123-456789abcdef"

static void put(const char *folder, const char *file, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	f = fopen(path, "w");
	vmt_check(f && fputs(text, f) >= 0 && !fclose(f), "%s: %s", path, strerror(errno));
}

/* Where the link virtfn0 leads to. */
static void find_virtual(const char *folder, char name[NAME_MAX])
{
	char path[256], target[256];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/virtfn0", folder);
	n = readlink(path, target, sizeof(target) - 1);
	vmt_check(n > 0, "%s: %s", path, strerror(errno));
	target[n] = '\0';
	snprintf(name, NAME_MAX, "%s", strrchr(target, '/') + 1);
}

static int open_virtual(const char *name, enum nvio_way way, const char *token)
{
	struct nvio_iommu_opts opts = NVIO_IOMMU_OPTS;
	struct nvio_device_opts device_opts = NVIO_DEVICE_OPTS;
	struct nvio_device *device = NULL;
	struct nvio_iommu *iommu;
	int err;

	opts.way = way;
	device_opts.vf_token = token;
	vmt_ok(nvio_iommu_open(&opts, &iommu));
	err = nvio_device_open(iommu, name, &device_opts, &device);
	nvio_device_close(device);
	nvio_iommu_close(iommu);
	return err;
}

int main(int argc, char **argv)
{
	char name[NAME_MAX], folder[NAME_MAX + 64];
	struct nvio_device *device;
	struct nvio_iommu *iommu;

	vmt_check(argc == 3 || argc == 4, "usage: vf_token NAME FOLDER [new]");
	vmt_ok(nvio_iommu_open(NULL, &iommu));
	vmt_ok(nvio_device_open(iommu, argv[1], NULL, &device));
	vmt_ok(nvio_device_feature_probe(device, NVIO_FEATURE_VF_TOKEN));
	vmt_ok(nvio_device_vf_token(device, TOKEN));
	put(argv[2], "sriov_drivers_autoprobe", "0");
	put(argv[2], "sriov_numvfs", "1");
	find_virtual(argv[2], name);
	snprintf(folder, sizeof(folder), "/sys/bus/pci/devices/%s", name);
	put(folder, "driver_override", "vfio-pci");
	put("/sys/bus/pci", "drivers_probe", name);

	vmt_refused(open_virtual(name, NVIO_WAY_GROUP, NULL), EACCES, "is wanted (vf_token)");
	vmt_refused(open_virtual(name, NVIO_WAY_GROUP, OTHER_TOKEN), EACCES, "is another one");
	vmt_refused(open_virtual(name, NVIO_WAY_GROUP, "secret"), EINVAL, "is no UUID");
	vmt_ok(open_virtual(name, NVIO_WAY_GROUP, TOKEN));
	vmt_ok(open_virtual(name, NVIO_WAY_AUTO, TOKEN));
	if (argc == 4) {
		vmt_refused(open_virtual(name, NVIO_WAY_CDEV, NULL), EACCES,
			    "is wanted (vf_token)");
		vmt_refused(open_virtual(name, NVIO_WAY_CDEV, OTHER_TOKEN), EACCES,
			    "is another one");
		vmt_ok(open_virtual(name, NVIO_WAY_CDEV, TOKEN));
	}
	nvio_device_close(device);
	nvio_iommu_close(iommu);
	return 0;
}
