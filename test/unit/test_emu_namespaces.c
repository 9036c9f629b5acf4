/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Namespaces of the software controller that come, go and change their format.
 */
#include <string.h>

#include "emu_bench.h"

#define OUT BENCH_DATA

static uint16_t send(struct emu_bench *b, uint8_t opcode, uint32_t nsid, uint32_t cdw10,
		     uint32_t cdw11, uint32_t *result)
{
	struct nvio_sqe sqe = { .opcode = opcode,
				.nsid = nsid,
				.prp1 = OUT,
				.prp2 = OUT + 4096,
				.cdw10 = cdw10,
				.cdw11 = cdw11 };

	return bench_do(b, &b->admin, sqe, result);
}

static uint16_t identify(struct emu_bench *b, uint32_t cns, uint32_t nsid)
{
	memset(bench_at(b, OUT), 0x5a, 4096);
	return send(b, nvme_admin_identify, nsid, cns, 0, NULL);
}

static uint16_t get_log(struct emu_bench *b, uint8_t lid, uint32_t len, uint64_t offset)
{
	struct nvio_sqe sqe = { .opcode = nvme_admin_get_log_page,
				.prp1 = OUT,
				.prp2 = OUT + 4096,
				.cdw10 = lid | (len / 4 - 1) << 16,
				.cdw12 = (uint32_t)offset,
				.cdw13 = (uint32_t)(offset >> 32) };

	memset(bench_at(b, OUT), 0x5a, 4096);
	return bench_admin(b, sqe);
}

static void formats(void)
{
	struct emu_bench b;
	struct nvme_id_ns *ns;

	bench_new(&b, "size=1M,lba=512");
	bench_start(&b, 8);
	bench_fill(&b, BENCH_DATA, 1, 4096);
	CU_ASSERT_EQUAL(bench_io(&b, bench_rw(NVIO_NVM_WRITE, 0, 8, BENCH_DATA)), 0);
	CU_ASSERT_EQUAL(send(&b, nvme_admin_format_nvm, 1, 12, 0, NULL),
			SPECIFIC(NVME_SC_INVALID_FORMAT));
	CU_ASSERT_EQUAL(send(&b, nvme_admin_format_nvm, 1, 1 | 1 << 5, 0, NULL),
			SPECIFIC(NVME_SC_INVALID_FORMAT));
	CU_ASSERT_EQUAL(send(&b, nvme_admin_format_nvm, 1, 3 << 9, 0, NULL), NVME_SC_INVALID_FIELD);
	CU_ASSERT_EQUAL(send(&b, nvme_admin_format_nvm, 2, 0, 0, NULL), NVME_SC_INVALID_NS);
	CU_ASSERT_EQUAL(send(&b, nvme_admin_format_nvm, 0xffffffff, 1, 0, NULL), 0);
	CU_ASSERT_EQUAL(bench_io(&b, bench_rw(NVIO_NVM_READ, 255, 1, BENCH_DATA)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, bench_rw(NVIO_NVM_READ, 256, 1, BENCH_DATA)),
			NVME_SC_LBA_RANGE);
	CU_ASSERT_EQUAL(bench_io(&b, bench_rw(NVIO_NVM_READ, 0, 1, BENCH_DATA)), 0);
	CU_ASSERT_EQUAL(*(uint8_t *)bench_at(&b, BENCH_DATA + 9), 0);
	CU_ASSERT_EQUAL(send(&b, nvme_admin_format_nvm, 1, 4 | 1 << 4 | 2 << 5 | 1 << 8, 0, NULL),
			0);
	CU_ASSERT_EQUAL(identify(&b, 0, 1), 0);
	ns = bench_at(&b, OUT);
	CU_ASSERT_EQUAL(ns->dps, 2 | 8);
	CU_ASSERT_EQUAL(ns->flbas, 4 | 0x10);
	bench_free(&b);
}

static void manages_namespaces(void)
{
	struct nvme_id_ns want = { .nsze = 128, .ncap = 128, .flbas = 1 };
	struct nvme_ctrl_list list = { .num = 1, .identifier = { 1 } };
	struct emu_bench b;
	const uint32_t *ids;
	uint32_t nsid = 0;

	bench_new(&b, "size=1M,lba=4096,ns,size=1M");
	bench_start(&b, 8);
	ids = bench_at(&b, OUT);
	bench_put(&b, OUT, &want, sizeof(want));
	CU_ASSERT_EQUAL(send(&b, nvme_admin_ns_mgmt, 0, 0, 0, NULL),
			SPECIFIC(NVME_SC_NS_INSUFFICIENT_CAP));
	CU_ASSERT_EQUAL(send(&b, nvme_admin_ns_mgmt, 9, 1, 0, NULL), NVME_SC_INVALID_NS);
	CU_ASSERT_EQUAL(send(&b, nvme_admin_ns_mgmt, 1, 1, 0, NULL), 0);
	CU_ASSERT_EQUAL(bench_io(&b, bench_rw(NVIO_NVM_READ, 0, 1, BENCH_DATA)),
			NVME_SC_INVALID_NS);
	want.ncap = 64;
	bench_put(&b, OUT, &want, sizeof(want));
	CU_ASSERT_EQUAL(send(&b, nvme_admin_ns_mgmt, 0, 0, 0, NULL),
			SPECIFIC(NVME_SC_THIN_PROV_NOT_SUPP));
	want.ncap = 128;
	bench_put(&b, OUT, &want, sizeof(want));
	CU_ASSERT_EQUAL(send(&b, nvme_admin_ns_mgmt, 0, 0, 2u << 24, NULL),
			SPECIFIC(NVME_SC_IOCS_NOT_SUPPORTED));
	CU_ASSERT_EQUAL(send(&b, nvme_admin_ns_mgmt, 0, 0, 0, &nsid), 0);
	CU_ASSERT_EQUAL(nsid, 1);
	CU_ASSERT_EQUAL(bench_io(&b, bench_rw(NVIO_NVM_READ, 0, 1, BENCH_DATA)),
			NVME_SC_INVALID_NS);
	CU_ASSERT_EQUAL(identify(&b, NVME_IDENTIFY_CNS_ALLOCATED_NS_LIST, 0), 0);
	CU_ASSERT_TRUE(ids[0] == 1 && ids[1] == 2);
	CU_ASSERT_EQUAL(identify(&b, NVME_IDENTIFY_CNS_NS_ACTIVE_LIST, 0), 0);
	CU_ASSERT_TRUE(ids[0] == 2 && ids[1] == 0);
	bench_put(&b, OUT, &list, sizeof(list));
	CU_ASSERT_EQUAL(send(&b, nvme_admin_ns_attach, 1, 1, 0, NULL),
			SPECIFIC(NVME_SC_NS_NOT_ATTACHED));
	CU_ASSERT_EQUAL(send(&b, nvme_admin_ns_attach, 1, 0, 0, NULL), 0);
	CU_ASSERT_EQUAL(send(&b, nvme_admin_ns_attach, 1, 0, 0, NULL),
			SPECIFIC(NVME_SC_NS_ALREADY_ATTACHED));
	CU_ASSERT_EQUAL(bench_io(&b, bench_rw(NVIO_NVM_READ, 127, 1, BENCH_DATA)), 0);
	bench_fill(&b, OUT, 1, 4096);
	CU_ASSERT_EQUAL(send(&b, nvme_admin_ns_attach, 1, 1, 0, NULL),
			SPECIFIC(NVME_SC_CTRL_LIST_INVALID));
	/* It is not read before it has arrived. */
	CU_ASSERT_EQUAL(get_log(&b, NVME_LOG_LID_CHANGED_NS, 4096, 8192), NVME_SC_INVALID_FIELD);
	b.read_only = OUT;
	CU_ASSERT_EQUAL(get_log(&b, NVME_LOG_LID_CHANGED_NS, 4096, 0), NVME_SC_DATA_XFER_ERROR);
	b.read_only = 0;
	CU_ASSERT_EQUAL(get_log(&b, NVME_LOG_LID_CHANGED_NS, 4096, 0), 0);
	CU_ASSERT_TRUE(ids[0] == 1 && ids[1] == 0);
	CU_ASSERT_EQUAL(get_log(&b, NVME_LOG_LID_CHANGED_NS, 4096, 0), 0);
	CU_ASSERT_EQUAL(ids[0], 0);
	bench_free(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "formats", formats },
		{ "manages namespaces", manages_namespaces },
	};

	return bench_run("emu namespaces", tests, sizeof(tests) / sizeof(tests[0]));
}
