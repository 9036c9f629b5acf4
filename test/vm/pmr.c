/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pmr NAME write|check KEY: the persistent memory region of a drive. Written by the program and by
 * commands, checked by a later run, which sees what the one before has left. With "file" NAME is
 * the file that it is kept in.
 */
#include "vmtest.h"

#define HALF  (1u << 20) /* the program's; behind it the commands' */
#define CHUNK 65536u

struct run {
	struct vmt_drive drive;
	struct nvio_qpair *qpair;
	struct nvio_pmr_info info;
	char *pmr;
	uint64_t key;
};

static uint64_t key_of(const struct run *run, size_t offset)
{
	return run->key << 32 | offset;
}

static uint32_t blocks_of(const struct run *run, size_t len)
{
	return (uint32_t)(len / run->drive.info.block_len);
}

static void flush(struct run *run)
{
	vmt_ok(nvio_pmr_flush(run->drive.ctrl));
}

/* Half by stores, half by commands that read blocks into it. */
static void write_all(struct run *run)
{
	char *heap = vmt_alloc(run->drive.iommu, CHUNK);
	uint32_t nr = blocks_of(run, CHUNK);

	for (size_t at = 0; at < HALF; at += CHUNK)
		vmt_fill(run->pmr + at, CHUNK, key_of(run, at));
	for (size_t at = HALF; at < run->info.len; at += CHUNK) {
		vmt_fill(heap, CHUNK, key_of(run, at));
		vmt_io(run->qpair, run->drive.ns, VMT_WRITE, heap, 0, nr);
		vmt_io(run->qpair, run->drive.ns, VMT_READ, run->pmr + at, 0, nr);
	}
	flush(run);
}

/* By loads, and by commands that write it to blocks. */
static void check_all(struct run *run)
{
	char *heap = vmt_alloc(run->drive.iommu, CHUNK);
	uint32_t nr = blocks_of(run, CHUNK);

	for (size_t at = 0; at < run->info.len; at += CHUNK) {
		vmt_check(vmt_holds(run->pmr + at, CHUNK, key_of(run, at)),
			  "offset %zu is not as it was left", at);
		memset(heap, 0xee, CHUNK);
		vmt_io(run->qpair, run->drive.ns, VMT_WRITE, run->pmr + at, 128, nr);
		vmt_io(run->qpair, run->drive.ns, VMT_READ, heap, 128, nr);
		vmt_check(vmt_holds(heap, CHUNK, key_of(run, at)),
			  "offset %zu is not as commands see it", at);
	}
}

static int check_file(struct run *run, const char *name)
{
	static char chunk[CHUNK];
	FILE *f = fopen(name, "r");
	size_t at = 0;

	vmt_check(f, "%s: %s", name, strerror(errno));
	for (; fread(chunk, 1, CHUNK, f) == CHUNK; at += CHUNK)
		vmt_check(vmt_holds(chunk, CHUNK, key_of(run, at)), "offset %zu of %s", at, name);
	printf("%zu bytes in the file\n", at);
	fclose(f);
	return 0;
}

int main(int argc, char **argv)
{
	static struct run run;
	void *addr;
	size_t len;

	vmt_check(argc == 4, "usage: pmr NAME write|check|file KEY");
	run.key = strtoull(argv[3], NULL, 0);
	if (!strcmp(argv[2], "file"))
		return check_file(&run, argv[1]);
	vmt_open(&run.drive, argv[1], NULL);
	vmt_refused(nvio_pmr_flush(run.drive.ctrl), EINVAL, "is not mapped");
	vmt_ok(nvio_pmr_map(run.drive.ctrl, &addr, &len));
	vmt_ok(nvio_pmr_get_info(run.drive.ctrl, &run.info, sizeof(run.info)));
	vmt_check(len == run.info.len && run.info.health == NVIO_PMR_NORMAL && !run.info.error &&
			  run.info.reads && run.info.writes,
		  "%zu bytes, health %u, error %u", len, run.info.health, run.info.error);
	run.pmr = addr;
	run.qpair = vmt_qpair(run.drive.ctrl, 4, false);
	if (!strcmp(argv[2], "write"))
		write_all(&run);
	else
		check_all(&run);
	printf("%zu bytes\n", len);
	nvio_ctrl_close(run.drive.ctrl);
	return 0;
}
