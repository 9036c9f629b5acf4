/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A controller with the contents of its namespaces as a stream of bytes, out and in.
 *
 * A head with the controller (saved.c), a record for each piece of a namespace that is not all
 * zero, and a last one with a sum of everything before it. Blocks are written as they come, the
 * controller is loaded at the end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "migration.h"
#include "saved.h"
#include "store.h"

#define MAGIC   0x65746172676d756eull
#define VERSION 1u

#define PIECE     65536u /* bytes of data in a record, or one block */
#define PIECE_MAX (PIECE / 512) /* blocks in a record */
#define BAD_LEN   (PIECE_MAX / 8) /* a bit for each: Write Uncorrectable */

struct head {
	uint64_t magic;
	uint32_t version;
	uint32_t len; /* of the controller behind it */
};

/* Behind it: data, metadata, and which blocks are bad. The last one has no blocks, and the sum. */
struct record {
	uint32_t nsid;
	uint32_t nr;
	uint64_t slba;
};

struct emu_stream {
	struct emu_ctrl *ctrl;
	uint8_t *buf; /* what is to be read next, or was written and not taken */
	size_t len;
	size_t cap;
	uint64_t sum; /* of all before that */
	uint8_t *saved; /* the controller, loaded at the end; NULL: it has not come */
	unsigned int ns; /* where saving goes on */
	uint64_t slba;
	bool ended;
	bool broken; /* what was written makes no sense */
};

/* FNV-1a */
static uint64_t add_sum(uint64_t sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum = (sum ^ bytes[i]) * 0x100000001b3ull;
	return sum;
}

static bool make_room(struct emu_stream *s, size_t len)
{
	size_t cap = s->cap ? s->cap : 2u << 20;
	uint8_t *buf;

	while (cap < s->len + len)
		cap *= 2;
	if (cap == s->cap)
		return true;
	buf = realloc(s->buf, cap);
	if (!buf)
		return false;
	s->buf = buf;
	s->cap = cap;
	return true;
}

static void drop(struct emu_stream *s, size_t len)
{
	s->len -= len;
	memmove(s->buf, s->buf + len, s->len);
}

static uint64_t piece_blocks(const struct emu_ns *ns)
{
	return PIECE >> ns->lba_shift;
}

static size_t piece_len(const struct emu_ns *ns, uint64_t nr)
{
	return (size_t)(nr << ns->lba_shift) + (size_t)nr * ns->md_len + BAD_LEN;
}

static bool has_blocks(const struct emu_ns *ns)
{
	return ns->nsid && !ns->null && ns->ready;
}

static bool erase(struct emu_ctrl *ctrl)
{
	for (unsigned int i = 0; i < EMU_NS_MAX; i++) {
		struct emu_ns *ns = &ctrl->ns[i];

		if (!has_blocks(ns))
			continue;
		nvio_emu_store_clear_bad(ns, 0, ns->nr_blocks);
		if (nvio_emu_store_zero(ns, 0, ns->nr_blocks))
			return false;
	}
	return true;
}

static bool add_controller(struct emu_stream *s)
{
	struct head head = { MAGIC, VERSION, (uint32_t)nvio_emu_saved_len(s->ctrl) };

	if (!make_room(s, sizeof(head) + head.len))
		return false;
	memcpy(s->buf, &head, sizeof(head));
	nvio_emu_save(s->ctrl, s->buf + sizeof(head));
	s->len = sizeof(head) + head.len;
	s->sum = add_sum(s->sum, s->buf, s->len);
	return true;
}

struct emu_stream *nvio_emu_stream_new(struct emu_ctrl *ctrl, bool load)
{
	struct emu_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->ctrl = ctrl;
	s->sum = 0xcbf29ce484222325ull;
	if (load ? erase(ctrl) : add_controller(s))
		return s;
	nvio_emu_stream_free(s);
	return NULL;
}

void nvio_emu_stream_free(struct emu_stream *s)
{
	if (!s)
		return;
	free(s->saved);
	free(s->buf);
	free(s);
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	return !len || (!bytes[0] && !memcmp(bytes, bytes + 1, len - 1));
}

/* The next piece of a namespace, unless it is all zero. */
static int add_piece(struct emu_stream *s, const struct emu_ns *ns)
{
	uint64_t left = ns->nr_blocks - s->slba, most = piece_blocks(ns);
	struct record record = { ns->nsid, (uint32_t)(left < most ? left : most), s->slba };
	size_t len = piece_len(ns, record.nr);
	uint8_t *at, *bad;

	if (!make_room(s, sizeof(record) + len))
		return -ENOMEM;
	at = s->buf + s->len;
	memcpy(at, &record, sizeof(record));
	at += sizeof(record);
	bad = at + len - BAD_LEN;
	memset(bad, 0, BAD_LEN);
	if (nvio_emu_store_read(ns, record.slba, record.nr, at) ||
	    (ns->md_len && nvio_emu_store_read_md(ns, record.slba, record.nr,
						  at + ((size_t)record.nr << ns->lba_shift))))
		return -EIO;
	for (uint32_t i = 0; ns->nr_bad && i < record.nr; i++)
		if (nvio_emu_store_is_bad(ns, record.slba + i, 1))
			bad[i / 8] = (uint8_t)(bad[i / 8] | 1u << i % 8);
	s->slba += record.nr;
	if (is_zero(at, len))
		return 0;
	s->sum = add_sum(s->sum, s->buf + s->len, sizeof(record) + len);
	s->len += sizeof(record) + len;
	return 0;
}

static int add_end(struct emu_stream *s)
{
	const struct record last = { 0, 0, 0 };

	if (!make_room(s, sizeof(last) + sizeof(s->sum)))
		return -ENOMEM;
	memcpy(s->buf + s->len, &last, sizeof(last));
	s->sum = add_sum(s->sum, s->buf + s->len, sizeof(last));
	memcpy(s->buf + s->len + sizeof(last), &s->sum, sizeof(s->sum));
	s->len += sizeof(last) + sizeof(s->sum);
	s->ended = true;
	return 0;
}

static int add_next(struct emu_stream *s)
{
	const struct emu_ns *ns;

	if (s->ns == EMU_NS_MAX)
		return add_end(s);
	ns = &s->ctrl->ns[s->ns];
	if (has_blocks(ns) && s->slba < ns->nr_blocks)
		return add_piece(s, ns);
	s->ns++;
	s->slba = 0;
	return 0;
}

ssize_t nvio_emu_stream_read(struct emu_stream *s, void *to, size_t len)
{
	int err = 0;

	while (s->len < len && !s->ended && !err)
		err = add_next(s);
	if (err)
		return err;
	len = len < s->len ? len : s->len;
	memcpy(to, s->buf, len);
	drop(s, len);
	return (ssize_t)len;
}

/* Below: what was taken of the bytes at hand; 0 when more have to come; -EINVAL. */
static ssize_t take_controller(struct emu_stream *s)
{
	struct head head;

	if (s->len < sizeof(head))
		return 0;
	memcpy(&head, s->buf, sizeof(head));
	if (head.magic != MAGIC || head.version != VERSION ||
	    head.len != nvio_emu_saved_len(s->ctrl))
		return -EINVAL;
	if (s->len < sizeof(head) + head.len)
		return 0;
	s->saved = malloc(head.len);
	if (!s->saved)
		return -ENOMEM;
	memcpy(s->saved, s->buf + sizeof(head), head.len);
	return (ssize_t)(sizeof(head) + head.len);
}

static ssize_t take_end(struct emu_stream *s)
{
	uint64_t sum = add_sum(s->sum, s->buf, sizeof(struct record));

	if (s->len < sizeof(struct record) + sizeof(sum))
		return 0;
	if (memcmp(&sum, s->buf + sizeof(struct record), sizeof(sum)))
		return -EINVAL;
	s->ended = true;
	return sizeof(struct record) + sizeof(sum);
}

static int write_piece(struct emu_ns *ns, const struct record *record, const uint8_t *at)
{
	const uint8_t *bad = at + piece_len(ns, record->nr) - BAD_LEN;

	if (nvio_emu_store_write(ns, record->slba, record->nr, at) ||
	    (ns->md_len && nvio_emu_store_write_md(ns, record->slba, record->nr,
						   at + ((size_t)record->nr << ns->lba_shift))))
		return -EIO;
	for (uint32_t i = 0; i < record->nr; i++)
		if (bad[i / 8] >> i % 8 & 1 && nvio_emu_store_set_bad(ns, record->slba + i, 1))
			return -ENOMEM;
	return 0;
}

static ssize_t take_record(struct emu_stream *s)
{
	struct record record;
	struct emu_ns *ns;
	size_t len;
	int err;

	if (s->len < sizeof(record))
		return 0;
	memcpy(&record, s->buf, sizeof(record));
	if (!record.nsid)
		return record.nr || record.slba ? -EINVAL : take_end(s);
	ns = nvio_emu_ns(s->ctrl, record.nsid);
	if (!ns || !has_blocks(ns) || !record.nr || record.nr > piece_blocks(ns) ||
	    !nvio_emu_in_range(ns, record.slba, record.nr))
		return -EINVAL;
	len = sizeof(record) + piece_len(ns, record.nr);
	if (s->len < len)
		return 0;
	err = write_piece(ns, &record, s->buf + sizeof(record));
	return err ? err : (ssize_t)len;
}

int nvio_emu_stream_write(struct emu_stream *s, const void *from, size_t len)
{
	ssize_t taken = 1;

	if (s->broken)
		return -EINVAL;
	if (!make_room(s, len))
		return -ENOMEM;
	memcpy(s->buf + s->len, from, len);
	s->len += len;
	while (s->len && taken > 0) {
		if (s->ended)
			taken = -EINVAL;
		else
			taken = s->saved ? take_record(s) : take_controller(s);
		if (taken <= 0)
			break;
		s->sum = add_sum(s->sum, s->buf, (size_t)taken);
		drop(s, (size_t)taken);
	}
	s->broken = taken < 0;
	return taken < 0 ? (int)taken : 0;
}

int nvio_emu_stream_finish(struct emu_stream *s)
{
	return s->broken || !s->ended ? -EINVAL : nvio_emu_load(s->ctrl, s->saved);
}

uint64_t nvio_emu_stream_len(const struct emu_ctrl *ctrl)
{
	uint64_t len = sizeof(struct head) + nvio_emu_saved_len(ctrl) + sizeof(struct record) + 8;

	for (unsigned int i = 0; i < EMU_NS_MAX; i++) {
		const struct emu_ns *ns = &ctrl->ns[i];

		if (has_blocks(ns))
			len += (ns->nr_blocks << ns->lba_shift) + ns->nr_blocks * ns->md_len;
	}
	return len;
}
