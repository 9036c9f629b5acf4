/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What has to be true of the machine and of the user; see doctor.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "nvio/doctor.h"
#include "nvio/function.h"
#include "vfio/explain.h"
#include "vfio/sysfs.h"

#define COMMAND_LEN      256
#define CAP_IPC_LOCK_BIT 14
/* One region of the DMA heap: without, nothing works. And what a few deep queues of large I/Os
 * take. */
#define MEMLOCK_LEAST (2ull << 20)
#define MEMLOCK_GOOD  (64ull << 20)

/* Finds the first line of a file below /proc that has @part in it. */
static bool proc_has(const char *file, const char *part, char *line, int len)
{
	char path[NVIO_PATH_LEN];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", nvio_roots.proc, file);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (!found && fgets(line, len, f))
		found = strstr(line, part) != NULL;
	fclose(f);
	return found;
}

static bool count_real_group(void *arg, const char *name)
{
	char kind[32];

	nvio_sysfs_line(kind, sizeof(kind), "%s/kernel/iommu_groups/%s/name", nvio_roots.sys, name);
	*(unsigned int *)arg += strcmp(kind, "vfio-noiommu") != 0;
	return false;
}

static void explain_no_iommu(struct doctor *d)
{
	static const char off[] = "amd_iommu=off";
	char line[4096], fix[COMMAND_LEN];
	bool amd = nvio_sysfs_exists("%s/firmware/acpi/tables/IVRS", nvio_roots.sys);

	if (!amd && !nvio_sysfs_exists("%s/firmware/acpi/tables/DMAR", nvio_roots.sys)) {
		snprintf(fix, sizeof(fix), "%ssystemctl reboot --firmware-setup", doctor_sudo());
		check(d, CHECK_BAD, "iommu", fix, "off: the firmware shows none; enable %s there",
		      proc_has("cpuinfo", "AuthenticAMD", line, sizeof(line)) ? "AMD-Vi" : "VT-d");
		return;
	}
	if (amd && proc_has("cmdline", off, line, sizeof(line)))
		snprintf(fix, sizeof(fix),
			 "%1$ssed -i 's/%2$s//' /etc/default/grub && %1$supdate-grub && %1$sreboot",
			 doctor_sudo(), off);
	else
		snprintf(fix, sizeof(fix),
			 "%1$ssed -i 's/^GRUB_CMDLINE_LINUX=\"/&%2$s /' /etc/default/grub && "
			 "%1$supdate-grub && %1$sreboot",
			 doctor_sudo(), amd ? "amd_iommu=on" : "intel_iommu=on");
	check(d, CHECK_BAD, "iommu", fix,
	      "off: the firmware has one, and the kernel does not use it");
}

/* Returns whether there is one. */
static bool check_iommu(struct doctor *d)
{
	char dir[NVIO_PATH_LEN];
	unsigned int nr = 0;

	snprintf(dir, sizeof(dir), "%s/kernel/iommu_groups", nvio_roots.sys);
	nvio_sysfs_each(dir, count_real_group, &nr);
	if (nr)
		check(d, CHECK_OK, "iommu", NULL, "on, %u groups", nr);
	else
		explain_no_iommu(d);
	return nr;
}

/* Its containers, and how interrupts are kept apart, are of another kind. */
static bool is_power(void)
{
	char line[4096];

	return proc_has("cpuinfo", "pSeries", line, sizeof(line)) ||
	       proc_has("cpuinfo", "PowerNV", line, sizeof(line));
}

static bool has_iommufd(void)
{
	return nvio_sysfs_exists("%s/iommu", nvio_roots.dev);
}

/* The container, the way of kernels without iommufd. */
static void check_container(struct doctor *d)
{
	const char *module = is_power() ? "vfio_iommu_spapr_tce" : "vfio_iommu_type1";
	char node[NODE_LEN], mode[64], fix[COMMAND_LEN];

	snprintf(fix, sizeof(fix), "%smodprobe %s", doctor_sudo(), module);
	if (!nvio_sysfs_exists("%s/module/%s", nvio_roots.sys, module)) {
		check(d, CHECK_BAD, "modules", fix, "%s is not loaded", module);
		return;
	}
	snprintf(node, sizeof(node), "%s/vfio/vfio", nvio_roots.dev);
	if (access(node, F_OK)) {
		snprintf(fix, sizeof(fix), "%smodprobe vfio-pci", doctor_sudo());
		check(d, CHECK_BAD, "modules", fix, "there is no %s", node);
		return;
	}
	if (eaccess(node, R_OK | W_OK)) {
		nvio_explain_mode(node, mode, sizeof(mode));
		snprintf(fix, sizeof(fix), "%schmod 666 %s", doctor_sudo(), node);
		check(d, CHECK_BAD, "modules", fix, "%s may not open %s (%s)", doctor_user(), node,
		      mode);
		return;
	}
	check(d, CHECK_OK, "modules", NULL, "vfio-pci, %s", module);
}

static void check_modules(struct doctor *d)
{
	char fix[COMMAND_LEN];

	snprintf(fix, sizeof(fix), "%smodprobe vfio-pci", doctor_sudo());
	if (!nvio_sysfs_exists("%s/bus/pci/drivers/vfio-pci", nvio_roots.sys))
		check(d, CHECK_BAD, "modules", fix, "vfio-pci is not loaded");
	else if (has_iommufd() && !is_power())
		check(d, CHECK_OK, "modules", NULL, "vfio-pci, iommufd");
	else
		check_container(d);
}

static bool parameter(const char *module, const char *name)
{
	char value[8];

	nvio_sysfs_line(value, sizeof(value), "%s/module/%s/parameters/%s", nvio_roots.sys, module,
			name);
	return value[0] == 'Y' || value[0] == '1';
}

/* The names of interrupt controllers tell: Linux puts IR- before those that are remapped. */
static void check_interrupts(struct doctor *d)
{
	const char *module = has_iommufd() ? "iommufd" : "vfio_iommu_type1";
	char line[4096], fix[COMMAND_LEN];

	if (is_power()) {
		check(d, CHECK_OK, "interrupts", NULL, "kept apart by the host bridges");
		return;
	}
	if (proc_has("interrupts", "IR-", line, sizeof(line)) ||
	    proc_has("interrupts", "ITS-", line, sizeof(line))) {
		check(d, CHECK_OK, "interrupts", NULL, "remapped");
		return;
	}
	if (!proc_has("interrupts", "PCI-MSI", line, sizeof(line)) &&
	    !proc_has("interrupts", "IO-APIC", line, sizeof(line)))
		return;
	/* Who has it from either gets its way. */
	if (parameter(module, "allow_unsafe_interrupts") ||
	    parameter("vfio_iommu_type1", "allow_unsafe_interrupts")) {
		check(d, CHECK_NOTE, "interrupts", NULL,
		      "not remapped, which allow_unsafe_interrupts accepts: a device can send "
		      "interrupts that it does not own");
		return;
	}
	snprintf(fix, sizeof(fix),
		 "echo 1 | %stee /sys/module/%s/parameters/allow_unsafe_interrupts", doctor_sudo(),
		 module);
	check(d, CHECK_BAD, "interrupts", fix,
	      "not remapped: enable it in the firmware, or accept the risk");
}

static void check_noiommu(struct doctor *d)
{
	char fix[COMMAND_LEN];

	if (!function_noiommu_mode())
		return;
	snprintf(fix, sizeof(fix),
		 "echo 0 | %stee /sys/module/vfio/parameters/enable_unsafe_noiommu_mode",
		 doctor_sudo());
	check(d, CHECK_NOTE, "no-iommu", fix,
	      "on: vfio-pci takes devices without an IOMMU, which can then reach all memory");
}

static bool lock_is_free(void)
{
	char line[256];

	return proc_has("self/status", "CapEff:", line, sizeof(line)) &&
	       strtoull(line + strlen("CapEff:"), NULL, 16) >> CAP_IPC_LOCK_BIT & 1;
}

static void check_memlock(struct doctor *d)
{
	unsigned long long left, locked = nvio_locked_len("VmLck:");
	char fix[COMMAND_LEN];
	struct rlimit limit;

	if (lock_is_free()) {
		check(d, CHECK_OK, "memlock", NULL, "no limit for this user (CAP_IPC_LOCK)");
		return;
	}
	if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == RLIM_INFINITY) {
		check(d, CHECK_OK, "memlock", NULL, "unlimited");
		return;
	}
	left = limit.rlim_cur > locked ? limit.rlim_cur - locked : 0;
	snprintf(fix, sizeof(fix), "%sprlimit --pid $$ --memlock=unlimited", doctor_sudo());
	if (left >= MEMLOCK_GOOD)
		check(d, CHECK_OK, "memlock", NULL, "%llu KiB", left >> 10);
	else
		check(d, left < MEMLOCK_LEAST ? CHECK_BAD : CHECK_NOTE, "memlock", fix,
		      "%llu KiB of DMA memory at most%s (for good: a line `%s - memlock unlimited` "
		      "in /etc/security/limits.d/nvio.conf)",
		      left >> 10, left < MEMLOCK_LEAST ? ", too little" : "", doctor_user());
}

struct pool {
	char text[256];
	long nr_free;
};

static bool add_pool(void *arg, const char *name)
{
	struct pool *pool = arg;
	long nr, nr_free;

	nr = nvio_sysfs_number(0, "%s/kernel/mm/hugepages/%s/nr_hugepages", nvio_roots.sys, name);
	nr_free = nvio_sysfs_number(0, "%s/kernel/mm/hugepages/%s/free_hugepages", nvio_roots.sys,
				    name);
	if (nr)
		nvio_append(pool->text, sizeof(pool->text), "%s%ld of %ld of %s free",
			    pool->text[0] ? ", " : "", nr_free, nr,
			    name + (strncmp(name, "hugepages-", 10) ? 0 : 10));
	pool->nr_free += nr_free;
	return false;
}

static void check_hugepages(struct doctor *d)
{
	char dir[NVIO_PATH_LEN], fix[COMMAND_LEN];
	struct pool pool = { "", 0 };

	snprintf(dir, sizeof(dir), "%s/kernel/mm/hugepages", nvio_roots.sys);
	nvio_sysfs_each(dir, add_pool, &pool);
	snprintf(fix, sizeof(fix), "%ssysctl vm.nr_hugepages=64", doctor_sudo());
	if (pool.nr_free)
		check(d, CHECK_OK, "hugepages", NULL, "%s", pool.text);
	else
		check(d, CHECK_NOTE, "hugepages", fix, "%s: DMA memory is made of small pages",
		      pool.text[0] ? pool.text : "none");
}

void doctor_machine(struct doctor *d)
{
	bool iommu = check_iommu(d);

	check_modules(d);
	if (iommu)
		check_interrupts(d);
	check_noiommu(d);
	check_memlock(d);
	check_hugepages(d);
}
