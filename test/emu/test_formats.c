/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Formats with protection information as the library tells them of a whole controller, which has
 * been told that its host knows them.
 */
#include <string.h>

#include <nvio/nvio.h>

#include "tap.h"

#define GET_FEATURES  0x0a
#define HOST_BEHAVIOR 0x16
#define LBAFEE        2

/* Opens the software controller and fills in what it says of its namespace. */
static struct nvio_ctrl *open_emu(const char *device, struct nvio_ns_info *info)
{
	struct nvio_ctrl *ctrl = NULL;
	struct nvio_ns *ns;

	memset(info, 0xee, sizeof(*info));
	CU_ASSERT_EQUAL_FATAL(nvio_ctrl_open(device, NULL, &ctrl), 0);
	ns = nvio_ctrl_ns(ctrl, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(ns);
	CU_ASSERT_EQUAL(nvio_ns_get_info(ns, info, sizeof(*info)), 0);
	return ctrl;
}

static void tells_guards_and_places(void)
{
	struct nvio_ns_info info;

	nvio_ctrl_close(open_emu("emu:size=1M", &info));
	CU_ASSERT_EQUAL(info.protection, 0);
	CU_ASSERT_EQUAL(info.guard_bits, 0);
	CU_ASSERT_EQUAL(info.pi_len, 0);
	CU_ASSERT_FALSE(info.pi_alone);
	nvio_ctrl_close(open_emu("emu:size=1M,lba=512,md=8,pi=2,extended", &info));
	CU_ASSERT_EQUAL(info.protection, 2);
	CU_ASSERT_EQUAL(info.guard_bits, 16);
	CU_ASSERT_EQUAL(info.pi_len, 8);
	CU_ASSERT_EQUAL(info.pi_offset, 0);
	CU_ASSERT_TRUE(info.pi_alone);
	CU_ASSERT_TRUE(info.metadata_extended);
	nvio_ctrl_close(open_emu("emu:size=1M,lba=4096,md=64,pi=1,guard=64", &info));
	CU_ASSERT_EQUAL(info.protection, 1);
	CU_ASSERT_EQUAL(info.guard_bits, 64);
	CU_ASSERT_EQUAL(info.pi_len, 16);
	CU_ASSERT_EQUAL(info.pi_offset, 48);
	CU_ASSERT_FALSE(info.pi_alone);
	CU_ASSERT_EQUAL(info.storage_tag_bits, 0);
	CU_ASSERT_EQUAL(info.storage_tag_mask, 0);
	nvio_ctrl_close(open_emu("emu:size=1M,lba=4096,md=16,pi=3,guard=32", &info));
	CU_ASSERT_EQUAL(info.protection, 3);
	CU_ASSERT_EQUAL(info.guard_bits, 32);
	CU_ASSERT_TRUE(info.pi_alone);
	CU_ASSERT_EQUAL(info.storage_tag_bits, 16);
	CU_ASSERT_EQUAL(info.storage_tag_mask, 0xffff);
}

/* A controller with wide guards aborts their I/O until its host says that it knows them. */
static void enables_extended_formats(void)
{
	struct nvio_sqe get = { .opcode = GET_FEATURES, .cdw10 = HOST_BEHAVIOR };
	uint8_t host[512], others = 0;
	struct nvio_ns_info info;
	struct nvio_ctrl *ctrl = open_emu("emu:size=1M", &info);

	memset(host, 0xee, sizeof(host));
	CU_ASSERT_EQUAL(nvio_admin(ctrl, &get, host, sizeof(host), NULL), 0);
	CU_ASSERT_EQUAL(host[LBAFEE], 1);
	for (size_t i = 3; i < sizeof(host); i++)
		others |= host[i];
	CU_ASSERT_EQUAL(others, 0);
	nvio_ctrl_close(ctrl);
}

/* Software makes what the format asks for, through the public calls alone. */
static void makes_what_the_format_asks_for(void)
{
	const struct nvio_pi_tags tags = { 0x123456789abcdef0, 0, 0xa5a5, 0xffff };
	static uint8_t data[2][4096], md[2][64];
	struct nvio_pi_error error;
	struct nvio_ns_info info;

	nvio_ctrl_close(open_emu("emu:size=1M,lba=4096,md=64,pi=1,guard=64", &info));
	memset(md, 0xee, sizeof(md));
	CU_ASSERT_EQUAL(nvio_pi_generate(&info, data, md, 2, &tags), 0);
	CU_ASSERT_EQUAL(md[0][47], 0xee);
	CU_ASSERT_EQUAL(memcmp(md[1] + 56, "\xa5\xa5\x56\x78\x9a\xbc\xde\xf1", 8), 0);
	CU_ASSERT_EQUAL(nvio_pi_verify(&info, data, md, 2, &tags, NVIO_PI_ALL, &error), 0);
	md[1][47] ^= 1;
	CU_ASSERT_NOT_EQUAL(nvio_pi_verify(&info, data, md, 2, &tags, NVIO_PI_ALL, &error), 0);
	CU_ASSERT_EQUAL(error.block, 1);
	CU_ASSERT_EQUAL(error.check, NVIO_PI_GUARD);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "tells guards and places", tells_guards_and_places },
		{ "enables extended formats", enables_extended_formats },
		{ "makes what the format asks for", makes_what_the_format_asks_for },
	};

	return tap_run("formats", tests, sizeof(tests) / sizeof(tests[0]));
}
