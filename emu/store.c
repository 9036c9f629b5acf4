/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Making and ending what holds the blocks of a namespace: memory that is taken when it is written,
 * or a file, with all data first and the metadata behind it on a page boundary. Which blocks are
 * uncorrectable is kept in memory only.
 *
 * A file is locked as long as its namespace lives. It is never mapped: another process may shorten
 * it and its disk may be full, which a mapping tells by a signal.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store.h"

/* Larger namespaces are likely meant to be sparse, so that huge pages would waste memory. */
#define HUGE_MAX (4ull << 30)

static uint64_t round_up(uint64_t value)
{
	return (value + EMU_DMA_PAGE - 1) & ~(uint64_t)(EMU_DMA_PAGE - 1);
}

static void unmap(void *addr, size_t len)
{
	if (addr)
		munmap(addr, len);
}

/* @len bytes of zeroes. NULL when @len is 0, too. */
static void *map(size_t len, bool *failed)
{
	void *addr;

	if (!len)
		return NULL;
	addr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0);
	if (addr == MAP_FAILED) {
		*failed = true;
		return NULL;
	}
	if (len <= HUGE_MAX)
		madvise(addr, len, MADV_HUGEPAGE);
	return addr;
}

static void drop_blocks(struct emu_ns *ns)
{
	unmap(ns->data, ns->data_len);
	unmap(ns->md, ns->md_len_all);
	unmap(ns->bad, ns->bad_len);
	ns->data = NULL;
	ns->md = NULL;
	ns->bad = NULL;
	ns->nr_bad = 0;
	ns->ready = false;
}

static int make_blocks(struct emu_ns *ns)
{
	bool failed = false;

	ns->data_len = round_up(ns->nr_blocks << ns->lba_shift);
	ns->md_len_all = round_up(ns->nr_blocks * ns->md_len);
	if (!ns->null && ns->fd < 0) {
		ns->data = map(ns->data_len, &failed);
		ns->md = map(ns->md_len_all, &failed);
	}
	if (failed) {
		drop_blocks(ns);
		return -ENOMEM;
	}
	ns->ready = true;
	return 0;
}

/* Finds the format among those that Identify offers, or adds it. */
static int find_format(struct emu_ctrl *ctrl, const struct emu_ns_opts *opts)
{
	unsigned int shift = (unsigned int)__builtin_ctz(opts->lba);
	uint8_t pif = opts->pi ? opts->guard / 32 : 0;
	unsigned int i;

	for (i = 0; i < ctrl->nr_lbafs; i++) {
		const struct emu_lbaf *f = &ctrl->lbafs[i];

		if (f->lba_shift == shift && f->md_len == opts->md && f->pif == pif)
			return (int)i;
	}
	if (i == EMU_LBAF_MAX)
		return -ENOSPC;
	ctrl->lbafs[i] = (struct emu_lbaf){ (uint8_t)shift, pif, opts->md };
	ctrl->nr_lbafs++;
	return (int)i;
}

static void default_formats(struct emu_ctrl *ctrl)
{
	static const struct emu_lbaf formats[] = {
		{ 9, 0, 0 },   { 12, 0, 0 },  { 9, 0, 8 },   { 12, 0, 8 },
		{ 9, 0, 16 },  { 12, 0, 16 }, { 9, 0, 64 },  { 12, 0, 64 },
		{ 12, 2, 16 }, { 12, 2, 64 }, { 12, 1, 16 }, { 12, 1, 64 },
	};

	memcpy(ctrl->lbafs, formats, sizeof(formats));
	ctrl->nr_lbafs = sizeof(formats) / sizeof(formats[0]);
}

static uint64_t file_need(const struct emu_ns *ns, uint64_t nr_blocks)
{
	return round_up(nr_blocks << ns->lba_shift) + nr_blocks * ns->md_len;
}

static int size_file(struct emu_ns *ns, const struct emu_ns_opts *opts, struct emu_error *error)
{
	off_t end = lseek(ns->fd, 0, SEEK_END);
	uint64_t need;

	if (end < 0)
		return nvio_emu_fail(error, -errno, "%s has no size: %s", opts->file,
				     strerror(errno));
	if (!opts->size) {
		/* What fits, with the metadata's page boundary. */
		ns->nr_blocks = (uint64_t)end / ((1u << ns->lba_shift) + ns->md_len);
		while (ns->nr_blocks && file_need(ns, ns->nr_blocks) > (uint64_t)end)
			ns->nr_blocks--;
		if (!ns->nr_blocks)
			return nvio_emu_fail(error, -EINVAL, "%s is too small: %lld bytes",
					     opts->file, (long long)end);
		return 0;
	}
	need = file_need(ns, ns->nr_blocks);
	if (!end) {
		if (ftruncate(ns->fd, (off_t)round_up(need)))
			return nvio_emu_fail(error, -errno, "%s cannot grow to %llu bytes: %s",
					     opts->file, (unsigned long long)need, strerror(errno));
		return 0;
	}
	if ((uint64_t)end < need)
		return nvio_emu_fail(error, -EINVAL,
				     "%s is too small: %lld bytes, and %llu are needed", opts->file,
				     (long long)end, (unsigned long long)need);
	return 0;
}

static int open_file(struct emu_ns *ns, const struct emu_ns_opts *opts, struct emu_error *error)
{
	int flags = O_RDWR | O_CLOEXEC | (opts->size ? O_CREAT : 0), rc;
	bool made = access(opts->file, F_OK) != 0;

	ns->fd = open(opts->file, flags, 0600);
	if (ns->fd < 0)
		return nvio_emu_fail(error, -errno, "cannot open %s: %s", opts->file,
				     strerror(errno));
	if (flock(ns->fd, LOCK_EX | LOCK_NB))
		return nvio_emu_fail(error, -EBUSY, "%s is in use by another instance", opts->file);
	rc = size_file(ns, opts, error);
	if (rc && made)
		unlink(opts->file);
	return rc;
}

static void set_format(const struct emu_ctrl *ctrl, struct emu_ns *ns)
{
	const struct emu_lbaf *format = &ctrl->lbafs[ns->lbaf];

	ns->lba_shift = format->lba_shift;
	ns->md_len = format->md_len;
	ns->pi_len = !ns->pi ? 0 : format->pif ? 16 : 8;
	ns->pif = format->pif;
}

int nvio_emu_store_open(struct emu_ctrl *ctrl, struct emu_ns *ns, const struct emu_ns_opts *opts,
			struct emu_error *error)
{
	int format, rc = 0;

	if (!ctrl->nr_lbafs)
		default_formats(ctrl);
	format = find_format(ctrl, opts);
	if (format < 0)
		return nvio_emu_fail(error, -ENOSPC, "more than %u LBA formats", EMU_LBAF_MAX);
	ns->lbaf = (uint8_t)format;
	ns->pi = opts->pi;
	ns->extended = opts->extended && opts->md;
	ns->null = opts->null;
	set_format(ctrl, ns);
	ns->nr_blocks = opts->size >> ns->lba_shift;
	if (opts->file[0])
		rc = open_file(ns, opts, error);
	if (rc)
		goto close_file;
	ns->capacity = ns->nr_blocks << ns->lba_shift;
	rc = make_blocks(ns);
	if (!rc)
		return 0;
	nvio_emu_fail(error, rc, "no address space for a namespace of %llu bytes",
		      (unsigned long long)ns->capacity);
close_file:
	nvio_emu_store_close(ns);
	return rc;
}

void nvio_emu_store_close(struct emu_ns *ns)
{
	drop_blocks(ns);
	if (ns->fd >= 0)
		close(ns->fd);
	memset(ns, 0, sizeof(*ns));
	ns->fd = -1;
}

/* What a file has behind the namespace is not its own, and some files cannot be cut off. */
int nvio_emu_store_format(struct emu_ctrl *ctrl, struct emu_ns *ns)
{
	int err;

	drop_blocks(ns);
	set_format(ctrl, ns);
	ns->nr_blocks = ns->capacity >> ns->lba_shift;
	err = make_blocks(ns);
	if (!err && ns->fd >= 0 && nvio_emu_store_zero(ns, 0, ns->nr_blocks))
		err = -EIO;
	if (err)
		ns->ready = false;
	return err;
}

int nvio_emu_store_set_bad(struct emu_ns *ns, uint64_t slba, uint64_t nr)
{
	bool failed = false;

	if (!ns->bad) {
		ns->bad_len = round_up(ns->nr_blocks / 8 + 8);
		ns->bad = map(ns->bad_len, &failed);
		if (failed)
			return -ENOMEM;
	}
	for (; nr--; slba++) {
		uint64_t bit = 1ull << slba % 64;

		ns->nr_bad += !(ns->bad[slba / 64] & bit);
		ns->bad[slba / 64] |= bit;
	}
	return 0;
}

/* Word by word: Dataset Management names ranges as large as the namespace. */
void nvio_emu_store_clear_bad(struct emu_ns *ns, uint64_t slba, uint64_t nr)
{
	while (nr && ns->nr_bad) {
		uint64_t *word = &ns->bad[slba / 64];
		uint64_t n = 64 - slba % 64, bits;

		n = n < nr ? n : nr;
		bits = (n == 64 ? UINT64_MAX : (1ull << n) - 1) << slba % 64;
		if (*word & bits) {
			ns->nr_bad -= (uint64_t)__builtin_popcountll(*word & bits);
			*word &= ~bits;
		}
		slba += n;
		nr -= n;
	}
}

bool nvio_emu_store_is_bad(const struct emu_ns *ns, uint64_t slba, uint64_t nr)
{
	for (; ns->nr_bad && nr--; slba++)
		if (ns->bad[slba / 64] >> slba % 64 & 1)
			return true;
	return false;
}
