/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bring-up against registers in plain memory that cannot be mapped: each way in which a controller
 * is unfit or does not follow, with its error and within its deadline.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "nvme/ctrl.h"
#include "vfio/device.h"
#include "fake_iommu.h"
#include "tap.h"

enum mode { FOLLOWS, NEVER_READY, FATAL, NEVER_STOPS, GOES_AWAY };

/* A controller whose registers are these. */
struct machine {
	struct fake_iommu fake;
	struct nvio_device device;
	struct nvio_ctrl ctrl;
	enum mode mode;
	union {
		uint32_t words[NVIO_REG_DOORBELLS / 4];
		uint64_t cap;
	} regs;
	uint32_t command; /* PCI Command register */
	bool unmappable; /* whatever its areas are */
	size_t mapped;
};

static struct machine *the_machine;

static ssize_t fake_read(struct nvio_device *device, uint32_t idx, uint64_t offset, void *buf,
			 size_t len)
{
	struct machine *m = the_machine;

	(void)device;
	if (idx == NVIO_REGION_CONFIG)
		memcpy(buf, &m->command, len);
	else if (offset + len <= sizeof(m->regs))
		memcpy(buf, (char *)&m->regs + offset, len);
	return (ssize_t)len;
}

/* What the controller does when CC is written. */
static void react(struct machine *m, uint32_t cc)
{
	uint32_t *csts = &m->regs.words[NVIO_REG_CSTS / 4];

	if (!FIELD_GET(CC_EN, cc)) {
		*csts = m->mode == NEVER_STOPS ? 1 : 0;
		return;
	}
	if (m->mode == FOLLOWS)
		*csts = 1;
	else if (m->mode == FATAL)
		*csts = 2;
	else if (m->mode == GOES_AWAY)
		memset(&m->regs, 0xff, sizeof(m->regs));
}

static ssize_t fake_write(struct nvio_device *device, uint32_t idx, uint64_t offset,
			  const void *buf, size_t len)
{
	struct machine *m = the_machine;

	(void)device;
	if (idx == NVIO_REGION_CONFIG) {
		memcpy(&m->command, buf, len);
		return (ssize_t)len;
	}
	if (offset + len <= sizeof(m->regs))
		memcpy((char *)&m->regs + offset, buf, len);
	if (offset == NVIO_REG_CC)
		react(m, m->regs.words[NVIO_REG_CC / 4]);
	return (ssize_t)len;
}

/* What was asked for is memory; NULL when this one cannot be mapped after all. */
static void *fake_map(struct nvio_device *device, uint32_t idx, uint64_t offset, size_t len)
{
	struct machine *m = the_machine;

	(void)device;
	errno = EPROTO;
	if (idx != NVIO_REGION_BAR0 || offset != NVIO_REG_DOORBELLS || m->unmappable)
		return MAP_FAILED;
	m->mapped = len;
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static const struct nvio_device_ops fake_device = {
	.read = fake_read,
	.write = fake_write,
	.map = fake_map,
};

/* A sound controller with MQES 1023, TO 1 s, and a BAR of 16 KiB. */
static void setup(struct machine *m, enum mode mode)
{
	memset(m, 0, sizeof(*m));
	the_machine = m;
	m->mode = mode;
	m->regs.cap = 1023 | 2ull << 24 | 1ull << 37;
	m->regs.words[NVIO_REG_VS / 4] = 0x00010400;
	m->device.ops = &fake_device;
	m->device.nr_regions = 9;
	m->device.regions[NVIO_REGION_BAR0].info.len = 16384;
	m->device.regions[NVIO_REGION_CONFIG].info.len = 256;
	m->ctrl.device = &m->device;
	m->ctrl.iommu = fake_iommu_new(&m->fake);
	m->ctrl.info.name = "fake";
	m->ctrl.opts.nr_qpairs = 4;
	m->ctrl.opts.admin_timeout_ms = 50;
	m->ctrl.opts.ready_timeout_ms = 50;
}

static int bring_up(struct machine *m)
{
	int err = nvio_reg_init(&m->ctrl);

	return err ? err : nvio_ctrl_bring_up(&m->ctrl);
}

static void teardown(struct machine *m)
{
	nvio_admin_forget(&m->ctrl);
	if (m->ctrl.admin) {
		nvio_qpair_fini(m->ctrl.admin, m->ctrl.iommu);
		free(m->ctrl.admin);
	}
	nvio_device_unmap_regions(&m->device);
	nvio_iommu_close(m->ctrl.iommu);
}

/* Brings it up, which has to fail like this. */
static void refused(struct machine *m, int err, const char *part)
{
	CU_ASSERT_EQUAL(bring_up(m), err);
	CU_ASSERT_PTR_NOT_NULL(strstr(nvio_last_error(), part));
	if (!strstr(nvio_last_error(), part))
		printf("# got: %s\n", nvio_last_error());
	teardown(m);
}

static void unfit_controllers(void)
{
	static struct machine m;

	setup(&m, FOLLOWS);
	m.device.regions[NVIO_REGION_BAR0].info.len = 2048;
	refused(&m, -ENOTSUP, "BAR 0 of 2048 bytes is too small");
	/* Doorbells 64 KiB apart end far behind the BAR. */
	setup(&m, FOLLOWS);
	m.regs.cap |= 14ull << 32;
	refused(&m, -ENOTSUP, "too small: the doorbells of one I/O queue pair end at");
	setup(&m, FOLLOWS);
	m.regs.cap &= ~(1ull << 37);
	refused(&m, -ENOTSUP, "no NVM command set");
	setup(&m, FOLLOWS);
	m.regs.cap &= ~0xffffull;
	refused(&m, -ENOTSUP, "MQES is 0");
	setup(&m, FOLLOWS);
	m.regs.cap |= 3ull << 48;
	refused(&m, -ENOTSUP, "names no memory page size");
	setup(&m, FOLLOWS);
	m.regs.words[NVIO_REG_VS / 4] = 0x00010000;
	refused(&m, -ENOTSUP, "NVMe 1.0");
	setup(&m, FOLLOWS);
	memset(&m.regs, 0xff, sizeof(m.regs));
	refused(&m, -ENODEV, "fake is gone");
}

/* Fails within its deadline of 50 ms, and not before it. */
static void late(struct machine *m, const char *part)
{
	uint64_t start = nvio_now();

	refused(m, -ETIMEDOUT, part);
	CU_ASSERT_TRUE(nvio_now() - start >= 50 * NVIO_NS_PER_MS);
	CU_ASSERT_TRUE(nvio_now() - start < 5000 * NVIO_NS_PER_MS);
}

static void controllers_that_do_not_follow(void)
{
	static struct machine m;

	setup(&m, NEVER_READY);
	late(&m, "still enabling after");
	setup(&m, NEVER_STOPS);
	m.regs.words[NVIO_REG_CC / 4] = 1;
	m.regs.words[NVIO_REG_CSTS / 4] = 1;
	late(&m, "still disabling after");
	/* Enabled, and not ready yet: it may not be disabled now. */
	setup(&m, NEVER_READY);
	m.regs.words[NVIO_REG_CC / 4] = 1;
	late(&m, "still settling after");
	CU_ASSERT_EQUAL(m.regs.words[NVIO_REG_CC / 4] & 1, 1);
	setup(&m, FATAL);
	refused(&m, -EIO, "fatal status while it is enabled");
	setup(&m, GOES_AWAY);
	refused(&m, -ENODEV, "fake is gone");
	/* Ready, and answers no command. */
	setup(&m, FOLLOWS);
	late(&m, "admin command 0x06 unanswered after");
}

static void what_it_is_told(void)
{
	static struct machine m;
	uint64_t asq, iova;

	setup(&m, FOLLOWS);
	CU_ASSERT_EQUAL(bring_up(&m), -ETIMEDOUT);
	/* 32 entries of either ring, pages of 4 KiB, entries of 64 and 16 bytes, enabled; bus
	 * mastering on. */
	CU_ASSERT_EQUAL(m.regs.words[NVIO_REG_AQA / 4], 31u << 16 | 31u);
	CU_ASSERT_EQUAL(m.regs.words[NVIO_REG_CC / 4], 4u << 20 | 6u << 16 | 1u);
	memcpy(&asq, &m.regs.words[NVIO_REG_ASQ / 4], sizeof(asq));
	nvio_mem_iova(m.ctrl.iommu, m.ctrl.admin->sq, 1, NVIO_DMA_RW, &iova);
	CU_ASSERT_EQUAL(asq, iova);
	CU_ASSERT_EQUAL(asq % 4096, 0);
	CU_ASSERT_EQUAL(m.command & 4, 4);
	CU_ASSERT_EQUAL(m.ctrl.info.max_depth, 1023);
	CU_ASSERT_EQUAL(m.ctrl.info.page_len, 4096);
	/* After a deadline passed, no command goes out any more. */
	CU_ASSERT_EQUAL(nvio_admin(&m.ctrl, &(struct nvio_sqe){ 0 }, NULL, 0, NULL), -EIO);
	teardown(&m);
	/* All command sets of a controller that has others than NVM's. */
	setup(&m, FOLLOWS);
	m.regs.cap |= 0x40ull << 37;
	CU_ASSERT_EQUAL(bring_up(&m), -ETIMEDOUT);
	CU_ASSERT_EQUAL(m.regs.words[NVIO_REG_CC / 4], 4u << 20 | 6u << 16 | 6u << 4 | 1u);
	teardown(&m);
	/* The controller's own figure, in units of 500 ms. */
	setup(&m, FATAL);
	m.ctrl.opts.ready_timeout_ms = 0;
	CU_ASSERT_EQUAL(bring_up(&m), -EIO);
	CU_ASSERT_EQUAL(m.ctrl.ready_timeout_ms, 1000);
	teardown(&m);
	/* The longest of what it says, where it says it in another register, too. */
	for (int i = 0; i < 2; i++) {
		setup(&m, FATAL);
		m.ctrl.opts.ready_timeout_ms = 0;
		m.regs.cap |= 1ull << CAP_CRMS_SHIFT;
		m.regs.words[NVIO_REG_CRTO / 4] = i ? 300 : 1 | 1 << 16;
		CU_ASSERT_EQUAL(bring_up(&m), -EIO);
		CU_ASSERT_EQUAL(m.ctrl.ready_timeout_ms, i ? 150000 : 1000);
		teardown(&m);
	}
}

/* A shutdown takes as long as the controller says (RTD3E), and 10 s in any case. */
static void how_long_a_shutdown_takes(void)
{
	static const struct {
		const char *name;
		uint32_t ms;
	} cases[] = {
		{ "emu:", 10000 },
		{ "emu:fault=identify+cns=1+byte=91+value=1+count=0", 17777 },
		{ "emu:fault=identify+cns=1+byte=91+value=255+count=0", 300000 },
	};

	for (unsigned int i = 0; i < 3; i++) {
		struct nvio_ctrl *ctrl;

		CU_ASSERT_EQUAL_FATAL(nvio_ctrl_open(cases[i].name, NULL, &ctrl), 0);
		CU_ASSERT_EQUAL(ctrl->shutdown_timeout_ms, cases[i].ms);
		nvio_ctrl_close(ctrl);
	}
}

/* Looks at the doorbells, with one area of BAR 0 that may be mapped. */
static void map_area(struct machine *m, unsigned int dstrd, uint64_t offset, uint64_t len)
{
	struct nvio_region_info *bar = &m->device.regions[NVIO_REGION_BAR0].info;

	setup(m, FOLLOWS);
	bar->len = 1 << 20;
	bar->nr_areas = 1;
	bar->areas[0].offset = offset;
	bar->areas[0].len = len;
	m->regs.cap |= (uint64_t)dstrd << 32;
	CU_ASSERT_EQUAL(nvio_reg_init(&m->ctrl), 0);
}

/* The doorbells that an area has are mapped, and no more queue pairs wanted than those. */
static void doorbells_that_can_be_mapped(void)
{
	static struct machine m;

	map_area(&m, 0, 0, 1 << 20);
	CU_ASSERT_PTR_NOT_NULL(m.ctrl.doorbells);
	CU_ASSERT_EQUAL(m.ctrl.opts.nr_qpairs, 4);
	teardown(&m);
	/* A page of doorbells 512 and 1024 bytes apart: three I/O queue pairs' and one's. */
	map_area(&m, 7, 4096, 4096);
	CU_ASSERT_PTR_NOT_NULL(m.ctrl.doorbells);
	CU_ASSERT_EQUAL(m.ctrl.opts.nr_qpairs, 3);
	CU_ASSERT_EQUAL(m.mapped, 4096);
	CU_ASSERT_PTR_EQUAL(nvio_reg_doorbell(&m.ctrl, 3, true), m.ctrl.doorbells + 7 * 512);
	teardown(&m);
	map_area(&m, 8, 0, 8192);
	CU_ASSERT_PTR_NOT_NULL(m.ctrl.doorbells);
	CU_ASSERT_EQUAL(m.ctrl.opts.nr_qpairs, 1);
	teardown(&m);
	/* The admin queue's alone, or none: all go by call, and as many as were wanted. */
	map_area(&m, 9, 4096, 4096);
	CU_ASSERT_PTR_NULL(m.ctrl.doorbells);
	CU_ASSERT_EQUAL(m.ctrl.opts.nr_qpairs, 4);
	teardown(&m);
	map_area(&m, 0, 8192, 4096);
	CU_ASSERT_PTR_NULL(m.ctrl.doorbells);
	CU_ASSERT_EQUAL(m.ctrl.opts.nr_qpairs, 4);
	teardown(&m);
}

/* A device that cannot be mapped where it says so is used by call. */
static void doorbells_that_fail_to_be_mapped(void)
{
	static struct machine m;

	setup(&m, FOLLOWS);
	m.unmappable = true;
	m.device.regions[NVIO_REGION_BAR0].info.nr_areas = 1;
	m.device.regions[NVIO_REGION_BAR0].info.areas[0].len = 16384;
	CU_ASSERT_EQUAL(nvio_reg_init(&m.ctrl), 0);
	CU_ASSERT_PTR_NULL(m.ctrl.doorbells);
	CU_ASSERT_EQUAL(m.ctrl.opts.nr_qpairs, 4);
	teardown(&m);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "controllers that are unfit", unfit_controllers },
		{ "controllers that do not follow", controllers_that_do_not_follow },
		{ "what a controller is told", what_it_is_told },
		{ "how long a shutdown takes", how_long_a_shutdown_takes },
		{ "doorbells that can be mapped", doorbells_that_can_be_mapped },
		{ "doorbells that fail to be mapped", doorbells_that_fail_to_be_mapped },
	};

	return tap_run("bringup", tests, sizeof(tests) / sizeof(tests[0]));
}
