/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Copy commands, word by word: both formats of source ranges, and what a copy says of protection
 * information as it reads and as it writes.
 */
#include <errno.h>
#include <string.h>

#include "path_bench.h"

#define PRACT       8u
#define PRINFOR(n)  ((uint32_t)(n) << 12)
#define PRINFOW(n)  ((uint32_t)(n) << 26)
#define STCW        (1u << 24)
#define STCR        (1u << 25)
#define FORMAT_WIDE (1u << 8)

static void copies(void)
{
	struct nvio_range ranges[] = { { 5, 8, 0 }, { 100, 1, 0 }, { 7, 9, 0 } };
	struct bench b;
	const struct nvio_sqe *sqe;
	const uint64_t *list;

	setup(&b, 4);
	CU_ASSERT_EQUAL(nvio_copy(&b.qpair, &b.ns, 50, ranges, 2, 0, 1), -ENOTSUP);
	b.ctrl.oncs = NVIO_ONCS_COPY;
	b.ns.copy_max = 16;
	b.ns.copy_range_max = 8;
	b.ns.copy_ranges = 3;
	CU_ASSERT_EQUAL(nvio_copy(&b.qpair, &b.ns, 50, ranges, 0, 0, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_copy(&b.qpair, &b.ns, 50, ranges, 3, 0, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_copy(&b.qpair, &b.ns, 992, ranges, 2, 0, 1), -EINVAL);
	ranges[2].nr_blocks = 8;
	CU_ASSERT_EQUAL(nvio_copy(&b.qpair, &b.ns, 50, ranges, 3, 0, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_copy(&b.qpair, &b.ns, 50, ranges, 2, NVIO_IO_PRACT, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_copy(&b.qpair, &b.ns, 991, ranges, 2, NVIO_IO_FUA, 1), 0);
	nvio_submit(&b.qpair);
	sqe = fetch(&b);
	CU_ASSERT_EQUAL(sqe->opcode, 0x19);
	CU_ASSERT_EQUAL(sqe->cdw10, 991);
	CU_ASSERT_EQUAL(sqe->cdw12, 1 | 1u << 30);
	CU_ASSERT_EQUAL(sqe->prp1, b.qpair.lists_iova + (uint64_t)sqe->cid * b.qpair.list_len);
	list = (const uint64_t *)((char *)b.qpair.lists + (size_t)sqe->cid * b.qpair.list_len);
	CU_ASSERT_EQUAL(sqe->prp2, 0);
	CU_ASSERT_EQUAL(list[1], 5);
	CU_ASSERT_EQUAL(list[2], 7);
	CU_ASSERT_EQUAL(list[5], 100);
	CU_ASSERT_EQUAL(list[6], 0);
	teardown(&b);
}

/* As many ranges as are said to fit, which no list runs over with, and not one more. */
static void copies_as_many_as_it_says(void)
{
	static const struct {
		uint32_t max_transfer, msrc;
		unsigned int max;
	} cases[] = {
		{ 8192, 256, 16 }, { 8192, 3, 3 }, { 2u << 20, 256, 128 }, { 4u << 20, 256, 128 }
	};
	struct nvio_range ranges[257];
	const struct nvio_sqe *sqe;
	const uint64_t *list;
	struct bench b;

	for (unsigned int i = 0; i < ARRAY_LEN(ranges); i++)
		ranges[i] = (struct nvio_range){ i, 1, 0 };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const unsigned int max = cases[i].max;

		path_setup(&b, &(struct path){ .max_transfer = cases[i].max_transfer });
		b.ns.copy_max = b.ns.copy_range_max = 1000;
		b.ns.copy_ranges = cases[i].msrc;
		CU_ASSERT_EQUAL(nvio_copy_max_ranges(&b.qpair, &b.ns), max);
		CU_ASSERT_EQUAL(nvio_copy(&b.qpair, &b.ns, 500, ranges, max + 1, 0, 1), -EINVAL);
		CU_ASSERT_EQUAL(nvio_copy(&b.qpair, &b.ns, 500, ranges, max, 0, 1), 0);
		nvio_submit(&b.qpair);
		sqe = fetch(&b);
		list = at_iova(&b, sqe->prp1);
		CU_ASSERT_EQUAL(sqe->cdw12, max - 1);
		CU_ASSERT_TRUE(sqe->prp1 % 4096 + max * 32 <= 4096);
		CU_ASSERT_EQUAL(list[(max - 1) * 4 + 1], max - 1);
		b.ctrl.oncs = 0;
		CU_ASSERT_EQUAL(nvio_copy_max_ranges(&b.qpair, &b.ns), 0);
		path_teardown(&b);
	}
}

/* A namespace of blocks with a guard of so many bits. */
static void setup_protected(struct bench *b, uint8_t type, uint8_t guard_bits, uint8_t storage_bits)
{
	struct nvio_ns_info *info = &b->ns.info;

	path_setup(b, &(struct path){
			      .max_transfer = 2u << 20, .metadata_len = 16, .protection = type });
	b->ctrl.copy_formats = 3;
	b->ns.copy_max = b->ns.copy_range_max = b->ns.copy_ranges = 1000;
	info->guard_bits = guard_bits;
	info->pi_len = guard_bits == 16 ? 8 : 16;
	info->storage_tag_bits = storage_bits;
}

static const struct nvio_range two_ranges[] = { { 0x100000005, 8, 0 }, { 0x60, 1, 0 } };

/* The command, and the list of ranges that it brings along. */
static const struct nvio_sqe *next_copy(struct bench *b, const uint8_t **list)
{
	const struct nvio_sqe *sqe;

	nvio_submit(&b->qpair);
	sqe = next_command(b);
	*list = at_iova(b, sqe->prp1);
	return sqe;
}

static void check_target(const struct nvio_sqe *sqe, uint32_t cdw2, uint32_t cdw3, uint32_t cdw14,
			 uint32_t cdw15)
{
	CU_ASSERT_EQUAL(sqe->cdw2, cdw2);
	CU_ASSERT_EQUAL(sqe->cdw3, cdw3);
	CU_ASSERT_EQUAL(sqe->cdw14, cdw14);
	CU_ASSERT_EQUAL(sqe->cdw15, cdw15);
}

/* nvio_copy() knows no tags: the controller makes them, and looks at the guards before. */
static void makes_tags_of_the_new_place(void)
{
	const uint8_t *list;
	const struct nvio_sqe *sqe;
	struct bench b;

	for (uint8_t type = 1; type <= 3; type++) {
		setup_protected(&b, type, 16, 0);
		CU_ASSERT_EQUAL(nvio_copy_max_ranges(&b.qpair, &b.ns), 128);
		CU_ASSERT_EQUAL(nvio_copy(&b.qpair, &b.ns, 0x134567890, two_ranges, 2,
					  NVIO_IO_LIMITED_RETRY, 1),
				0);
		sqe = next_copy(&b, &list);
		CU_ASSERT_EQUAL(sqe->cdw12, 1 | PRINFOR(PRACT | 4) | PRINFOW(PRACT) | 1u << 31);
		CU_ASSERT_EQUAL(sqe->cdw13, 0);
		check_target(sqe, 0, 0, 0x34567890, 0);
		CU_ASSERT_EQUAL(memcmp(list,
				       "\0\0\0\0\0\0\0\0\x05\0\0\0\x01\0\0\0\x07\0\0\0\0\0\0\0"
				       "\x05\0\0\0\0\0\0\0"
				       "\0\0\0\0\0\0\0\0\x60\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
				       "\x60\0\0\0\0\0\0\0",
				       64),
				0);
		path_teardown(&b);
	}
}

/* Application tag and mask are little-endian behind the reference tag, here and in dword 15. */
static void tells_tags_of_guards_with_16_bits(void)
{
	const struct nvio_pi_tags range_tags[] = { { 0x11223344, 0, 0x5566, 0x7788 },
						   { 0x99aabbcc, 0, 0xddee, 0xff00 } };
	struct nvio_copy_io copy = NVIO_COPY_IO;
	const struct nvio_sqe *sqe;
	const uint8_t *list;
	struct bench b;

	setup_protected(&b, 2, 16, 0);
	copy.slba = 0x70;
	copy.ranges = two_ranges;
	copy.range_tags = range_tags;
	copy.nr_ranges = 2;
	copy.range_flags = NVIO_IO_CHECK_REF | NVIO_IO_CHECK_APP;
	copy.flags = NVIO_IO_FUA | NVIO_IO_CHECK_GUARD;
	copy.directive = 2;
	copy.directive_specific = 0x1234;
	copy.tags = (struct nvio_pi_tags){ 0xa1a2a3a4, 0, 0xa5a6, 0xa7a8 };
	CU_ASSERT_EQUAL(nvio_copy_io(&b.qpair, &b.ns, &copy, 1), 0);
	sqe = next_copy(&b, &list);
	CU_ASSERT_EQUAL(sqe->cdw12, 1 | PRINFOR(3) | PRINFOW(4) | 1u << 30 | 2u << 20);
	CU_ASSERT_EQUAL(sqe->cdw13, 0x12340000);
	check_target(sqe, 0, 0, 0xa1a2a3a4, 0xa7a8a5a6);
	CU_ASSERT_EQUAL(memcmp(list + 24, "\x44\x33\x22\x11\x66\x55\x88\x77", 8), 0);
	CU_ASSERT_EQUAL(memcmp(list + 56, "\xcc\xbb\xaa\x99\xee\xdd\x00\xff", 8), 0);
	path_teardown(&b);
}

/* 80 bits of storage and reference tag, the highest byte first, of which a guard of 64 bits leaves
 * 48. */
static void tells_tags_of_wider_guards(void)
{
	const struct nvio_pi_tags range_tags[] = { { 0x0102030405060708, 0xabcd, 0x5566, 0x7788 },
						   { 0x99aabbcc, 0, 0xddee, 0xff00 } };
	struct nvio_copy_io copy = NVIO_COPY_IO;
	const struct nvio_sqe *sqe;
	const uint8_t *list;
	struct bench b;

	for (int i = 0; i < 2; i++) {
		setup_protected(&b, 1, i ? 64 : 32, i ? 0 : 16);
		CU_ASSERT_EQUAL(nvio_copy_max_ranges(&b.qpair, &b.ns), 4096 / 40);
		copy.ranges = two_ranges;
		copy.range_tags = range_tags;
		copy.nr_ranges = 2;
		copy.range_flags = NVIO_IO_CHECK_STORAGE;
		copy.flags = NVIO_IO_PRACT | (i ? NVIO_IO_CHECK_STORAGE : 0);
		copy.tags = (struct nvio_pi_tags){ 0xa1a2a3a4a5a6a7a8, 0xbeef, 0x1122, 0x3344 };
		CU_ASSERT_EQUAL(nvio_copy_io(&b.qpair, &b.ns, &copy, 1), 0);
		sqe = next_copy(&b, &list);
		CU_ASSERT_EQUAL(sqe->cdw12, 1 | FORMAT_WIDE | PRINFOR(PRACT) | PRINFOW(PRACT) |
						    STCR | (i ? STCW : 0));
		check_target(sqe, i ? 0 : 0xbeef, i ? 0xa3a4 : 0xa1a2a3a4, 0xa5a6a7a8, 0x33441122);
		CU_ASSERT_EQUAL(memcmp(list + 24,
				       i ? "\0\0\0\0\0\0\x03\x04\x05\x06\x07\x08\x66\x55\x88\x77"
					 : "\0\0\xab\xcd\x01\x02\x03\x04\x05\x06\x07\x08\x66\x55"
					   "\x88\x77",
				       16),
				0);
		CU_ASSERT_EQUAL(memcmp(list + 40,
				       "\0\0\0\0\0\0\0\0\x60\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
				       "\0\0\0\0\0\0\0\0\x99\xaa\xbb\xcc\xee\xdd\0\xff",
				       40),
				0);
		path_teardown(&b);
	}
}

static void refuses_copies_that_cannot_be(void)
{
	static const unsigned int flags[] = { NVIO_IO_DEALLOCATE, NVIO_IO_ONCE, NVIO_IO_REPEATABLE,
					      1024 };
	struct nvio_range ranges[103];
	struct nvio_copy_io copy = NVIO_COPY_IO;
	struct bench b;

	for (unsigned int i = 0; i < ARRAY_LEN(ranges); i++)
		ranges[i] = (struct nvio_range){ i, 1, 0 };
	setup_protected(&b, 1, 64, 0);
	copy.ranges = ranges;
	copy.nr_ranges = 102;
	for (unsigned int i = 0; i < ARRAY_LEN(flags); i++) {
		copy.flags = flags[i];
		CU_ASSERT_EQUAL(nvio_copy_io(&b.qpair, &b.ns, &copy, 1), -EINVAL);
		copy.flags = 0;
		copy.range_flags = flags[i];
		CU_ASSERT_EQUAL(nvio_copy_io(&b.qpair, &b.ns, &copy, 1), -EINVAL);
		copy.range_flags = 0;
	}
	/* What is stripped is said of the whole. */
	copy.range_flags = NVIO_IO_PRACT;
	CU_ASSERT_EQUAL(nvio_copy_io(&b.qpair, &b.ns, &copy, 1), -EINVAL);
	copy.range_flags = 0;
	copy.directive = 16;
	CU_ASSERT_EQUAL(nvio_copy_io(&b.qpair, &b.ns, &copy, 1), -EINVAL);
	copy.directive = 0;
	copy.nr_ranges = 103;
	CU_ASSERT_EQUAL(nvio_copy_io(&b.qpair, &b.ns, &copy, 1), -EINVAL);
	copy.nr_ranges = 102;
	b.ctrl.copy_formats = 1;
	CU_ASSERT_EQUAL(nvio_copy_io(&b.qpair, &b.ns, &copy, 1), -ENOTSUP);
	CU_ASSERT_EQUAL(nvio_copy_max_ranges(&b.qpair, &b.ns), 0);
	b.ctrl.copy_formats = 2;
	CU_ASSERT_EQUAL(nvio_copy_io(&b.qpair, &b.ns, NULL, 1), -EINVAL);
	copy.size = 0;
	CU_ASSERT_EQUAL(nvio_copy_io(&b.qpair, &b.ns, &copy, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
	copy.size = sizeof(copy);
	CU_ASSERT_EQUAL(nvio_copy_io(&b.qpair, &b.ns, &copy, 1), 0);
	CU_ASSERT_EQUAL(path_finish(&b, 1), 1);
	path_teardown(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "copies", copies },
		{ "copies as many as it says", copies_as_many_as_it_says },
		{ "makes tags of the new place", makes_tags_of_the_new_place },
		{ "tells tags of guards with 16 bits", tells_tags_of_guards_with_16_bits },
		{ "tells tags of wider guards", tells_tags_of_wider_guards },
		{ "refuses copies that cannot be", refuses_copies_that_cannot_be },
	};

	return tap_run("copy", tests, sizeof(tests) / sizeof(tests[0]));
}
