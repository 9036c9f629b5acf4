/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Metadata and protection information in the software controller: guards with known values, each
 * type, each place, each check, and what goes through which buffer.
 */
#include <endian.h>
#include <string.h>

#include "emu/pi.h"
#include "emu_bench.h"

#define MD    (BENCH_DATA + 0x40000)
#define OTHER (BENCH_DATA + 0x80000)
#define PRACT (1u << 29)
/* Of PRINFOR, a copy's for what it reads. */
#define READ_PRACT (8u << 12)
#define GUARD      (4u << 26)
#define APP        (2u << 26)
#define REF        (1u << 26)
#define STC        (1u << 24)
#define ALL        (GUARD | APP | REF)

static void knows_guards(void)
{
	uint8_t block[4096];

	nvio_emu_pi_init();
	/* The check values of the CRCs, and of whole blocks (NVM: 5.2.1.2 and 5.2.1.3). */
	CU_ASSERT_EQUAL(nvio_emu_crc16(0, "123456789", 9), 0xd0db);
	CU_ASSERT_EQUAL(~nvio_emu_crc32(~0u, "123456789", 9), 0xe3069283);
	CU_ASSERT_EQUAL(~nvio_emu_crc64(~0ull, "123456789", 9), 0xae8b14860a799888ull);
	memset(block, 0, sizeof(block));
	CU_ASSERT_EQUAL(nvio_emu_crc16(0, block, 512), 0);
	CU_ASSERT_EQUAL(~nvio_emu_crc32(~0u, block, 4096), 0x98f94189);
	CU_ASSERT_EQUAL(~nvio_emu_crc64(~0ull, block, 4096), 0x6482d367eb22b64eull);
	memset(block, 0xff, sizeof(block));
	CU_ASSERT_EQUAL(~nvio_emu_crc64(~0ull, block, 4096), 0xc0ddba7302eca3acull);
	/* In two pieces it is the same. */
	CU_ASSERT_EQUAL(~nvio_emu_crc64(nvio_emu_crc64(~0ull, block, 1001), block, 3095),
			0xc0ddba7302eca3acull);
}

static struct nvio_sqe rw(uint8_t opcode, uint32_t slba, uint32_t nr, uint32_t flags)
{
	struct nvio_sqe sqe = bench_rw(opcode, slba, nr, BENCH_DATA);

	sqe.mptr = MD;
	sqe.cdw12 |= flags;
	sqe.cdw14 = slba;
	sqe.cdw15 = 0xffff0000u | 0x1234;
	return sqe;
}

static void moves_separate_metadata(void)
{
	struct emu_bench b;
	struct nvio_sqe sqe;

	bench_new(&b, "size=1M,lba=512,md=24");
	bench_start(&b, 16);
	bench_fill(&b, BENCH_DATA, 1, 4096);
	bench_fill(&b, MD, 2, 8 * 24);
	CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_WRITE, 3, 8, ALL)), 0);
	bench_fill(&b, BENCH_DATA, 0, 4096);
	bench_fill(&b, MD, 0, 8 * 24);
	CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_READ, 3, 8, ALL)), 0);
	CU_ASSERT_EQUAL(bench_differs(&b, BENCH_DATA, 1, 4096), 0);
	CU_ASSERT_EQUAL(bench_differs(&b, MD, 2, 8 * 24), 0);
	CU_ASSERT_EQUAL(bench_io(&b, rw(nvme_cmd_compare, 3, 8, 0)), 0);
	*(uint8_t *)bench_at(&b, MD + 100) ^= 1;
	CU_ASSERT_EQUAL(bench_io(&b, rw(nvme_cmd_compare, 3, 8, 0)), MEDIA(NVME_SC_COMPARE_FAILED));
	sqe = rw(NVIO_NVM_READ, 3, 8, 0);
	sqe.mptr = MD + 2;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), NVME_SC_INVALID_FIELD);
	sqe.mptr = 0x1000;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), NVME_SC_DATA_XFER_ERROR);
	/* Metadata over a page boundary, and by a descriptor of its own. */
	sqe.mptr = MD + 4096 - 40;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), 0);
	CU_ASSERT_EQUAL(bench_differs(&b, MD + 4096 - 40, 2, 8 * 24), 0);
	sqe.flags = 2 << 6;
	sqe.prp2 = 4096;
	sqe.mptr = BENCH_LISTS;
	uint64_t desc[2] = { MD + 0x2001, 8 * 24 };

	bench_put(&b, BENCH_LISTS, desc, sizeof(desc));
	CU_ASSERT_EQUAL(bench_io(&b, sqe), 0);
	CU_ASSERT_EQUAL(bench_differs(&b, MD + 0x2001, 2, 8 * 24), 0);
	desc[1] = 8 * 24 - 1;
	bench_put(&b, BENCH_LISTS, desc, sizeof(desc));
	CU_ASSERT_EQUAL(bench_io(&b, sqe), NVME_SC_SGL_INVALID_METADATA);
	bench_free(&b);
}

static void moves_extended_metadata(void)
{
	struct emu_bench b;

	bench_new(&b, "size=1M,lba=512,md=8,extended,mdts=1");
	bench_start(&b, 16);
	bench_fill(&b, BENCH_DATA, 1, 15 * 520);
	CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_WRITE, 3, 15, 0)), 0);
	bench_fill(&b, BENCH_DATA, 0, 15 * 520);
	CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_READ, 3, 15, 0)), 0);
	CU_ASSERT_EQUAL(bench_differs(&b, BENCH_DATA, 1, 15 * 520), 0);
	/* Interleaved metadata counts for MDTS. */
	CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_READ, 3, 16, 0)), NVME_SC_INVALID_FIELD);
	bench_free(&b);
}

/* What the controller makes with PRACT, seen through a Read that takes it along. */
static void makes_and_strips(void)
{
	uint8_t tuple[8], block[512];
	struct emu_bench b;

	bench_new(&b, "size=1M,lba=512,md=8,pi=1");
	bench_start(&b, 16);
	bench_fill(&b, BENCH_DATA, 7, 1024);
	bench_get(&b, BENCH_DATA, block, sizeof(block));
	CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_WRITE, 0x55, 2, PRACT)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_READ, 0x55, 2, ALL)), 0);
	bench_get(&b, MD, tuple, sizeof(tuple));
	CU_ASSERT_EQUAL(tuple[0] << 8 | tuple[1], nvio_emu_crc16(0, block, 512));
	CU_ASSERT_EQUAL(memcmp(tuple + 2, "\x12\x34\x00\x00\x00\x55", 6), 0);
	bench_get(&b, MD + 8, tuple, sizeof(tuple));
	CU_ASSERT_EQUAL(tuple[7], 0x56);
	/* And stripped: the metadata buffer is not touched. */
	bench_fill(&b, MD, 3, 16);
	CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_READ, 0x55, 2, PRACT | ALL)), 0);
	CU_ASSERT_EQUAL(bench_differs(&b, MD, 3, 16), 0);
	CU_ASSERT_EQUAL(bench_io(&b, rw(nvme_cmd_verify, 0x55, 2, ALL)), 0);
	/* Blocks never written, and zeroed ones, pass every check. */
	CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_READ, 0x100, 2, ALL)), 0);
	bench_get(&b, MD, tuple, sizeof(tuple));
	CU_ASSERT_EQUAL(memcmp(tuple, "\xff\xff\xff\xff\xff\xff\xff\xff", 8), 0);
	CU_ASSERT_EQUAL(bench_io(&b, rw(nvme_cmd_write_zeroes, 0x55, 1, 0)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_READ, 0x55, 2, ALL)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, rw(nvme_cmd_write_zeroes, 0x55, 1, PRACT)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_READ, 0x55, 2, ALL)), 0);
	bench_get(&b, MD, tuple, sizeof(tuple));
	CU_ASSERT_EQUAL(memcmp(tuple, "\0\0\x12\x34\0\0\0\x55", 8), 0);
	bench_free(&b);
}

/* Each kind of wrong tuple against each check: the status tells which. */
static void checks_tuples(void)
{
	struct emu_bench b;
	struct nvio_sqe sqe;
	uint8_t tuple[8];

	bench_new(&b, "size=1M,lba=512,md=8,pi=2");
	bench_start(&b, 16);
	bench_fill(&b, BENCH_DATA, 7, 512);
	CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_WRITE, 9, 1, PRACT)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_READ, 9, 1, ALL)), 0);
	bench_get(&b, MD, tuple, sizeof(tuple));
	*(uint8_t *)bench_at(&b, BENCH_DATA) ^= 1;
	CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_WRITE, 9, 1, ALL)), MEDIA(NVME_SC_GUARD_CHECK));
	CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_WRITE, 9, 1, APP | REF)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_READ, 9, 1, GUARD)), MEDIA(NVME_SC_GUARD_CHECK));
	CU_ASSERT_EQUAL(bench_io(&b, rw(nvme_cmd_verify, 9, 1, GUARD)), MEDIA(NVME_SC_GUARD_CHECK));
	CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_READ, 9, 1, 0)), 0);
	sqe = rw(NVIO_NVM_READ, 9, 1, APP | REF);
	sqe.cdw14++;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), MEDIA(NVME_SC_REFTAG_CHECK));
	sqe.cdw15 = 0xffff1235;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), MEDIA(NVME_SC_APPTAG_CHECK));
	sqe.cdw15 = 0xfff01235;
	sqe.cdw14--;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), 0);
	/* The application tag that asks for no check. */
	memset(tuple + 2, 0xff, 2);
	bench_put(&b, MD, tuple, sizeof(tuple));
	CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_WRITE, 9, 1, ALL)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_READ, 9, 1, ALL)), 0);
	bench_free(&b);
}

static void keeps_the_types_apart(void)
{
	struct emu_bench b;
	struct nvio_sqe sqe;

	bench_new(&b, "size=1M,lba=512,md=8,pi=1");
	bench_start(&b, 16);
	sqe = rw(NVIO_NVM_READ, 9, 1, REF);
	sqe.cdw14 = 10;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), SPECIFIC(NVME_SC_INVALID_PI));
	bench_free(&b);
	bench_new(&b, "size=1M,lba=512,md=8,pi=3");
	bench_start(&b, 16);
	CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_READ, 9, 1, REF)), SPECIFIC(NVME_SC_INVALID_PI));
	/* Type 3: the reference tag stays the same from block to block. */
	CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_WRITE, 9, 2, PRACT)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_READ, 9, 2, GUARD | APP)), 0);
	CU_ASSERT_EQUAL(*(uint8_t *)bench_at(&b, MD + 7), 9);
	CU_ASSERT_EQUAL(*(uint8_t *)bench_at(&b, MD + 15), 9);
	bench_free(&b);
}

/* 64 bytes of metadata with a 64-bit guard in its last 16 bytes, interleaved. */
static void guards_with_64_bits(void)
{
	struct emu_bench b;
	struct nvio_sqe sqe;
	uint8_t block[4160];
	uint64_t guard;

	bench_new(&b, "size=1M,lba=4096,md=64,pi=1,guard=64,extended");
	bench_start(&b, 16);
	CU_ASSERT_EQUAL(bench_know_formats(&b, 1), 0);
	bench_fill(&b, BENCH_DATA, 7, 4160);
	sqe = rw(NVIO_NVM_WRITE, 0x23, 1, PRACT);
	sqe.cdw3 = 0x1;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), 0);
	sqe = rw(NVIO_NVM_READ, 0x23, 1, GUARD | APP);
	sqe.prp1 = OTHER;
	sqe.prp2 = OTHER + 4096;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), 0);
	CU_ASSERT_EQUAL(bench_differs(&b, OTHER, 7, 4144), 0);
	bench_get(&b, OTHER, block, sizeof(block));
	memcpy(&guard, block + 4144, 8);
	CU_ASSERT_EQUAL(be64toh(guard), ~nvio_emu_crc64(~0ull, block, 4144));
	CU_ASSERT_EQUAL(memcmp(block + 4152, "\x12\x34\0\x1\0\0\0\x23", 8), 0);
	sqe.cdw12 |= REF;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), MEDIA(NVME_SC_REFTAG_CHECK));
	bench_free(&b);
}

/* 32 bits, and a storage tag of 16 in front of a reference tag of 64. */
static void guards_with_32_bits(void)
{
	struct emu_bench b;
	struct nvio_sqe sqe;
	uint8_t block[4112];
	uint32_t guard;

	bench_new(&b, "size=1M,lba=4096,md=16,pi=2,guard=32,extended");
	bench_start(&b, 16);
	CU_ASSERT_EQUAL(bench_know_formats(&b, 1), 0);
	bench_fill(&b, BENCH_DATA, 7, 4096);
	sqe = rw(NVIO_NVM_WRITE, 0x23, 2, PRACT);
	sqe.prp2 = BENCH_DATA + 4096;
	sqe.cdw2 = 0xabcd;
	sqe.cdw3 = 0x01020304;
	sqe.cdw14 = 0xffffffff;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), 0);
	/* The second block: the tag has gone on past its lower half. */
	sqe.cdw10++;
	sqe.cdw12 = GUARD | APP | REF | STC;
	sqe.opcode = NVIO_NVM_READ;
	sqe.cdw3++;
	sqe.cdw14 = 0;
	sqe.prp1 = OTHER;
	sqe.prp2 = OTHER + 4096;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), 0);
	bench_get(&b, OTHER, block, sizeof(block));
	memcpy(&guard, block + 4096, 4);
	CU_ASSERT_EQUAL(be32toh(guard), ~nvio_emu_crc32(~0u, block, 4096));
	CU_ASSERT_EQUAL(memcmp(block + 4100, "\x12\x34\xab\xcd\1\2\3\5\0\0\0\0", 12), 0);
	sqe.cdw2 = 0xabcc;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), MEDIA(NVME_SC_STORAGE_TAG_CHECK));
	sqe.cdw12 &= ~STC;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), 0);
	sqe.cdw3++;
	CU_ASSERT_EQUAL(bench_io(&b, sqe), MEDIA(NVME_SC_REFTAG_CHECK));
	bench_free(&b);
}

/* Wide guards are for hosts that have said that they know them, which a reset makes forgotten. */
static void refuses_hosts_of_other_formats(void)
{
	static const uint8_t opcodes[] = { NVIO_NVM_READ,         NVIO_NVM_WRITE,  nvme_cmd_compare,
					   nvme_cmd_write_zeroes, nvme_cmd_verify, nvme_cmd_copy,
					   nvme_cmd_write_uncor,  nvme_cmd_dsm };
	struct emu_bench b;

	bench_new(&b, "size=1M,lba=4096,md=16,pi=1,guard=64,ns,size=1M,lba=4096,md=8,pi=1");
	for (int i = 0; i < 2; i++) {
		struct nvio_sqe sqe = rw(NVIO_NVM_READ, 1, 1, PRACT | REF);

		bench_start(&b, 16);
		for (size_t k = 0; k < sizeof(opcodes); k++)
			CU_ASSERT_EQUAL(bench_io(&b, rw(opcodes[k], 1, 1, PRACT)),
					NVME_SC_INVALID_NS);
		CU_ASSERT_EQUAL(bench_know_formats(&b, 2), NVME_SC_INVALID_FIELD);
		CU_ASSERT_EQUAL(bench_io(&b, sqe), NVME_SC_INVALID_NS);
		sqe.nsid = 2;
		CU_ASSERT_EQUAL(bench_io(&b, sqe), 0);
		sqe.nsid = 1;
		CU_ASSERT_EQUAL(bench_know_formats(&b, 1), 0);
		CU_ASSERT_EQUAL(bench_io(&b, sqe), 0);
		CU_ASSERT_EQUAL(bench_know_formats(&b, 0), 0);
		CU_ASSERT_EQUAL(bench_io(&b, sqe), NVME_SC_INVALID_NS);
		CU_ASSERT_EQUAL(bench_know_formats(&b, 1), 0);
		nvio_emu_ctrl_write(b.ctrl, NVME_REG_CC, 4, 0);
	}
	bench_free(&b);
}

/* What lies before the tuples of @nr blocks in MD is what bench_fill() made of 24 bytes each. */
static void check_kept_metadata(struct emu_bench *b, uint8_t seed, unsigned int nr)
{
	uint8_t there[24];

	bench_fill(b, OTHER, seed, (size_t)nr * 24);
	for (unsigned int i = 0; i < nr; i++) {
		bench_get(b, MD + i * 24ull, there, 24);
		CU_ASSERT_EQUAL(memcmp(there, bench_at(b, OTHER + i * 24ull), 16), 0);
	}
}

static void copies_protected_blocks(void)
{
	struct nvme_copy_range range = { .slba = htole64(5),
					 .nlb = htole16(1),
					 .eilbrt = htole32(5) };
	struct emu_bench b;
	struct nvio_sqe copy;

	bench_new(&b, "size=1M,lba=512,md=8,pi=1");
	bench_start(&b, 16);
	bench_fill(&b, BENCH_DATA, 7, 1024);
	CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_WRITE, 5, 2, PRACT)), 0);
	bench_put(&b, BENCH_DATA, &range, sizeof(range));
	copy = rw(nvme_cmd_copy, 50, 1, PRACT);
	copy.cdw12 |= READ_PRACT | 5u << 12; /* guard and reference tag of what is read */
	CU_ASSERT_EQUAL(bench_io(&b, copy), 0);
	CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_READ, 50, 2, ALL)), 0);
	CU_ASSERT_EQUAL(bench_differs(&b, BENCH_DATA, 7, 1024), 0);
	/* Without PRACT the tags do not fit the new place. */
	bench_put(&b, BENCH_DATA, &range, sizeof(range));
	copy = rw(nvme_cmd_copy, 60, 1, REF);
	CU_ASSERT_EQUAL(bench_io(&b, copy), MEDIA(NVME_SC_REFTAG_CHECK));
	/* What is stripped is made anew, and the other way round. */
	CU_ASSERT_EQUAL(bench_io(&b, rw(nvme_cmd_copy, 60, 1, PRACT)), NVME_SC_INVALID_FIELD);
	CU_ASSERT_EQUAL(bench_io(&b, rw(nvme_cmd_copy, 60, 1, READ_PRACT)), NVME_SC_INVALID_FIELD);
	bench_free(&b);
}

/* Blocks that are their own target in part, on either side: as if all were read before. */
static void copies_onto_itself(void)
{
	static const uint32_t targets[] = { 11, 9, 17, 3, 10 };

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		struct nvme_copy_range range = { .slba = htole64(10),
						 .nlb = htole16(7),
						 .eilbrt = htole32(10) };
		struct emu_bench b;
		struct nvio_sqe copy;

		bench_new(&b, "size=1M,lba=512,md=24,pi=1");
		bench_start(&b, 16);
		bench_fill(&b, BENCH_DATA, 7, 4096);
		bench_fill(&b, MD, 8, 8 * 24);
		CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_WRITE, 10, 8, PRACT)), 0);
		bench_put(&b, BENCH_DATA, &range, sizeof(range));
		copy = rw(nvme_cmd_copy, targets[i], 1, PRACT);
		copy.cdw12 |= READ_PRACT | 7u << 12;
		CU_ASSERT_EQUAL(bench_io(&b, copy), 0);
		memset(bench_at(&b, MD), 0, 8 * 24);
		CU_ASSERT_EQUAL(bench_io(&b, rw(NVIO_NVM_READ, targets[i], 8, ALL)), 0);
		CU_ASSERT_EQUAL(bench_differs(&b, BENCH_DATA, 7, 4096), 0);
		check_kept_metadata(&b, 8, 8);
		bench_free(&b);
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "knows guards", knows_guards },
		{ "moves separate metadata", moves_separate_metadata },
		{ "moves extended metadata", moves_extended_metadata },
		{ "makes and strips", makes_and_strips },
		{ "checks tuples", checks_tuples },
		{ "keeps the types apart", keeps_the_types_apart },
		{ "guards with 64 bits", guards_with_64_bits },
		{ "guards with 32 bits", guards_with_32_bits },
		{ "refuses hosts of other formats", refuses_hosts_of_other_formats },
		{ "copies protected blocks", copies_protected_blocks },
		{ "copies onto itself", copies_onto_itself },
	};

	return bench_run("emu pi", tests, sizeof(tests) / sizeof(tests[0]));
}
