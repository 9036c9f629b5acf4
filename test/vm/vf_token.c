/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vf_token NAME FOLDER [new]: sets a token on a physical function, whose folder in /sys is given,
 * has it make a virtual one, and opens that: only with the token. Prints the virtual function's
 * name and drives the physical one until its input ends.
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

#define ADMIN_VIRTUALIZATION 0x1c
#define PRIMARY              1u
#define ASSIGN               8u
#define ONLINE               9u
#define QUEUES               0u
#define INTERRUPTS           1u

/* Virtualization Management (5.22): 0 is the primary controller, 1 the virtual function's. */
static void manage(struct nvio_ctrl *ctrl, uint32_t id, uint32_t action, uint32_t resource,
		   uint32_t nr)
{
	struct nvio_sqe cmd = { .opcode = ADMIN_VIRTUALIZATION,
				.cdw10 = id << 16 | resource << 8 | action,
				.cdw11 = nr };
	int64_t status = vmt_ok(nvio_admin(ctrl, &cmd, NULL, 0, NULL));

	vmt_check(!status, "%s", nvio_status_text((unsigned int)status));
}

/* All flexible resources are for virtual functions, from the next reset of the function on: opening
 * it does that. */
static void give_up_flexible(const char *name)
{
	struct nvio_ctrl *ctrl;

	vmt_ok(nvio_ctrl_open(name, NULL, &ctrl));
	manage(ctrl, 0, PRIMARY, INTERRUPTS, 0);
	manage(ctrl, 0, PRIMARY, QUEUES, 0);
	nvio_ctrl_close(ctrl);
}

static void make_virtual(struct nvio_ctrl *ctrl, const char *pf_folder, char name[NAME_MAX])
{
	char folder[NAME_MAX + 64];

	put(pf_folder, "sriov_drivers_autoprobe", "0");
	put(pf_folder, "sriov_numvfs", "1");
	manage(ctrl, 1, ASSIGN, INTERRUPTS, 2);
	manage(ctrl, 1, ASSIGN, QUEUES, 4);
	manage(ctrl, 1, ONLINE, 0, 0);
	find_virtual(pf_folder, name);
	snprintf(folder, sizeof(folder), "/sys/bus/pci/devices/%s", name);
	put(folder, "driver_override", "vfio-pci");
	put("/sys/bus/pci", "drivers_probe", name);
}

static void opens_with_token_only(const char *name, enum nvio_way way)
{
	vmt_refused(open_virtual(name, way, NULL), EACCES, "is wanted (vf_token)");
	vmt_refused(open_virtual(name, way, OTHER_TOKEN), EACCES, "is another one");
	vmt_refused(open_virtual(name, way, "secret"), EINVAL, "is no UUID");
	vmt_ok(open_virtual(name, way, TOKEN));
}

int main(int argc, char **argv)
{
	char name[NAME_MAX], end;
	struct nvio_ctrl *ctrl;
	struct nvio_device *device;

	vmt_check(argc == 3 || argc == 4, "usage: vf_token NAME FOLDER [new]");
	give_up_flexible(argv[1]);
	vmt_ok(nvio_ctrl_open(argv[1], NULL, &ctrl));
	device = nvio_ctrl_device(ctrl);
	vmt_ok(nvio_device_feature_probe(device, NVIO_FEATURE_VF_TOKEN));
	vmt_ok(nvio_device_vf_token(device, TOKEN));
	make_virtual(ctrl, argv[2], name);

	opens_with_token_only(name, NVIO_WAY_GROUP);
	vmt_ok(open_virtual(name, NVIO_WAY_AUTO, TOKEN));
	if (argc == 4)
		opens_with_token_only(name, NVIO_WAY_CDEV);
	puts(name);
	fflush(stdout);
	vmt_check(!read(STDIN_FILENO, &end, 1), "%s", strerror(errno));
	nvio_ctrl_close(ctrl);
	return 0;
}
