/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads and writes under failures; see load.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "load.h"
#include "stack.h"

#define DRAIN_NS     (60 * SECOND)
#define ABANDONED    0x371u
#define MISCOMPARED  0x285u
#define SLOT_LEN     ((LOAD_MAX_LEN + 1) * LOAD_BLOCK)
#define PIECE_OFFSET 512u

static uint32_t random_below(struct load_thread *t, uint32_t n)
{
	t->random ^= t->random << 13;
	t->random ^= t->random >> 7;
	t->random ^= t->random << 17;
	return (uint32_t)(t->random >> 32) % n;
}

static uint64_t word_of(uint64_t block, uint32_t seq, uint32_t i)
{
	return seq ? (block << 32 | seq) * 0x9e3779b97f4a7c15ull + i : 0;
}

static void fill(uint8_t *to, uint64_t block, uint32_t seq)
{
	for (uint32_t i = 0; i < LOAD_BLOCK / 8; i++) {
		uint64_t word = word_of(block, seq, i);

		memcpy(to + 8 * i, &word, 8);
	}
}

static bool holds(const uint8_t *data, uint64_t block, uint32_t seq)
{
	for (uint32_t i = 0; i < LOAD_BLOCK / 8; i++) {
		uint64_t word = word_of(block, seq, i);

		if (memcmp(data + 8 * i, &word, 8))
			return false;
	}
	return true;
}

static uint8_t *block_of(const struct load_slot *slot, uint32_t i)
{
	return slot->buf + (slot->pieces ? PIECE_OFFSET : 0) + i * LOAD_BLOCK;
}

/* Blocks that nobody is at, up to so many; *unsettled: they have to be read first. Returns how
 * many from *first on, 0 when the first is busy. */
static uint32_t choose_blocks(struct load_thread *t, uint32_t *first, bool *unsettled)
{
	uint32_t max = 1 + random_below(t, LOAD_MAX_LEN), nr = 0;

	*first = random_below(t, LOAD_BLOCKS);
	*unsettled = false;
	while (nr < max && *first + nr < LOAD_BLOCKS && !t->blocks[*first + nr].busy) {
		*unsettled |= t->blocks[*first + nr].now != t->blocks[*first + nr].maybe;
		nr++;
	}
	return nr;
}

static int queue_io(struct load_thread *t, struct load_slot *slot, uint64_t user_data)
{
	uint32_t kind = random_below(t, 16);
	struct nvio_io io = NVIO_IO;
	int err;

	io.slba = t->first + slot->first;
	if (slot->seq && slot->nr == 1 && kind < 3) {
		fill(slot->expected, io.slba, t->blocks[slot->first].now);
		err = nvio_compare_and_write(t->qpair, t->load->ns, slot->expected,
					     block_of(slot, 0), io.slba, 1, 0, user_data);
		if (err != -ENOTSUP)
			return err;
	}
	if (!slot->pieces && kind < 13)
		return slot->seq ? nvio_write(t->qpair, t->load->ns, slot->buf, io.slba, slot->nr,
					      0, user_data)
				 : nvio_read(t->qpair, t->load->ns, slot->buf, io.slba, slot->nr, 0,
					     user_data);
	io.opcode = slot->seq ? NVIO_OP_WRITE : NVIO_OP_READ;
	io.nr_blocks = slot->nr;
	io.flags = kind >= 13 ? NVIO_IO_ONCE : 0;
	/* Pieces that begin within pages: PRPs cannot say that, so that each is a command. */
	for (uint32_t i = 0; i < slot->nr; i++)
		slot->iov[i] = (struct iovec){ block_of(slot, i), LOAD_BLOCK };
	io.iov = slot->iov;
	io.nr_iov = slot->nr;
	return nvio_io(t->qpair, t->load->ns, &io, user_data);
}

/* Returns whether a request was queued. */
static bool queue_one(struct load_thread *t, struct load_slot *slot, uint32_t idx)
{
	bool unsettled;
	int err;

	slot->nr = choose_blocks(t, &slot->first, &unsettled);
	if (!slot->nr)
		return false;
	slot->pieces = random_below(t, 4) == 0;
	slot->seq = unsettled || random_below(t, 2) ? 0 : ++*t->seq;
	for (uint32_t i = 0; i < slot->nr; i++) {
		if (slot->seq)
			fill(block_of(slot, i), t->first + slot->first + i, slot->seq);
		else
			memset(block_of(slot, i), 0xee, LOAD_BLOCK);
	}
	err = queue_io(t, slot, (uint64_t)(slot->use + 1) << 8 | idx);
	if (err) {
		t->end = err == -EAGAIN ? 0 : err;
		return false;
	}
	slot->use++;
	/* Before a doorbell is rung: whoever finds the model later knows what may have run. */
	for (uint32_t i = 0; i < slot->nr; i++) {
		t->blocks[slot->first + i].busy = true;
		if (slot->seq)
			t->blocks[slot->first + i].maybe = slot->seq;
	}
	t->nr_out++;
	t->counts.submitted++;
	return true;
}

static void end_block(struct load_thread *t, const struct load_slot *slot, uint32_t i, bool failed)
{
	struct load_block *block = &t->blocks[slot->first + i];
	uint64_t number = t->first + slot->first + i;

	block->busy = false;
	if (slot->seq && !failed)
		block->now = slot->seq;
	if (slot->seq || failed || t->lies)
		return;
	if (holds(block_of(slot, i), number, block->now)) {
		block->maybe = block->now;
	} else if (holds(block_of(slot, i), number, block->maybe)) {
		block->now = block->maybe;
	} else {
		t->counts.corrupted++;
		printf("# block %llu holds neither write %u nor %u\n", (unsigned long long)number,
		       block->now, block->maybe);
	}
}

static bool is_bad(const struct load_thread *t, const struct load_slot *slot)
{
	uint64_t first = t->first + slot->first;

	return t->bad && t->bad - 1 >= first && t->bad - 1 < first + slot->nr;
}

static void take(struct load_thread *t, const struct nvio_completion *done)
{
	uint32_t idx = done->user_data & 0xff;
	struct load_slot *slot = &t->slots[idx];

	if (idx >= LOAD_SLOTS || !(slot->use & 1) || done->user_data >> 8 != slot->use) {
		t->counts.doubled++;
		return;
	}
	slot->use++;
	t->nr_out--;
	t->counts.failed += done->status != 0;
	if ((done->status & 0x7ff) == ABANDONED)
		t->counts.abandoned++;
	else if (done->status && is_bad(t, slot))
		t->counts.bad++;
	t->counts.corrupted += (done->status & 0x7ff) == MISCOMPARED && !t->lies;
	for (uint32_t i = 0; i < slot->nr; i++)
		end_block(t, slot, i, done->status);
	__atomic_add_fetch(&t->counts.completed, 1, __ATOMIC_RELAXED);
}

static bool is_stopped(const struct load_thread *t)
{
	return __atomic_load_n(&t->load->stop, __ATOMIC_RELAXED);
}

static void *run(void *arg)
{
	struct load_thread *t = arg;
	struct nvio_completion done[LOAD_SLOTS];
	uint64_t drain_until = 0;

	while (t->nr_out || !(t->end || is_stopped(t))) {
		int n;

		for (uint32_t i = 0; i < LOAD_SLOTS && !t->end && !is_stopped(t); i++) {
			if (!(t->slots[i].use & 1))
				queue_one(t, &t->slots[i], i);
		}
		if (t->interrupts && t->nr_out)
			n = nvio_wait(t->qpair, done, 1, LOAD_SLOTS, 100 * MS);
		else
			n = nvio_poll(t->qpair, done, LOAD_SLOTS);
		for (int i = 0; i < n; i++)
			take(t, &done[i]);
		if (n < 0 && n != -ETIMEDOUT) {
			t->end = n;
			break;
		}
		if (!drain_until && (t->end || is_stopped(t)))
			drain_until = now_ns() + DRAIN_NS;
		if (drain_until && now_ns() > drain_until)
			break;
	}
	t->counts.lost = t->nr_out;
	return NULL;
}

static void thread_start(struct load_thread *t, uint32_t timeout_ms)
{
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;

	opts.depth = 32;
	opts.no_sgl = true;
	opts.interrupts = t->interrupts;
	opts.timeout_ms = timeout_ms;
	t->end = nvio_qpair_create(t->load->ctrl, &opts, &t->qpair);
	CU_ASSERT_FATAL(!t->end || t->lies);
	for (uint32_t i = 0; i < LOAD_SLOTS; i++) {
		struct nvio_iommu *iommu = nvio_ctrl_iommu(t->load->ctrl);

		t->slots[i].buf = nvio_alloc(iommu, SLOT_LEN, LOAD_BLOCK);
		t->slots[i].expected = nvio_alloc(iommu, LOAD_BLOCK, LOAD_BLOCK);
		CU_ASSERT_FATAL(t->slots[i].buf && t->slots[i].expected);
	}
	/* Without a queue pair it ends at once. */
	CU_ASSERT_EQUAL_FATAL(pthread_create(&t->thread, NULL, run, t), 0);
}

void load_start(struct load *l, struct nvio_ctrl *ctrl, struct nvio_ns *ns, unsigned int nr_threads,
		uint32_t timeout_ms, uint64_t seed, struct load_model *model)
{
	memset(l, 0, sizeof(*l));
	if (!model)
		model = &l->own;
	l->ctrl = ctrl;
	l->ns = ns;
	l->nr_threads = nr_threads;
	for (unsigned int i = 0; i < nr_threads; i++) {
		struct load_thread *t = &l->threads[i];

		t->load = l;
		t->interrupts = i % 2;
		t->first = (uint64_t)i * LOAD_BLOCKS;
		t->seq = &model->seq[i];
		t->bad = model->bad;
		t->lies = model->lies;
		t->blocks = model->blocks[i];
		for (uint32_t k = 0; k < LOAD_BLOCKS; k++)
			t->blocks[k].busy = false;
		t->random = seed * 0x9e3779b97f4a7c15ull + i + 1;
		thread_start(t, timeout_ms);
	}
}

static uint64_t completed(struct load *l, unsigned int i)
{
	return __atomic_load_n(&l->threads[i].counts.completed, __ATOMIC_RELAXED);
}

bool load_goes_on(struct load *l, uint64_t nr, int64_t ns)
{
	uint64_t until = now_ns() + (uint64_t)ns, goal[LOAD_THREADS];
	const struct timespec nap = { .tv_nsec = MS };

	for (unsigned int i = 0; i < l->nr_threads; i++)
		goal[i] = completed(l, i) + nr;
	for (unsigned int i = 0; i < l->nr_threads; i++) {
		while (completed(l, i) < goal[i]) {
			if (now_ns() > until)
				return false;
			nanosleep(&nap, NULL);
		}
	}
	return true;
}

void load_add(struct load_counts *sum, const struct load_counts *counts)
{
	sum->submitted += counts->submitted;
	sum->completed += counts->completed;
	sum->failed += counts->failed;
	sum->abandoned += counts->abandoned;
	sum->bad += counts->bad;
	sum->lost += counts->lost;
	sum->doubled += counts->doubled;
	sum->corrupted += counts->corrupted;
}

void load_tell(unsigned int nr_faults, const struct load_counts *sum)
{
	printf("# %u faults; requests: %llu submitted, %llu completed, %llu failed with a status, "
	       "lost = %llu, doubled = %llu, corrupted = %llu\n",
	       nr_faults, (unsigned long long)sum->submitted, (unsigned long long)sum->completed,
	       (unsigned long long)sum->failed, (unsigned long long)sum->lost,
	       (unsigned long long)sum->doubled, (unsigned long long)sum->corrupted);
}

struct load_counts load_stop(struct load *l)
{
	struct load_counts sum = { 0 };

	__atomic_store_n(&l->stop, true, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < l->nr_threads; i++) {
		struct load_thread *t = &l->threads[i];

		pthread_join(t->thread, NULL);
		load_add(&sum, &t->counts);
		sum.lost += t->qpair && nvio_qpair_outstanding(t->qpair) != t->counts.lost;
		for (uint32_t s = 0; s < LOAD_SLOTS; s++) {
			nvio_free(nvio_ctrl_iommu(l->ctrl), t->slots[s].buf);
			nvio_free(nvio_ctrl_iommu(l->ctrl), t->slots[s].expected);
		}
	}
	return sum;
}
