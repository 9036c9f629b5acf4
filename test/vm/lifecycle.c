/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lifecycle NAME ROUNDS: opens, uses and closes a controller again and again in one process, and
 * leaves nothing behind: no file descriptor, no locked memory, no growth, no mapping.
 *
 * Every round makes four queue pairs, two of which are left to nvio_ctrl_close(). The script
 * looks at what the controller saw of it.
 */
#include <dirent.h>

#include "vmtest.h"

#define NR_QPAIRS 4u
#define DEPTH     32u
#define IO_LEN    16384u

/* What the process holds. */
struct usage {
	unsigned int fds;
	unsigned long locked_kib;
	unsigned long resident_kib;
};

static unsigned long status_kib(const char *field)
{
	FILE *f = fopen("/proc/self/status", "r");
	unsigned long kib = 0;
	char line[256];

	vmt_check(f, "%s", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, field, strlen(field)))
			kib = strtoul(line + strlen(field), NULL, 10);
	}
	fclose(f);
	return kib;
}

static unsigned int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int nr = 0;

	vmt_check(dir, "%s", strerror(errno));
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

static struct usage usage_now(void)
{
	return (struct usage){ .fds = open_fds(),
			       .locked_kib = status_kib("VmLck:"),
			       .resident_kib = status_kib("VmRSS:") };
}

/* Nothing more than before, but for what the C library keeps of its own heap. */
static void check_usage(struct usage before, const char *when)
{
	struct usage now = usage_now();

	vmt_check(now.fds == before.fds, "%s: %u fds, before it %u", when, now.fds, before.fds);
	vmt_check(now.locked_kib == before.locked_kib, "%s: %lu KiB locked, before it %lu", when,
		  now.locked_kib, before.locked_kib);
	vmt_check(now.resident_kib < before.resident_kib + 256,
		  "%s: %lu KiB resident, before it %lu", when, now.resident_kib,
		  before.resident_kib);
}

static void use_qpair(struct vmt_drive *drive, struct nvio_qpair *qpair, char *buf, uint64_t key)
{
	uint32_t nr = IO_LEN / drive->info.block_len;

	vmt_fill(buf, IO_LEN, key);
	vmt_io(qpair, drive->ns, VMT_WRITE, buf, key % 100 * nr, nr);
	memset(buf, 0, IO_LEN);
	vmt_io(qpair, drive->ns, VMT_READ, buf, key % 100 * nr, nr);
	vmt_check(vmt_holds(buf, IO_LEN, key), "round %" PRIu64, key);
}

static void use_drive(struct vmt_drive *drive, uint64_t round)
{
	size_t own_len = IO_LEN > vmt_page_len() ? IO_LEN : vmt_page_len();
	char *own = vmt_pages(own_len), *heap = vmt_alloc(drive->iommu, IO_LEN);
	struct nvio_qpair *qpair;

	vmt_ok(nvio_mem_register(drive->iommu, own, own_len, NVIO_DMA_RW));
	for (unsigned int i = 0; i < NR_QPAIRS; i++) {
		qpair = vmt_qpair(drive->ctrl, DEPTH, round % 4 == 0 && i % 2);
		use_qpair(drive, qpair, i % 2 ? heap : own, round);
		if (i < NR_QPAIRS / 2)
			nvio_qpair_free(qpair);
	}
	nvio_free(drive->iommu, heap);
	/* In odd rounds the end of the address space has to do it. */
	if (round % 2 == 0)
		vmt_ok(nvio_mem_unregister(drive->iommu, own, own_len));
	nvio_ctrl_close(drive->ctrl);
	free(own);
}

static void own_address_spaces(const char *name, uint64_t rounds)
{
	struct usage before = { 0 };
	struct vmt_drive drive;

	for (uint64_t round = 0; round < rounds; round++) {
		vmt_open(&drive, name, NULL);
		use_drive(&drive, round);
		vmt_check(!status_kib("VmLck:"), "%lu KiB are locked", status_kib("VmLck:"));
		/* The first rounds fill caches of the C library. */
		if (round == 4)
			before = usage_now();
		else if (round > 4)
			check_usage(before, "address spaces of their own");
	}
}

/* The address space outlives its controllers, and holds no more than its heap between them. */
static void shared_address_space(const char *name, uint64_t rounds)
{
	struct usage start = usage_now();
	struct nvio_iommu_info info;
	struct nvio_heap_info heap;
	struct nvio_iommu *iommu;
	struct vmt_drive drive;

	vmt_ok(nvio_iommu_open(NULL, &iommu));
	nvio_iommu_get_info(iommu, &info, sizeof(info));
	vmt_check(!info.nr_maps && !info.mapped_len && !strcmp(info.type, "none"),
		  "%u mappings before the first device", info.nr_maps);
	for (uint64_t round = 0; round < rounds; round++) {
		vmt_open(&drive, name, iommu);
		use_drive(&drive, round * 2);
		nvio_iommu_get_info(iommu, &info, sizeof(info));
		nvio_heap_get_info(iommu, &heap, sizeof(heap));
		vmt_check(!heap.used_len, "%zu bytes of the heap are in use", heap.used_len);
		vmt_check(info.nr_maps == heap.nr_regions && info.mapped_len == heap.len &&
				  heap.len <= 4 << 20,
			  "%u mappings of %" PRIu64 " bytes, %u heap regions of %zu", info.nr_maps,
			  info.mapped_len, heap.nr_regions, heap.len);
	}
	nvio_iommu_close(iommu);
	check_usage(start, "one address space");
}

int main(int argc, char **argv)
{
	uint64_t rounds;

	vmt_check(argc == 3, "usage: lifecycle NAME ROUNDS");
	rounds = strtoull(argv[2], NULL, 0);
	own_address_spaces(argv[1], rounds);
	shared_address_space(argv[1], rounds / 10);
	nvio_ctrl_close(NULL);
	nvio_qpair_free(NULL);
	nvio_iommu_close(NULL);
	return 0;
}
