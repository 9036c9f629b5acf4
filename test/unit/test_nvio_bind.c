/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nvio bind, restore and list on a machine of files: what is refused, what is written, and that
 * everything is as it was afterwards.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nvio/base.h>

#include "nvio/state.h"
#include "vfio/sysfs.h"
#include "fake_sys.h"
#include "nvio_bench.h"
#include "tap.h"

#define SAYS(part)          CU_ASSERT_PTR_NOT_NULL(strstr(nvio_last_error(), part))
#define PRINTS(part)        CU_ASSERT_PTR_NOT_NULL(strstr(nvio_bench_output(), part))
#define OVERRIDE(name)      fake_sys_get("sys/bus/pci/devices/" name "/driver_override")
#define IS_ON(name, driver) CU_ASSERT_STRING_EQUAL(nvio_bench_driver(name), driver)

static int bind(unsigned int given, const char *device)
{
	return nvio_bench_run(cmd_bind, given, NULL, device);
}

static int restore(unsigned int given, const char *device)
{
	return nvio_bench_run(cmd_restore, given, NULL, device);
}

static bool remembers(const char *device)
{
	return nvio_sysfs_exists("%s/%s", state_dir, device);
}

static void binds_and_restores(void)
{
	nvio_bench_begin();
	CU_ASSERT_EQUAL(bind(0, "01:00.0"), 0);
	PRINTS(FIRST ": nvme -> vfio-pci, ");
	IS_ON(FIRST, "vfio-pci");
	CU_ASSERT_STRING_EQUAL(OVERRIDE(FIRST), "vfio-pci");
	CU_ASSERT_STRING_EQUAL(fake_sys_get("run-nvio/" FIRST), "driver nvme");
	/* A second time it changes nothing, and remembers the first driver. */
	CU_ASSERT_EQUAL(bind(0, FIRST), 0);
	CU_ASSERT_STRING_EQUAL(fake_sys_get("run-nvio/" FIRST), "driver nvme");
	CU_ASSERT_EQUAL(restore(0, FIRST), 0);
	CU_ASSERT_STRING_EQUAL(nvio_bench_output(), FIRST ": vfio-pci -> nvme\n");
	IS_ON(FIRST, "nvme");
	CU_ASSERT_STRING_EQUAL(OVERRIDE(FIRST), "(null)");
	CU_ASSERT_FALSE(remembers(FIRST));
	CU_ASSERT_EQUAL(restore(0, FIRST), -ENOENT);
	SAYS("was not bound by `nvio bind`");
	nvio_bench_end();
}

static void restores_what_was_odd(void)
{
	nvio_bench_begin();
	/* An override of somebody else's, and no driver. */
	fake_sys_put("sys/bus/pci/devices/" FIRST "/driver_override", "uio_pci_generic\n");
	fake_sys_remove("sys/bus/pci/devices/" FIRST "/driver");
	CU_ASSERT_EQUAL(bind(0, FIRST), 0);
	IS_ON(FIRST, "vfio-pci");
	CU_ASSERT_EQUAL(restore(0, FIRST), 0);
	IS_ON(FIRST, "");
	CU_ASSERT_STRING_EQUAL(OVERRIDE(FIRST), "uio_pci_generic");
	/* Somebody has given it to another driver meanwhile. */
	fake_sys_put("sys/bus/pci/devices/" FIRST "/driver_override", "(null)\n");
	CU_ASSERT_EQUAL(bind(0, FIRST), 0);
	fake_sys_link("sys/bus/pci/devices/" FIRST "/driver", "../../drivers/other");
	CU_ASSERT_EQUAL(restore(0, FIRST), -EBUSY);
	SAYS("is on other now");
	SAYS("`nvio restore --force " FIRST "`");
	CU_ASSERT_EQUAL(restore(CMD_FORCE, FIRST), 0);
	IS_ON(FIRST, "");
	/* Pulled out: the memory goes too. */
	CU_ASSERT_EQUAL(bind(0, FIRST), 0);
	fake_sys_remove("sys/bus/pci/devices/" FIRST);
	CU_ASSERT_EQUAL(restore(CMD_ALL, NULL), 0);
	CU_ASSERT_FALSE(remembers(FIRST));
	nvio_bench_end();
}

/* Refuses to bind the first controller, saying these two things, and has written nothing. */
static void refuses(const char *use, const char *fix)
{
	CU_ASSERT_EQUAL(bind(0, FIRST), -EBUSY);
	SAYS(use);
	SAYS(fix);
	SAYS("--force");
	IS_ON(FIRST, "nvme");
	CU_ASSERT_FALSE(remembers(FIRST));
	CU_ASSERT_EQUAL(nvio_bench_writes(), 0);
}

static void refuses_what_is_used(void)
{
	char path[256];

	nvio_bench_begin();
	/* The disk of a multipath path. */
	fake_sys_put("proc/self/mountinfo", "36 25 259:0 / /srv rw - ext4 /dev/nvme0n1 rw\n");
	refuses(FIRST " is in use: nvme0n1 is mounted on /srv", "first `umount /srv`");
	fake_sys_put("proc/self/mountinfo", "");
	fake_sys_put("proc/swaps", "Filename Type\n/dev/nvme0n1 partition 1 0 -2\n");
	refuses("nvme0n1 is used as swap", "`swapoff /dev/nvme0n1`");
	fake_sys_put("proc/swaps", "");
	fake_sys_put("sys/class/block/nvme0n1/holders/md127", "");
	refuses("nvme0n1 is part of md127", "`mdadm --stop /dev/md127`");
	fake_sys_remove("sys/class/block/nvme0n1/holders");
	fake_sys_put("proc/9/comm", "fio\n");
	snprintf(path, sizeof(path), "%s/nvme0n1", nvio_roots.dev);
	fake_sys_link("proc/9/fd/4", path);
	refuses("nvme0n1 is held by process 9 (fio)", "end that first");
	CU_ASSERT_EQUAL(bind(CMD_FORCE, FIRST), 0);
	IS_ON(FIRST, "vfio-pci");
	nvio_bench_end();
}

static void refuses_what_is_no_controller(void)
{
	nvio_bench_begin();
	CU_ASSERT_EQUAL(bind(0, CARD), -EINVAL);
	SAYS("PCI class 0x020000");
	CU_ASSERT_EQUAL(bind(0, "0000:09:00.0"), -ENODEV);
	fake_sys_remove("sys/bus/pci/devices/" FIRST "/iommu_group");
	CU_ASSERT_EQUAL(bind(0, FIRST), -EOPNOTSUPP);
	SAYS("`nvio doctor`");
	CU_ASSERT_EQUAL(nvio_bench_writes(), 0);
	fake_sys_put("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n");
	CU_ASSERT_EQUAL(bind(0, FIRST), 0);
	IS_ON(FIRST, "vfio-pci");
	nvio_bench_end();
}

static void whole_groups(void)
{
	nvio_bench_begin();
	CU_ASSERT_EQUAL(bind(0, SECOND), -EBUSY);
	SAYS("shares IOMMU group 8 with " CARD ", which e1000 drives");
	SAYS("`nvio bind --group " SECOND "`");
	CU_ASSERT_EQUAL(nvio_bench_writes(), 0);
	fake_sys_put("sys/bus/pci/devices/" CARD "/net/eth0/operstate", "up\n");
	CU_ASSERT_EQUAL(bind(CMD_GROUP, SECOND), -EBUSY);
	SAYS("network interface eth0 is up");
	SAYS("`ip link set eth0 down`");
	CU_ASSERT_EQUAL(nvio_bench_writes(), 0);
	fake_sys_put("sys/bus/pci/devices/" CARD "/net/eth0/operstate", "down\n");
	CU_ASSERT_EQUAL(bind(CMD_GROUP, SECOND), 0);
	IS_ON(SECOND, "vfio-pci");
	IS_ON(CARD, "vfio-pci");
	IS_ON(IDLE, "");
	IS_ON(BRIDGE, "shpchp");
	CU_ASSERT_EQUAL(restore(0, SECOND), 0);
	IS_ON(SECOND, "nvme");
	IS_ON(CARD, "e1000");
	CU_ASSERT_STRING_EQUAL(OVERRIDE(CARD), "(null)");
	CU_ASSERT_FALSE(remembers(CARD));
	nvio_bench_end();
}

static void undoes_half_a_bind(void)
{
	nvio_bench_begin();
	nvio_bench_refuse("vfio-pci");
	CU_ASSERT_EQUAL(bind(0, FIRST), -ENODEV);
	SAYS("cannot give " FIRST " to vfio-pci");
	IS_ON(FIRST, "nvme");
	CU_ASSERT_STRING_EQUAL(OVERRIDE(FIRST), "(null)");
	CU_ASSERT_FALSE(remembers(FIRST));
	/* The driver that it had is gone: what is left to do stays remembered. */
	nvio_bench_refuse(NULL);
	CU_ASSERT_EQUAL(bind(0, FIRST), 0);
	fake_sys_remove("sys/bus/pci/drivers/nvme");
	CU_ASSERT_EQUAL(restore(0, FIRST), -ENOENT);
	SAYS("`modprobe nvme`");
	IS_ON(FIRST, "vfio-pci");
	CU_ASSERT_TRUE(remembers(FIRST));
	nvio_bench_end();
}

static mode_t mode_of(const char *path)
{
	char full[256];
	struct stat st;

	snprintf(full, sizeof(full), "%s/%s", nvio_roots.dev, path);
	return stat(full, &st) ? 0 : st.st_mode & 07777;
}

static void gives_access_and_takes_it_back(void)
{
	struct state_node node;
	char user[16], path[256];

	nvio_bench_begin();
	snprintf(user, sizeof(user), "%u", geteuid());
	snprintf(path, sizeof(path), "%s/vfio/7", nvio_roots.dev);
	CU_ASSERT_EQUAL(bind(0, FIRST), 0);
	fake_sys_put("dev/iommu", "");
	fake_sys_put("dev/vfio/devices/vfio3", "");
	fake_sys_put("sys/bus/pci/devices/" FIRST "/vfio-dev/vfio3/dev", "");
	chmod(path, 0440);
	snprintf(path, sizeof(path), "%s/iommu", nvio_roots.dev);
	chmod(path, 0600);
	CU_ASSERT_EQUAL(nvio_bench_run(cmd_bind, 0, "no such user", FIRST), -ENOENT);
	SAYS("there is no user 'no such user'");
	CU_ASSERT_EQUAL(nvio_bench_run(cmd_bind, 0, user, FIRST), 0);
	CU_ASSERT_EQUAL(mode_of("vfio/7"), 0640);
	CU_ASSERT_EQUAL(mode_of("iommu"), 0666);
	/* A second time, what was there before the first is what counts. */
	CU_ASSERT_EQUAL(nvio_bench_run(cmd_bind, 0, user, FIRST), 0);
	snprintf(path, sizeof(path), "%s/vfio/7", nvio_roots.dev);
	CU_ASSERT_TRUE(state_find_node(path, "", &node));
	CU_ASSERT_EQUAL(node.mode, 0440);
	CU_ASSERT_FALSE(state_find_node(path, FIRST, &node));
	CU_ASSERT_EQUAL(restore(0, FIRST), 0);
	CU_ASSERT_EQUAL(mode_of("vfio/7"), 0);
	CU_ASSERT_EQUAL(mode_of("iommu"), 0600);
	nvio_bench_end();
}

/* What was on vfio-pci before stays there, and only its access is taken back. */
static void leaves_what_was_bound_by_hand(void)
{
	char user[16], path[256];

	nvio_bench_begin();
	snprintf(user, sizeof(user), "%u", geteuid());
	fake_sys_link("sys/bus/pci/devices/" FIRST "/driver", "../../drivers/vfio-pci");
	fake_sys_put("dev/vfio/7", "");
	snprintf(path, sizeof(path), "%s/vfio/7", nvio_roots.dev);
	chmod(path, 0400);
	CU_ASSERT_EQUAL(nvio_bench_run(cmd_bind, 0, user, FIRST), 0);
	CU_ASSERT_EQUAL(mode_of("vfio/7"), 0600);
	CU_ASSERT_EQUAL(restore(0, FIRST), 0);
	IS_ON(FIRST, "vfio-pci");
	CU_ASSERT_EQUAL(mode_of("vfio/7"), 0400);
	nvio_bench_end();
}

static void does_not_take_from_a_process(void)
{
	char path[256];

	nvio_bench_begin();
	CU_ASSERT_EQUAL(bind(0, FIRST), 0);
	fake_sys_put("proc/33/comm", "nvme_perf\n");
	snprintf(path, sizeof(path), "%s/vfio/7", nvio_roots.dev);
	fake_sys_link("proc/33/fd/9", path);
	CU_ASSERT_EQUAL(restore(0, FIRST), -EBUSY);
	SAYS("held by process 33 (nvme_perf)");
	IS_ON(FIRST, "vfio-pci");
	nvio_bench_end();
}

static void broken_memory(void)
{
	int lock, second;

	nvio_bench_begin();
	CU_ASSERT_EQUAL(bind(0, FIRST), 0);
	fake_sys_put("run-nvio/" FIRST, "driver nvme\nnonsense 1\n");
	CU_ASSERT_EQUAL(restore(0, FIRST), -EPROTO);
	SAYS("makes no sense: `rm ");
	IS_ON(FIRST, "vfio-pci");
	/* What a crash left half written is no memory. */
	fake_sys_remove("run-nvio/" FIRST);
	fake_sys_put("run-nvio/" FIRST ".next", "driver e1000\n");
	CU_ASSERT_EQUAL(restore(CMD_ALL, NULL), 0);
	CU_ASSERT_STRING_EQUAL(nvio_bench_output(), "");
	lock = state_lock();
	CU_ASSERT_TRUE(lock >= 0);
	second = state_lock();
	CU_ASSERT_EQUAL(second, -EBUSY);
	close(lock);
	/* A folder that others can write is not believed. */
	chmod(state_dir, 0777);
	CU_ASSERT_EQUAL(bind(0, FIRST), -EPERM);
	CU_ASSERT_EQUAL(restore(CMD_ALL, NULL), -EPERM);
	SAYS("only root can write");
	nvio_bench_end();
}

static void lists(void)
{
	nvio_bench_begin();
	CU_ASSERT_EQUAL(nvio_bench_run(cmd_list, 0, NULL, NULL), 0);
	PRINTS(FIRST "  nvme      7      -      1b36:0010  Fast \"One\"\n");
	CU_ASSERT_PTR_NULL(strstr(nvio_bench_output(), CARD));
	fake_sys_put("proc/self/mountinfo", "36 25 259:0 / /srv rw - ext4 /dev/nvme0n1 rw\n");
	CU_ASSERT_EQUAL(nvio_bench_run(cmd_list, CMD_JSON, NULL, NULL), 0);
	PRINTS("\"device\": \"" FIRST "\"");
	PRINTS("\"iommu_group\": 7");
	PRINTS("\"numa_node\": null");
	PRINTS("\"model\": \"Fast \\\"One\\\"\"");
	PRINTS("\"used_by\": \"nvme0n1 is mounted on /srv\"");
	PRINTS("\"bound_by_nvio\": false");
	fake_sys_put("proc/self/mountinfo", "");
	CU_ASSERT_EQUAL(bind(CMD_JSON, FIRST), 0);
	PRINTS("\"was\": \"nvme\"");
	CU_ASSERT_EQUAL(nvio_bench_run(cmd_list, 0, NULL, NULL), 0);
	PRINTS("`nvio restore` gives it to nvme\n");
	nvio_bench_end();
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "binds and restores", binds_and_restores },
		{ "restores what was odd", restores_what_was_odd },
		{ "refuses what is used", refuses_what_is_used },
		{ "refuses what is no controller", refuses_what_is_no_controller },
		{ "whole groups", whole_groups },
		{ "undoes half a bind", undoes_half_a_bind },
		{ "gives access and takes it back", gives_access_and_takes_it_back },
		{ "leaves what was bound by hand", leaves_what_was_bound_by_hand },
		{ "does not take from a process", does_not_take_from_a_process },
		{ "broken memory", broken_memory },
		{ "lists", lists },
	};

	return tap_run("nvio_bind", tests, sizeof(tests) / sizeof(tests[0]));
}
