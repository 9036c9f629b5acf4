/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Protection information in software: guards, tuples and commands as the specifications print them,
 * what is said of a block that is wrong, and what is refused.
 */
#include <errno.h>
#include <string.h>

#include "emu/pi.h"
#include "pi_shape.h"
#include "tap.h"

static void fill_counting(uint8_t *at, size_t len, int first, int step)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(first + (int)i * step);
}

static void check_pattern(int first, int step, uint16_t g16, uint32_t g32, uint64_t g64)
{
	uint8_t block[4096];

	fill_counting(block, sizeof(block), first, step);
	CU_ASSERT_EQUAL(nvio_pi_crc(16, 0, block, 32), g16);
	CU_ASSERT_EQUAL(nvio_pi_crc(32, 0, block, 4096), g32);
	CU_ASSERT_EQUAL(nvio_pi_crc(64, 0, block, 4096), g64);
}

/* 32 bytes of a pattern in SBC's table for CRC-16; 4 KiB of it in NVM:5.2.1.2.1 and 5.2.1.3.5. */
static void knows_guards(void)
{
	static const uint8_t two_ones[32] = { 0xff, 0xff };

	CU_ASSERT_EQUAL(nvio_pi_crc(16, 0, "123456789", 9), 0xd0db);
	CU_ASSERT_EQUAL(nvio_pi_crc(32, 0, "123456789", 9), 0xe3069283);
	CU_ASSERT_EQUAL(nvio_pi_crc(64, 0, "123456789", 9), 0xae8b14860a799888);
	CU_ASSERT_EQUAL(nvio_pi_crc(16, 0, two_ones, 32), 0x21b8);
	check_pattern(0, 0, 0x0000, 0x98f94189, 0x6482d367eb22b64e);
	check_pattern(0xff, 0, 0xa293, 0x25c1fe13, 0xc0ddba7302eca3ac);
	check_pattern(0, 1, 0x0224, 0x9c71fe32, 0x3e729f5f6750449c);
	check_pattern(0xff, -1, 0xa0b7, 0x214941a8, 0x9a2df64b8e9e517e);
}

/* Bit by bit, as the polynomial says. */
static uint32_t slow_crc32c(const uint8_t *data, size_t len)
{
	uint32_t crc = UINT32_MAX;

	while (len--) {
		crc ^= *data++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static void guards_in_pieces_and_of_any_length(void)
{
	int wrong = 0;

	nvio_emu_pi_init();
	pi_fill(pi_data, sizeof(pi_data));
	for (int i = 0; i < 2000; i++) {
		size_t len = pi_random() % 600, cut = pi_random() % (len + 1);
		const uint8_t *at = pi_data + pi_random() % 64;

		if (i < 600)
			len = cut = (size_t)i;
		wrong += nvio_pi_crc(16, nvio_pi_crc(16, 0, at, cut), at + cut, len - cut) !=
			 nvio_emu_crc16(0, at, len);
		wrong += nvio_pi_crc(32, nvio_pi_crc(32, 0, at, cut), at + cut, len - cut) !=
			 slow_crc32c(at, len);
		wrong += nvio_pi_crc(64, nvio_pi_crc(64, 0, at, cut), at + cut, len - cut) !=
			 (nvio_emu_crc64(UINT64_MAX, at, len) ^ UINT64_MAX);
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

/* Tuples byte by byte: big-endian, the storage tag above the reference tag. */
static void tuples_byte_by_byte(void)
{
	const struct nvio_pi_tags tags = { 0x1122334455667788, 0xa1b2c3d4e5f60718, 0x1234, 0 };
	struct nvio_ns_info f = pi_format(2, 16, 512, 8, false, false);

	fill_counting(pi_data, PI_BLOCK_MAX, 0xff, 0);
	memset(pi_md, 0, sizeof(pi_md));
	CU_ASSERT_EQUAL(nvio_pi_generate(&f, pi_data, pi_md, 1, &tags), 0);
	CU_ASSERT_EQUAL(pi_md[0] << 8 | pi_md[1], nvio_emu_crc16(0, pi_data, 512));
	CU_ASSERT_EQUAL(memcmp(pi_md + 2, "\x12\x34\x55\x66\x77\x88", 6), 0);
	f.storage_tag_bits = 12;
	CU_ASSERT_EQUAL(nvio_pi_generate(&f, pi_data, pi_md, 1, &tags), 0);
	CU_ASSERT_EQUAL(memcmp(pi_md + 2, "\x12\x34\x71\x86\x77\x88", 6), 0);
	f.storage_tag_bits = 32;
	CU_ASSERT_EQUAL(nvio_pi_generate(&f, pi_data, pi_md, 1, &tags), 0);
	CU_ASSERT_EQUAL(memcmp(pi_md + 2, "\x12\x34\xe5\xf6\x07\x18", 6), 0);

	f = pi_format(2, 32, 4096, 16, false, false);
	CU_ASSERT_EQUAL(nvio_pi_generate(&f, pi_data, pi_md, 1, &tags), 0);
	CU_ASSERT_EQUAL(memcmp(pi_md,
			       "\x25\xc1\xfe\x13\x12\x34"
			       "\xe5\xf6\x07\x18\x33\x44\x55\x66\x77\x88",
			       16),
			0);
	f.storage_tag_bits = 16;
	CU_ASSERT_EQUAL(nvio_pi_generate(&f, pi_data, pi_md, 1, &tags), 0);
	CU_ASSERT_EQUAL(memcmp(pi_md + 6, "\x07\x18\x11\x22\x33\x44\x55\x66\x77\x88", 10), 0);
	f.storage_tag_bits = 64;
	CU_ASSERT_EQUAL(nvio_pi_generate(&f, pi_data, pi_md, 1, &tags), 0);
	CU_ASSERT_EQUAL(memcmp(pi_md + 6, "\xa1\xb2\xc3\xd4\xe5\xf6\x07\x18\x77\x88", 10), 0);

	f = pi_format(2, 64, 4096, 16, false, false);
	CU_ASSERT_EQUAL(nvio_pi_generate(&f, pi_data, pi_md, 1, &tags), 0);
	CU_ASSERT_EQUAL(memcmp(pi_md,
			       "\xc0\xdd\xba\x73\x02\xec\xa3\xac\x12\x34"
			       "\x33\x44\x55\x66\x77\x88",
			       16),
			0);
	f.storage_tag_bits = 18;
	CU_ASSERT_EQUAL(nvio_pi_generate(&f, pi_data, pi_md, 1, &tags), 0);
	CU_ASSERT_EQUAL(memcmp(pi_md + 10, "\x81\xc6\x15\x66\x77\x88", 6), 0);
}

/* Dwords 2, 3, 14 and 15: the examples of NVM:5.2.1.4.1, and all bits used. */
static void tags_in_commands(void)
{
	const struct nvio_pi_tags tags = { 0x1122334455667788, 0xa1b2c3d4e5f60718, 0x1234, 0xabcd };
	struct nvio_ns_info f = pi_format(1, 16, 512, 8, false, false);
	struct nvio_sqe sqe = { .cdw2 = 1, .cdw3 = 1 };

	nvio_pi_to_sqe(&f, &tags, &sqe);
	CU_ASSERT_EQUAL(sqe.cdw2, 0);
	CU_ASSERT_EQUAL(sqe.cdw3, 0);
	CU_ASSERT_EQUAL(sqe.cdw14, 0x55667788);
	CU_ASSERT_EQUAL(sqe.cdw15, 0xabcd1234);
	f = pi_format(1, 32, 4096, 16, false, false);
	nvio_pi_to_sqe(&f, &tags, &sqe);
	CU_ASSERT_EQUAL(sqe.cdw2, 0xe5f6);
	CU_ASSERT_EQUAL(sqe.cdw3, 0x07183344);
	CU_ASSERT_EQUAL(sqe.cdw14, 0x55667788);
	f = pi_format(1, 64, 4096, 16, false, false);
	f.storage_tag_bits = 18;
	nvio_pi_to_sqe(&f, &tags, &sqe);
	CU_ASSERT_EQUAL(sqe.cdw2, 0);
	CU_ASSERT_EQUAL(sqe.cdw3, 0x81c6);
	CU_ASSERT_EQUAL(sqe.cdw14, (0x60718u & 3) << 30 | 0x15667788u);
}

static void reports(void)
{
	struct nvio_ns_info f = pi_format(1, 64, 4096, 16, false, false);
	struct nvio_pi_error e;
	struct pi_shape s;

	f.storage_tag_bits = 8;
	f.storage_tag_mask = 0xf0;
	pi_make(&s, &f);
	s.tags.reference = 0x1000;
	s.tags.storage = 0xa5;
	CU_ASSERT_EQUAL(nvio_pi_generate(&f, pi_data, pi_md, PI_BLOCKS, &s.tags), 0);
	CU_ASSERT_EQUAL(pi_verify(&s, NVIO_PI_ALL, &e), 0);
	s.tags.reference = 0x1100;
	CU_ASSERT_EQUAL(pi_verify(&s, NVIO_PI_ALL, &e), -EILSEQ);
	CU_ASSERT_EQUAL(e.block, 0);
	CU_ASSERT_EQUAL(e.check, NVIO_PI_REFERENCE);
	CU_ASSERT_EQUAL(e.expected, 0x1100);
	CU_ASSERT_EQUAL(e.actual, 0x1000);
	/* Bits that the mask leaves out are not compared; the storage tag comes first. */
	s.tags.storage = 0xaa;
	CU_ASSERT_EQUAL(pi_verify(&s, NVIO_PI_STORAGE, &e), 0);
	s.tags.storage = 0xba;
	CU_ASSERT_EQUAL(pi_verify(&s, NVIO_PI_ALL, &e), -EILSEQ);
	CU_ASSERT_EQUAL(e.check, NVIO_PI_STORAGE);
	CU_ASSERT_EQUAL(e.expected, 0xba);
	CU_ASSERT_EQUAL(e.actual, 0xa5);
	s.tags.application = 0x1235;
	s.tags.application_mask = 0xfff0;
	CU_ASSERT_EQUAL(pi_verify(&s, NVIO_PI_APPLICATION, &e), 0);
	s.tags.application_mask = 1;
	CU_ASSERT_EQUAL(pi_verify(&s, NVIO_PI_ALL, &e), -EILSEQ);
	CU_ASSERT_EQUAL(e.check, NVIO_PI_APPLICATION);
	CU_ASSERT_EQUAL(e.expected, 0x1235);
	CU_ASSERT_EQUAL(e.actual, 0x1234);
	/* The guard before all, in the block that is wrong. */
	s.tags = (struct nvio_pi_tags){ 0x1000, 0xa5, 0x1234, 0xffff };
	memset(pi_data + 3 * 4096, 0, 4096);
	memset(pi_tuple(&s, 3), 0x11, 16);
	CU_ASSERT_EQUAL(pi_verify(&s, NVIO_PI_ALL, &e), -EILSEQ);
	CU_ASSERT_EQUAL(e.block, 3);
	CU_ASSERT_EQUAL(e.check, NVIO_PI_GUARD);
	CU_ASSERT_EQUAL(e.expected, 0x6482d367eb22b64e);
	CU_ASSERT_EQUAL(e.actual, 0x1111111111111111);
	CU_ASSERT_EQUAL(nvio_pi_verify(&f, pi_data, pi_md, PI_BLOCKS, &s.tags, NVIO_PI_ALL, NULL),
			-EILSEQ);
	CU_ASSERT_STRING_EQUAL(nvio_last_error(),
			       "block 3 of these has the guard 0x1111111111111111 instead of "
			       "0x6482d367eb22b64e");
}

static int refused(const struct nvio_ns_info *f)
{
	const struct nvio_pi_tags tags = { 0 };

	return nvio_pi_generate(f, pi_data, pi_md, 1, &tags) == -EINVAL &&
	       nvio_pi_verify(f, pi_data, pi_md, 1, &tags, 0, NULL) == -EINVAL;
}

static void refuses(void)
{
	const struct nvio_ns_info good = pi_format(1, 64, 4096, 64, false, false);
	const struct nvio_pi_tags tags = { 0 };
	struct nvio_ns_info f = good;

	CU_ASSERT_FALSE(refused(&f));
	f.protection = 0;
	CU_ASSERT_TRUE(refused(&f));
	CU_ASSERT_STRING_EQUAL(nvio_last_error(),
			       "blocks of namespace 1 have no protection information");
	f.protection = 4;
	CU_ASSERT_TRUE(refused(&f));
	f = good;
	f.guard_bits = 0;
	CU_ASSERT_TRUE(refused(&f));
	f.guard_bits = 48;
	CU_ASSERT_TRUE(refused(&f));
	f = good;
	f.pi_offset = 49;
	CU_ASSERT_TRUE(refused(&f));
	f = good;
	f.storage_tag_bits = 49;
	CU_ASSERT_TRUE(refused(&f));
	/* Of 80 bits at most 64 are one tag. */
	f.guard_bits = 32;
	f.storage_tag_bits = 65;
	CU_ASSERT_TRUE(refused(&f));
	f.storage_tag_bits = 15;
	CU_ASSERT_TRUE(refused(&f));
	f.storage_tag_bits = 16;
	CU_ASSERT_FALSE(refused(&f));
	f = good;
	f.block_len = 0;
	CU_ASSERT_TRUE(refused(&f));
	/* Metadata where it should not be, and the other way round. */
	f = good;
	f.metadata_extended = true;
	CU_ASSERT_TRUE(refused(&f));
	CU_ASSERT_EQUAL(nvio_pi_generate(&good, pi_data, NULL, 1, &tags), -EINVAL);
	CU_ASSERT_EQUAL(nvio_pi_verify(&good, pi_data, pi_md, 1, &tags, 16, NULL), -EINVAL);
	CU_ASSERT_EQUAL(nvio_pi_verify(&good, NULL, NULL, 0, &tags, 15, NULL), 0);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "knows guards", knows_guards },
		{ "guards in pieces and of any length", guards_in_pieces_and_of_any_length },
		{ "tuples byte by byte", tuples_byte_by_byte },
		{ "tags in commands", tags_in_commands },
		{ "reports", reports },
		{ "refuses", refuses },
	};

	return tap_run("pi", tests, sizeof(tests) / sizeof(tests[0]));
}
