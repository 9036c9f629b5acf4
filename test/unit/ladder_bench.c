/* SPDX-License-Identifier: BSD-3-Clause */
#include "ladder_bench.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "nvme/ladder.h"
#include "fake_kernel.h"
#include "tap.h"

#define COMMAND_MASTER 4u
#define NSSR_MAGIC     0x4e564d65u

static struct machine *the_machine;
static struct fake_device *const function = &fake_kernel.devices[0];

static void reset_by(struct machine *m, enum help what)
{
	if (m->help == what)
		m->stuck = false;
	m->regs.words[NVIO_REG_CC / 4] = m->regs.words[NVIO_REG_CSTS / 4] = 0;
	m->command &= ~COMMAND_MASTER;
}

/* What EEH does to the function, it does to the controller. */
static void see_eeh(struct machine *m)
{
	const struct fake_eeh *eeh = &function->eeh;

	if (!m->kernel || m->eeh_resets == eeh->hot_resets + eeh->fundamental_resets)
		return;
	m->eeh_resets = eeh->hot_resets + eeh->fundamental_resets;
	reset_by(m, eeh->fundamental_resets ? BY_EEH_FUNDAMENTAL : BY_EEH_HOT);
}

static bool is_master(const struct machine *m)
{
	return (m->kernel ? function->config[4] : m->command) & COMMAND_MASTER;
}

static ssize_t fake_read(struct nvio_device *device, uint32_t idx, uint64_t offset, void *buf,
			 size_t len)
{
	struct machine *m = the_machine;

	see_eeh(m);
	if (m->kernel && (idx == NVIO_REGION_CONFIG || fake_eeh_blocks(function)))
		return m->kernel->read(device, idx, offset, buf, len);
	if (m->leaving && !--m->leaving)
		m->nothing = m->away;
	if (m->nothing)
		m->nothing -= m->nothing != UINT32_MAX;
	if (m->nothing || (m->stuck && m->help == BY_GOING))
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
	if (m->pulled && !FIELD_GET(CC_EN, cc)) {
		m->nothing = UINT32_MAX;
		m->command = 0;
	}
	if (m->complains && FIELD_GET(CC_EN, cc))
		nvio_device_irq_trigger(m->device, NVIO_IRQ_ERR, 0);
	m->regs.words[NVIO_REG_CSTS / 4] = FIELD_GET(CC_EN, cc) && !m->stuck;
}

/* Every admin command succeeds, with data of zeros. */
static void answer(struct machine *m)
{
	struct nvio_qpair *admin = m->ctrl.admin;
	uint16_t nr = m->posted++;
	struct nvio_cqe *cqe = &admin->cq[nr % admin->cq_entries];

	CU_ASSERT_TRUE(is_master(m));
	cqe->result = m->result;
	cqe->cid = admin->sq[nr % admin->sq_entries].cid;
	cqe->status = !(nr / admin->cq_entries % 2);
}

static ssize_t fake_write(struct nvio_device *device, uint32_t idx, uint64_t offset,
			  const void *buf, size_t len)
{
	struct machine *m = the_machine;
	uint32_t value = 0;

	see_eeh(m);
	if (m->kernel && (idx == NVIO_REGION_CONFIG || fake_eeh_blocks(function)))
		return m->kernel->write(device, idx, offset, buf, len);
	memcpy(&value, buf, len < sizeof(value) ? len : sizeof(value));
	if (idx == NVIO_REGION_CONFIG) {
		memcpy(&m->command, buf, len);
		return (ssize_t)len;
	}
	if (offset == NVIO_REG_DOORBELLS)
		answer(m);
	if (offset == NVIO_REG_NSSR && value == NSSR_MAGIC) {
		reset_by(m, BY_SUBSYSTEM);
		m->leaving = m->stays;
		m->nothing = m->leaving ? 0 : m->away;
	}
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

static void own_device(struct machine *m)
{
	m->device = &m->own;
	m->own.ops = &fake_device;
	m->own.nr_regions = 9;
	m->own.flags = VFIO_DEVICE_FLAGS_RESET;
	m->own.regions[NVIO_REGION_BAR0].info.len = 16384;
	m->own.regions[NVIO_REGION_CONFIG].info.len = 256;
	m->ctrl.iommu = fake_iommu_new(&m->fake);
}

/* All but its registers is the kernel's. */
static void kernel_device(struct machine *m, struct nvio_device *device)
{
	m->device = device;
	m->kernel = device->ops;
	m->ops = *device->ops;
	m->ops.read = fake_read;
	m->ops.write = fake_write;
	m->ops.reset = fake_reset;
	device->ops = &m->ops;
	m->ctrl.iommu = device->iommu;
	nvio_iommu_get(m->ctrl.iommu);
}

void ladder_setup(struct machine *m, enum help help, struct nvio_device *device)
{
	memset(m, 0, sizeof(*m));
	the_machine = m;
	m->help = help;
	m->dependent = 1;
	m->regs.cap = 63 | 1ull << CAP_NSSRS_SHIFT | 1ull << CAP_CSS_SHIFT;
	m->regs.words[NVIO_REG_VS / 4] = 0x00010400;
	if (device)
		kernel_device(m, device);
	else
		own_device(m);
	m->ctrl.device = m->device;
	m->ctrl.info.name = "fake";
	m->ctrl.opts.nr_qpairs = 4;
	m->ctrl.opts.admin_timeout_ms = 50;
	m->ctrl.opts.ready_timeout_ms = 20;
	nvio_recovery_init(&m->ctrl);
	CU_ASSERT_EQUAL_FATAL(nvio_reg_init(&m->ctrl), 0);
	/* Doorbells go by call, so that they are seen. */
	m->ctrl.doorbells = NULL;
	CU_ASSERT_EQUAL_FATAL(nvio_ctrl_bring_up(&m->ctrl), 0);
	m->stuck = help != BY_NOTHING_MORE;
	m->ctrl.dead = true;
}

void ladder_teardown(struct machine *m)
{
	if (m->kernel)
		m->device->ops = m->kernel;
	nvio_recovery_fini(&m->ctrl);
	nvio_qpair_fini(m->ctrl.admin, m->ctrl.iommu);
	free(m->ctrl.admin);
	nvio_ns_free_all(&m->ctrl);
	nvio_iommu_close(m->ctrl.iommu);
}

void climbs(struct machine *m, unsigned int from, int err, uint64_t controller, uint64_t subsystem,
	    uint64_t device, uint64_t hot)
{
	const struct nvio_ctrl_stats *stats = &m->ctrl.recovery.stats;
	unsigned int rung = from;

	CU_ASSERT_EQUAL(nvio_ladder_climb(&m->ctrl, &rung), err);
	CU_ASSERT_EQUAL(stats->controller_resets, controller);
	CU_ASSERT_EQUAL(stats->subsystem_resets, subsystem);
	CU_ASSERT_EQUAL(stats->device_resets, device);
	CU_ASSERT_EQUAL(stats->hot_resets, hot);
	/* It works, or writes nothing. */
	CU_ASSERT_EQUAL(is_master(m) && !(m->kernel && fake_eeh_blocks(function)), !err);
	if (!err)
		CU_ASSERT_EQUAL(m->ctrl.dead, false);
	ladder_teardown(m);
}
