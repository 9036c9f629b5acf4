/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes blocks of every shape that protection information has.
 */
#include <string.h>

#include "pi_shape.h"

uint8_t pi_data[PI_BLOCKS * PI_STRIDE_MAX];
uint8_t pi_md[PI_BLOCKS * PI_MD_MAX];

struct nvio_ns_info pi_format(unsigned int type, unsigned int guard_bits, uint32_t block_len,
			      uint32_t md_len, bool first, bool extended)
{
	struct nvio_ns_info f = {
		.nsid = 1,
		.block_len = block_len,
		.metadata_len = md_len,
		.metadata_extended = extended,
		.protection = (uint8_t)type,
		.guard_bits = (uint8_t)guard_bits,
		.pi_offset = (uint16_t)(first ? 0 : md_len - nvio_pi_len(guard_bits)),
	};

	if (guard_bits == 32) {
		f.storage_tag_bits = 32;
		f.storage_tag_mask = 0xffffffff;
	}
	return f;
}

uint32_t pi_random(void)
{
	static uint64_t state = 88172645463325252ull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 11);
}

void pi_fill(uint8_t *at, size_t len)
{
	while (len--)
		*at++ = (uint8_t)pi_random();
}

int pi_make(struct pi_shape *s, const struct nvio_ns_info *f)
{
	s->f = *f;
	s->tags = (struct nvio_pi_tags){ 0xfffffffffffffffe, 0x123456789abcdef0, 0x1234, 0xffff };
	s->stride = f->block_len + (f->metadata_extended ? f->metadata_len : 0);
	s->md_stride = f->metadata_extended ? s->stride : f->metadata_len;
	s->md = f->metadata_extended ? pi_data + f->block_len : pi_md;
	s->separate = f->metadata_extended ? NULL : pi_md;
	s->pi_len = nvio_pi_len(f->guard_bits);
	pi_fill(pi_data, sizeof(pi_data));
	pi_fill(pi_md, sizeof(pi_md));
	return nvio_pi_generate(f, pi_data, s->separate, PI_BLOCKS, &s->tags);
}

int pi_verify(const struct pi_shape *s, unsigned int checks, struct nvio_pi_error *error)
{
	memset(error, 0xee, sizeof(*error));
	return nvio_pi_verify(&s->f, pi_data, s->separate, PI_BLOCKS, &s->tags, checks, error);
}

void pi_each_shape(void (*fn)(struct pi_shape *s, int *wrong), int *wrong)
{
	static const unsigned int guards[] = { 16, 32, 64 };

	for (unsigned int i = 0; i < 3 * 3 * 3 * 2; i++) {
		unsigned int guard = guards[i / 3 % 3], md_len = nvio_pi_len(guard);
		struct nvio_ns_info f;
		struct pi_shape s;

		/* Alone, last, first. */
		if (i / 9 % 3)
			md_len += 13;
		f = pi_format(i % 3 + 1, guard, guard == 16 ? 512 : 4096, md_len, i / 9 % 3 == 2,
			      i >= 27);
		*wrong += pi_make(&s, &f) != 0;
		fn(&s, wrong);
	}
}

unsigned int pi_reference_bits(const struct pi_shape *s)
{
	return nvio_pi_space_bits(s->f.guard_bits) - s->f.storage_tag_bits;
}

uint64_t pi_expected_reference(const struct pi_shape *s, uint32_t block)
{
	uint64_t reference = s->tags.reference + (s->f.protection == 3 ? 0 : block);

	return pi_reference_bits(s) == 64 ? reference
					  : reference & ((1ull << pi_reference_bits(s)) - 1);
}

uint8_t *pi_tuple(const struct pi_shape *s, uint32_t block)
{
	return s->md + (size_t)block * s->md_stride + s->f.pi_offset;
}
