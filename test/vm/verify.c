/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * verify [-b] [-l PAGES] [-w WAY] [-x TIMES] NAME SEED DEPTH:COMMANDS...: random reads and writes
 * against a model in memory, on a queue pair of each depth in turn. SEED 0 takes one from the
 * clock, DEPTH 0 is the deepest there is. -b: buffers begin at any byte, not only where PRPs can.
 * -l: commands of so many pages at most, for controllers that refuse what their MDTS allows. -w: a
 * number of enum nvio_way. -x: up to so many times the largest transfer.
 *
 * The model knows which write each block of a region had last. Commands in flight never overlap.
 * They have any length from one block to the most that the depth has room for, every offset in a
 * page, and buffers in the heap and in memory that is registered in pieces.
 */
#include <unistd.h>

#include "vmtest.h"

#define PAGE        4096u
#define GUARD       64u
#define GUARD_BYTE  0x5a
#define REGION_LEN  (128u << 20)
#define ARENA_LEN   (64u << 20)
#define RECENT      64u
#define PIECE_PAGES 29u /* pages of a registration, at most */

enum { HEAP, REGISTERED, NR_ARENAS };

/* A command's place in each arena, and the command that is in it. */
struct slot {
	bool busy;
	enum vmt_op op;
	char *buf;
	uint64_t slba;
	uint32_t nr;
	uint32_t write; /* its number, when it is one */
};

struct model {
	uint64_t nr_blocks;
	uint32_t *writes; /* the last write of each block; 0: none yet, it reads as zeros */
	char *locked; /* blocks that a command in flight uses */
	uint32_t nr_writes;
	uint64_t recent[RECENT]; /* where writes began: reads prefer them */
};

struct run {
	struct vmt_drive drive;
	struct model model;
	char *arenas[NR_ARENAS];
	unsigned int step; /* between the offsets in a page at which a buffer may begin */
	unsigned int times; /* the largest transfer is the largest request */
	size_t most_pages; /* of a command */
	struct nvio_iommu_opts way;
	uint64_t random;
	/* of one depth */
	struct nvio_qpair *qpair;
	struct vmt_count count;
	struct slot *slots;
	uint32_t *free_slots;
	uint32_t nr_free;
	size_t slot_len;
	uint32_t max_blocks;
	uint32_t most_blocks; /* in one command so far */
	uint32_t tries[2][NR_ARENAS]; /* of each kind of command: gives the offset of the next */
};

static uint64_t below(struct run *run, uint64_t n)
{
	return vmt_random(&run->random) % n;
}

static uint64_t block_key(uint64_t block, uint32_t write)
{
	return block << 32 | write;
}

static void fill_blocks(struct run *run, const struct slot *slot)
{
	size_t len = run->drive.info.block_len;

	for (uint32_t i = 0; i < slot->nr; i++)
		vmt_fill(slot->buf + i * len, len, block_key(slot->slba + i, slot->write));
}

static bool all_bytes(const char *p, size_t len, char byte)
{
	return p[0] == byte && !memcmp(p, p + 1, len - 1);
}

/* What is in the buffer has to be what the model says, block by block. */
static void check_blocks(struct run *run, const struct slot *slot)
{
	size_t len = run->drive.info.block_len;

	for (uint32_t i = 0; i < slot->nr; i++) {
		uint64_t block = slot->slba + i;
		uint32_t write = run->model.writes[block];
		const char *p = slot->buf + i * len;

		vmt_check(write ? vmt_holds(p, len, block_key(block, write)) : all_bytes(p, len, 0),
			  "%s of %" PRIu64 " + %u at offset 0x%lx: block %" PRIu64
			  " is not as write %u left it",
			  slot->op == VMT_WRITE ? "write" : "read", slot->slba, slot->nr,
			  (unsigned long)((uintptr_t)slot->buf % PAGE), block, write);
	}
}

static void set_guards(struct run *run, const struct slot *slot)
{
	memset(slot->buf - GUARD, GUARD_BYTE, GUARD);
	memset(slot->buf + slot->nr * run->drive.info.block_len, GUARD_BYTE, GUARD);
}

static void check_guards(struct run *run, const struct slot *slot)
{
	vmt_check(all_bytes(slot->buf - GUARD, GUARD, GUARD_BYTE), "written in front of a buffer");
	vmt_check(all_bytes(slot->buf + slot->nr * run->drive.info.block_len, GUARD, GUARD_BYTE),
		  "written behind a buffer");
}

/* One block, the most, or anything between, with a preference for short ones. */
static uint32_t random_nr(struct run *run)
{
	uint64_t kind = below(run, 64);

	if (kind < 2)
		return kind ? run->max_blocks : 1;
	return 1 + (uint32_t)below(run, kind < 5 ? run->max_blocks : 1 + run->max_blocks / 32);
}

/* Chooses blocks that no command in flight uses; false when a few tries hit none. */
static bool choose_blocks(struct run *run, struct slot *slot)
{
	struct model *model = &run->model;

	slot->nr = random_nr(run);
	for (int attempt = 0; attempt < 8; attempt++) {
		slot->slba = below(run, 2) ? model->recent[below(run, RECENT)]
					   : below(run, model->nr_blocks);
		if (slot->slba > model->nr_blocks - slot->nr)
			slot->slba = model->nr_blocks - slot->nr;
		if (!memchr(model->locked + slot->slba, 1, slot->nr))
			return true;
	}
	return false;
}

/* Offsets take turns for each kind of command and arena, so that each of them comes. */
static void choose_buffer(struct run *run, struct slot *slot)
{
	int arena = (int)below(run, NR_ARENAS);
	size_t idx = (size_t)(slot - run->slots), len = slot->nr * run->drive.info.block_len;
	size_t offset = run->tries[slot->op][arena] * run->step % PAGE;

	if (offset + len <= run->most_pages * PAGE)
		run->tries[slot->op][arena]++;
	else
		offset = 0;
	slot->buf = run->arenas[arena] + idx * run->slot_len + PAGE + offset;
}

static bool queue_one(struct run *run)
{
	uint32_t idx = run->free_slots[run->nr_free - 1];
	struct slot *slot = &run->slots[idx];
	struct model *model = &run->model;
	int ret;

	if (!choose_blocks(run, slot))
		return false;
	slot->op = below(run, 2) ? VMT_WRITE : VMT_READ;
	choose_buffer(run, slot);
	set_guards(run, slot);
	if (slot->op == VMT_WRITE) {
		slot->write = ++model->nr_writes;
		model->recent[slot->write % RECENT] = slot->slba;
		fill_blocks(run, slot);
	} else {
		memset(slot->buf, 0xee, slot->nr * run->drive.info.block_len);
	}
	ret = vmt_queue(run->qpair, run->drive.ns, slot->op, slot->buf, slot->slba, slot->nr, idx);
	/* The commands of larger requests may fill the queue before there are as many requests. */
	if (ret == -EAGAIN && run->times > 1)
		return false;
	vmt_ok(ret);
	memset(model->locked + slot->slba, 1, slot->nr);
	slot->busy = true;
	run->nr_free--;
	run->count.queued++;
	if (slot->nr > run->most_blocks)
		run->most_blocks = slot->nr;
	return true;
}

static void finish_one(struct run *run, uint64_t idx)
{
	struct slot *slot = &run->slots[idx];

	vmt_check(slot->busy, "completion of %" PRIu64 ", which is not outstanding", idx);
	slot->busy = false;
	run->free_slots[run->nr_free++] = (uint32_t)idx;
	memset(run->model.locked + slot->slba, 0, slot->nr);
	for (uint32_t i = 0; slot->op == VMT_WRITE && i < slot->nr; i++)
		run->model.writes[slot->slba + i] = slot->write;
	check_blocks(run, slot);
	check_guards(run, slot);
}

static void reap(struct run *run)
{
	struct nvio_completion done[64];
	int64_t n =
		vmt_ok(nvio_wait(run->qpair, done, 1, 1 + (int)below(run, 64), VMT_PATIENCE_NS));

	vmt_arrived(run->qpair, &run->count, done, n);
	for (int64_t i = 0; i < n; i++)
		finish_one(run, done[i].user_data);
}

/* Requests of several commands count as what the controller was told of: as commands. */
static void submit(struct run *run)
{
	if (run->times == 1) {
		vmt_submit(run->qpair, &run->count);
		return;
	}
	vmt_ok(nvio_submit(run->qpair));
	run->count.submitted = run->count.queued;
}

static void run_commands(struct run *run, uint64_t total)
{
	char *spare = run->arenas[HEAP];

	while (run->count.completed < total) {
		uint64_t batch = 1 + below(run, nvio_qpair_depth(run->qpair));

		while (batch-- && run->nr_free && run->count.queued < total) {
			if (!queue_one(run))
				break;
		}
		if (!run->nr_free)
			vmt_check(nvio_read(run->qpair, run->drive.ns, spare, 0, 1, 0, 0) ==
					  -EAGAIN,
				  "a full queue pair takes another command");
		submit(run);
		reap(run);
	}
}

static void prepare(struct run *run, uint16_t depth)
{
	const struct nvio_ns_info *info = &run->drive.info;

	/* A page for the guard in front, one for the offset, one for the guard behind. */
	run->slot_len = ARENA_LEN / depth / PAGE * PAGE;
	run->max_blocks = (uint32_t)((run->slot_len - 3 * PAGE) / info->block_len);
	if (run->max_blocks > info->max_blocks * run->times)
		run->max_blocks = info->max_blocks * run->times;
	run->slots = calloc(depth, sizeof(*run->slots));
	run->free_slots = calloc(depth, sizeof(*run->free_slots));
	vmt_check(run->slots && run->free_slots, "no memory");
	for (run->nr_free = 0; run->nr_free < depth; run->nr_free++)
		run->free_slots[run->nr_free] = run->nr_free;
	run->count = (struct vmt_count){ 0 };
	run->most_blocks = 0;
	memset(run->tries, 0, sizeof(run->tries));
	run->qpair = vmt_qpair(run->drive.ctrl, depth, false);
}

/* Whether the random choices have met everything that the test is about. */
static void check_coverage(const struct run *run, uint64_t total)
{
	for (int op = VMT_READ; op <= VMT_WRITE; op++) {
		for (int arena = HEAP; arena < NR_ARENAS; arena++)
			vmt_check(run->tries[op][arena] >= PAGE / run->step,
				  "only %u offsets with command %d in arena %d",
				  run->tries[op][arena], op, arena);
	}
	vmt_check(run->most_blocks == run->max_blocks, "no command of %u blocks", run->max_blocks);
	vmt_check(total >= 4 * (nvio_qpair_depth(run->qpair) + 1u), "the queues hardly wrap");
}

static void verify_depth(struct run *run, uint16_t depth, uint64_t total)
{
	prepare(run, depth);
	run_commands(run, total);
	vmt_check(run->count.queued == total && run->count.submitted == total &&
			  run->count.completed == total,
		  "%" PRIu64 " queued, %" PRIu64 " submitted, %" PRIu64 " completed of %" PRIu64,
		  run->count.queued, run->count.submitted, run->count.completed, total);
	vmt_check(!nvio_qpair_outstanding(run->qpair), "commands are outstanding");
	check_coverage(run, total);
	printf("depth %u: %" PRIu64 " commands of 1 to %u blocks of %u bytes\n", depth, total,
	       run->max_blocks, run->drive.info.block_len);
	nvio_qpair_free(run->qpair);
	free(run->free_slots);
	free(run->slots);
}

static void verify_argument(struct run *run, const char *argument)
{
	unsigned int depth, total;

	vmt_check(sscanf(argument, "%u:%u", &depth, &total) == 2, "'%s'", argument);
	verify_depth(run, depth ? (uint16_t)depth : run->drive.ctrl_info.max_depth, total);
}

/* Registers an arena in pieces, every second one first, so that few neighbours have neighbouring
 * IOVAs. */
static void register_pieces(struct run *run, char *arena)
{
	for (unsigned int round = 0; round < 2; round++) {
		size_t len, nr = 0;

		for (size_t at = 0; at < ARENA_LEN; at += len, nr++) {
			len = (1 + nr * 7 % PIECE_PAGES) * vmt_page_len();
			if (len > ARENA_LEN - at)
				len = ARENA_LEN - at;
			if (nr % 2 == round)
				vmt_ok(nvio_mem_register(run->drive.iommu, arena + at, len,
							 NVIO_DMA_RW));
		}
	}
}

static void make_memory(struct run *run)
{
	struct model *model = &run->model;

	model->nr_blocks = REGION_LEN / run->drive.info.block_len;
	vmt_check(model->nr_blocks <= run->drive.info.nr_blocks, "the namespace is too small");
	model->writes = calloc(model->nr_blocks, sizeof(*model->writes));
	model->locked = calloc(model->nr_blocks, 1);
	vmt_check(model->writes && model->locked, "no memory for the model");
	for (unsigned int i = 0; i < RECENT; i++)
		model->recent[i] = below(run, model->nr_blocks);
	run->arenas[HEAP] = vmt_alloc(run->drive.iommu, ARENA_LEN);
	run->arenas[REGISTERED] = vmt_pages(ARENA_LEN);
	register_pieces(run, run->arenas[REGISTERED]);
}

/* Takes the options. Returns the place of the first argument behind them. */
static int take_options(struct run *run, int argc, char **argv)
{
	static const char usage[] =
		"verify [-b] [-l PAGES] [-w WAY] [-x TIMES] NAME SEED DEPTH:COMMANDS...";
	int option;

	while ((option = getopt(argc, argv, "bl:w:x:")) >= 0) {
		vmt_check(option != '?', "usage: %s", usage);
		if (option == 'b')
			run->step = 1;
		else if (option == 'l')
			run->most_pages = strtoul(optarg, NULL, 0);
		else if (option == 'w')
			run->way.way = (enum nvio_way)strtoul(optarg, NULL, 0);
		else
			run->times = (unsigned int)strtoul(optarg, NULL, 0);
	}
	vmt_check(argc - optind > 2 && run->most_pages && run->times, "usage: %s", usage);
	return optind;
}

int main(int argc, char **argv)
{
	static struct run run = {
		.step = 4, .times = 1, .most_pages = SIZE_MAX / PAGE, .way = NVIO_IOMMU_OPTS
	};
	int arg = take_options(&run, argc, argv);
	struct nvio_iommu *iommu;

	run.random = vmt_seed(argv[arg + 1]);
	vmt_ok(nvio_iommu_open(&run.way, &iommu));
	vmt_open(&run.drive, argv[arg], iommu);
	nvio_iommu_close(iommu);
	vmt_check((uint64_t)run.drive.info.max_blocks * run.drive.info.block_len ==
			  run.drive.ctrl_info.max_transfer,
		  "%u blocks of %u bytes, not %u bytes at most", run.drive.info.max_blocks,
		  run.drive.info.block_len, run.drive.ctrl_info.max_transfer);
	make_memory(&run);
	for (arg += 2; arg < argc; arg++)
		verify_argument(&run, argv[arg]);
	nvio_ctrl_close(run.drive.ctrl);
	return 0;
}
