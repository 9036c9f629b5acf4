/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes and checks protection information (NVM:5.2), block by block over memory in pieces.
 *
 * Data and metadata are two streams that are walked side by side; with extended metadata they are
 * one and the same. Nothing here knows of a device.
 */
#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "nvme/pi.h"

#define TUPLE_MAX   16u
#define APP_ESCAPED 0xffffu

/* Storage and reference tag together have up to 80 bits. */
typedef unsigned __int128 u128;

struct stream {
	const struct iovec *piece;
	size_t at;
};

/* The blocks of one call, and how far it came. */
struct walk {
	const struct nvio_ns_info *format;
	struct stream data;
	struct stream separate; /* metadata in memory of its own */
	struct iovec separate_piece;
	struct stream *metadata;
	unsigned int pi_len;
	unsigned int guard_len; /* bytes */
	unsigned int reference_bits;
	uint64_t reference; /* of the next block */
	uint64_t storage;
};

struct tuple {
	uint64_t guard;
	uint16_t application;
	uint64_t storage;
	uint64_t reference;
};

static uint64_t low_bits(unsigned int nr)
{
	return nr >= 64 ? UINT64_MAX : (1ull << nr) - 1;
}

/* At most @want bytes that lie together; they are there, as the pieces were measured. */
static void *next_bytes(struct stream *s, size_t want, size_t *len)
{
	char *at;

	/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) */
	while (s->at == s->piece->iov_len) {
		s->piece++;
		s->at = 0;
	}
	at = (char *)s->piece->iov_base + s->at;
	*len = min_u64(want, s->piece->iov_len - s->at);
	s->at += *len;
	return at;
}

static void skip(struct stream *s, size_t len)
{
	for (size_t n; len; len -= n)
		next_bytes(s, len, &n);
}

static uint64_t add_to_guard(struct stream *s, unsigned int guard_bits, uint64_t guard, size_t len)
{
	for (size_t n; len; len -= n) {
		const void *at = next_bytes(s, len, &n);

		guard = nvio_pi_crc(guard_bits, guard, at, n);
	}
	return guard;
}

static void copy_out(struct stream *s, uint8_t *out, size_t len)
{
	for (size_t n; len; len -= n, out += n) {
		const void *at = next_bytes(s, len, &n);

		memcpy(out, at, n);
	}
}

static void copy_in(struct stream *s, const uint8_t *in, size_t len)
{
	for (size_t n; len; len -= n, in += n) {
		void *at = next_bytes(s, len, &n);

		memcpy(at, in, n);
	}
}

static u128 get_be(const uint8_t *at, size_t len)
{
	u128 value = 0;

	while (len--)
		value = value << 8 | *at++;
	return value;
}

static void put_be(uint8_t *at, size_t len, u128 value)
{
	for (; len--; value >>= 8)
		at[len] = (uint8_t)value;
}

static int check_format(const struct nvio_ns_info *format)
{
	unsigned int guard_bits = format->guard_bits;

	if (!format->protection || format->protection > 3)
		return nvio_error(EINVAL, "blocks of namespace %u have no protection information",
				  format->nsid);
	if ((guard_bits != 16 && guard_bits != 32 && guard_bits != 64) || !format->block_len ||
	    format->block_len > INT32_MAX || format->metadata_len > INT32_MAX ||
	    format->storage_tag_bits > min_u64(nvio_pi_space_bits(guard_bits), 64) ||
	    nvio_pi_space_bits(guard_bits) - format->storage_tag_bits > 64 ||
	    (uint64_t)format->pi_offset + nvio_pi_len(guard_bits) > format->metadata_len)
		return nvio_error(EINVAL,
				  "no such protection information: a guard of %u bits at byte %u "
				  "of %u of metadata, a storage tag of %u bits",
				  guard_bits, format->pi_offset, format->metadata_len,
				  format->storage_tag_bits);
	return 0;
}

static int check_memory(const struct nvio_ns_info *format, const struct iovec *data, size_t nr_data,
			const void *metadata, uint32_t nr_blocks)
{
	uint64_t need = format->block_len, len = 0;

	if (format->metadata_extended)
		need += format->metadata_len;
	if (format->metadata_extended == !!metadata && nr_blocks)
		return nvio_error(EINVAL, metadata ? "metadata lies behind each block, not in a "
						     "buffer of its own"
						   : "no buffer with the blocks' metadata");
	for (size_t i = 0; i < nr_data && len < need * nr_blocks; i++)
		len += min_u64(data[i].iov_len, need * nr_blocks - len);
	if (len < need * nr_blocks)
		return nvio_error(EINVAL, "%llu bytes of data are less than %u blocks of %llu",
				  (unsigned long long)len, nr_blocks, (unsigned long long)need);
	return 0;
}

static void use_tags(struct walk *w, const struct nvio_pi_tags *tags)
{
	const struct nvio_ns_info *format = w->format;

	w->reference_bits = nvio_pi_space_bits(format->guard_bits) - format->storage_tag_bits;
	w->reference = tags->reference & low_bits(w->reference_bits);
	w->storage = tags->storage & low_bits(format->storage_tag_bits);
}

static int start(struct walk *w, const struct nvio_ns_info *format, const struct iovec *data,
		 size_t nr_data, const void *metadata, uint32_t nr_blocks,
		 const struct nvio_pi_tags *tags)
{
	int err = check_format(format);

	if (!err)
		err = check_memory(format, data, nr_data, metadata, nr_blocks);
	if (err)
		return err;
	w->format = format;
	w->data = (struct stream){ data, 0 };
	w->separate_piece.iov_base = (void *)metadata;
	w->separate_piece.iov_len = (size_t)format->metadata_len * nr_blocks;
	w->separate = (struct stream){ &w->separate_piece, 0 };
	w->metadata = metadata ? &w->separate : &w->data;
	w->pi_len = nvio_pi_len(format->guard_bits);
	w->guard_len = format->guard_bits / 8;
	use_tags(w, tags);
	return 0;
}

/* Walks up to the tuple of the next block. Returns the guard of what lies before. */
static uint64_t walk_to_tuple(struct walk *w, bool guarded)
{
	const struct nvio_ns_info *format = w->format;
	uint64_t guard;

	if (!guarded) {
		skip(&w->data, format->block_len);
		skip(w->metadata, format->pi_offset);
		return 0;
	}
	guard = add_to_guard(&w->data, format->guard_bits, 0, format->block_len);
	return add_to_guard(w->metadata, format->guard_bits, guard, format->pi_offset);
}

static void finish_block(struct walk *w)
{
	const struct nvio_ns_info *format = w->format;

	skip(w->metadata, format->metadata_len - format->pi_offset - w->pi_len);
	/* It wraps from all ones to zero (NVM:5.2.3). */
	if (format->protection != 3)
		w->reference = (w->reference + 1) & low_bits(w->reference_bits);
}

static u128 tag_space(const struct walk *w)
{
	return (u128)w->storage << w->reference_bits | w->reference;
}

static void write_tuple(struct walk *w, uint64_t guard, uint16_t application)
{
	uint8_t bytes[TUPLE_MAX];
	unsigned int tags_at = w->guard_len + 2;

	put_be(bytes, w->guard_len, guard);
	put_be(bytes + w->guard_len, 2, application);
	put_be(bytes + tags_at, w->pi_len - tags_at, tag_space(w));
	copy_in(w->metadata, bytes, w->pi_len);
}

static void read_tuple(struct walk *w, struct tuple *t)
{
	uint8_t bytes[TUPLE_MAX];
	unsigned int tags_at = w->guard_len + 2;
	u128 space;

	copy_out(w->metadata, bytes, w->pi_len);
	t->guard = (uint64_t)get_be(bytes, w->guard_len);
	t->application = (uint16_t)get_be(bytes + w->guard_len, 2);
	space = get_be(bytes + tags_at, w->pi_len - tags_at);
	t->reference = (uint64_t)space & low_bits(w->reference_bits);
	t->storage = (uint64_t)(space >> w->reference_bits);
}

int nvio_pi_generatev(const struct nvio_ns_info *format, const struct iovec *data, size_t nr_data,
		      void *metadata, uint32_t nr_blocks, const struct nvio_pi_tags *tags)
{
	struct walk w;
	int err = start(&w, format, data, nr_data, metadata, nr_blocks, tags);

	for (; !err && nr_blocks; nr_blocks--) {
		uint64_t guard = walk_to_tuple(&w, true);

		write_tuple(&w, guard, tags->application);
		finish_block(&w);
	}
	return err;
}

/* Tags that ask for no checks (NVM:5.2.3). */
static bool is_escaped(const struct walk *w, const struct tuple *t)
{
	if (t->application != APP_ESCAPED)
		return false;
	return w->format->protection != 3 || t->reference == low_bits(w->reference_bits);
}

/* Compares one block's tuple. Returns the check that failed, or 0. */
static unsigned int compare(const struct walk *w, const struct tuple *t, uint64_t guard,
			    const struct nvio_pi_tags *tags, unsigned int checks)
{
	if (is_escaped(w, t))
		return 0;
	if (checks & NVIO_PI_GUARD && t->guard != guard)
		return NVIO_PI_GUARD;
	if (checks & NVIO_PI_APPLICATION &&
	    (t->application ^ tags->application) & tags->application_mask)
		return NVIO_PI_APPLICATION;
	if (checks & NVIO_PI_STORAGE && (t->storage ^ w->storage) & w->format->storage_tag_mask)
		return NVIO_PI_STORAGE;
	if (checks & NVIO_PI_REFERENCE && w->format->protection != 3 &&
	    t->reference != w->reference)
		return NVIO_PI_REFERENCE;
	return 0;
}

static __attribute__((cold)) int fail(const struct walk *w, const struct tuple *t, uint64_t guard,
				      const struct nvio_pi_tags *tags, struct nvio_pi_error *error)
{
	static const char *const names[] = {
		[NVIO_PI_GUARD] = "guard",
		[NVIO_PI_APPLICATION] = "application tag",
		[NVIO_PI_STORAGE] = "storage tag",
		[NVIO_PI_REFERENCE] = "reference tag",
	};

	switch (error->check) {
	case NVIO_PI_GUARD:
		error->expected = guard;
		error->actual = t->guard;
		break;
	case NVIO_PI_APPLICATION:
		error->expected = tags->application;
		error->actual = t->application;
		break;
	case NVIO_PI_STORAGE:
		error->expected = w->storage;
		error->actual = t->storage;
		break;
	default:
		error->expected = w->reference;
		error->actual = t->reference;
	}
	return nvio_error(EILSEQ, "block %u of these has the %s 0x%llx instead of 0x%llx",
			  error->block, names[error->check], (unsigned long long)error->actual,
			  (unsigned long long)error->expected);
}

int nvio_pi_verifyv(const struct nvio_ns_info *format, const struct iovec *data, size_t nr_data,
		    const void *metadata, uint32_t nr_blocks, const struct nvio_pi_tags *tags,
		    unsigned int checks, struct nvio_pi_error *error)
{
	struct nvio_pi_error own;
	struct walk w;
	int err;

	if (checks & ~(unsigned int)NVIO_PI_ALL)
		return nvio_error(EINVAL, "0x%x are no checks of protection information", checks);
	err = start(&w, format, data, nr_data, metadata, nr_blocks, tags);
	for (uint32_t i = 0; !err && i < nr_blocks; i++) {
		uint64_t guard = walk_to_tuple(&w, checks & NVIO_PI_GUARD);
		unsigned int failed;
		struct tuple t;

		read_tuple(&w, &t);
		failed = compare(&w, &t, guard, tags, checks);
		if (unlikely(failed)) {
			error = error ? error : &own;
			error->block = i;
			error->check = failed;
			return fail(&w, &t, guard, tags, error);
		}
		finish_block(&w);
	}
	return err;
}

int nvio_pi_generate(const struct nvio_ns_info *format, void *data, void *metadata,
		     uint32_t nr_blocks, const struct nvio_pi_tags *tags)
{
	const struct iovec piece = { data, SIZE_MAX };

	return nvio_pi_generatev(format, &piece, 1, metadata, nr_blocks, tags);
}

int nvio_pi_verify(const struct nvio_ns_info *format, const void *data, const void *metadata,
		   uint32_t nr_blocks, const struct nvio_pi_tags *tags, unsigned int checks,
		   struct nvio_pi_error *error)
{
	const struct iovec piece = { (void *)data, SIZE_MAX };

	return nvio_pi_verifyv(format, &piece, 1, metadata, nr_blocks, tags, checks, error);
}

void nvio_pi_to_sqe(const struct nvio_ns_info *format, const struct nvio_pi_tags *tags,
		    struct nvio_sqe *sqe)
{
	struct walk w = { .format = format };
	u128 space;

	use_tags(&w, tags);
	space = tag_space(&w);
	sqe->cdw2 = (uint32_t)(space >> 64);
	sqe->cdw3 = (uint32_t)(space >> 32);
	sqe->cdw14 = (uint32_t)space;
	sqe->cdw15 = (uint32_t)tags->application_mask << 16 | tags->application;
}
