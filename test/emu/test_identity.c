/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Controllers and namespaces that say impossible things of themselves: each is refused with a
 * sentence that names it, or taken with what is left of it within bounds. Nothing crashes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "stack.h"

/* CNS: Identify Namespace, Controller, active namespaces, the NVM command set. */
#define NS       0
#define CTRL     1
#define LIST     2
#define NVM_CTRL 6

struct lie {
	unsigned int cns;
	unsigned int byte;
	unsigned int len;
	unsigned int value;
	const char *says; /* NULL: it is put up with */
};

static int open_with(const struct lie *lie, struct nvio_ctrl **ctrl)
{
	struct nvio_ctrl_opts opts = stack_opts();
	char name[128];

	snprintf(name, sizeof(name), "emu:size=16M,fault=identify+cns=%u+byte=%u+len=%u+value=%u",
		 lie->cns, lie->byte, lie->len, lie->value);
	return nvio_ctrl_open(name, &opts, ctrl);
}

static bool said(const struct lie *lie)
{
	bool it_was = strstr(nvio_last_error(), lie->says) != NULL;

	if (!it_was)
		printf("# not \"%s\": %s\n", lie->says, nvio_last_error());
	return it_was;
}

static void namespace_is_refused(void)
{
	static const struct lie lies[] = {
		/* LBADS of the format in use, the size, and everything. */
		{ NS, 130, 1, 0, "namespace 1 has blocks of 2^0 bytes" },
		{ NS, 130, 1, 8, "namespace 1 has blocks of 2^8 bytes" },
		{ NS, 130, 1, 17, "namespace 1 has blocks of 2^17 bytes" },
		{ NS, 130, 1, 64, "namespace 1 has blocks of 2^64 bytes" },
		{ NS, 130, 1, 255, "namespace 1 has blocks of 2^255 bytes" },
		{ NS, 0, 8, 0, "namespace 1 has a size of 0 blocks" },
		{ NS, 0, 8, 255, "namespace 1 has a size of 18446744073709551615 blocks" },
		{ NS, 7, 1, 0x80, "namespace 1 has a size of " },
		{ NS, 0, 4096, 255, "namespace 1 has blocks of 2^255 bytes" },
		{ NS, 0, 4096, 0, "namespace 1 has blocks of 2^0 bytes" },
		/* FLBAS names a format that is not there. */
		{ NS, 26, 1, 15, "namespace 1 has blocks of 2^0 bytes" },
		{ NS, 26, 1, 0x6f, "namespace 1 has blocks of 2^0 bytes" },
	};

	for (unsigned int i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct nvio_ctrl *ctrl;

		CU_ASSERT_EQUAL_FATAL(open_with(&lies[i], &ctrl), 0);
		CU_ASSERT_PTR_NULL(nvio_ctrl_ns(ctrl, 1));
		CU_ASSERT(said(&lies[i]));
		nvio_ctrl_close(ctrl);
	}
}

static void list_of_namespaces_is_refused(void)
{
	static const struct lie lies[] = {
		{ LIST, 0, 4096, 255, "has namespace 0xffffffff behind 0x0" },
		{ LIST, 0, 4096, 1, "has namespace 0x1010101 behind 0x1010101" },
		{ LIST, 4, 1, 1, "has namespace 0x1 behind 0x1" },
	};

	for (unsigned int i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct nvio_ctrl *ctrl;

		CU_ASSERT_EQUAL(open_with(&lies[i], &ctrl), -EPROTO);
		CU_ASSERT(said(&lies[i]));
	}
}

/* A namespace on the list that the controller then does not know. */
static void namespace_that_is_not_there(void)
{
	static const struct lie lies[] = {
		{ LIST, 4, 1, 9, "Identify Namespace failed" },
		{ LIST, 0, 1, 9, "Identify Namespace failed" },
	};

	for (unsigned int i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct nvio_ctrl *ctrl;

		CU_ASSERT_EQUAL_FATAL(open_with(&lies[i], &ctrl), 0);
		CU_ASSERT_EQUAL(nvio_ctrl_next_nsid(ctrl, 1), 9);
		CU_ASSERT_PTR_NULL(nvio_ctrl_ns(ctrl, 9));
		/* The controller fills a namespace that is not active with zeros. */
		CU_ASSERT(strstr(nvio_last_error(), "namespace 9") ||
			  strstr(nvio_last_error(), lies[i].says));
		nvio_ctrl_close(ctrl);
	}
}

/* Bounds hold whatever Identify Controller says, and I/O works. */
static void controller_is_put_up_with(void)
{
	static const struct lie lies[] = {
		{ CTRL, 0, 4096, 255, NULL }, { CTRL, 0, 4096, 0, NULL },
		{ CTRL, 77, 1, 255, NULL }, /* MDTS */
		{ CTRL, 77, 1, 20, NULL },    { CTRL, 77, 1, 1, NULL },
		{ CTRL, 516, 4, 0, NULL }, /* no namespaces */
		{ CTRL, 512, 2, 0, NULL }, /* entry sizes */
	};
	struct nvio_ctrl_info info;
	struct stack s;
	char options[64];

	for (unsigned int i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		snprintf(options, sizeof(options), "fault=identify+cns=%u+byte=%u+len=%u+value=%u",
			 lies[i].cns, lies[i].byte, lies[i].len, lies[i].value);
		stack_open(&s, options, NULL);
		nvio_ctrl_get_info(s.ctrl, &info, sizeof(info));
		CU_ASSERT(info.max_transfer >= 4096 && info.max_transfer <= 4u << 20);
		CU_ASSERT_EQUAL(info.max_transfer, lies[i].byte == 77 && lies[i].value == 1 ? 8192u
						   : lies[i].byte > 77 ? 512u << 10
								       : 4u << 20);
		/* Text is printable, and ends. */
		CU_ASSERT(strlen(info.model) <= 40 && strlen(info.serial) <= 20);
		for (const char *at = info.model; *at; at++)
			CU_ASSERT(*at >= ' ' && *at <= '~');
		stack_write_all(&s);
		stack_read(&s, 0, STACK_BUFS - 1);
		stack_expect(&s, 0, STACK_BUFS - 1, STACK_BUFS);
		stack_close_within(&s, 2 * SECOND);
	}
}

/* Blocks are not read as if they had none. */
static void metadata_out_of_nowhere(void)
{
	static const struct lie lie = { NS, 128, 2, 255, "bytes of metadata" };
	struct nvio_ns_info info;
	struct nvio_qpair *qpair;
	struct nvio_ctrl *ctrl;
	struct nvio_ns *ns;
	void *buf;

	CU_ASSERT_EQUAL_FATAL(open_with(&lie, &ctrl), 0);
	ns = nvio_ctrl_ns(ctrl, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(ns);
	nvio_ns_get_info(ns, &info, sizeof(info));
	CU_ASSERT_EQUAL(info.metadata_len, 65535);
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_create(ctrl, NULL, &qpair), 0);
	buf = nvio_alloc(nvio_ctrl_iommu(ctrl), BLOCK, BLOCK);
	CU_ASSERT_PTR_NOT_NULL_FATAL(buf);
	CU_ASSERT_EQUAL(nvio_read(qpair, ns, buf, 0, 1, 0, 0), -EINVAL);
	CU_ASSERT(said(&lie));
	nvio_ctrl_close(ctrl);
}

/* Bytes of each structure, with values from a fixed seed: refused or usable. */
static void any_byte_may_lie(void)
{
	/* Where something is. */
	static const struct lie parts[] = {
		{ NS, 0, 32, 0, NULL },      { NS, 128, 4, 0, NULL }, { CTRL, 0, 128, 0, NULL },
		{ CTRL, 256, 288, 0, NULL }, { LIST, 0, 8, 0, NULL },
	};
	unsigned int seed = 1, refused = 0, usable = 0;

	for (unsigned int i = 0; i < 300; i++) {
		struct lie lie = parts[i % (sizeof(parts) / sizeof(parts[0]))];
		struct nvio_ctrl *ctrl;

		lie.byte += (unsigned int)rand_r(&seed) % lie.len;
		lie.len = 1u << rand_r(&seed) % 5;
		lie.value = (unsigned int)rand_r(&seed) & 0xff;
		if (open_with(&lie, &ctrl)) {
			refused++;
			CU_ASSERT_NOT_EQUAL(nvio_last_error()[0], '\0');
			continue;
		}
		for (uint32_t nsid = 0; (nsid = nvio_ctrl_next_nsid(ctrl, nsid));)
			usable += nvio_ctrl_ns(ctrl, nsid) != NULL;
		nvio_ctrl_close(ctrl);
	}
	printf("# %u refused, %u namespaces usable\n", refused, usable);
	CU_ASSERT(refused > 10 && usable > 100);
}

/* VSL, WZSL and DMRL of the NVM command set's own structure, whatever it holds. */
static void limits_of_the_command_set_are_kept(void)
{
	static const struct {
		struct lie lie;
		uint64_t commands; /* for 64 blocks of 512 bytes */
		unsigned int ranges;
	} cases[] = {
		{ { NVM_CTRL, 0, 1, 0, NULL }, 1 + 1, 64 },
		{ { NVM_CTRL, 0, 1, 1, NULL }, 4 + 1, 64 },
		{ { NVM_CTRL, 1, 1, 1, NULL }, 1 + 4, 64 },
		{ { NVM_CTRL, 3, 1, 7, NULL }, 1 + 1, 7 },
		{ { NVM_CTRL, 0, 4096, 255, NULL }, 1 + 1, 64 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nvio_io io = NVIO_IO;
		struct nvio_qpair_stats stats;
		struct nvio_completion done[2];
		struct nvio_qpair *qpair;
		struct nvio_ctrl *ctrl;

		CU_ASSERT_EQUAL_FATAL(open_with(&cases[i].lie, &ctrl), 0);
		CU_ASSERT_EQUAL_FATAL(nvio_qpair_create(ctrl, NULL, &qpair), 0);
		io.nr_blocks = 64;
		io.opcode = NVIO_OP_VERIFY;
		CU_ASSERT_EQUAL(nvio_io(qpair, nvio_ctrl_ns(ctrl, 1), &io, 1), 0);
		io.opcode = NVIO_OP_WRITE_ZEROES;
		CU_ASSERT_EQUAL(nvio_io(qpair, nvio_ctrl_ns(ctrl, 1), &io, 2), 0);
		CU_ASSERT_EQUAL(nvio_wait(qpair, done, 2, 2, 5 * SECOND), 2);
		CU_ASSERT(!done[0].status && !done[1].status);
		nvio_qpair_get_stats(qpair, &stats, sizeof(stats));
		CU_ASSERT_EQUAL(stats.submitted, cases[i].commands);
		CU_ASSERT_EQUAL(nvio_dsm_max_ranges(qpair), cases[i].ranges);
		nvio_ctrl_close(ctrl);
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "an impossible namespace is refused", namespace_is_refused },
		{ "an impossible list is refused", list_of_namespaces_is_refused },
		{ "a namespace that is not there", namespace_that_is_not_there },
		{ "an impossible controller is put up with", controller_is_put_up_with },
		{ "metadata out of nowhere", metadata_out_of_nowhere },
		{ "any byte may lie", any_byte_may_lie },
		{ "limits of the command set are kept", limits_of_the_command_set_are_kept },
	};

	return tap_run("identity", tests, sizeof(tests) / sizeof(tests[0]));
}
