/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The persistent memory region against registers in plain memory: enabling with a deadline, its
 * address for commands, what it tells of itself, and what makes writes safe.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <nvio/devmem.h>

#include "base/clock.h"
#include "nvme/data.h"
#include "nvme/pmr.h"
#include "devmem_bench.h"
#include "tap.h"

#define PMRS (1ull << 56)
#define BAR  4u

/* PMRCAP */
#define RDS    (1u << 3)
#define WDS    (1u << 4)
#define BIR(n) ((uint32_t)(n) << 5)
#define WBM(n) ((uint32_t)(n) << 10)
#define TO(n)  ((uint32_t)(n) << 16)
#define CMSS   (1u << 24)
#define USUAL  (BIR(BAR) | WBM(2) | RDS | WDS | CMSS)
/* PMRSTS */
#define NRDY    (1u << 8)
#define HSTS(n) ((uint32_t)(n) << 9)
#define CBAI    (1u << 12)

struct machine {
	struct devmem_bench b; /* first */
	struct nvio_ctrl *ctrl;
	unsigned int slow; /* reads of the status until it follows */
	unsigned int reads; /* of the status */
	uint32_t health; /* HSTS and ERR while it is enabled */
	bool no_address;
};

static uint32_t *reg(struct machine *m, enum nvio_reg offset)
{
	return &m->b.regs[offset / 4];
}

static void status_is_read(struct devmem_bench *b, uint64_t offset)
{
	struct machine *m = (struct machine *)b;
	bool enabled = *reg(m, NVIO_REG_PMRCTL) & 1;

	if (offset != NVIO_REG_PMRSTS)
		return;
	m->reads++;
	if (m->slow) {
		m->slow--;
		return;
	}
	*reg(m, NVIO_REG_PMRSTS) = enabled ? m->health : NRDY;
	if (m->no_address && *reg(m, NVIO_REG_PMRMSCL) & 2)
		*reg(m, NVIO_REG_PMRSTS) |= CBAI;
}

static void setup(struct machine *m, uint32_t cap)
{
	memset(m, 0, sizeof(*m));
	devmem_new(&m->b, PMRS);
	m->b.read = status_is_read;
	m->ctrl = &m->b.ctrl;
	*reg(m, NVIO_REG_PMRCAP) = cap;
	*reg(m, NVIO_REG_PMRSTS) = NRDY;
}

static void teardown(struct machine *m)
{
	nvio_pmr_stop(m->ctrl);
	nvio_device_unmap_regions(&m->b.device);
	nvio_pmr_free(m->ctrl);
	devmem_free(&m->b);
}

static uint64_t address(struct machine *m)
{
	return *reg(m, NVIO_REG_PMRMSCL) | (uint64_t)*reg(m, NVIO_REG_PMRMSCU) << 32;
}

static void is_mapped_on_request(void)
{
	static struct machine m;
	struct nvio_pmr_info info;
	void *addr = NULL, *again = NULL;
	size_t len = 0;

	setup(&m, USUAL);
	m.slow = 20;
	*reg(&m, NVIO_REG_PMREBS) = 3u << 8 | 2u;
	*reg(&m, NVIO_REG_PMRSWTP) = 700u << 8 | 1u;
	CU_ASSERT_EQUAL(nvio_pmr_flush(m.ctrl), -EINVAL);
	CU_ASSERT_EQUAL(*reg(&m, NVIO_REG_PMRCTL), 0);
	CU_ASSERT_EQUAL_FATAL(nvio_pmr_map(m.ctrl, &addr, &len), 0);
	CU_ASSERT_EQUAL(len, DEVMEM_BAR_LEN);
	CU_ASSERT_EQUAL(*reg(&m, NVIO_REG_PMRCTL), 1);
	CU_ASSERT(m.reads > 20);
	memset(addr, 0x5a, len);
	CU_ASSERT_EQUAL(nvio_pmr_map(m.ctrl, &again, &len), 0);
	CU_ASSERT_PTR_EQUAL(addr, again);
	CU_ASSERT_EQUAL(nvio_pmr_get_info(m.ctrl, &info, sizeof(info)), 0);
	CU_ASSERT_EQUAL(info.len, DEVMEM_BAR_LEN);
	CU_ASSERT_EQUAL(info.health, NVIO_PMR_NORMAL);
	CU_ASSERT_EQUAL(info.buffer_len, 3u << 20);
	CU_ASSERT_EQUAL(info.sustained, 700u << 10);
	CU_ASSERT(info.reads && info.writes);
	teardown(&m);
	CU_ASSERT_EQUAL(*reg(&m, NVIO_REG_PMRCTL), 0);
	CU_ASSERT_EQUAL(address(&m), 0);
	CU_ASSERT_EQUAL(*reg(&m, NVIO_REG_PMRSTS), NRDY);
}

static void refused(struct machine *m, int err, const char *text)
{
	void *addr = NULL;
	size_t len;

	CU_ASSERT_EQUAL(nvio_pmr_map(m->ctrl, &addr, &len), err);
	CU_ASSERT_PTR_NULL(addr);
	CU_ASSERT_PTR_NOT_NULL(strstr(nvio_last_error(), text));
	if (!strstr(nvio_last_error(), text))
		printf("# got: %s\n", nvio_last_error());
	CU_ASSERT_EQUAL(*reg(m, NVIO_REG_PMRCTL) & 1 && err != -ENODEV, 0);
	teardown(m);
}

static void when_it_cannot_be(void)
{
	static struct machine m;
	uint64_t start;

	setup(&m, USUAL);
	m.ctrl->cap = 0;
	refused(&m, -ENOTSUP, "has no persistent memory region");
	setup(&m, WBM(2));
	refused(&m, -EPROTO, "is in BAR 0");
	setup(&m, BIR(3) | WBM(2));
	refused(&m, -EPROTO, "is in BAR 3, which has 0 bytes");
	setup(&m, BIR(7));
	refused(&m, -EPROTO, "is in BAR 7");
	setup(&m, USUAL);
	m.b.device.regions[BAR].info.nr_areas = 0;
	refused(&m, -ENOTSUP, "cannot be mapped");
	/* Within its own time, and half a second at least. */
	setup(&m, USUAL | TO(2));
	m.slow = UINT32_MAX;
	start = nvio_now();
	refused(&m, -ETIMEDOUT, "is not ready after");
	CU_ASSERT(nvio_now() - start >= 1000 * NVIO_NS_PER_MS);
	CU_ASSERT(nvio_now() - start < 10000 * NVIO_NS_PER_MS);
	setup(&m, USUAL);
	memset(m.b.regs, 0xff, sizeof(m.b.regs));
	m.b.read = NULL;
	refused(&m, -ENODEV, "fake is gone");
}

/* How much commands of the controller find there, with the rights; *@iova: where. */
static size_t found(struct machine *m, const char *addr, size_t len, unsigned int rights,
		    uint64_t *iova)
{
	struct iovec iov = { (void *)addr, len };
	struct nvio_qpair qpair = { .ctrl = m->ctrl, .memory = nvio_memory_of(m->ctrl->iommu) };
	struct nvio_data data = { &iov, 1, rights, 0 };

	return nvio_data_run(&qpair, &data, len, iova);
}

static void what_commands_see(void)
{
	static struct machine m;
	struct nvio_pmr_info info;
	uint64_t iova;
	void *addr;
	size_t len;

	/* At its BAR's address. */
	setup(&m, USUAL);
	m.b.config[4 + BAR] = 0x0000000c;
	m.b.config[4 + BAR + 1] = 0x00000382;
	CU_ASSERT_EQUAL_FATAL(nvio_pmr_map(m.ctrl, &addr, &len), 0);
	CU_ASSERT_EQUAL(address(&m), 0x38200000002);
	CU_ASSERT_EQUAL(found(&m, (char *)addr + 4096, 8192, NVIO_DMA_RW, &iova), 8192);
	CU_ASSERT_EQUAL(iova, 0x38200001000);
	teardown(&m);
	/* Where that could be memory's, at one that cannot. */
	setup(&m, BIR(BAR) | WBM(2) | WDS | CMSS);
	m.b.config[4 + BAR] = 0x40000000;
	CU_ASSERT_EQUAL_FATAL(nvio_pmr_map(m.ctrl, &addr, &len), 0);
	CU_ASSERT_NOT_EQUAL(address(&m), 0x40000002);
	CU_ASSERT_EQUAL(found(&m, addr, 64, NVIO_DMA_READ, &iova), 64);
	CU_ASSERT_EQUAL(address(&m), iova | 2);
	CU_ASSERT_EQUAL(found(&m, addr, 64, NVIO_DMA_WRITE, &iova), 0);
	teardown(&m);
	/* None, where it says so, and where it takes none. */
	for (unsigned int i = 0; i < 2; i++) {
		setup(&m, i ? USUAL : USUAL & ~CMSS);
		m.no_address = i;
		CU_ASSERT_EQUAL_FATAL(nvio_pmr_map(m.ctrl, &addr, &len), 0);
		CU_ASSERT_EQUAL(address(&m), 0);
		CU_ASSERT_EQUAL(found(&m, addr, 64, NVIO_DMA_READ, &iova), 0);
		CU_ASSERT_EQUAL(nvio_pmr_get_info(m.ctrl, &info, sizeof(info)), 0);
		CU_ASSERT_FALSE(info.reads || info.writes);
		teardown(&m);
	}
}

/* What flushing says while the region is in this state. */
static int flushed(struct machine *m, uint32_t health)
{
	unsigned int before = m->reads;
	int err;

	m->health = health;
	err = nvio_pmr_flush(m->ctrl);
	CU_ASSERT_EQUAL(m->reads, before + 1);
	return err;
}

static void what_is_safe(void)
{
	static struct machine m;
	void *addr;
	size_t len;

	for (unsigned int wbm = 1; wbm <= 3; wbm++) {
		setup(&m, BIR(BAR) | WBM(wbm));
		CU_ASSERT_EQUAL_FATAL(nvio_pmr_map(m.ctrl, &addr, &len), 0);
		CU_ASSERT_EQUAL(flushed(&m, 0), 0);
		CU_ASSERT_EQUAL(flushed(&m, HSTS(NVIO_PMR_RESTORE_FAILED)), 0);
		CU_ASSERT_EQUAL(flushed(&m, HSTS(NVIO_PMR_READ_ONLY)), -EIO);
		CU_ASSERT_EQUAL(flushed(&m, HSTS(NVIO_PMR_UNRELIABLE)), -EIO);
		CU_ASSERT_EQUAL(flushed(&m, 1), -EIO);
		CU_ASSERT_EQUAL(flushed(&m, NRDY), -EIO);
		CU_ASSERT_EQUAL(flushed(&m, UINT32_MAX), -ENODEV);
		CU_ASSERT_EQUAL(flushed(&m, 0), 0);
		teardown(&m);
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "is mapped on request", is_mapped_on_request },
		{ "when it cannot be", when_it_cannot_be },
		{ "what commands see", what_commands_see },
		{ "what is safe", what_is_safe },
	};

	return tap_run("pmr", tests, ARRAY_LEN(tests));
}
