/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * transfer write|read NAME FILE SLBA:BLOCKS...: moves pieces between a namespace and the same
 * places of a file, each in commands of many lengths at once, from or to a buffer that begins
 * inside a page. Writes are flushed.
 */
#include <fcntl.h>
#include <unistd.h>

#include "vmtest.h"

#define BUFFER_OFFSET 1404u

struct transfer {
	struct vmt_drive drive;
	struct nvio_qpair *qpair;
	struct vmt_count count;
	enum vmt_op op;
	int fd;
	/* of one piece */
	char *data;
	uint64_t slba;
	uint64_t nr;
};

static void move_file(struct transfer *t)
{
	size_t len = t->nr * t->drive.info.block_len;
	off_t at = (off_t)(t->slba * t->drive.info.block_len);
	ssize_t moved = t->op == VMT_WRITE ? pread(t->fd, t->data, len, at)
					   : pwrite(t->fd, t->data, len, at);

	vmt_check(moved == (ssize_t)len, "the file: %zd bytes of %zu", moved, len);
}

/* Queues one command and returns its length. The lengths grow from a block to the most, over and
 * over. */
static uint32_t queue_next(struct transfer *t, uint64_t done)
{
	static uint32_t nr = 1;
	uint32_t this = nr < t->nr - done ? nr : (uint32_t)(t->nr - done);
	char *buf = t->data + done * t->drive.info.block_len;

	vmt_ok(vmt_queue(t->qpair, t->drive.ns, t->op, buf, t->slba + done, this, done));
	t->count.queued++;
	nr = nr == t->drive.info.max_blocks ? 1 : nr * 2 + 1;
	if (nr > t->drive.info.max_blocks)
		nr = t->drive.info.max_blocks;
	return this;
}

static void move_blocks(struct transfer *t)
{
	uint64_t done = 0;

	while (done < t->nr) {
		if (nvio_qpair_outstanding(t->qpair) == nvio_qpair_depth(t->qpair))
			vmt_drain(t->qpair, &t->count);
		done += queue_next(t, done);
	}
	vmt_drain(t->qpair, &t->count);
}

static void move_piece(struct transfer *t, const char *piece)
{
	char *memory;

	vmt_check(sscanf(piece, "%" SCNu64 ":%" SCNu64, &t->slba, &t->nr) == 2, "'%s'", piece);
	memory = vmt_alloc(t->drive.iommu, BUFFER_OFFSET + t->nr * t->drive.info.block_len);
	t->data = memory + BUFFER_OFFSET;
	if (t->op == VMT_WRITE)
		move_file(t);
	else
		memset(t->data, 0xee, t->nr * t->drive.info.block_len);
	move_blocks(t);
	if (t->op == VMT_READ)
		move_file(t);
	nvio_free(t->drive.iommu, memory);
}

int main(int argc, char **argv)
{
	struct transfer t = { .count = { 0 } };

	vmt_check(argc > 4, "usage: transfer write|read NAME FILE SLBA:BLOCKS...");
	t.op = !strcmp(argv[1], "write") ? VMT_WRITE : VMT_READ;
	t.fd = open(argv[3], O_RDWR);
	vmt_check(t.fd >= 0, "%s: %s", argv[3], strerror(errno));
	vmt_open(&t.drive, argv[2], NULL);
	t.qpair = vmt_qpair(t.drive.ctrl, 32, false);
	for (int i = 4; i < argc; i++)
		move_piece(&t, argv[i]);
	if (t.op == VMT_WRITE)
		vmt_flush(t.qpair, t.drive.ns);
	vmt_check(t.count.queued == t.count.completed, "%" PRIu64 " queued, %" PRIu64 " completed",
		  t.count.queued, t.count.completed);
	printf("%s: %" PRIu64 " commands\n", argv[1], t.count.completed);
	nvio_qpair_free(t.qpair);
	nvio_ctrl_close(t.drive.ctrl);
	close(t.fd);
	return 0;
}
