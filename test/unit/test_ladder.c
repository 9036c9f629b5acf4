/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ladder against a controller that only the reset of one rung helps: which are tried, in which
 * order and where it begins, and that no DMA is possible when none does.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "nvme/ctrl.h"
#include "nvme/ladder.h"
#include "vfio/device.h"
#include "fake_iommu.h"
#include "tap.h"

#define COMMAND_MASTER 4u
#define NSSR_MAGIC     0x4e564d65u

enum help { BY_NOTHING_MORE, BY_SUBSYSTEM, BY_DEVICE, BY_SLOT, BY_NOTHING, BY_GOING };

struct machine {
	struct fake_iommu fake;
	struct nvio_device device;
	struct nvio_ctrl ctrl;
	enum help help; /* what makes it follow CC.EN */
	bool stuck;
	uint32_t dependent; /* devices that a hot reset concerns; 0: there is none */
	uint16_t posted; /* admin completions since it was enabled */
	union {
		uint32_t words[NVIO_REG_DOORBELLS / 4];
		uint64_t cap;
	} regs;
	uint32_t command;
};

static struct machine *the_machine;

static ssize_t fake_read(struct nvio_device *device, uint32_t idx, uint64_t offset, void *buf,
			 size_t len)
{
	struct machine *m = the_machine;

	(void)device;
	if (m->stuck && m->help == BY_GOING)
		memset(buf, 0xff, len);
	else if (idx == NVIO_REGION_CONFIG)
		memcpy(buf, &m->command, len);
	else if (offset + len <= sizeof(m->regs))
		memcpy(buf, (char *)&m->regs + offset, len);
	return (ssize_t)len;
}

static void enable(struct machine *m, uint32_t cc)
{
	m->posted = 0;
	m->regs.words[NVIO_REG_CSTS / 4] = FIELD_GET(CC_EN, cc) && !m->stuck;
}

static void reset_by(struct machine *m, enum help what)
{
	if (m->help == what)
		m->stuck = false;
	m->regs.words[NVIO_REG_CC / 4] = m->regs.words[NVIO_REG_CSTS / 4] = 0;
	m->command &= ~COMMAND_MASTER;
}

/* Every admin command succeeds, with data of zeros. */
static void answer(struct machine *m)
{
	struct nvio_qpair *admin = m->ctrl.admin;
	uint16_t nr = m->posted++;
	struct nvio_cqe *cqe = &admin->cq[nr % admin->cq_entries];

	CU_ASSERT_TRUE(m->command & COMMAND_MASTER);
	cqe->cid = admin->sq[nr % admin->sq_entries].cid;
	cqe->status = !(nr / admin->cq_entries % 2);
}

static ssize_t fake_write(struct nvio_device *device, uint32_t idx, uint64_t offset,
			  const void *buf, size_t len)
{
	struct machine *m = the_machine;
	uint32_t value = 0;

	(void)device;
	memcpy(&value, buf, len < sizeof(value) ? len : sizeof(value));
	if (idx == NVIO_REGION_CONFIG) {
		memcpy(&m->command, buf, len);
		return (ssize_t)len;
	}
	if (offset == NVIO_REG_DOORBELLS)
		answer(m);
	if (offset == NVIO_REG_NSSR && value == NSSR_MAGIC)
		reset_by(m, BY_SUBSYSTEM);
	if (offset != NVIO_REG_CSTS && offset + len <= sizeof(m->regs))
		memcpy((char *)&m->regs + offset, buf, len);
	if (offset == NVIO_REG_CC)
		enable(m, value);
	return (ssize_t)len;
}

static int fake_reset(struct nvio_device *device)
{
	(void)device;
	reset_by(the_machine, BY_DEVICE);
	return 0;
}

static int fake_ask(struct nvio_device *device, unsigned long request, void *arg)
{
	struct vfio_pci_hot_reset_info *info = arg;
	struct machine *m = the_machine;

	(void)device;
	if (!m->dependent)
		return -ENODEV;
	if (request == VFIO_DEVICE_GET_PCI_HOT_RESET_INFO) {
		size_t room = (info->argsz - sizeof(*info)) / sizeof(info->devices[0]);

		info->flags = 3; /* devices are named, and all of them ours */
		info->count = m->dependent;
		return room < m->dependent ? -ENOSPC : 0;
	}
	reset_by(m, BY_SLOT);
	return 0;
}

static const struct nvio_device_ops fake_device = {
	.read = fake_read,
	.write = fake_write,
	.reset = fake_reset,
	.ask = fake_ask,
};

/* Brought up, and then it follows CC.EN no more. */
static void setup(struct machine *m, enum help help)
{
	memset(m, 0, sizeof(*m));
	the_machine = m;
	m->help = help;
	m->dependent = 1;
	m->regs.cap = 63 | 1ull << CAP_NSSRS_SHIFT | 1ull << CAP_CSS_SHIFT;
	m->regs.words[NVIO_REG_VS / 4] = 0x00010400;
	m->device.ops = &fake_device;
	m->device.nr_regions = 9;
	m->device.flags = VFIO_DEVICE_FLAGS_RESET;
	m->device.regions[NVIO_REGION_BAR0].info.len = 16384;
	m->device.regions[NVIO_REGION_CONFIG].info.len = 256;
	m->ctrl.device = &m->device;
	m->ctrl.iommu = fake_iommu_new(&m->fake);
	m->ctrl.info.name = "fake";
	m->ctrl.opts.nr_qpairs = 4;
	m->ctrl.opts.admin_timeout_ms = 50;
	m->ctrl.opts.ready_timeout_ms = 20;
	nvio_recovery_init(&m->ctrl);
	CU_ASSERT_EQUAL_FATAL(nvio_reg_init(&m->ctrl), 0);
	CU_ASSERT_EQUAL_FATAL(nvio_ctrl_bring_up(&m->ctrl), 0);
	m->stuck = help != BY_NOTHING_MORE;
	m->ctrl.dead = true;
}

static void teardown(struct machine *m)
{
	nvio_recovery_fini(&m->ctrl);
	nvio_qpair_fini(m->ctrl.admin, m->ctrl.iommu);
	free(m->ctrl.admin);
	nvio_ns_free_all(&m->ctrl);
	nvio_iommu_close(m->ctrl.iommu);
}

/* Climbs, and has tried so many of each rung then. */
static void climbs(struct machine *m, unsigned int from, int err, uint64_t controller,
		   uint64_t subsystem, uint64_t device, uint64_t hot)
{
	const struct nvio_ctrl_stats *stats = &m->ctrl.recovery.stats;
	unsigned int rung = from;

	CU_ASSERT_EQUAL(nvio_ladder_climb(&m->ctrl, &rung), err);
	CU_ASSERT_EQUAL(stats->controller_resets, controller);
	CU_ASSERT_EQUAL(stats->subsystem_resets, subsystem);
	CU_ASSERT_EQUAL(stats->device_resets, device);
	CU_ASSERT_EQUAL(stats->hot_resets, hot);
	/* It works, or writes nothing. */
	CU_ASSERT_EQUAL(!(m->command & COMMAND_MASTER), err != 0);
	if (!err)
		CU_ASSERT_EQUAL(m->ctrl.dead, false);
	teardown(m);
}

static void each_rung_helps(void)
{
	static struct machine m;

	setup(&m, BY_NOTHING_MORE);
	climbs(&m, 0, 0, 1, 0, 0, 0);
	setup(&m, BY_SUBSYSTEM);
	climbs(&m, 0, 0, 1, 1, 0, 0);
	setup(&m, BY_DEVICE);
	climbs(&m, 0, 0, 1, 1, 1, 0);
	setup(&m, BY_SLOT);
	climbs(&m, 0, 0, 1, 1, 1, 1);
}

static void none_helps(void)
{
	static struct machine m;

	setup(&m, BY_NOTHING);
	climbs(&m, 0, -ETIMEDOUT, 1, 1, 1, 1);
	/* Gone: there is nothing to be reset. */
	setup(&m, BY_GOING);
	m.command = 0;
	climbs(&m, 0, -ENODEV, 1, 0, 0, 0);
}

static void rungs_that_are_not_there(void)
{
	static struct machine m;

	setup(&m, BY_NOTHING);
	m.ctrl.cap &= ~(1ull << CAP_NSSRS_SHIFT);
	m.device.flags = 0;
	m.dependent = 0;
	CU_ASSERT_EQUAL(nvio_ladder_top(&m.ctrl), 0);
	climbs(&m, 0, -ETIMEDOUT, 1, 0, 0, 0);
	/* Others would be reset along with it. */
	setup(&m, BY_DEVICE);
	m.ctrl.shares_subsystem = true;
	m.dependent = 2;
	CU_ASSERT_EQUAL(nvio_ladder_top(&m.ctrl), 2);
	climbs(&m, 0, 0, 1, 0, 1, 0);
}

static void begins_where_it_is_told(void)
{
	static struct machine m;

	setup(&m, BY_NOTHING_MORE);
	CU_ASSERT_EQUAL(nvio_ladder_top(&m.ctrl), 3);
	climbs(&m, 2, 0, 0, 0, 1, 0);
	setup(&m, BY_NOTHING_MORE);
	climbs(&m, 4, -EIO, 0, 0, 0, 0);
}

/* Closing does not wait for the rest of it. */
static void is_left_when_it_is_closed(void)
{
	static struct machine m;

	setup(&m, BY_NOTHING);
	m.ctrl.recovery.closing = true;
	climbs(&m, 0, -EIO, 0, 0, 0, 0);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "each rung helps", each_rung_helps },
		{ "none helps", none_helps },
		{ "rungs that are not there", rungs_that_are_not_there },
		{ "begins where it is told", begins_where_it_is_told },
		{ "is left when it is closed", is_left_when_it_is_closed },
	};

	return tap_run("ladder", tests, sizeof(tests) / sizeof(tests[0]));
}
