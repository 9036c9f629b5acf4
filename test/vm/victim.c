/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * victim NAME GENERATION [run]: what is to be killed, and what looks afterwards.
 *
 * Checks what the one before it (GENERATION - 1) wrote and flushed, and that each block it was
 * writing when it was killed is whole. With "run" it writes and flushes its own, says "flushed",
 * and keeps 64 writes and reads in flight until it is killed; "running" tells of the first ones to
 * complete.
 */
#include <unistd.h>

#include "vmtest.h"

#define DEPTH      64u
#define KEPT       256u /* blocks that are flushed before the killing */
#define BUSY       2048u /* blocks behind them that are written until the end */
#define CHUNK      8u /* blocks of a command */
#define NOT_ZERO   1u /* keys of kept data never are */
#define TAG_OFFSET 8u

struct victim {
	struct vmt_drive drive;
	struct nvio_qpair *qpair;
	struct vmt_count count;
	uint64_t random;
	char *bufs;
};

static uint64_t kept_key(uint64_t generation, uint64_t block)
{
	return generation << 32 | block << 1 | NOT_ZERO;
}

static void write_kept(struct victim *v, uint64_t generation)
{
	size_t len = v->drive.info.block_len;

	for (uint32_t i = 0; i < KEPT; i++)
		vmt_fill(v->bufs + i * len, len, kept_key(generation, i));
	vmt_io(v->qpair, v->drive.ns, VMT_WRITE, v->bufs, 0, KEPT);
	vmt_flush(v->qpair, v->drive.ns);
}

static void check_kept(struct victim *v, uint64_t generation)
{
	size_t len = v->drive.info.block_len;

	memset(v->bufs, 0, KEPT * len);
	vmt_io(v->qpair, v->drive.ns, VMT_READ, v->bufs, 0, KEPT);
	for (uint32_t i = 0; i < KEPT; i++)
		vmt_check(vmt_holds(v->bufs + i * len, len, kept_key(generation, i)),
			  "block %u is not as generation %" PRIu64 " flushed it", i, generation);
}

/* A block in flux says in its first words what key the rest follows from, and which block it is. */
static void fill_busy(char *p, size_t len, uint64_t block, uint64_t key)
{
	memcpy(p, &key, sizeof(key));
	memcpy(p + TAG_OFFSET, &block, sizeof(block));
	vmt_fill(p + 2 * TAG_OFFSET, len - 2 * TAG_OFFSET, key ^ block);
}

static bool busy_is_whole(const char *p, size_t len, uint64_t block)
{
	uint64_t key, tag;

	memcpy(&key, p, sizeof(key));
	memcpy(&tag, p + TAG_OFFSET, sizeof(tag));
	if (key)
		return tag == block &&
		       vmt_holds(p + 2 * TAG_OFFSET, len - 2 * TAG_OFFSET, key ^ block);
	return !memcmp(p, p + 1, len - 1); /* never written */
}

static uint32_t check_busy(struct victim *v)
{
	size_t len = v->drive.info.block_len;
	uint32_t written = 0;

	for (uint32_t at = 0; at < BUSY; at += KEPT) {
		vmt_io(v->qpair, v->drive.ns, VMT_READ, v->bufs, KEPT + at, KEPT);
		for (uint32_t i = 0; i < KEPT; i++) {
			vmt_check(busy_is_whole(v->bufs + i * len, len, at + i),
				  "block %u is torn or of somebody else", KEPT + at + i);
			written += v->bufs[i * len] != 0;
		}
	}
	return written;
}

static void queue_busy(struct victim *v, uint64_t slot)
{
	size_t len = v->drive.info.block_len;
	char *buf = v->bufs + slot * CHUNK * len;
	uint64_t at = vmt_random(&v->random) % (BUSY / CHUNK) * CHUNK;
	uint64_t key = vmt_random(&v->random) | 1;
	enum vmt_op op = key & 2 ? VMT_WRITE : VMT_READ;

	for (uint32_t i = 0; op == VMT_WRITE && i < CHUNK; i++)
		fill_busy(buf + i * len, len, at + i, key);
	vmt_ok(vmt_queue(v->qpair, v->drive.ns, op, buf, KEPT + at, CHUNK, slot));
	v->count.queued++;
}

static void run_until_killed(struct victim *v)
{
	struct nvio_completion done[DEPTH];

	for (uint64_t slot = 0; slot < DEPTH; slot++)
		queue_busy(v, slot);
	for (;;) {
		int64_t n;

		vmt_submit(v->qpair, &v->count);
		n = vmt_ok(nvio_wait(v->qpair, done, 1, DEPTH, VMT_PATIENCE_NS));
		if (v->count.completed < 1000 && v->count.completed + (uint64_t)n >= 1000)
			puts("running");
		vmt_arrived(v->qpair, &v->count, done, n);
		for (int64_t i = 0; i < n; i++)
			queue_busy(v, done[i].user_data);
	}
}

int main(int argc, char **argv)
{
	struct victim v = { .count = { 0 } };
	uint64_t generation;

	vmt_check(argc == 3 || argc == 4, "usage: victim NAME GENERATION [run]");
	setvbuf(stdout, NULL, _IOLBF, 0);
	generation = strtoull(argv[2], NULL, 0);
	v.random = generation * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)getpid();
	vmt_open(&v.drive, argv[1], NULL);
	v.qpair = vmt_qpair(v.drive.ctrl, DEPTH, false);
	v.bufs = vmt_alloc(v.drive.iommu, (size_t)DEPTH * CHUNK * v.drive.info.block_len);
	if (generation) {
		uint32_t written;

		check_kept(&v, generation - 1);
		written = check_busy(&v);
		if (argc == 3)
			printf("%u blocks in flux\n", written);
	}
	if (argc == 4) {
		write_kept(&v, generation);
		puts("flushed");
		run_until_killed(&v);
	}
	nvio_ctrl_close(v.drive.ctrl);
	return 0;
}
