/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A machine of files for the subcommands of nvio; see nvio_bench.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nvio/driver.h"
#include "nvio/state.h"
#include "vfio/sysfs.h"
#include "fake_sys.h"
#include "nvio_bench.h"

static const char *root;
static const char *refused;
static unsigned int writes;
static struct driver_ops real_ops;
static char run_dir[96];
static char output[65536];

/* "sys/bus/pci/devices/NAME/FILE". */
static const char *device_file(const char *pci_name, const char *file)
{
	static char path[160];

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/%s", pci_name, file);
	return path;
}

static void add_function(const char *name, const char *class_code, const char *driver, int group)
{
	char text[96];

	fake_sys_put(device_file(name, "class"), class_code);
	fake_sys_put(device_file(name, "vendor"), "0x1b36\n");
	fake_sys_put(device_file(name, "device"), "0x0010\n");
	fake_sys_put(device_file(name, "numa_node"), "-1\n");
	fake_sys_put(device_file(name, "driver_override"), "(null)\n");
	snprintf(text, sizeof(text), "../../../../kernel/iommu_groups/%d", group);
	fake_sys_link(device_file(name, "iommu_group"), text);
	snprintf(text, sizeof(text), "sys/kernel/iommu_groups/%d/devices/%s", group, name);
	fake_sys_put(text, "");
	if (!driver)
		return;
	snprintf(text, sizeof(text), "../../drivers/%s", driver);
	fake_sys_link(device_file(name, "driver"), text);
	snprintf(text, sizeof(text), "sys/bus/pci/drivers/%s/bind", driver);
	fake_sys_put(text, "");
}

/* The file of a group is there while one of its functions is on vfio-pci. */
static void follow_group(const char *pci_name, bool on)
{
	const char *group = strcmp(pci_name, FIRST) ? "dev/vfio/8" : "dev/vfio/7";

	if (on)
		fake_sys_put(group, "");
	else
		fake_sys_remove(group);
}

static int bind(const char *driver, const char *pci_name)
{
	const char *override = fake_sys_get(device_file(pci_name, "driver_override"));
	char text[96];

	if ((refused && !strcmp(refused, driver)) ||
	    (strcmp(override, "(null)") && strcmp(override, driver)))
		return -ENODEV;
	snprintf(text, sizeof(text), "../../drivers/%s", driver);
	fake_sys_link(device_file(pci_name, "driver"), text);
	if (!strcmp(driver, "vfio-pci"))
		follow_group(pci_name, true);
	return 0;
}

/* As Linux takes it: @path is below the folder of PCI drivers or devices. */
static int write_sys(const char *path, const char *text)
{
	char name[64];

	writes++;
	path += strlen(root) + 1;
	if (sscanf(path, "sys/bus/pci/drivers/%63[^/]/bind", name) == 1)
		return bind(name, text);
	if (sscanf(path, "sys/bus/pci/devices/%63[^/]/", name) != 1)
		abort();
	if (strstr(path, "/driver_override")) {
		fake_sys_put(path, *text == '\n' ? "(null)\n" : text);
		return 0;
	}
	if (!nvio_bench_driver(name)[0])
		abort();
	if (!strcmp(nvio_bench_driver(name), "vfio-pci"))
		follow_group(name, false);
	fake_sys_remove(device_file(name, "driver"));
	return 0;
}

/* vfio-pci can be loaded, and nothing else. */
static int load(const char *driver)
{
	if (strcmp(driver, "vfio-pci"))
		return -ENOENT;
	fake_sys_put("sys/bus/pci/drivers/vfio-pci/bind", "");
	return 0;
}

void nvio_bench_begin(void)
{
	root = fake_sys_begin();
	snprintf(run_dir, sizeof(run_dir), "%s/run-nvio", root);
	state_dir = run_dir;
	real_ops = driver_ops;
	driver_ops = (struct driver_ops){ write_sys, load };
	refused = NULL;
	writes = 0;
	add_function(FIRST, "0x010802\n", "nvme", 7);
	add_function(SECOND, "0x010802\n", "nvme", 8);
	add_function(CARD, "0x020000\n", "e1000", 8);
	add_function(IDLE, "0x020000\n", NULL, 8);
	add_function(BRIDGE, "0x060400\n", "shpchp", 8);
	fake_sys_put(device_file(FIRST, "nvme/nvme0/model"), "Fast \"One\"      \n");
	fake_sys_put(device_file(FIRST, "nvme/nvme0/serial"), "S1\n");
	fake_sys_put(device_file(FIRST, "nvme/nvme0/nvme0c0n1/x"), "");
	fake_sys_put("sys/class/block/nvme0n1/dev", "259:0\n");
	fake_sys_put("proc/self/mountinfo", "25 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
	fake_sys_put("proc/swaps", "Filename Type Size Used Priority\n");
}

void nvio_bench_end(void)
{
	driver_ops = real_ops;
	state_dir = "/run/nvio";
	fake_sys_end();
}

void nvio_bench_refuse(const char *driver)
{
	refused = driver;
}

unsigned int nvio_bench_writes(void)
{
	return writes;
}

const char *nvio_bench_driver(const char *pci_name)
{
	static char name[64];

	nvio_sysfs_link(name, sizeof(name), "%s/bus/pci/devices/%s/driver", nvio_roots.sys,
			pci_name);
	return name;
}

int nvio_bench_run(int (*run)(const struct cmd_args *args, FILE *out), unsigned int given,
		   const char *user, const char *device)
{
	char *devices[] = { (char *)device, NULL };
	struct cmd_args args = { .given = given, .user = user, .devices = devices };
	FILE *out;
	int ret;

	args.nr_devices = device ? 1 : 0;
	memset(output, 0, sizeof(output));
	out = fmemopen(output, sizeof(output), "w");
	if (!out)
		abort();
	ret = run(&args, out);
	fclose(out);
	return ret;
}

const char *nvio_bench_output(void)
{
	return output;
}
