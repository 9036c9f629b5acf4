/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nvio doctor on a machine of files: each thing that can be wrong is told with its command, and the
 * exit status says whether a device can be driven.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "vfio/sysfs.h"
#include "fake_sys.h"
#include "nvio_bench.h"
#include "tap.h"

#define PRINTS(part)      CU_ASSERT_PTR_NOT_NULL(strstr(nvio_bench_output(), part))
#define DOES_NOT(part)    CU_ASSERT_PTR_NULL(strstr(nvio_bench_output(), part))
#define LOCKS_WHAT_IT_CAN "CapEff:\t000001ffffffffff\nVmLck:\t 0 kB\n"
#define LOCKS_LITTLE      "CapEff:\t0000000000000000\nVmLck:\t 4096 kB\n"

/* A machine on which the first controller can be driven. */
static void begin_good(void)
{
	nvio_bench_begin();
	fake_sys_put("sys/bus/pci/drivers/vfio-pci/bind", "");
	fake_sys_put("sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "N\n");
	fake_sys_put("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "64\n");
	fake_sys_put("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "60\n");
	fake_sys_put("proc/interrupts",
		     " 0: 1 IR-IO-APIC 2-edge timer\n 9: 0 IR-PCI-MSI 1-edge x\n");
	fake_sys_put("proc/self/status", LOCKS_WHAT_IT_CAN);
	fake_sys_put("dev/vfio/vfio", "");
	CU_ASSERT_EQUAL(nvio_bench_run(cmd_bind, 0, NULL, FIRST), 0);
}

static int doctor(const char *device)
{
	return nvio_bench_run(cmd_doctor, 0, NULL, device);
}

static void a_good_machine(void)
{
	begin_good();
	CU_ASSERT_EQUAL(doctor(FIRST), 0);
	PRINTS("[ok] iommu: on, 2 groups\n");
	PRINTS("[ok] modules: vfio-pci, vfio_iommu_type1\n");
	PRINTS("[ok] interrupts: remapped\n");
	PRINTS("[ok] memlock: no limit");
	PRINTS("[ok] hugepages: 60 of 64 of 2048kB free\n");
	PRINTS("[ok] driver: vfio-pci\n");
	PRINTS("[ok] group: IOMMU group 7, alone\n");
	PRINTS("[ok] permission: ");
	PRINTS("1 of 1 device can be driven by ");
	DOES_NOT("[NO]");
	/* Of all controllers, one is enough. */
	CU_ASSERT_EQUAL(doctor(NULL), 0);
	PRINTS("1 of 2 devices can be driven by ");
	CU_ASSERT_EQUAL(doctor(SECOND), 1);
	PRINTS("0 of 1 device can be driven by ");
	nvio_bench_end();
}

static void as_json(void)
{
	begin_good();
	CU_ASSERT_EQUAL(nvio_bench_run(cmd_doctor, CMD_JSON, NULL, FIRST), 0);
	PRINTS("\"check\": \"iommu\"");
	PRINTS("\"result\": \"ok\"");
	PRINTS("\"can_drive\": true");
	DOES_NOT("\"bad\"");
	fake_sys_remove("dev/vfio/vfio");
	CU_ASSERT_EQUAL(nvio_bench_run(cmd_doctor, CMD_JSON, NULL, FIRST), 1);
	PRINTS("\"result\": \"bad\"");
	PRINTS("modprobe vfio-pci\"");
	PRINTS("\"can_drive\": false");
	nvio_bench_end();
}

static void no_iommu(void)
{
	begin_good();
	fake_sys_remove("sys/kernel/iommu_groups");
	CU_ASSERT_EQUAL(doctor(FIRST), 1);
	PRINTS("[NO] iommu: off: the firmware shows none; enable VT-d there\n");
	PRINTS("systemctl reboot --firmware-setup\n");
	DOES_NOT("interrupts:");
	PRINTS("no device can be driven\n");
	fake_sys_put("proc/cpuinfo", "vendor_id\t: AuthenticAMD\n");
	CU_ASSERT_EQUAL(doctor(FIRST), 1);
	PRINTS("enable AMD-Vi there\n");
	fake_sys_put("sys/firmware/acpi/tables/DMAR", "");
	CU_ASSERT_EQUAL(doctor(FIRST), 1);
	PRINTS("the kernel does not use it\n");
	PRINTS("intel_iommu=on");
	fake_sys_remove("sys/firmware/acpi/tables/DMAR");
	fake_sys_put("sys/firmware/acpi/tables/IVRS", "");
	fake_sys_put("proc/cmdline", "root=/dev/sda1 amd_iommu=off quiet\n");
	CU_ASSERT_EQUAL(doctor(FIRST), 1);
	PRINTS("s/amd_iommu=off//");
	/* Groups of no-IOMMU mode are none. */
	fake_sys_put("sys/kernel/iommu_groups/0/name", "vfio-noiommu\n");
	fake_sys_put("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n");
	CU_ASSERT_EQUAL(doctor(FIRST), 1);
	PRINTS("[NO] iommu: off");
	PRINTS("[--] no-iommu: on");
	PRINTS("enable_unsafe_noiommu_mode\n");
	nvio_bench_end();
}

static void interrupts(void)
{
	begin_good();
	fake_sys_put("proc/interrupts", " 0: 1 IO-APIC 2-edge timer\n 9: 0 PCI-MSI 1-edge x\n");
	CU_ASSERT_EQUAL(doctor(FIRST), 1);
	PRINTS("[NO] interrupts: not remapped");
	PRINTS("tee /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts\n");
	fake_sys_put("sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "Y\n");
	CU_ASSERT_EQUAL(doctor(FIRST), 0);
	PRINTS("[--] interrupts: not remapped, which allow_unsafe_interrupts accepts");
	nvio_bench_end();
}

static void modules(void)
{
	begin_good();
	fake_sys_remove("sys/module/vfio_iommu_type1");
	CU_ASSERT_EQUAL(doctor(FIRST), 1);
	PRINTS("[NO] modules: vfio_iommu_type1 is not loaded\n");
	PRINTS("modprobe vfio_iommu_type1\n");
	fake_sys_remove("sys/bus/pci/drivers/vfio-pci");
	CU_ASSERT_EQUAL(doctor(FIRST), 1);
	PRINTS("[NO] modules: vfio-pci is not loaded\n");
	nvio_bench_end();
}

/* Other modules, and no remapping of interrupts. */
static void power(void)
{
	begin_good();
	fake_sys_put("proc/cpuinfo", "cpu\t\t: POWER9\nplatform\t: pSeries\n");
	fake_sys_put("proc/interrupts", " 19: 1 pSeries-PCI-MSI 2-edge nvme0q0\n");
	fake_sys_put("dev/iommu", "");
	CU_ASSERT_EQUAL(doctor(FIRST), 1);
	PRINTS("[NO] modules: vfio_iommu_spapr_tce is not loaded\n");
	PRINTS("modprobe vfio_iommu_spapr_tce\n");
	fake_sys_put("sys/module/vfio_iommu_spapr_tce/refcnt", "0\n");
	CU_ASSERT_EQUAL(doctor(FIRST), 0);
	PRINTS("[ok] modules: vfio-pci, vfio_iommu_spapr_tce\n");
	PRINTS("[ok] interrupts: kept apart by the host bridges\n");
	fake_sys_put("proc/cpuinfo", "platform\t: PowerNV\n");
	CU_ASSERT_EQUAL(doctor(FIRST), 0);
	nvio_bench_end();
}

static void limits_and_pages(void)
{
	struct rlimit old, low = { 5 << 20, 5 << 20 };

	begin_good();
	CU_ASSERT_EQUAL(getrlimit(RLIMIT_MEMLOCK, &old), 0);
	low.rlim_max = old.rlim_max;
	CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_MEMLOCK, &low), 0);
	/* 4 MiB of the 5 are locked. */
	fake_sys_put("proc/self/status", LOCKS_LITTLE);
	CU_ASSERT_EQUAL(doctor(FIRST), 1);
	PRINTS("[NO] memlock: 1024 KiB of DMA memory at most, too little");
	PRINTS("prlimit --pid $$ --memlock=unlimited\n");
	fake_sys_put("proc/self/status", "CapEff:\t0\nVmLck:\t 0 kB\n");
	CU_ASSERT_EQUAL(doctor(FIRST), 0);
	PRINTS("[--] memlock: 5120 KiB of DMA memory at most (for good:");
	setrlimit(RLIMIT_MEMLOCK, &old);
	fake_sys_put("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0\n");
	CU_ASSERT_EQUAL(doctor(FIRST), 0);
	PRINTS("[--] hugepages: 0 of 64 of 2048kB free: DMA memory is made of small pages\n");
	PRINTS("sysctl vm.nr_hugepages=64\n");
	nvio_bench_end();
}

static void drivers_and_groups(void)
{
	begin_good();
	CU_ASSERT_EQUAL(doctor(SECOND), 1);
	PRINTS("[NO] driver: nvme instead of vfio-pci\n");
	PRINTS("[NO] group: IOMMU group 8 holds devices that another driver has: ");
	PRINTS(CARD " (e1000)");
	PRINTS("nvio bind --group ");
	CU_ASSERT_EQUAL(nvio_bench_run(cmd_bind, CMD_GROUP, NULL, SECOND), 0);
	CU_ASSERT_EQUAL(doctor(SECOND), 0);
	PRINTS("[ok] group: IOMMU group 8: ");
	CU_ASSERT_EQUAL(doctor(CARD), 1);
	PRINTS("no NVMe controller");
	CU_ASSERT_EQUAL(nvio_bench_run(cmd_restore, 0, NULL, FIRST), 0);
	fake_sys_put("proc/self/mountinfo", "36 25 259:0 / /srv rw - ext4 /dev/nvme0n1 rw\n");
	CU_ASSERT_EQUAL(doctor(FIRST), 1);
	PRINTS("[NO] driver: nvme instead of vfio-pci; in use: nvme0n1 is mounted on /srv\n");
	PRINTS("umount /srv; ");
	fake_sys_put("proc/self/mountinfo", "36 25 259:0 / / rw - ext4 /dev/nvme0n1 rw\n");
	CU_ASSERT_EQUAL(doctor(FIRST), 1);
	PRINTS("in use: nvme0n1 is mounted on /\n");
	DOES_NOT("nvio bind");
	CU_ASSERT_EQUAL(doctor("0000:0f:00.0"), 1);
	PRINTS("[NO] device: 0000:0f:00.0: no such PCI device");
	nvio_bench_end();
}

static void files_of_the_group(void)
{
	begin_good();
	fake_sys_remove("dev/vfio/7");
	CU_ASSERT_EQUAL(doctor(FIRST), 1);
	PRINTS("[NO] vfio: there is no ");
	nvio_bench_end();
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "a good machine", a_good_machine },
		{ "as JSON", as_json },
		{ "no IOMMU", no_iommu },
		{ "interrupts", interrupts },
		{ "modules", modules },
		{ "POWER", power },
		{ "limits and pages", limits_and_pages },
		{ "drivers and groups", drivers_and_groups },
		{ "files of the group", files_of_the_group },
	};

	return tap_run("nvio_doctor", tests, sizeof(tests) / sizeof(tests[0]));
}
