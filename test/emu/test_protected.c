/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Copies and fused commands of blocks with metadata and protection information on the software
 * controller: data, guards and tags right afterwards, as software computes them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <nvio/nvio.h>

#include "tap.h"

#define SECOND     1000000000ll
#define AREA       65536u
#define BLOCKS_MAX 16u

#define GUARD_WRONG     0x282
#define APP_WRONG       0x283
#define REFERENCE_WRONG 0x284
#define MISMATCH        0x285
#define STORAGE_WRONG   0x288

/* Every kind of protection information, as all of the metadata and as its end. */
static const char *const formats[] = {
	"emu:size=1M,md=8,pi=1",
	"emu:size=1M,md=24,pi=2",
	"emu:size=1M,md=24,pi=1,extended",
	"emu:size=1M,md=8,pi=3",
	"emu:size=1M,lba=4096,md=16,pi=2,guard=32",
	"emu:size=1M,lba=4096,md=64,pi=1,guard=32,extended",
	"emu:size=1M,lba=4096,md=64,pi=1,guard=64",
	"emu:size=1M,lba=4096,md=16,pi=2,guard=64,extended",
	"emu:size=1M,lba=4096,md=16,pi=3,guard=64",
};

#define NR_FORMATS (sizeof(formats) / sizeof(formats[0]))

/* Blocks in memory: data and metadata, behind each other where the format has them so. */
struct area {
	uint8_t *data;
	uint8_t *metadata; /* NULL: among the data */
};

struct drive {
	struct nvio_ctrl *ctrl;
	struct nvio_ns *ns;
	struct nvio_qpair *qpair;
	struct nvio_ns_info info;
	struct area made; /* what fill() made */
	struct area back; /* what a read gave */
};

static void make_area(struct drive *d, struct area *area)
{
	struct nvio_iommu *iommu = nvio_ctrl_iommu(d->ctrl);

	area->data = nvio_alloc(iommu, AREA + BLOCKS_MAX * d->info.metadata_len, 4096);
	area->metadata = d->info.metadata_extended ? NULL : nvio_alloc(iommu, AREA, 4096);
	CU_ASSERT_PTR_NOT_NULL_FATAL(area->data);
}

static void open_drive(struct drive *d, const char *device)
{
	memset(d, 0, sizeof(*d));
	CU_ASSERT_EQUAL_FATAL(nvio_ctrl_open(device, NULL, &d->ctrl), 0);
	d->ns = nvio_ctrl_ns(d->ctrl, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(d->ns);
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_create(d->ctrl, NULL, &d->qpair), 0);
	nvio_ns_get_info(d->ns, &d->info, sizeof(d->info));
	make_area(d, &d->made);
	make_area(d, &d->back);
}

/* Status of the one request that was queued, or what queueing returned. */
static int finish(struct drive *d, int queued)
{
	struct nvio_completion done = { .status = 0xffff };

	if (queued)
		return queued;
	CU_ASSERT_EQUAL(nvio_wait(d->qpair, &done, 1, 1, 10 * SECOND), 1);
	CU_ASSERT_EQUAL(done.user_data, 7);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(d->qpair), 0);
	return done.status;
}

static size_t block_len(const struct drive *d)
{
	return d->info.block_len + (d->info.metadata_extended ? d->info.metadata_len : 0);
}

static uint8_t *metadata_of(const struct drive *d, const struct area *area, uint32_t i)
{
	if (area->metadata)
		return area->metadata + (size_t)i * d->info.metadata_len;
	return area->data + i * block_len(d) + d->info.block_len;
}

/* Tags of what was written in the place @slba: nothing of them is 0. */
static struct nvio_pi_tags tags_at(uint64_t slba)
{
	return (struct nvio_pi_tags){ slba, 0xbead, 0x1234, 0xffff };
}

/* Blocks that begin with @first, that + 1 and so on, and protection information with @tags. */
static void fill(struct drive *d, uint32_t first, uint32_t nr, struct nvio_pi_tags tags)
{
	for (uint32_t i = 0; i < nr; i++) {
		uint8_t *data = d->made.data + i * block_len(d);
		uint8_t *metadata = metadata_of(d, &d->made, i);

		for (uint32_t k = 0; k < d->info.block_len; k++)
			data[k] = (uint8_t)((first + i) * 31 + k);
		for (uint32_t k = 0; k < d->info.metadata_len; k++)
			metadata[k] = (uint8_t)((first + i) * 17 + k);
	}
	CU_ASSERT_EQUAL_FATAL(nvio_pi_generate(&d->info, d->made.data, d->made.metadata, nr, &tags),
			      0);
}

/* One command of blocks in @area, whose vector goes to @iov. */
static struct nvio_io command(const struct drive *d, const struct area *area, uint8_t opcode,
			      uint64_t slba, uint32_t nr, struct iovec *iov)
{
	struct nvio_io io = NVIO_IO;

	*iov = (struct iovec){ area->data, nr * block_len(d) };
	io.opcode = opcode;
	io.slba = slba;
	io.nr_blocks = nr;
	io.iov = iov;
	io.nr_iov = 1;
	io.metadata = area->metadata;
	io.metadata_len = area->metadata ? (size_t)nr * d->info.metadata_len : 0;
	io.tags = tags_at(slba);
	return io;
}

static int move(struct drive *d, const struct area *area, uint8_t opcode, uint64_t slba,
		uint32_t nr)
{
	struct iovec iov;
	struct nvio_io io = command(d, area, opcode, slba, nr, &iov);

	return finish(d, nvio_io(d->qpair, d->ns, &io, 7));
}

static void write_blocks(struct drive *d, uint64_t slba, uint32_t first, uint32_t nr)
{
	fill(d, first, nr, tags_at(slba));
	CU_ASSERT_EQUAL(move(d, &d->made, NVIO_OP_WRITE, slba, nr), 0);
}

/* Blocks that are there are those that fill() makes, byte by byte, guards and tags too. */
static void check_blocks(struct drive *d, uint64_t slba, uint32_t first, uint32_t nr,
			 struct nvio_pi_tags tags)
{
	const size_t metadata_len = (size_t)nr * d->info.metadata_len;

	fill(d, first, nr, tags);
	memset(d->back.data, 0xee, nr * block_len(d));
	CU_ASSERT_EQUAL(move(d, &d->back, NVIO_OP_READ, slba, nr), 0);
	CU_ASSERT_EQUAL(memcmp(d->back.data, d->made.data, nr * block_len(d)), 0);
	if (d->back.metadata)
		CU_ASSERT_EQUAL(memcmp(d->back.metadata, d->made.metadata, metadata_len), 0);
	CU_ASSERT_EQUAL(nvio_pi_verify(&d->info, d->back.data, d->back.metadata, nr, &tags,
				       NVIO_PI_ALL, NULL),
			0);
}

static void plain_copies_make_tags_anew(void)
{
	const struct nvio_range ranges[] = { { 12, 3, 0 }, { 10, 2, 0 }, { 20, 1, 0 } };

	for (size_t i = 0; i < NR_FORMATS; i++) {
		struct drive d;

		open_drive(&d, formats[i]);
		write_blocks(&d, 10, 1, 5);
		write_blocks(&d, 20, 9, 1);
		write_blocks(&d, 99, 40, 8);
		CU_ASSERT_TRUE(nvio_copy_max_ranges(d.qpair, d.ns) >= 3);
		CU_ASSERT_EQUAL(
			finish(&d, nvio_copy(d.qpair, d.ns, 100, ranges, 3, NVIO_IO_FUA, 7)), 0);
		check_blocks(&d, 10, 1, 5, tags_at(10));
		/* Type 3 does not count up. */
		for (uint32_t k = 0; k < 6; k++) {
			struct nvio_pi_tags tags = { d.info.protection == 3 ? 100 : 100 + k, 0, 0,
						     0xffff };
			static const uint32_t first[] = { 3, 4, 5, 1, 2, 9 };

			check_blocks(&d, 100 + k, first[k], 1, tags);
		}
		check_blocks(&d, 99, 40, 1, tags_at(99));
		check_blocks(&d, 106, 47, 1, tags_at(d.info.protection == 3 ? 99 : 106));
		nvio_ctrl_close(d.ctrl);
	}
}

/* A wrong guard does not become a right one. */
static void bad_blocks_are_not_copied(void)
{
	const struct nvio_range range = { 10, 3, 0 };

	for (size_t i = 0; i < NR_FORMATS; i++) {
		struct drive d;

		open_drive(&d, formats[i]);
		write_blocks(&d, 50, 60, 3);
		fill(&d, 1, 3, tags_at(10));
		metadata_of(&d, &d.made, 1)[d.info.pi_offset] ^= 1;
		CU_ASSERT_EQUAL(move(&d, &d.made, NVIO_OP_WRITE, 10, 3), 0);
		CU_ASSERT_EQUAL(finish(&d, nvio_copy(d.qpair, d.ns, 50, &range, 1, 0, 7)) & 0x7ff,
				GUARD_WRONG);
		check_blocks(&d, 51, 61, 1, tags_at(d.info.protection == 3 ? 50 : 51));
		nvio_ctrl_close(d.ctrl);
	}
}

/* Tags as the caller says, each of them checked where he says so. */
static void copies_take_any_tags(void)
{
	const struct nvio_pi_tags target = { 70, 0x1357, 0x2468, 0xffff };

	for (size_t i = 0; i < NR_FORMATS; i++) {
		const struct nvio_range range = { 10, 4, 0 };
		struct nvio_pi_tags source = tags_at(10);
		struct nvio_copy_io copy = NVIO_COPY_IO;
		struct drive d;

		open_drive(&d, formats[i]);
		write_blocks(&d, 10, 1, 4);
		copy.slba = 70;
		copy.ranges = &range;
		copy.range_tags = &source;
		copy.nr_ranges = 1;
		copy.flags = NVIO_IO_PRACT;
		copy.range_flags = NVIO_IO_CHECK_GUARD | NVIO_IO_CHECK_APP | NVIO_IO_CHECK_STORAGE;
		if (d.info.protection != 3)
			copy.range_flags |= NVIO_IO_CHECK_REF;
		copy.tags = target;
		source.application ^= 0x100;
		CU_ASSERT_EQUAL(finish(&d, nvio_copy_io(d.qpair, d.ns, &copy, 7)) & 0x7ff,
				APP_WRONG);
		source.application_mask ^= 0x100;
		if (d.info.protection == 2) {
			source.reference++;
			CU_ASSERT_EQUAL(finish(&d, nvio_copy_io(d.qpair, d.ns, &copy, 7)) & 0x7ff,
					REFERENCE_WRONG);
			source.reference--;
		}
		if (d.info.storage_tag_bits) {
			source.storage++;
			CU_ASSERT_EQUAL(finish(&d, nvio_copy_io(d.qpair, d.ns, &copy, 7)) & 0x7ff,
					STORAGE_WRONG);
			source.storage--;
		}
		CU_ASSERT_EQUAL(finish(&d, nvio_copy_io(d.qpair, d.ns, &copy, 7)), 0);
		check_blocks(&d, 70, 1, 4, target);
		nvio_ctrl_close(d.ctrl);
	}
}

/* Without PRACT it is the same bits in another place: well where reference tags are of no place. */
static void copies_leave_tags_as_they_are(void)
{
	for (size_t i = 0; i < NR_FORMATS; i++) {
		const struct nvio_range range = { 10, 4, 0 };
		struct nvio_copy_io copy = NVIO_COPY_IO;
		struct drive d;

		open_drive(&d, formats[i]);
		write_blocks(&d, 10, 1, 4);
		copy.slba = 70;
		copy.ranges = &range;
		copy.nr_ranges = 1;
		copy.range_flags = NVIO_IO_CHECK_GUARD;
		copy.flags = NVIO_IO_CHECK_GUARD | NVIO_IO_CHECK_APP;
		copy.tags = tags_at(70);
		CU_ASSERT_EQUAL(finish(&d, nvio_copy_io(d.qpair, d.ns, &copy, 7)), 0);
		check_blocks(&d, 70, 1, 4, tags_at(10));
		if (d.info.protection != 3) {
			copy.flags |= NVIO_IO_CHECK_REF;
			CU_ASSERT_EQUAL(finish(&d, nvio_copy_io(d.qpair, d.ns, &copy, 7)) & 0x7ff,
					REFERENCE_WRONG);
		}
		nvio_ctrl_close(d.ctrl);
	}
}

static void copies_overlap(void)
{
	static const uint64_t targets[] = { 11, 9, 15, 5 };

	for (size_t i = 0; i < NR_FORMATS; i++) {
		struct drive d;

		open_drive(&d, formats[i]);
		for (size_t k = 0; k < sizeof(targets) / sizeof(targets[0]); k++) {
			const struct nvio_range range = { 10, 8, 0 };

			write_blocks(&d, 10, 1, 8);
			CU_ASSERT_EQUAL(
				finish(&d, nvio_copy(d.qpair, d.ns, targets[k], &range, 1, 0, 7)),
				0);
			check_blocks(&d, targets[k], 1, 8,
				     (struct nvio_pi_tags){ targets[k], 0, 0, 0xffff });
		}
		nvio_ctrl_close(d.ctrl);
	}
}

/* Compares blocks with what fill() made of @expected and writes what it makes of @first. A bit of
 * what is expected is another: @spoil 1 in the data, 2 in the metadata. */
static int compare_and_write(struct drive *d, uint64_t slba, uint32_t expected, uint32_t first,
			     int spoil)
{
	struct iovec compare_iov, write_iov;
	struct nvio_io compare, write;

	fill(d, expected, 2, tags_at(slba));
	memcpy(d->back.data, d->made.data, 2 * block_len(d));
	if (d->back.metadata)
		memcpy(d->back.metadata, d->made.metadata, (size_t)2 * d->info.metadata_len);
	if (spoil == 1)
		d->back.data[block_len(d) + 100] ^= 4;
	else if (spoil == 2)
		metadata_of(d, &d->back, 1)[d->info.metadata_len - 1] ^= 4;
	fill(d, first, 2, tags_at(slba));
	compare = command(d, &d->back, NVIO_OP_COMPARE, slba, 2, &compare_iov);
	write = command(d, &d->made, NVIO_OP_WRITE, slba, 2, &write_iov);
	write.flags = d->info.protection ? NVIO_IO_CHECK_GUARD | NVIO_IO_CHECK_APP : 0;
	return finish(d, nvio_io_fused(d->qpair, d->ns, &compare, &write, 7));
}

static void fused_commands_move_metadata(void)
{
	for (size_t i = 0; i < NR_FORMATS; i++) {
		struct drive d;

		open_drive(&d, formats[i]);
		write_blocks(&d, 30, 1, 4);
		write_blocks(&d, 31, 2, 2);
		CU_ASSERT_EQUAL(compare_and_write(&d, 31, 2, 20, 0), 0);
		check_blocks(&d, 31, 20, 2, tags_at(31));
		CU_ASSERT_EQUAL(compare_and_write(&d, 31, 20, 50, 1) & 0x7ff, MISMATCH);
		check_blocks(&d, 31, 20, 2, tags_at(31));
		CU_ASSERT_EQUAL(compare_and_write(&d, 31, 20, 50, 2) & 0x7ff, MISMATCH);
		check_blocks(&d, 31, 20, 2, tags_at(31));
		check_blocks(&d, 30, 1, 1, tags_at(30));
		check_blocks(&d, 33, 4, 1, tags_at(d.info.protection == 3 ? 30 : 33));
		nvio_ctrl_close(d.ctrl);
	}
}

/* The controller makes what is written and leaves the tuple out of what it compares. */
static void fused_commands_are_protected_by_the_controller(void)
{
	const unsigned int flags = NVIO_IO_PRACT | NVIO_IO_CHECK_GUARD;
	struct drive d;
	size_t len;

	open_drive(&d, "emu:size=1M,md=8,pi=1");
	len = 2 * d.info.block_len;
	write_blocks(&d, 30, 1, 2);
	fill(&d, 1, 2, tags_at(30));
	memcpy(d.back.data, d.made.data, len);
	fill(&d, 20, 2, tags_at(30));
	CU_ASSERT_EQUAL(finish(&d, nvio_compare_and_write(d.qpair, d.ns, d.back.data, d.made.data,
							  30, 2, flags, 7)),
			0);
	check_blocks(&d, 30, 20, 2, (struct nvio_pi_tags){ 30, 0, 0, 0xffff });
	/* Where metadata has to come along, it takes the call that can. */
	CU_ASSERT_EQUAL(
		nvio_compare_and_write(d.qpair, d.ns, d.back.data, d.made.data, 30, 2, 0, 7),
		-EINVAL);
	nvio_ctrl_close(d.ctrl);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "plain copies make tags anew", plain_copies_make_tags_anew },
		{ "bad blocks are not copied", bad_blocks_are_not_copied },
		{ "copies take any tags", copies_take_any_tags },
		{ "copies leave tags as they are", copies_leave_tags_as_they_are },
		{ "copies overlap", copies_overlap },
		{ "fused commands move metadata", fused_commands_move_metadata },
		{ "fused commands are protected by the controller",
		  fused_commands_are_protected_by_the_controller },
	};

	return tap_run("protected", tests, sizeof(tests) / sizeof(tests[0]));
}
