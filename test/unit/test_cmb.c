/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The controller memory buffer against registers in plain memory and a BAR that is a mapping:
 * finding it, its address, handing it out, and data and queue pairs in it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "nvme/cmb.h"
#include "nvme/data.h"
#include "devmem_bench.h"
#include "tap.h"

#define BAR_LEN DEVMEM_BAR_LEN
#define CMBS    (1ull << 57)
#define BAR     2u

/* CMBLOC and CMBSZ: units of 4 KiB, 64 KiB or 1 MiB. */
#define LOC(bir, offset) ((bir) | (uint32_t)(offset) << 12)
#define SZ(units, szu)   ((uint32_t)(units) << 12 | (szu) << 8)
#define SQS              1u
#define LISTS            4u
#define RDS              8u
#define WDS              16u
#define ALL              (SQS | LISTS | RDS | WDS)
#define CDPCILS          (1u << 6)

struct machine {
	struct devmem_bench b; /* first */
	struct nvio_ctrl *ctrl;
	uint32_t cmbloc, cmbsz; /* as they read once they are enabled */
	bool invalid; /* no address is good enough */
	int high_first; /* of the halves of CMBMSC: the last two writes */
};

/* CMBLOC and CMBSZ are 0 until CRE is set. */
static void written(struct devmem_bench *b, uint64_t offset)
{
	struct machine *m = (struct machine *)b;
	bool enabled = b->regs[NVIO_REG_CMBMSC / 4] & 1;

	if (offset == NVIO_REG_CMBMSC + 4)
		m->high_first = 1;
	if (offset != NVIO_REG_CMBMSC)
		return;
	m->high_first = m->high_first == 1 ? 2 : 0;
	b->regs[NVIO_REG_CMBLOC / 4] = enabled ? m->cmbloc : 0;
	b->regs[NVIO_REG_CMBSZ / 4] = enabled ? m->cmbsz : 0;
	b->regs[NVIO_REG_CMBSTS / 4] = m->invalid;
}

static void setup(struct machine *m, uint64_t cap, uint32_t loc, uint32_t sz)
{
	memset(m, 0, sizeof(*m));
	devmem_new(&m->b, cap);
	m->b.written = written;
	m->ctrl = &m->b.ctrl;
	m->cmbloc = loc;
	m->cmbsz = sz;
	if (!(cap & CMBS)) {
		m->b.regs[NVIO_REG_CMBLOC / 4] = loc;
		m->b.regs[NVIO_REG_CMBSZ / 4] = sz;
	}
}

static void teardown(struct machine *m)
{
	nvio_cmb_stop(m->ctrl);
	nvio_device_unmap_regions(&m->b.device);
	nvio_cmb_free_all(m->ctrl);
	devmem_free(&m->b);
}

static uint64_t cmbmsc(const struct machine *m)
{
	return m->b.regs[NVIO_REG_CMBMSC / 4] | (uint64_t)m->b.regs[NVIO_REG_CMBMSC / 4 + 1] << 32;
}

/* Asks for it, which has to end like this. */
static void refused(struct machine *m, int err, const char *text)
{
	struct nvio_cmb_info info;

	CU_ASSERT_EQUAL(nvio_cmb_get_info(m->ctrl, &info, sizeof(info)), err);
	CU_ASSERT_PTR_NOT_NULL(strstr(nvio_last_error(), text));
	if (!strstr(nvio_last_error(), text))
		printf("# got: %s\n", nvio_last_error());
	CU_ASSERT_PTR_NULL(nvio_cmb_alloc(m->ctrl, 64, 0));
	CU_ASSERT_EQUAL(cmbmsc(m), 0);
	teardown(m);
}

/* What the controller was told, by the last words written. */
static uint64_t told(const struct machine *m)
{
	CU_ASSERT_EQUAL(cmbmsc(m) & 0xfff, 3);
	CU_ASSERT_EQUAL(m->high_first, 2);
	return cmbmsc(m) & ~0xfffull;
}

static void where_it_is(void)
{
	static struct machine m;
	struct nvio_cmb_info info;
	uint64_t base;

	/* Its BAR says nothing, or what could be memory: at another usable address. */
	for (unsigned int i = 0; i < 2; i++) {
		setup(&m, CMBS, LOC(BAR, 1), SZ(2, 2) | ALL);
		m.b.config[4 + BAR] = i ? 0x80000000 : 0;
		CU_ASSERT_EQUAL(nvio_cmb_get_info(m.ctrl, &info, sizeof(info)), 0);
		CU_ASSERT_EQUAL(info.len, 2u << 20);
		CU_ASSERT_EQUAL(info.used_len, 0);
		CU_ASSERT(info.queues && info.lists && info.reads && info.writes);
		base = told(&m);
		CU_ASSERT_NOT_EQUAL(base, 0x80100000);
		CU_ASSERT_TRUE(nvio_iommu_usable(m.ctrl->iommu, base, 2u << 20));
		CU_ASSERT_EQUAL(base, m.ctrl->locals[NVIO_LOCAL_CMB].window.iova);
		teardown(&m);
	}
	/* Else where its BAR is. */
	setup(&m, CMBS, LOC(BAR, 3), SZ(2, 1) | ALL);
	m.b.config[4 + BAR] = 0x0000000c;
	m.b.config[4 + BAR + 1] = 0x00000381;
	CU_ASSERT_EQUAL(nvio_cmb_get_info(m.ctrl, &info, sizeof(info)), 0);
	CU_ASSERT_EQUAL(told(&m), 0x38100030000);
	CU_ASSERT_EQUAL(m.ctrl->locals[NVIO_LOCAL_CMB].window.iova, 0x38100030000);
	nvio_cmb_stop(m.ctrl);
	CU_ASSERT_EQUAL(cmbmsc(&m), 0);
	teardown(&m);
	/* Clipped to its BAR. */
	setup(&m, CMBS, LOC(BAR, 100), SZ(512, 1) | RDS);
	CU_ASSERT_EQUAL(nvio_cmb_get_info(m.ctrl, &info, sizeof(info)), 0);
	CU_ASSERT_EQUAL(info.len, BAR_LEN - 100 * 65536);
	CU_ASSERT(!info.queues && !info.lists && info.reads && !info.writes);
	teardown(&m);
}

static void where_it_was_before_1_4(void)
{
	static struct machine m;
	struct nvio_cmb_info info;

	/* A BAR of 64 bits, above all memory. */
	setup(&m, 0, LOC(BAR, 1), SZ(4, 2) | SQS);
	m.b.config[4 + BAR] = 0x0000000c;
	m.b.config[4 + BAR + 1] = 0x00000380;
	CU_ASSERT_EQUAL(nvio_cmb_get_info(m.ctrl, &info, sizeof(info)), 0);
	CU_ASSERT_EQUAL(m.ctrl->locals[NVIO_LOCAL_CMB].window.iova, 0x38000100000);
	CU_ASSERT_EQUAL(cmbmsc(&m), 0);
	teardown(&m);
	/* One of 32 bits in the hole that memory leaves; reserved words mean nothing. */
	setup(&m, 0, LOC(BAR, 0), SZ(16, 0) | SQS);
	m.b.config[4 + BAR] = 0xfee10000;
	m.b.config[4 + BAR + 1] = 0xffffffff;
	CU_ASSERT_EQUAL(nvio_cmb_get_info(m.ctrl, &info, sizeof(info)), 0);
	CU_ASSERT_EQUAL(m.ctrl->locals[NVIO_LOCAL_CMB].window.iova, 0xfee10000);
	teardown(&m);
	/* Where memory could be, it would be taken for memory; at either end, too. */
	setup(&m, 0, LOC(BAR, 0), SZ(1, 2) | SQS);
	m.b.config[4 + BAR] = 0x80000000;
	refused(&m, -ENOTSUP, "where host memory could be");
	setup(&m, 0, LOC(BAR, 0), SZ(32, 1) | SQS);
	m.b.config[4 + BAR] = 0xfed00000;
	refused(&m, -ENOTSUP, "where host memory could be");
	setup(&m, 0, LOC(BAR, 0), SZ(1, 2) | SQS);
	m.b.config[4 + BAR] = 0xfeee0000;
	refused(&m, -ENOTSUP, "where host memory could be");
	setup(&m, 0, LOC(BAR, 0), SZ(1, 2) | SQS);
	refused(&m, -EPROTO, "BAR 2 has no address in memory");
}

static void when_there_is_none(void)
{
	static struct machine m;

	setup(&m, CMBS, LOC(BAR, 0), SZ(0, 2) | ALL);
	refused(&m, -ENOTSUP, "has no controller memory buffer");
	setup(&m, 0, 0, 0);
	refused(&m, -ENOTSUP, "has no controller memory buffer");
	setup(&m, CMBS, LOC(BAR, 8), SZ(1, 2) | ALL);
	refused(&m, -EPROTO, "begins at 0x800000 of BAR 2, which has 8388608 bytes");
	setup(&m, CMBS, LOC(7u, 0), SZ(1, 2) | ALL);
	refused(&m, -EPROTO, "of BAR 7");
	setup(&m, CMBS, LOC(BAR, 0xfffff), SZ(0xfffff, 15) | ALL);
	refused(&m, -EPROTO, "fake: its memory buffer begins at");
	setup(&m, CMBS, LOC(BAR, 0), SZ(1, 2) | ALL);
	m.b.device.regions[BAR].info.nr_areas = 0;
	refused(&m, -ENOTSUP, "cannot be mapped");
	setup(&m, CMBS, LOC(BAR, 0), SZ(1, 2) | ALL);
	m.invalid = true;
	refused(&m, -EIO, "refuses 0x");
}

/* Nothing that is mapped for devices later is where the buffer is, and its address is free again
 * after it. */
static void keeps_its_address(void)
{
	static struct machine m;
	uint64_t base, end;
	unsigned int wrong = 0;

	setup(&m, CMBS, LOC(BAR, 0), SZ(8, 2) | ALL);
	CU_ASSERT_PTR_NOT_NULL(nvio_cmb_alloc(m.ctrl, 64, 0));
	base = m.ctrl->locals[NVIO_LOCAL_CMB].window.iova;
	end = base + BAR_LEN;
	for (unsigned int i = 0; i < 32; i++) {
		void *p = mmap(NULL, 1u << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		CU_ASSERT_EQUAL(nvio_mem_register(m.ctrl->iommu, p, 1u << 20, NVIO_DMA_RW), 0);
	}
	CU_ASSERT_PTR_NOT_NULL(nvio_alloc(m.ctrl->iommu, 4096, 4096));
	CU_ASSERT(m.b.fake.nr_maps > 32);
	for (uint32_t i = 0; i < m.b.fake.nr_maps; i++)
		wrong += m.b.fake.maps[i].iova < end &&
			 m.b.fake.maps[i].iova + m.b.fake.maps[i].len > base;
	CU_ASSERT_EQUAL(wrong, 0);
	nvio_cmb_free_all(m.ctrl);
	CU_ASSERT_EQUAL(nvio_local_reserve(m.ctrl, BAR_LEN, &end), 0);
	CU_ASSERT_EQUAL(end, base);
	teardown(&m);
}

static void hands_out_all_of_it(void)
{
	static struct machine m;
	struct nvio_cmb_info info;
	char *pieces[16];

	setup(&m, CMBS, LOC(BAR, 0), SZ(1, 1) | ALL);
	for (unsigned int i = 0; i < 16; i++) {
		pieces[i] = nvio_cmb_alloc(m.ctrl, 4096, 4096);
		CU_ASSERT_PTR_NOT_NULL_FATAL(pieces[i]);
		CU_ASSERT_EQUAL((uintptr_t)pieces[i] % 4096, 0);
		memset(pieces[i], (int)i, 4096);
	}
	for (unsigned int i = 0; i < 16; i++)
		CU_ASSERT(pieces[i][0] == (char)i && pieces[i][4095] == (char)i);
	CU_ASSERT_PTR_NULL(nvio_cmb_alloc(m.ctrl, 1, 0));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(nvio_last_error(), "in its memory buffer of 65536, of which 65536"));
	/* Two neighbours make room for one as long as both. */
	nvio_cmb_free(m.ctrl, pieces[5]);
	nvio_cmb_free(m.ctrl, pieces[6]);
	nvio_cmb_free(m.ctrl, pieces[6]);
	nvio_cmb_free(m.ctrl, NULL);
	CU_ASSERT_PTR_NULL(nvio_cmb_alloc(m.ctrl, 8193, 0));
	CU_ASSERT_PTR_EQUAL(nvio_cmb_alloc(m.ctrl, 8192, 64), pieces[5]);
	CU_ASSERT_EQUAL(nvio_cmb_get_info(m.ctrl, &info, sizeof(info)), 0);
	CU_ASSERT_EQUAL(info.used_len, 65536);
	CU_ASSERT_PTR_NULL(nvio_cmb_alloc(m.ctrl, 0, 0));
	CU_ASSERT_PTR_NULL(nvio_cmb_alloc(m.ctrl, 64, 96));
	teardown(&m);
}

/* The address that a command of the controller carries for @addr; 0 when it is not found. */
static uint64_t found(struct nvio_ctrl *ctrl, const struct nvio_memory *memory, void *addr,
		      unsigned int rights, size_t len, size_t *run)
{
	struct iovec iov = { addr, len };
	struct nvio_qpair qpair = { .ctrl = ctrl, .memory = memory };
	struct nvio_data data = { &iov, 1, rights, 0 };
	uint64_t iova = 0;

	*run = nvio_data_run(&qpair, &data, len, &iova);
	return *run ? iova : 0;
}

static void data_in_it(void)
{
	static struct machine m;
	static struct nvio_ctrl other;
	const struct nvio_memory *memory;
	uint64_t base;
	size_t run;
	char *p;

	setup(&m, CMBS, LOC(BAR, 0), SZ(4, 1) | SQS | WDS);
	p = nvio_cmb_alloc(m.ctrl, 65536, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	memory = nvio_memory_of(m.ctrl->iommu);
	base = m.ctrl->locals[NVIO_LOCAL_CMB].window.iova;
	CU_ASSERT_EQUAL(found(m.ctrl, memory, p + 100, NVIO_DMA_READ, 4096, &run), base + 100);
	CU_ASSERT_EQUAL(run, 4096);
	/* Up to its end and no further. */
	CU_ASSERT_EQUAL(found(m.ctrl, memory, p + 262140, NVIO_DMA_READ, 4096, &run),
			base + 262140);
	CU_ASSERT_EQUAL(run, 4);
	CU_ASSERT_EQUAL(found(m.ctrl, memory, p + 262144, NVIO_DMA_READ, 1, &run), 0);
	CU_ASSERT_EQUAL(found(m.ctrl, memory, p - 1, NVIO_DMA_READ, 1, &run), 0);
	/* It cannot be read into, and another controller knows nothing of it. */
	CU_ASSERT_EQUAL(found(m.ctrl, memory, p, NVIO_DMA_WRITE, 4096, &run), 0);
	CU_ASSERT_EQUAL(found(m.ctrl, memory, p, NVIO_DMA_RW, 4096, &run), 0);
	CU_ASSERT_EQUAL(found(&other, memory, p, NVIO_DMA_READ, 4096, &run), 0);
	teardown(&m);
}

static int use_of(struct machine *m, uint64_t cap, uint32_t loc, uint32_t sz, uint8_t *use)
{
	int err;

	setup(m, cap, loc, sz);
	m->b.config[4 + BAR] = 0xfee10000;
	err = nvio_cmb_check_use(m->ctrl, use);
	teardown(m);
	return err;
}

static void queues_and_lists(void)
{
	static struct machine m;
	uint8_t use = NVIO_CMB_QUEUE;

	CU_ASSERT_EQUAL(use_of(&m, CMBS, LOC(BAR, 0) | CDPCILS, SZ(1, 1) | SQS, &use), 0);
	CU_ASSERT_EQUAL(use, NVIO_CMB_QUEUE);
	/* What cannot be apart is together, where that is possible. */
	CU_ASSERT_EQUAL(use_of(&m, CMBS, LOC(BAR, 0), SZ(1, 1) | ALL, &use), 0);
	CU_ASSERT_EQUAL(use, NVIO_CMB_QUEUE | NVIO_CMB_LISTS);
	use = NVIO_CMB_QUEUE;
	CU_ASSERT_EQUAL(use_of(&m, CMBS, LOC(BAR, 0), SZ(1, 1) | SQS | WDS, &use), -ENOTSUP);
	use = NVIO_CMB_QUEUE;
	CU_ASSERT_EQUAL(use_of(&m, CMBS, LOC(BAR, 0), SZ(1, 1) | SQS | LISTS, &use), -ENOTSUP);
	use = NVIO_CMB_QUEUE;
	CU_ASSERT_EQUAL(use_of(&m, CMBS, LOC(BAR, 0), SZ(1, 1) | LISTS | WDS, &use), -ENOTSUP);
	/* Before 1.4 they could be apart. */
	use = NVIO_CMB_QUEUE;
	CU_ASSERT_EQUAL(use_of(&m, 0, LOC(BAR, 0), SZ(16, 0) | SQS, &use), 0);
	CU_ASSERT_EQUAL(use, NVIO_CMB_QUEUE);
	use = NVIO_CMB_LISTS;
	CU_ASSERT_EQUAL(use_of(&m, CMBS, LOC(BAR, 0), SZ(1, 1) | ALL, &use), -EINVAL);
	use = 4;
	CU_ASSERT_EQUAL(use_of(&m, CMBS, LOC(BAR, 0), SZ(1, 1) | ALL, &use), -EINVAL);
}

static void a_queue_pair_in_it(void)
{
	struct nvio_qpair_shape shape = { .depth = 16, .page_len = 4096, .max_transfer = 1u << 20 };
	const struct nvio_window *window;
	static struct machine m;
	static struct nvio_qpair qpair;
	struct nvio_cmb_info info;

	setup(&m, CMBS, LOC(BAR, 0), SZ(8, 1) | ALL);
	shape.ctrl = m.ctrl;
	shape.in_cmb = NVIO_CMB_QUEUE | NVIO_CMB_LISTS;
	CU_ASSERT_EQUAL(nvio_cmb_check_use(m.ctrl, &shape.in_cmb), 0);
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_init(&qpair, m.ctrl->iommu, &shape), 0);
	window = &m.ctrl->locals[NVIO_LOCAL_CMB].window;
	CU_ASSERT((uintptr_t)qpair.sq - window->addr < window->len);
	CU_ASSERT_EQUAL(qpair.sq_iova - window->iova, (uintptr_t)qpair.sq - window->addr);
	CU_ASSERT_EQUAL(qpair.lists_iova - window->iova, (uintptr_t)qpair.lists - window->addr);
	CU_ASSERT_FALSE((uintptr_t)qpair.cq - window->addr < window->len);
	CU_ASSERT_EQUAL(nvio_cmb_get_info(m.ctrl, &info, sizeof(info)), 0);
	CU_ASSERT_EQUAL(info.used_len, 17 * 64 + 16 * 2048);
	nvio_qpair_fini(&qpair, m.ctrl->iommu);
	CU_ASSERT_EQUAL(nvio_cmb_get_info(m.ctrl, &info, sizeof(info)), 0);
	CU_ASSERT_EQUAL(info.used_len, 0);
	/* Too large for it: nothing is kept. */
	shape.depth = 1000;
	CU_ASSERT_EQUAL(nvio_qpair_init(&qpair, m.ctrl->iommu, &shape), -ENOMEM);
	CU_ASSERT_EQUAL(nvio_cmb_get_info(m.ctrl, &info, sizeof(info)), 0);
	CU_ASSERT_EQUAL(info.used_len, 0);
	teardown(&m);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "where it is", where_it_is },
		{ "where it was before 1.4", where_it_was_before_1_4 },
		{ "when there is none", when_there_is_none },
		{ "keeps its address", keeps_its_address },
		{ "hands out all of it", hands_out_all_of_it },
		{ "data in it", data_in_it },
		{ "queues and lists", queues_and_lists },
		{ "a queue pair in it", a_queue_pair_in_it },
	};

	return tap_run("cmb", tests, ARRAY_LEN(tests));
}
