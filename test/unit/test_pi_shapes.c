/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Blocks of every shape with protection information: references count as their type says, each
 * corruption is found in its block, escape values are honoured, data may lie in pieces; and the
 * software controller, which has its own implementation, agrees.
 */
#include <errno.h>
#include <string.h>

#include "emu/pi.h"
#include "pi_shape.h"
#include "tap.h"

/* Flips a bit, and wants @check to fail in @block, and to be the only one that does. */
static void flip(const struct pi_shape *s, uint8_t *at, uint32_t block, unsigned int check,
		 int *wrong)
{
	struct nvio_pi_error e;

	*at ^= 0x10;
	if (check) {
		*wrong += pi_verify(s, NVIO_PI_ALL, &e) != -EILSEQ;
		*wrong += e.block != block || e.check != check || e.expected == e.actual;
	}
	*wrong += pi_verify(s, NVIO_PI_ALL & ~check, &e) != 0;
	*at ^= 0x10;
}

static void corrupt(struct pi_shape *s, int *wrong)
{
	unsigned int guard_len = s->f.guard_bits / 8;
	unsigned int low = s->f.protection == 3 ? 0 : NVIO_PI_REFERENCE;
	unsigned int high = s->f.storage_tag_bits ? NVIO_PI_STORAGE : low;
	struct nvio_pi_error e;

	*wrong += pi_verify(s, NVIO_PI_ALL, &e) != 0;
	for (uint32_t i = 0; i < PI_BLOCKS; i++) {
		uint8_t *md = s->md + (size_t)i * s->md_stride, *tuple = md + s->f.pi_offset;
		uint8_t *data = pi_data + (size_t)i * s->stride;

		flip(s, data, i, NVIO_PI_GUARD, wrong);
		flip(s, data + s->f.block_len - 1, i, NVIO_PI_GUARD, wrong);
		flip(s, tuple, i, NVIO_PI_GUARD, wrong);
		flip(s, tuple + guard_len - 1, i, NVIO_PI_GUARD, wrong);
		flip(s, tuple + guard_len, i, NVIO_PI_APPLICATION, wrong);
		flip(s, tuple + guard_len + 1, i, NVIO_PI_APPLICATION, wrong);
		flip(s, tuple + guard_len + 2, i, high, wrong);
		flip(s, tuple + s->pi_len - 1, i, low, wrong);
		/* The guard covers the metadata in front of the tuple and not what is behind. */
		if (s->f.pi_offset)
			flip(s, md + s->f.pi_offset - 1, i, NVIO_PI_GUARD, wrong);
		if (s->f.pi_offset + s->pi_len < s->f.metadata_len)
			flip(s, tuple + s->pi_len, i, 0, wrong);
	}
}

static void finds_each_corruption(void)
{
	int wrong = 0;

	pi_each_shape(corrupt, &wrong);
	CU_ASSERT_EQUAL(wrong, 0);
}

/* The tuple's last bytes are the reference tag; all shapes have 32 bits of it or more. */
static void count_references(struct pi_shape *s, int *wrong)
{
	for (uint32_t i = 0; i < PI_BLOCKS; i++) {
		const uint8_t *end = pi_tuple(s, i) + s->pi_len;
		uint32_t low;

		memcpy(&low, end - 4, 4);
		*wrong += be32toh(low) != (uint32_t)pi_expected_reference(s, i);
	}
}

/* From the last but one value: types 1 and 2 wrap to 0 behind all ones, type 3 stands still. */
static void reference_tags(void)
{
	int wrong = 0;

	pi_each_shape(count_references, &wrong);
	CU_ASSERT_EQUAL(wrong, 0);
}

/* Block 2 has tags that ask for no checks, and nothing else about it is right. */
static void escape(struct pi_shape *s, int *wrong)
{
	unsigned int guard_len = s->f.guard_bits / 8, bytes = pi_reference_bits(s) / 8;
	uint8_t *tuple = pi_tuple(s, 2), *app = tuple + guard_len;
	struct nvio_pi_error e;

	memset(tuple, 0x22, s->pi_len);
	*wrong += pi_verify(s, NVIO_PI_ALL, &e) != -EILSEQ || e.block != 2;
	memset(app, 0xff, 2);
	*wrong += pi_verify(s, NVIO_PI_ALL, &e) != (s->f.protection == 3 ? -EILSEQ : 0);
	memset(tuple + s->pi_len - bytes, 0xff, bytes);
	*wrong += pi_verify(s, NVIO_PI_ALL, &e) != 0;
	app[1] = 0xfe;
	*wrong += pi_verify(s, NVIO_PI_ALL, &e) != -EILSEQ || e.block != 2;
	/* The blocks behind an escaped one are checked against their own tags. */
	app[1] = 0xff;
	pi_data[3 * (size_t)s->stride] ^= 1;
	*wrong += pi_verify(s, NVIO_PI_ALL, &e) != -EILSEQ || e.block != 3;
}

static void escapes(void)
{
	struct nvio_ns_info f = pi_format(3, 16, 512, 8, false, false);
	struct nvio_pi_error e;
	struct pi_shape s;
	int wrong = 0;

	pi_each_shape(escape, &wrong);
	CU_ASSERT_EQUAL(wrong, 0);
	/* Type 3 without a reference tag: the application tag decides alone. */
	f.storage_tag_bits = 32;
	pi_make(&s, &f);
	memset(pi_tuple(&s, 1), 0x22, 8);
	CU_ASSERT_EQUAL(pi_verify(&s, NVIO_PI_ALL, &e), -EILSEQ);
	memset(pi_tuple(&s, 1) + 2, 0xff, 2);
	CU_ASSERT_EQUAL(pi_verify(&s, NVIO_PI_ALL, &e), 0);
}

/* Cuts @len bytes into pieces of 0 to 40 bytes, some of them longer, apart from each other. */
static size_t scatter(const uint8_t *from, size_t len, struct iovec *pieces, uint8_t *memory)
{
	size_t nr = 0;

	while (len) {
		size_t n = pi_random() % (pi_random() % 16 ? 41 : 2000);

		n = n > len ? len : n;
		memcpy(memory, from, n);
		pieces[nr++] = (struct iovec){ memory, n };
		memory += n + 1;
		from += n;
		len -= n;
	}
	return nr;
}

static size_t gathered_differs(const struct iovec *pieces, size_t nr, const uint8_t *want)
{
	size_t differs = 0;

	for (; nr--; pieces++) {
		differs += memcmp(pieces->iov_base, want, pieces->iov_len) != 0;
		want += pieces->iov_len;
	}
	return differs;
}

static void in_pieces(struct pi_shape *s, int *wrong)
{
	static uint8_t memory[8 * PI_BLOCKS * PI_STRIDE_MAX], md[sizeof(pi_md)];
	static struct iovec pieces[4 * PI_BLOCKS * PI_STRIDE_MAX];
	size_t len = (size_t)PI_BLOCKS * s->stride, nr;
	struct nvio_pi_error e;

	for (int i = 0; i < 3; i++) {
		void *separate = s->separate ? md : NULL;

		nr = scatter(pi_data, len, pieces, memory);
		memcpy(md, pi_md, sizeof(md));
		*wrong += nvio_pi_verifyv(&s->f, pieces, nr, separate, PI_BLOCKS, &s->tags,
					  NVIO_PI_ALL, &e) != 0;
		/* Made again in scattered memory where it was spoiled, it is what it was. */
		for (uint32_t block = 0; block < PI_BLOCKS; block++)
			memset(pi_tuple(s, block), (int)block, s->pi_len);
		nr = scatter(pi_data, len, pieces, memory);
		memcpy(md, pi_md, sizeof(md));
		*wrong += nvio_pi_generatev(&s->f, pieces, nr, separate, PI_BLOCKS, &s->tags) != 0;
		*wrong += nvio_pi_generate(&s->f, pi_data, s->separate, PI_BLOCKS, &s->tags) != 0;
		*wrong += gathered_differs(pieces, nr, pi_data) != 0;
		*wrong += memcmp(md, pi_md, sizeof(md)) != 0;
		((uint8_t *)pieces[nr - 1].iov_base)[pieces[nr - 1].iov_len - 1] ^= 0x80;
		*wrong += nvio_pi_verifyv(&s->f, pieces, nr, separate, PI_BLOCKS - 1, &s->tags,
					  NVIO_PI_ALL, &e) != 0;
		/* A byte short. */
		pieces[nr - 1].iov_len--;
		*wrong += nvio_pi_generatev(&s->f, pieces, nr, separate, PI_BLOCKS, &s->tags) !=
			  -EINVAL;
	}
}

static void data_in_pieces(void)
{
	int wrong = 0;

	pi_each_shape(in_pieces, &wrong);
	CU_ASSERT_EQUAL(wrong, 0);
}

static struct emu_ns emulated(const struct pi_shape *s)
{
	return (struct emu_ns){
		.nsid = 1,
		.extended = s->f.metadata_extended,
		.pi_first = !s->f.pi_offset,
		.pi = s->f.protection,
		.pi_len = (uint8_t)s->pi_len,
		.pif = s->f.guard_bits / 32,
		.lba_shift = s->f.block_len == 512 ? 9 : 12,
		.md_len = (uint16_t)s->f.metadata_len,
	};
}

/* The software controller accepts what we make, and we what it makes; its storage tags have 16
 * bits. */
static void agree(struct pi_shape *s, int *wrong)
{
	struct emu_ns ns = emulated(s);
	struct nvio_ns_info f = s->f;
	struct nvio_pi_error e;
	struct emu_pi pi, making;

	if (f.guard_bits == 32) {
		f.storage_tag_bits = 16;
		*wrong += pi_make(s, &f) != 0;
	}
	pi = (struct emu_pi){
		.ref = pi_expected_reference(s, 0),
		.storage = (uint16_t)s->tags.storage,
		.check_storage = f.storage_tag_bits,
		.app = s->tags.application,
		.app_mask = 0xffff,
		.check = f.protection == 3 ? 6 : 7,
	};
	making = pi;
	for (uint32_t i = 0; i < PI_BLOCKS; i++)
		*wrong += nvio_emu_pi_check(&pi, &ns, pi_data + (size_t)i * s->stride,
					    s->md + (size_t)i * s->md_stride) != 0;
	pi_fill(pi_data, sizeof(pi_data));
	for (uint32_t i = 0; i < PI_BLOCKS; i++)
		nvio_emu_pi_make(&making, &ns, pi_data + (size_t)i * s->stride,
				 s->md + (size_t)i * s->md_stride);
	*wrong += pi_verify(s, NVIO_PI_ALL, &e) != 0;
}

static void agrees_with_the_controller(void)
{
	int wrong = 0;

	nvio_emu_pi_init();
	pi_each_shape(agree, &wrong);
	CU_ASSERT_EQUAL(wrong, 0);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "reference tags", reference_tags },
		{ "finds each corruption", finds_each_corruption },
		{ "escapes", escapes },
		{ "data in pieces", data_in_pieces },
		{ "agrees with the controller", agrees_with_the_controller },
	};

	return tap_run("pi_shapes", tests, sizeof(tests) / sizeof(tests[0]));
}
