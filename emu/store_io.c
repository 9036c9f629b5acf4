/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The blocks of a namespace read and written, in memory or in a file.
 *
 * A file may be cut off or its disk full: each access says so in its status, and a piece that was
 * written before that stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store.h"

/* From here on, giving pages back is faster than clearing them. */
#define PUNCH_MIN (64ul * 1024)

#define READ_ERROR  EMU_MEDIA(NVME_SC_READ_ERROR)
#define WRITE_FAULT EMU_MEDIA(NVME_SC_WRITE_FAULT)

static uint16_t read_file(const struct emu_ns *ns, uint64_t offset, void *buf, size_t len)
{
	uint8_t *at = buf;

	while (len) {
		ssize_t n = pread(ns->fd, at, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		/* Nothing: the file ends here, though it did not. */
		if (n <= 0)
			return READ_ERROR;
		at += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static uint16_t write_file(const struct emu_ns *ns, uint64_t offset, const void *buf, size_t len)
{
	const uint8_t *at = buf;

	while (len) {
		ssize_t n = pwrite(ns->fd, at, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return WRITE_FAULT;
		at += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

uint16_t nvio_emu_store_read(const struct emu_ns *ns, uint64_t slba, uint64_t nr, void *buf)
{
	uint64_t at = slba << ns->lba_shift;
	size_t len = nr << ns->lba_shift;

	if (!ns->data)
		return read_file(ns, at, buf, len);
	memcpy(buf, ns->data + at, len);
	return 0;
}

/* @buf may be one of the blocks. */
uint16_t nvio_emu_store_write(struct emu_ns *ns, uint64_t slba, uint64_t nr, const void *buf)
{
	uint64_t at = slba << ns->lba_shift;
	size_t len = nr << ns->lba_shift;

	if (!ns->data)
		return write_file(ns, at, buf, len);
	memmove(ns->data + at, buf, len);
	return 0;
}

uint16_t nvio_emu_store_read_md(const struct emu_ns *ns, uint64_t slba, uint64_t nr, void *buf)
{
	uint64_t at = slba * ns->md_len;
	size_t len = nr * ns->md_len;

	if (!ns->data)
		return read_file(ns, ns->data_len + at, buf, len);
	memcpy(buf, ns->md + at, len);
	return 0;
}

uint16_t nvio_emu_store_write_md(struct emu_ns *ns, uint64_t slba, uint64_t nr, const void *buf)
{
	uint64_t at = slba * ns->md_len;
	size_t len = nr * ns->md_len;

	if (!ns->data)
		return write_file(ns, ns->data_len + at, buf, len);
	memcpy(ns->md + at, buf, len);
	return 0;
}

uint16_t nvio_emu_store_block(const struct emu_ns *ns, uint64_t lba, uint8_t *buf,
			      const uint8_t **block)
{
	*block = ns->data ? ns->data + (lba << ns->lba_shift) : buf;
	return ns->data ? 0 : nvio_emu_store_read(ns, lba, 1, buf);
}

static uint16_t copy_piece(struct emu_ns *ns, uint64_t from, uint64_t nr, uint64_t to, uint8_t *buf)
{
	uint8_t *md = buf + EMU_BLOCK_MAX;
	uint16_t status = nvio_emu_store_read(ns, from, nr, buf);

	if (!status && ns->md_len)
		status = nvio_emu_store_read_md(ns, from, nr, md);
	if (!status)
		status = nvio_emu_store_write(ns, to, nr, buf);
	if (!status && ns->md_len)
		status = nvio_emu_store_write_md(ns, to, nr, md);
	return status;
}

/* From the end on when the target lies behind: no piece is overwritten before it was read. */
uint16_t nvio_emu_store_copy(struct emu_ns *ns, uint64_t from, uint64_t nr, uint64_t to,
			     uint8_t *buf)
{
	uint64_t most = EMU_BLOCK_MAX >> ns->lba_shift, done = 0;
	uint16_t status = 0;

	if (ns->md_len && most > EMU_BLOCK_MAX / ns->md_len)
		most = EMU_BLOCK_MAX / ns->md_len;
	while (done < nr && !status) {
		uint64_t n = nr - done < most ? nr - done : most;
		uint64_t at = to > from ? nr - done - n : done;

		status = copy_piece(ns, from + at, n, to + at, buf);
		done += n;
	}
	return status;
}

static void zero_memory(uint8_t *base, uint64_t at, uint64_t len)
{
	const uint64_t in_page = EMU_DMA_PAGE - 1;
	uint64_t first = (at + in_page) & ~in_page, end = (at + len) & ~in_page;

	if (len < PUNCH_MIN || madvise(base + first, end - first, MADV_DONTNEED)) {
		memset(base + at, 0, len);
		return;
	}
	memset(base + at, 0, first - at);
	memset(base + end, 0, at + len - end);
}

/* A hole beyond the end of a file that was cut off would not be read as zeroes. */
static bool punch(const struct emu_ns *ns, uint64_t at, uint64_t len)
{
	off_t end = (off_t)(at + len);

	if (fallocate(ns->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)len))
		return false;
	return lseek(ns->fd, 0, SEEK_END) >= end || !ftruncate(ns->fd, end);
}

static uint16_t zero_file(const struct emu_ns *ns, uint64_t at, uint64_t len)
{
	static const uint8_t zeroes[PUNCH_MIN];
	uint16_t status = 0;

	if (len >= PUNCH_MIN && punch(ns, at, len))
		return 0;
	while (len && !status) {
		uint64_t n = len < sizeof(zeroes) ? len : sizeof(zeroes);

		status = write_file(ns, at, zeroes, n);
		at += n;
		len -= n;
	}
	return status;
}

uint16_t nvio_emu_store_zero(struct emu_ns *ns, uint64_t slba, uint64_t nr)
{
	uint64_t at = slba << ns->lba_shift, len = nr << ns->lba_shift;
	uint64_t md_at = slba * ns->md_len, md_len = nr * ns->md_len;
	uint16_t status = 0;

	if (ns->null || !nr)
		return 0;
	if (ns->data) {
		zero_memory(ns->data, at, len);
		if (ns->md_len)
			zero_memory(ns->md, md_at, md_len);
	} else {
		status = zero_file(ns, at, len);
		if (!status)
			status = zero_file(ns, ns->data_len + md_at, md_len);
	}
	if (!status && ns->nr_bad)
		nvio_emu_store_clear_bad(ns, slba, nr);
	return status;
}

uint16_t nvio_emu_store_sync(const struct emu_ns *ns)
{
	return ns->fd >= 0 && ns->ready && fdatasync(ns->fd) ? WRITE_FAULT : 0;
}
