/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * heap NAME MIB [page=BYTES] [first=MIB] [huge_only] [entries=BYTES]: takes MIB of memory from a
 * heap with these options, in pieces of 1 MiB, and writes and reads all of it. entries: for POWER,
 * the address space is for pages of that size, and has a DMA window with entries as large.
 *
 * Prints "BACKING PAGE_LEN" of the newest region and how many regions there are. When the heap
 * cannot be had, it says why on stderr, "ERRNO: sentence", and exits with 1.
 */
#include "vmtest.h"

#define MIB   (1u << 20)
#define DEPTH 16u

static void parse(int argc, char **argv, struct nvio_heap_opts *opts, struct nvio_iommu_opts *iommu)
{
	for (int i = 3; i < argc; i++) {
		if (!strncmp(argv[i], "page=", 5))
			opts->page_len = strtoull(argv[i] + 5, NULL, 0);
		else if (!strncmp(argv[i], "first=", 6))
			opts->first_len = strtoull(argv[i] + 6, NULL, 0) * MIB;
		else if (!strcmp(argv[i], "huge_only"))
			opts->huge_only = true;
		else if (!strncmp(argv[i], "entries=", 8))
			iommu->page_len = strtoull(argv[i] + 8, NULL, 0);
		else
			vmt_check(false, "'%s'", argv[i]);
	}
}

static void explain(int err)
{
	fprintf(stderr, "%s: %s\n", strerrorname_np(-err), nvio_last_error());
}

/* All of it goes to the drive at once, comes back into the pieces in reverse order, and is right.
 */
static void check_io(struct vmt_drive *drive, char **pieces, uint32_t nr)
{
	struct nvio_qpair *qpair = vmt_qpair(drive->ctrl, DEPTH, false);
	uint32_t len = drive->ctrl_info.max_transfer, blocks = len / drive->info.block_len;
	uint32_t per_piece = MIB / len, total = nr * per_piece;
	struct vmt_count count = { 0 };

	for (uint32_t i = 0; i < 2 * total; i++) {
		enum vmt_op op = i < total ? VMT_WRITE : VMT_READ;
		uint32_t at = i % total, place = op == VMT_WRITE ? at : total - 1 - at;
		char *buf = pieces[place / per_piece] + place % per_piece * len;

		if (i == total || nvio_qpair_outstanding(qpair) == DEPTH)
			vmt_drain(qpair, &count);
		if (op == VMT_WRITE)
			vmt_fill(buf, len, at);
		vmt_ok(vmt_queue(qpair, drive->ns, op, buf, (uint64_t)at * blocks, blocks, at));
		count.queued++;
	}
	vmt_drain(qpair, &count);
	for (uint32_t at = 0; at < total; at++) {
		uint32_t place = total - 1 - at;

		vmt_check(vmt_holds(pieces[place / per_piece] + place % per_piece * len, len, at),
			  "transfer %u", at);
	}
	nvio_qpair_free(qpair);
}

static void print_heap(struct nvio_iommu *iommu)
{
	struct nvio_heap_info info;

	nvio_heap_get_info(iommu, &info, sizeof(info));
	vmt_check(info.used_len <= info.len && info.len <= info.max_len,
		  "%zu bytes used of %zu of %zu", info.used_len, info.len, info.max_len);
	printf("%s %zu\n%u regions\n", info.backing, info.page_len, info.nr_regions);
}

/* The heap's options wait in the address space for its first device. */
static int open_all(struct vmt_drive *drive, const char *name, const struct nvio_heap_opts *heap,
		    const struct nvio_iommu_opts *iommu)
{
	struct nvio_ctrl_opts opts = NVIO_CTRL_OPTS;
	int err;

	nvio_log_set(vmt_log, NULL, NVIO_LOG_WARN);
	vmt_ok(nvio_iommu_open(iommu, &opts.iommu));
	err = nvio_heap_open(opts.iommu, heap);
	if (!err)
		err = nvio_ctrl_open(name, &opts, &drive->ctrl);
	if (!err)
		vmt_use_ctrl(drive, 1);
	nvio_iommu_close(opts.iommu);
	return err;
}

/* Entries of that size, and nothing for them but what is in pages as large; all that is registered
 * is the heap. */
static void check_window(struct vmt_drive *drive, size_t entry_len)
{
	struct nvio_heap_info heap;
	struct nvio_tce_info info;
	char *small = aligned_alloc(entry_len, entry_len);

	vmt_check(small, "no memory");
	memset(small, 0, entry_len);
	vmt_refused(nvio_mem_register(drive->iommu, small, entry_len, NVIO_DMA_RW), EINVAL,
		    "is in smaller pages than the entries of the DMA window");
	free(small);
	vmt_ok(nvio_device_tce_info(nvio_ctrl_device(drive->ctrl), &info, sizeof(info)));
	vmt_check(info.version == 2 && info.entry_len == entry_len,
		  "version %u, entries of %" PRIu64 " bytes", info.version, info.entry_len);
	nvio_heap_get_info(drive->iommu, &heap, sizeof(heap));
	vmt_check(info.nr_registered == heap.nr_regions && info.registered_len == heap.len,
		  "%u pieces of %" PRIu64 " bytes are registered, the heap has %u of %zu",
		  info.nr_registered, info.registered_len, heap.nr_regions, heap.len);
}

/* Returns 0, or -ENOMEM when the heap gives no more. */
static int use_heap(struct vmt_drive *drive, uint32_t nr)
{
	char **pieces = calloc(nr, sizeof(*pieces));
	uint32_t got = 0;
	int err = 0;

	vmt_check(pieces, "no memory");
	while (got < nr && (pieces[got] = nvio_alloc(drive->iommu, MIB, NVIO_MEM_PAGE)))
		got++;
	if (got < nr) {
		err = -ENOMEM;
		explain(err);
	} else {
		check_io(drive, pieces, nr);
		print_heap(drive->iommu);
	}
	while (got)
		nvio_free(drive->iommu, pieces[--got]);
	free(pieces);
	return err;
}

int main(int argc, char **argv)
{
	struct nvio_iommu_opts iommu = NVIO_IOMMU_OPTS;
	struct nvio_heap_opts opts = NVIO_HEAP_OPTS;
	struct vmt_drive drive;
	int err;

	vmt_check(argc > 2,
		  "usage: heap NAME MIB [page=BYTES] [first=MIB] [huge_only] [entries=BYTES]");
	parse(argc, argv, &opts, &iommu);
	err = open_all(&drive, argv[1], &opts, &iommu);
	if (err) {
		explain(err);
		return 1;
	}
	if (iommu.page_len)
		check_window(&drive, iommu.page_len);
	err = use_heap(&drive, (uint32_t)strtoul(argv[2], NULL, 0));
	nvio_ctrl_close(drive.ctrl);
	return err ? 1 : 0;
}
