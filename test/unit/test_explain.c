/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Refusals that need no device: names, and what a made-up /sys and /proc say of a machine.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <nvio/nvio.h>

#include "vfio/explain.h"
#include "vfio/pci.h"
#include "fake_sys.h"
#include "tap.h"

static const char *root;

#define NVME0 "sys/bus/pci/devices/0000:01:00.0/"
#define NIC   "sys/bus/pci/devices/0000:02:00.0/"

static void make_machine(void)
{
	root = fake_sys_begin();
	fake_sys_put(NVME0 "class", "0x010802\n");
	fake_sys_put(NVME0 "vendor", "0x1b36\n");
	fake_sys_put(NVME0 "device", "0x0010\n");
	fake_sys_put(NVME0 "numa_node", "1\n");
	fake_sys_put(NVME0 "nvme/nvme0/nvme0c0n1/x", "");
	fake_sys_put("sys/class/block/nvme0n1/dev", "259:0\n");
	fake_sys_put("sys/class/block/nvme0n1/nvme0n1p1/partition", "1\n");
	fake_sys_put("sys/class/block/nvme0n1p1/dev", "259:1\n");
	fake_sys_link(NVME0 "driver", "../../../../bus/pci/drivers/nvme");
	fake_sys_link(NVME0 "iommu_group", "../../../../kernel/iommu_groups/7");
	fake_sys_put(NIC "class", "0x020000\n");
	fake_sys_put("sys/kernel/iommu_groups/7/devices/0000:01:00.0", "");
	fake_sys_put("sys/kernel/iommu_groups/7/devices/0000:02:00.0", "");
	fake_sys_put("proc/self/mountinfo",
		     "25 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
		     "36 25 259:1 / /mnt/data rw - ext4 /dev/nvme0n1p1 rw\n");
	fake_sys_put("proc/swaps", "Filename Type Size Used Priority\n");
	fake_sys_put("proc/self/status", "Name:\tx\nVmLck:\t    2048 kB\nVmPin:\t       0 kB\n");
}

/* Opens a device, which is expected to fail, and returns why. */
static const char *refusal(const char *name, int expected)
{
	struct nvio_iommu *iommu;
	struct nvio_device_opts opts = NVIO_DEVICE_OPTS;
	struct nvio_device *device = NULL;

	opts.class_code = 0x010802;
	CU_ASSERT_EQUAL_FATAL(nvio_iommu_open(NULL, &iommu), 0);
	CU_ASSERT_EQUAL(nvio_device_open(iommu, name, &opts, &device), expected);
	nvio_iommu_close(iommu);
	return nvio_last_error();
}

#define SAYS(text, part) CU_ASSERT_PTR_NOT_NULL(strstr(text, part))

static void names(void)
{
	char name[NVIO_PCI_NAME_LEN];

	CU_ASSERT_EQUAL(nvio_pci_name("0000:01:00.0", name), 0);
	CU_ASSERT_STRING_EQUAL(name, "0000:01:00.0");
	CU_ASSERT_EQUAL(nvio_pci_name("1:0.7", name), 0);
	CU_ASSERT_STRING_EQUAL(name, "0000:01:00.7");
	CU_ASSERT_EQUAL(nvio_pci_name("abcd.Ef.1F.3", name), 0);
	CU_ASSERT_STRING_EQUAL(name, "abcd:ef:1f.3");
	CU_ASSERT_EQUAL(nvio_pci_name("", name), -EINVAL);
	CU_ASSERT_EQUAL(nvio_pci_name("0000:01:00", name), -EINVAL);
	CU_ASSERT_EQUAL(nvio_pci_name("0000:01:20.0", name), -EINVAL);
	CU_ASSERT_EQUAL(nvio_pci_name("0000:01:00.8", name), -EINVAL);
	CU_ASSERT_EQUAL(nvio_pci_name("0000:01:00.0x", name), -EINVAL);
	CU_ASSERT_EQUAL(nvio_pci_name("0000:0001:00.0", name), -EINVAL);
	CU_ASSERT_EQUAL(nvio_pci_name("-1:01:00.0", name), -EINVAL);
	CU_ASSERT_EQUAL(nvio_pci_name("0000:-1:00.0", name), -EINVAL);
	CU_ASSERT_EQUAL(nvio_pci_name("0000: 1:00.0", name), -EINVAL);
	CU_ASSERT_EQUAL(nvio_pci_name("0000:+1:00.0", name), -EINVAL);
	CU_ASSERT_EQUAL(nvio_pci_name("/dev/nvme0", name), -EINVAL);
	SAYS(nvio_last_error(), "such as 0000:01:00.0");
}

static void refuses_with_a_reason(void)
{
	const char *why;

	make_machine();
	why = refusal("0000:09:00.0", -ENODEV);
	SAYS(why, "no such PCI device");
	SAYS(why, "0000:01:00.0 (nvme)");
	why = refusal("02:00.0", -EINVAL);
	SAYS(why, "PCI class 0x020000");
	/* A partition of a multipath disk is mounted. */
	why = refusal("01:00.0", -EBUSY);
	SAYS(why, "bound to nvme and nvme0n1p1 is mounted on /mnt/data");
	fake_sys_put("proc/self/mountinfo", "");
	why = refusal("01:00.0", -EBUSY);
	SAYS(why, "bound to nvme, not to vfio-pci");
	SAYS(why, "driver_override");
	fake_sys_put("proc/swaps", "Filename Type\n/dev/nvme0n1 partition 1 0 -2\n");
	SAYS(refusal("01:00.0", -EBUSY), "nvme0n1 is used as swap");
	fake_sys_put("proc/swaps", "");
	fake_sys_put("sys/class/block/nvme0n1/holders/dm-0", "");
	SAYS(refusal("01:00.0", -EBUSY), "nvme0n1 is part of dm-0");
	fake_sys_end();
}

/* Every use is told, each with the command that ends it. */
static void tells_all_uses(void)
{
	char use[512], fix[512];

	make_machine();
	fake_sys_put("proc/swaps", "Filename Type\n/dev/nvme0n1p2 partition 1 0 -2\n");
	fake_sys_put("sys/class/block/nvme0n1/nvme0n1p2/partition", "2\n");
	fake_sys_put("sys/class/block/nvme0n1/nvme0n1p3/partition", "3\n");
	fake_sys_put("sys/class/block/nvme0n1p3/holders/dm-0", "");
	fake_sys_put("sys/class/block/dm-0/dm/name", "vault\n");
	nvio_explain_block_fix("0000:01:00.0", use, sizeof(use), fix, sizeof(fix));
	SAYS(use, "nvme0n1p1 is mounted on /mnt/data");
	SAYS(use, "nvme0n1p2 is used as swap");
	SAYS(use, "nvme0n1p3 is part of dm-0 (vault)");
	SAYS(fix, "umount /mnt/data");
	SAYS(fix, "swapoff /dev/nvme0n1p2");
	SAYS(fix, "dmsetup remove vault");
	fake_sys_put("proc/self/mountinfo", "36 25 259:1 / /a\\040b\\134 rw - ext4 /dev/x rw\n");
	nvio_explain_block_fix("0000:01:00.0", use, sizeof(use), fix, sizeof(fix));
	SAYS(use, "nvme0n1p1 is mounted on /a b\\");
	SAYS(fix, "umount '/a b\\'");
	/* The drive that the machine runs from. */
	fake_sys_put("proc/self/mountinfo", "36 25 259:1 / / rw - ext4 /dev/nvme0n1p1 rw\n");
	nvio_explain_block_fix("0000:01:00.0", use, sizeof(use), fix, sizeof(fix));
	SAYS(use, "nvme0n1p1 is mounted on /");
	SAYS(use, "nvme0n1p2 is used as swap");
	CU_ASSERT_STRING_EQUAL(fix, "");
	fake_sys_end();
}

/* A process that has a disk open, and a disk that is no namespace. */
static void tells_of_processes_and_other_disks(void)
{
	char use[512], path[128];

	make_machine();
	fake_sys_put("proc/self/mountinfo", "");
	fake_sys_put("proc/77/comm", "fio\n");
	snprintf(path, sizeof(path), "%s/dev/nvme0n1", root);
	fake_sys_link("proc/77/fd/3", path);
	nvio_explain_block_use("0000:01:00.0", use, sizeof(use));
	CU_ASSERT_STRING_EQUAL(use, "nvme0n1 is held by process 77 (fio)");
	fake_sys_link("sys/class/block/vda",
		      "../../devices/pci0000:00/0000:02:00.0/virtio1/block/vda");
	nvio_explain_block_use("0000:02:00.0", use, sizeof(use));
	CU_ASSERT_STRING_EQUAL(use, "");
	fake_sys_put("proc/swaps", "Filename Type\n/dev/vda partition 1 0 -2\n");
	nvio_explain_block_use("0000:02:00.0", use, sizeof(use));
	CU_ASSERT_STRING_EQUAL(use, "vda is used as swap");
	fake_sys_end();
}

static void explains_the_machine(void)
{
	char text[512], path[128];
	struct nvio_pci pci;

	make_machine();
	CU_ASSERT_EQUAL(nvio_pci_read("01:00.0", &pci), 0);
	CU_ASSERT_EQUAL(pci.group, 7);
	CU_ASSERT_EQUAL(pci.numa_node, 1);
	CU_ASSERT_EQUAL(pci.vendor, 0x1b36);
	CU_ASSERT_STRING_EQUAL(pci.driver, "nvme");
	nvio_explain_group(7, text, sizeof(text));
	SAYS(text, "0000:01:00.0 (nvme)");
	SAYS(text, "0000:02:00.0 (no driver)");
	CU_ASSERT_EQUAL(nvio_locked_len("VmLck:"), 2048 * 1024);
	/* A process that holds a group. */
	fake_sys_put("proc/4321/comm", "qemu-system-x86\n");
	fake_sys_put("proc/4321/fd/x", "");
	snprintf(path, sizeof(path), "%s/dev/vfio/7", root);
	fake_sys_link("proc/4321/fd/5", path);
	nvio_explain_user(&pci, text, sizeof(text));
	CU_ASSERT_STRING_EQUAL(text, "held by process 4321 (qemu-system-x86)");
	pci.group = 8;
	nvio_explain_user(&pci, text, sizeof(text));
	SAYS(text, "cannot see");
	strcpy(pci.cdev, "vfio0");
	snprintf(path, sizeof(path), "%s/dev/vfio/devices/vfio0", root);
	fake_sys_link("proc/4321/fd/6", path);
	nvio_explain_user(&pci, text, sizeof(text));
	CU_ASSERT_STRING_EQUAL(text, "held by process 4321 (qemu-system-x86)");
	fake_sys_end();
}

static void survives_long_text(void)
{
	char small[16];

	make_machine();
	nvio_explain_group(7, small, sizeof(small));
	CU_ASSERT_EQUAL(strlen(small), sizeof(small) - 1);
	nvio_explain_controllers(small, sizeof(small));
	CU_ASSERT_EQUAL(strlen(small), sizeof(small) - 1);
	fake_sys_end();
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "PCI names", names },
		{ "refuses with a reason", refuses_with_a_reason },
		{ "tells all uses", tells_all_uses },
		{ "tells of processes and other disks", tells_of_processes_and_other_disks },
		{ "explains the machine", explains_the_machine },
		{ "survives long text", survives_long_text },
	};

	return tap_run("explain", tests, sizeof(tests) / sizeof(tests[0]));
}
