/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The window of bus addresses in which a container of sPAPR TCE maps; see spapr.h.
 *
 * The larger its entries, the fewer the IOMMU looks up; but none may be larger than the pages of
 * the memory behind it. The default window has entries of 4 KiB and 1 or 2 GiB in all.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/error.h"
#include "vfio/explain.h"
#include "vfio/ranges.h"
#include "vfio/spapr.h"
#include "vfio/sys.h"

#define GIB            (1ull << 30)
#define DEFAULT_SHIFT  12u
#define WINDOW_ENTRIES (1ull << 20) /* 8 MiB of tables */
#define WINDOW_MAX     (1024 * GIB) /* below all 64-bit windows of host bridges */
#define WINDOW_MIN     (GIB / 16)
#define LEVELS_MAX     8u
/* Where host bridges have their 32-bit windows: what a device accesses there is no memory. */
#define MMIO_START (2 * GIB)
#define MMIO_LAST  (4 * GIB - 1)

const char *nvio_spapr_hint(int err)
{
	return err == -ENODEV
		       ? " (the kernel makes no more windows for a device for which one has "
			 "failed, be it for a driver of its own: see dmesg, and boot it with "
			 "disable_ddw)"
		       : "";
}

static int read_info(struct nvio_spapr *s)
{
	struct vfio_iommu_spapr_tce_info info = { .argsz = sizeof(info) };
	int err = nvio_sys_ioctl(s->fd, VFIO_IOMMU_SPAPR_TCE_GET_INFO, &info);

	if (err)
		return nvio_error(-err, "the IOMMU does not tell its windows: %s", strerror(-err));
	/* v1, and kernels before windows could be made, say nothing of them. */
	if (!(info.flags & VFIO_IOMMU_SPAPR_INFO_DDW))
		memset(&info.ddw, 0, sizeof(info.ddw));
	s->info = info;
	return 0;
}

/* Bus addresses that entries of one size map. */
static int use_window(struct nvio_spapr *s, uint64_t start, uint64_t len, unsigned int shift)
{
	struct nvio_ranges *ranges = &s->domain.ranges;

	if (!len || len - 1 > UINT64_MAX - start)
		return nvio_error(
			EPROTO, "a DMA window of 0x%" PRIx64 " + %" PRIu64 " bytes makes no sense",
			start, len);
	s->start = start;
	s->len = len;
	s->entry_len = 1ull << shift;
	/* Memory is registered in pages, which may be larger. */
	s->domain.page_sizes = max_u64(s->entry_len, (uint64_t)getpagesize());
	ranges->nr = 1;
	ranges->range[0] = (struct nvio_iova_range){ start, start + len - 1 };
	nvio_ranges_cut(ranges, MMIO_START, MMIO_LAST);
	nvio_ranges_cut_pci_windows(ranges);
	if (!ranges->nr)
		return nvio_error(ENOTSUP, "the DMA window leaves no addresses for memory");
	nvio_log(NVIO_LOG_INFO,
		 "DMA window at 0x%" PRIx64 ": %" PRIu64 " MiB in entries of %" PRIu64 " KiB",
		 start, len >> 20, s->entry_len >> 10);
	return 0;
}

static int use_default(struct nvio_spapr *s)
{
	return use_window(s, s->info.dma32_window_start, s->info.dma32_window_size, DEFAULT_SHIFT);
}

/* Tables of more levels need less memory in one piece. */
static int create(const struct nvio_spapr *s, unsigned int shift, uint64_t len, uint64_t *start)
{
	uint32_t levels = (uint32_t)min_u64(max_u64(s->info.ddw.levels, 1), LEVELS_MAX);
	int err = 0;

	for (uint32_t i = 1; i <= levels; i++) {
		struct vfio_iommu_spapr_tce_create request = { .argsz = sizeof(request),
							       .page_shift = shift,
							       .window_size = len,
							       .levels = i };

		err = nvio_sys_ioctl(s->fd, VFIO_IOMMU_SPAPR_TCE_CREATE, &request);
		*start = request.start_addr;
		if (!err)
			return 0;
	}
	return err > 0 ? -EIO : err;
}

/* As long as the machine allows. */
static int create_longest(struct nvio_spapr *s, unsigned int shift)
{
	uint64_t len = max_u64(min_u64(WINDOW_ENTRIES << shift, WINDOW_MAX), WINDOW_MIN), start;
	int err;

	do {
		err = create(s, shift, len, &start);
		if (!err)
			return use_window(s, start, len, shift);
		len /= 2;
	} while (len >= WINDOW_MIN && err != -ENODEV);
	return err;
}

/* Returns 0, also where there was none. */
static int remove_default(const struct nvio_spapr *s)
{
	struct vfio_iommu_spapr_tce_remove request = { .argsz = sizeof(request),
						       .start_addr = s->info.dma32_window_start };

	return nvio_sys_ioctl(s->fd, VFIO_IOMMU_SPAPR_TCE_REMOVE, &request);
}

/* What was removed for a window that cannot be. */
static int restore_default(struct nvio_spapr *s, int err)
{
	uint64_t start;
	int ret = create(s, DEFAULT_SHIFT, s->info.dma32_window_size, &start);

	if (!ret)
		return use_window(s, start, s->info.dma32_window_size, DEFAULT_SHIFT);
	if (err == -ENOMEM)
		return nvio_explain_nomem(WINDOW_MIN / getpagesize() * sizeof(uint64_t), "VmLck:");
	return nvio_error(-err, "no DMA window can be made: %s%s", strerror(-err),
			  nvio_spapr_hint(err));
}

int nvio_spapr_open_window(struct nvio_spapr *s, uint64_t page_len)
{
	unsigned int shift = 63;
	bool removed;
	int err = read_info(s);

	if (err)
		return err;
	page_len = max_u64(page_len, (uint64_t)getpagesize());
	while (shift && (!(s->info.ddw.pgsizes >> shift & 1) || 1ull << shift > page_len))
		shift--;
	/* v1, or none that this memory would do for. */
	if (!shift)
		return use_default(s);
	removed = !remove_default(s);
	for (; shift; shift--) {
		if (!(s->info.ddw.pgsizes >> shift & 1))
			continue;
		err = create_longest(s, shift);
		if (!err)
			return 0;
		nvio_log(NVIO_LOG_INFO, "no DMA window with entries of %llu KiB: %s",
			 1ull << shift >> 10, strerror(-err));
	}
	return removed ? restore_default(s, err) : use_default(s);
}
