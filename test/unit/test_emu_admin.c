/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The software controller's admin commands: Identify, features, log pages, events, doorbell
 * buffers, Keep Alive.
 */
#include <string.h>
#include <time.h>

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

static void identifies(void)
{
	const struct nvme_id_ctrl *ctrl;
	const struct nvme_id_ns *ns;
	const struct nvme_nvm_id_ns *nvm;
	const uint32_t *list;
	struct emu_bench b;
	uint8_t uuid[4096];

	bench_new(&b, "size=1M,ns,size=2M,lba=4096,md=8,pi=1,extended,ns,null,mdts=5,serial=S1,"
		      "model=A drive,fw=9.9");
	CU_ASSERT_EQUAL(bench_enable(&b), 1);
	ctrl = bench_at(&b, OUT);
	ns = bench_at(&b, OUT);
	nvm = bench_at(&b, OUT);
	list = bench_at(&b, OUT);
	CU_ASSERT_EQUAL(identify(&b, NVME_IDENTIFY_CNS_CTRL, 0), 0);
	CU_ASSERT_EQUAL(memcmp(ctrl->sn, "S1                  ", 20), 0);
	CU_ASSERT_EQUAL(memcmp(ctrl->mn, "A drive ", 8), 0);
	CU_ASSERT_EQUAL(memcmp(ctrl->fr, "9.9     ", 8), 0);
	CU_ASSERT_EQUAL(ctrl->mdts, 5);
	CU_ASSERT_EQUAL(ctrl->ver, 0x20000);
	CU_ASSERT_EQUAL(ctrl->cntrltype, 1);
	CU_ASSERT_EQUAL(ctrl->sqes, 0x66);
	CU_ASSERT_EQUAL(ctrl->cqes, 0x44);
	CU_ASSERT_EQUAL(ctrl->nn, 64);
	CU_ASSERT_EQUAL(ctrl->sgls & 3, 1);
	CU_ASSERT_EQUAL(strncmp(ctrl->subnqn, "nqn.2014-08.org.nvmexpress:uuid:", 32), 0);
	CU_ASSERT_EQUAL(identify(&b, NVME_IDENTIFY_CNS_NS, 2), 0);
	CU_ASSERT_EQUAL(ns->nsze, 512);
	CU_ASSERT_EQUAL(ns->lbaf[ns->flbas & 0xf].ds, 12);
	CU_ASSERT_EQUAL(ns->lbaf[ns->flbas & 0xf].ms, 8);
	CU_ASSERT_EQUAL(ns->flbas & 0x10, 0x10);
	CU_ASSERT_EQUAL(ns->dps, 1);
	CU_ASSERT_EQUAL(identify(&b, NVME_IDENTIFY_CNS_NS, 4), 0);
	CU_ASSERT_EQUAL(ns->nsze | ns->nlbaf, 0);
	CU_ASSERT_EQUAL(identify(&b, NVME_IDENTIFY_CNS_NS, 0xffffffff), 0);
	CU_ASSERT_EQUAL(ns->nsze, 0);
	CU_ASSERT_EQUAL(ns->nlbaf, 11);
	CU_ASSERT_EQUAL(identify(&b, NVME_IDENTIFY_CNS_NS, 0), NVME_SC_INVALID_NS);
	CU_ASSERT_EQUAL(identify(&b, NVME_IDENTIFY_CNS_NS, 65), NVME_SC_INVALID_NS);
	CU_ASSERT_EQUAL(identify(&b, NVME_IDENTIFY_CNS_NS_ACTIVE_LIST, 1), 0);
	CU_ASSERT_TRUE(list[0] == 2 && list[1] == 3 && list[2] == 0);
	CU_ASSERT_EQUAL(identify(&b, NVME_IDENTIFY_CNS_NS_ACTIVE_LIST, 0xfffffffe),
			NVME_SC_INVALID_NS);
	CU_ASSERT_EQUAL(identify(&b, NVME_IDENTIFY_CNS_NS_DESC_LIST, 1), 0);
	bench_get(&b, OUT, uuid, sizeof(uuid));
	CU_ASSERT_EQUAL(memcmp(uuid, "\1\10\0\0", 4), 0);
	CU_ASSERT_EQUAL(memcmp(uuid + 12, "\2\20\0\0", 4), 0);
	CU_ASSERT_EQUAL(memcmp(uuid + 32, "\3\20\0\0", 4), 0);
	CU_ASSERT_EQUAL(memcmp(uuid + 52, "\4\1\0\0\0\0\0\0\0", 9), 0);
	CU_ASSERT_EQUAL(identify(&b, NVME_IDENTIFY_CNS_NS_DESC_LIST, 9), NVME_SC_INVALID_NS);
	CU_ASSERT_EQUAL(identify(&b, NVME_IDENTIFY_CNS_CSI_NS, 2), 0);
	CU_ASSERT_EQUAL(nvm->elbaf[9] >> 7, 2);
	CU_ASSERT_EQUAL(identify(&b, NVME_IDENTIFY_CNS_CSI_CTRL, 0), 0);
	CU_ASSERT_EQUAL(identify(&b, NVME_IDENTIFY_CNS_CSI_NS_ACTIVE_LIST, 0), 0);
	CU_ASSERT_EQUAL(identify(&b, NVME_IDENTIFY_CNS_CSI_INDEPENDENT_ID_NS, 1), 0);
	CU_ASSERT_EQUAL(identify(&b, NVME_IDENTIFY_CNS_CTRL_LIST, 0), 0);
	CU_ASSERT_EQUAL(list[0], 1 | 1 << 16);
	CU_ASSERT_EQUAL(identify(&b, NVME_IDENTIFY_CNS_NS_CTRL_LIST | 2 << 16, 1), 0);
	CU_ASSERT_EQUAL(list[0], 0);
	CU_ASSERT_EQUAL(identify(&b, NVME_IDENTIFY_CNS_COMMAND_SET_STRUCTURE | 0xffff0000, 0), 0);
	CU_ASSERT_EQUAL(list[0], 1);
	CU_ASSERT_EQUAL(identify(&b, 0x7f, 0), NVME_SC_INVALID_FIELD);
	CU_ASSERT_EQUAL(send(&b, 0x7d, 0, 0, 0, NULL), NVME_SC_INVALID_OPCODE);
	bench_free(&b);
}

static uint16_t set(struct emu_bench *b, uint32_t cdw10, uint32_t cdw11)
{
	return send(b, nvme_admin_set_features, 0, cdw10, cdw11, NULL);
}

static uint32_t get(struct emu_bench *b, uint32_t cdw10)
{
	uint32_t result = 0;

	CU_ASSERT_EQUAL(send(b, nvme_admin_get_features, 0, cdw10, 0, &result), 0);
	return result;
}

static void keeps_features(void)
{
	const uint32_t save = 1u << 31, defaults = 1 << 8, saved = 2 << 8, caps = 3 << 8;
	struct emu_bench b;
	uint32_t result;
	uint64_t stamp = 0x123456789a;

	bench_new(&b, "queues=8");
	CU_ASSERT_EQUAL(bench_enable(&b), 1);
	CU_ASSERT_EQUAL(send(&b, nvme_admin_set_features, 0, 7, 127u << 16 | 3, &result), 0);
	CU_ASSERT_EQUAL(result, 7u << 16 | 3);
	CU_ASSERT_EQUAL(get(&b, 7), 7u << 16 | 3);
	CU_ASSERT_EQUAL(set(&b, 7, 0xffff), NVME_SC_INVALID_FIELD);
	CU_ASSERT_EQUAL(set(&b, NVME_FEAT_FID_IRQ_COALESCE | save, 0x505), 0);
	CU_ASSERT_EQUAL(set(&b, NVME_FEAT_FID_IRQ_COALESCE, 0x606), 0);
	CU_ASSERT_EQUAL(get(&b, NVME_FEAT_FID_IRQ_COALESCE), 0x606);
	CU_ASSERT_EQUAL(get(&b, NVME_FEAT_FID_IRQ_COALESCE | saved), 0x505);
	CU_ASSERT_EQUAL(get(&b, NVME_FEAT_FID_IRQ_COALESCE | defaults), 0);
	CU_ASSERT_EQUAL(get(&b, NVME_FEAT_FID_IRQ_COALESCE | caps), 5);
	CU_ASSERT_EQUAL(set(&b, 7 | save, 1), SPECIFIC(NVME_SC_FEATURE_NOT_SAVEABLE));
	CU_ASSERT_EQUAL(set(&b, 0x7e, 0), NVME_SC_INVALID_FIELD);
	CU_ASSERT_EQUAL(set(&b, NVME_FEAT_FID_POWER_MGMT, 1), NVME_SC_INVALID_FIELD);
	CU_ASSERT_EQUAL(send(&b, nvme_admin_set_features, 1, 8, 0, NULL),
			SPECIFIC(NVME_SC_FEATURE_NOT_PER_NS));
	CU_ASSERT_EQUAL(set(&b, NVME_FEAT_FID_IRQ_CONFIG, 3 | 1 << 16), 0);
	CU_ASSERT_EQUAL(set(&b, NVME_FEAT_FID_IRQ_CONFIG, 9), NVME_SC_INVALID_FIELD);
	CU_ASSERT_EQUAL(get(&b, NVME_FEAT_FID_VOLATILE_WC), 1);
	bench_put(&b, OUT, &stamp, sizeof(stamp));
	CU_ASSERT_EQUAL(set(&b, NVME_FEAT_FID_TIMESTAMP, 0), 0);
	get(&b, NVME_FEAT_FID_TIMESTAMP);
	bench_get(&b, OUT, &stamp, sizeof(stamp));
	CU_ASSERT_EQUAL(stamp >> 48, 2);
	CU_ASSERT_TRUE((stamp & 0xffffffffffff) - 0x123456789a < 5000);
	memset(bench_at(&b, OUT), 2, 512);
	CU_ASSERT_EQUAL(set(&b, NVME_FEAT_FID_HOST_BEHAVIOR, 0), NVME_SC_INVALID_FIELD);
	/* A reset goes back to what was saved. */
	nvio_emu_ctrl_write(b.ctrl, NVME_REG_CC, 4, 0);
	bench_start(&b, 8);
	CU_ASSERT_EQUAL(get(&b, NVME_FEAT_FID_IRQ_COALESCE), 0x505);
	CU_ASSERT_EQUAL(get(&b, 7), 7u << 16 | 7);
	CU_ASSERT_EQUAL(set(&b, 7, 0), NVME_SC_CMD_SEQ_ERROR);
	bench_free(&b);
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

static void writes_logs(void)
{
	const struct nvme_error_log_page *error;
	const struct nvme_smart_log *smart;
	const struct nvme_cmd_effects_log *effects;
	const uint32_t *words;
	struct emu_bench b;

	bench_new(&b, "size=1M,lba=512");
	bench_start(&b, 8);
	error = bench_at(&b, OUT);
	smart = bench_at(&b, OUT);
	effects = bench_at(&b, OUT);
	words = bench_at(&b, OUT);
	CU_ASSERT_EQUAL(bench_io(&b, bench_rw(NVIO_NVM_READ, 4096, 1, BENCH_DATA)),
			NVME_SC_LBA_RANGE);
	CU_ASSERT_EQUAL(bench_io(&b, bench_rw(NVIO_NVM_WRITE, 0, 8, BENCH_DATA)), 0);
	CU_ASSERT_EQUAL(get_log(&b, NVME_LOG_LID_ERROR, 128, 0), 0);
	CU_ASSERT_EQUAL(error[0].error_count, 1);
	CU_ASSERT_EQUAL(error[0].sqid, 1);
	CU_ASSERT_EQUAL(error[0].status_field >> 1, NVME_SC_LBA_RANGE);
	CU_ASSERT_EQUAL(error[1].error_count, 0);
	CU_ASSERT_EQUAL(*(uint8_t *)bench_at(&b, OUT + 128), 0x5a);
	CU_ASSERT_EQUAL(get_log(&b, NVME_LOG_LID_SMART, 512, 0), 0);
	CU_ASSERT_EQUAL(smart->host_writes[0], 1);
	CU_ASSERT_EQUAL(smart->data_units_written[0], 1);
	CU_ASSERT_EQUAL(smart->temperature[0] | smart->temperature[1] << 8, 313);
	/* From an offset, and beyond the end. */
	CU_ASSERT_EQUAL(get_log(&b, NVME_LOG_LID_SMART, 512, 48), 0);
	CU_ASSERT_EQUAL(words[0], 1);
	CU_ASSERT_EQUAL(*(uint8_t *)bench_at(&b, OUT + 500), 0);
	CU_ASSERT_EQUAL(get_log(&b, NVME_LOG_LID_SMART, 512, 516), NVME_SC_INVALID_FIELD);
	CU_ASSERT_EQUAL(get_log(&b, NVME_LOG_LID_SMART, 512, 2), NVME_SC_INVALID_FIELD);
	CU_ASSERT_EQUAL(get_log(&b, NVME_LOG_LID_SMART, 512, 1ull << 40), NVME_SC_INVALID_FIELD);
	CU_ASSERT_EQUAL(get_log(&b, NVME_LOG_LID_FW_SLOT, 512, 0), 0);
	CU_ASSERT_EQUAL(memcmp(bench_at(&b, OUT + 8), "1.0     ", 8), 0);
	CU_ASSERT_EQUAL(get_log(&b, NVME_LOG_LID_CMD_EFFECTS, 4096, 0), 0);
	CU_ASSERT_EQUAL(effects->iocs[nvme_cmd_write], 3);
	CU_ASSERT_EQUAL(effects->acs[nvme_admin_identify], 1);
	CU_ASSERT_EQUAL(effects->acs[nvme_admin_sanitize_nvm], 0);
	CU_ASSERT_EQUAL(get_log(&b, NVME_LOG_LID_SUPPORTED_LOG_PAGES, 1024, 0), 0);
	CU_ASSERT_TRUE(words[0] == 1 && words[5] == 1 && words[0x0d] == 0);
	CU_ASSERT_EQUAL(get_log(&b, NVME_LOG_LID_FID_SUPPORTED_EFFECTS, 1024, 0), 0);
	CU_ASSERT_TRUE((words[7] & 1) == 1 && words[0x0c] == 0);
	CU_ASSERT_EQUAL(get_log(&b, NVME_LOG_LID_PERSISTENT_EVENT, 512, 0),
			SPECIFIC(NVME_SC_INVALID_LOG_PAGE));
	bench_free(&b);
}

static void sends_events(void)
{
	struct nvio_sqe aer = { .opcode = nvme_admin_async_event };
	struct emu_bench b;
	struct nvio_cqe cqe;
	uint16_t first;

	bench_new(&b, "");
	CU_ASSERT_EQUAL(bench_enable(&b), 1);
	first = bench_submit(&b, &b.admin, aer, true);
	for (int i = 0; i < 3; i++)
		bench_submit(&b, &b.admin, aer, true);
	bench_poll(&b);
	CU_ASSERT_FALSE(bench_reap(&b, &b.admin, &cqe));
	CU_ASSERT_EQUAL(bench_admin(&b, aer), SPECIFIC(NVME_SC_ASYNC_LIMIT));
	/* A threshold below the temperature. */
	CU_ASSERT_EQUAL(set(&b, NVME_FEAT_FID_ASYNC_EVENT, 2), 0);
	bench_submit(&b, &b.admin,
		     (struct nvio_sqe){ .opcode = nvme_admin_set_features,
					.cdw10 = NVME_FEAT_FID_TEMP_THRESH,
					.cdw11 = 300 },
		     true);
	bench_poll(&b);
	CU_ASSERT_TRUE(bench_reap(&b, &b.admin, &cqe));
	CU_ASSERT_TRUE(bench_reap(&b, &b.admin, &cqe));
	CU_ASSERT_EQUAL(cqe.cid, first);
	CU_ASSERT_EQUAL(cqe.result, 0x020101);
	/* The oldest of the others is taken back. */
	bench_submit(
		&b, &b.admin,
		(struct nvio_sqe){ .opcode = nvme_admin_abort_cmd, .cdw10 = (first + 1u) << 16 },
		true);
	bench_poll(&b);
	CU_ASSERT_TRUE(bench_reap(&b, &b.admin, &cqe));
	CU_ASSERT_EQUAL(cqe.cid, first + 1);
	CU_ASSERT_EQUAL(cqe.status & 0x7ff, NVME_SC_ABORT_REQ);
	CU_ASSERT_TRUE(bench_reap(&b, &b.admin, &cqe));
	CU_ASSERT_EQUAL(cqe.result, 0);
	bench_free(&b);
}

static void reads_shadow_doorbells(void)
{
	struct nvio_sqe dbbuf = { .opcode = nvme_admin_dbbuf,
				  .prp1 = BENCH_LISTS,
				  .prp2 = BENCH_LISTS + 0x1000 };
	struct nvio_sqe flush = { .opcode = NVIO_NVM_FLUSH, .nsid = 1 };
	struct emu_bench b;
	struct nvio_cqe cqe;
	uint32_t *shadow, *event;

	bench_new(&b, "");
	bench_start(&b, 8);
	dbbuf.prp1 += 8;
	CU_ASSERT_EQUAL(bench_admin(&b, dbbuf), NVME_SC_INVALID_FIELD);
	dbbuf.prp1 -= 8;
	CU_ASSERT_EQUAL(bench_admin(&b, dbbuf), 0);
	shadow = bench_at(&b, BENCH_LISTS);
	event = bench_at(&b, BENCH_LISTS + 0x1000);
	bench_submit(&b, &b.io, flush, true);
	bench_poll(&b);
	CU_ASSERT_FALSE(bench_reap(&b, &b.io, &cqe));
	shadow[2] = 1;
	bench_poll(&b);
	CU_ASSERT_TRUE(bench_reap(&b, &b.io, &cqe));
	CU_ASSERT_EQUAL(event[2], 0);
	shadow[3] = 1;
	bench_poll(&b);
	CU_ASSERT_EQUAL(event[3], 0);
	/* The admin queue keeps its register. */
	CU_ASSERT_EQUAL(identify(&b, NVME_IDENTIFY_CNS_CTRL, 0), 0);
	bench_free(&b);
}

static void misses_keep_alive(void)
{
	struct timespec second = { 1, 100000000 };
	struct emu_bench b;

	bench_new(&b, "");
	CU_ASSERT_EQUAL(bench_enable(&b), 1);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_next_event(b.ctrl), UINT64_MAX);
	CU_ASSERT_EQUAL(set(&b, NVME_FEAT_FID_KATO, 1), 0);
	CU_ASSERT_EQUAL(get(&b, NVME_FEAT_FID_KATO), 1000);
	CU_ASSERT_EQUAL(send(&b, nvme_admin_keep_alive, 0, 0, 0, NULL), 0);
	CU_ASSERT_NOT_EQUAL(nvio_emu_ctrl_next_event(b.ctrl), UINT64_MAX);
	nanosleep(&second, NULL);
	bench_poll(&b);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_read(b.ctrl, NVME_REG_CSTS, 4), 3);
	bench_free(&b);
}

/* More of one kind than of the other: each has its own limit. */
static void grants_queues(void)
{
	struct emu_bench b;
	uint32_t result;

	bench_new(&b, "null,queues=8");
	CU_ASSERT_EQUAL(bench_enable(&b), 1);
	CU_ASSERT_EQUAL(send(&b, nvme_admin_set_features, 0, 7, 4u << 16 | 1, &result), 0);
	CU_ASSERT_EQUAL(result, 4u << 16 | 1);
	CU_ASSERT_EQUAL(send(&b, nvme_admin_create_cq, 0, 7 << 16 | 6, 1, NULL),
			SPECIFIC(NVME_SC_QID_INVALID));
	CU_ASSERT_EQUAL(send(&b, nvme_admin_create_cq, 0, 7 << 16 | 5, 1, NULL), 0);
	CU_ASSERT_EQUAL(send(&b, nvme_admin_create_sq, 0, 7 << 16 | 3, 5 << 16 | 1, NULL),
			SPECIFIC(NVME_SC_QID_INVALID));
	CU_ASSERT_EQUAL(send(&b, nvme_admin_create_sq, 0, 7 << 16 | 2, 5 << 16 | 1, NULL), 0);
	bench_free(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "identifies", identifies },
		{ "keeps features", keeps_features },
		{ "writes logs", writes_logs },
		{ "sends events", sends_events },
		{ "reads shadow doorbells", reads_shadow_doorbells },
		{ "misses keep alive", misses_keep_alive },
		{ "grants queues", grants_queues },
	};

	return tap_run("emu admin", tests, sizeof(tests) / sizeof(tests[0]));
}
