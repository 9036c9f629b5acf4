/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * two_controllers NAME NAME: two controllers with two namespaces each in one I/O address space.
 *
 * Four threads at once, each with a queue pair and a namespace of its own, write and read back.
 * Before that, one heap buffer serves both controllers, also at the same time.
 */
#include <pthread.h>

#include "vmtest.h"

#define NR_THREADS 4u
#define ROUNDS     12u
#define CHUNKS     512u /* of a round */
#define CHUNK_LEN  8192u
#define DEPTH      32u

struct worker {
	struct vmt_drive drive;
	uint64_t idx;
	pthread_t thread;
	struct nvio_qpair *qpair;
	struct vmt_count count;
	char *buf;
};

static struct worker workers[NR_THREADS];
static pthread_barrier_t start;

static uint64_t chunk_key(const struct worker *w, uint64_t round, uint64_t chunk)
{
	return (w->idx << 32 | round) << 20 | chunk;
}

/* All chunks once, in an order that jumps about. */
static void pass(struct worker *w, enum vmt_op op, uint64_t round)
{
	uint32_t nr = CHUNK_LEN / w->drive.info.block_len;

	for (uint64_t i = 0; i < CHUNKS; i++) {
		uint64_t chunk = (i * 197 + round) % CHUNKS;
		char *buf = w->buf + chunk * CHUNK_LEN;

		if (op == VMT_WRITE)
			vmt_fill(buf, CHUNK_LEN, chunk_key(w, round, chunk));
		else
			memset(buf, 0xee, CHUNK_LEN);
		if (nvio_qpair_outstanding(w->qpair) == DEPTH)
			vmt_drain(w->qpair, &w->count);
		vmt_ok(vmt_queue(w->qpair, w->drive.ns, op, buf, chunk * nr, nr, chunk));
		w->count.queued++;
	}
	vmt_drain(w->qpair, &w->count);
}

/* Chunk keys name the worker too: data of another namespace is wrong. */
static void check(const struct worker *w, uint64_t round)
{
	for (uint64_t chunk = 0; chunk < CHUNKS; chunk++)
		vmt_check(vmt_holds(w->buf + chunk * CHUNK_LEN, CHUNK_LEN,
				    chunk_key(w, round, chunk)),
			  "%s/%u: chunk %" PRIu64 " of round %" PRIu64, w->drive.ctrl_info.name,
			  w->drive.info.nsid, chunk, round);
}

static void begin(struct worker *w)
{
	w->qpair = vmt_qpair(w->drive.ctrl, DEPTH, false);
	w->buf = vmt_alloc(w->drive.iommu, CHUNKS * CHUNK_LEN);
}

static void end(struct worker *w)
{
	nvio_free(w->drive.iommu, w->buf);
	nvio_qpair_free(w->qpair);
}

/* Queue pairs and memory come and go while the other threads use theirs. */
static void *work(void *arg)
{
	struct worker *w = arg;

	pthread_barrier_wait(&start);
	for (uint64_t round = 0; round < ROUNDS; round++) {
		begin(w);
		pass(w, VMT_WRITE, round);
		pass(w, VMT_READ, round);
		check(w, round);
		end(w);
	}
	return NULL;
}

/* No other thread has written here since. */
static void read_again(struct worker *w)
{
	const uint64_t total = (2 * ROUNDS + 1) * CHUNKS;

	begin(w);
	pass(w, VMT_READ, ROUNDS - 1);
	check(w, ROUNDS - 1);
	end(w);
	vmt_check(w->count.submitted == total && w->count.completed == total,
		  "%" PRIu64 " submitted, %" PRIu64 " completed", w->count.submitted,
		  w->count.completed);
	printf("%s/%u, blocks of %u: %" PRIu64 " commands\n", w->drive.ctrl_info.name,
	       w->drive.info.nsid, w->drive.info.block_len, w->count.completed);
}

static void run_threads(void)
{
	pthread_barrier_init(&start, NULL, NR_THREADS);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		int err;

		workers[i].idx = i;
		err = pthread_create(&workers[i].thread, NULL, work, &workers[i]);
		vmt_check(!err, "%s", strerror(err));
	}
	for (unsigned int i = 0; i < NR_THREADS; i++)
		pthread_join(workers[i].thread, NULL);
}

/* One buffer: written to both drives, then each drive fills its half while the other does. */
static void share_buffer(struct vmt_drive *a, struct vmt_drive *b)
{
	struct nvio_qpair *qa = vmt_qpair(a->ctrl, 1, false), *qb = vmt_qpair(b->ctrl, 1, false);
	struct vmt_count ca = { .queued = 1 }, cb = { .queued = 1 };
	const uint32_t na = CHUNK_LEN / a->info.block_len, nb = CHUNK_LEN / b->info.block_len;
	char *buf = vmt_alloc(a->iommu, 2 * CHUNK_LEN);

	vmt_fill(buf, CHUNK_LEN, 0xabcd);
	vmt_io(qa, a->ns, VMT_WRITE, buf, 0, na);
	vmt_io(qb, b->ns, VMT_WRITE, buf, 0, nb);
	memset(buf, 0, 2 * CHUNK_LEN);
	vmt_ok(nvio_read(qa, a->ns, buf, 0, na, 0, 0));
	vmt_ok(nvio_read(qb, b->ns, buf + CHUNK_LEN, 0, nb, 0, 0));
	vmt_submit(qa, &ca);
	vmt_submit(qb, &cb);
	vmt_drain(qa, &ca);
	vmt_drain(qb, &cb);
	vmt_check(vmt_holds(buf, CHUNK_LEN, 0xabcd), "what %s read", a->ctrl_info.name);
	vmt_check(vmt_holds(buf + CHUNK_LEN, CHUNK_LEN, 0xabcd), "what %s read", b->ctrl_info.name);
	nvio_free(a->iommu, buf);
	nvio_qpair_free(qa);
	nvio_qpair_free(qb);
}

/* A mapping serves all controllers: there are no more of them than the heap has regions. */
static void check_maps(struct nvio_iommu *iommu)
{
	struct nvio_iommu_info info;
	struct nvio_heap_info heap;

	nvio_iommu_get_info(iommu, &info, sizeof(info));
	nvio_heap_get_info(iommu, &heap, sizeof(heap));
	vmt_check(info.nr_maps == heap.nr_regions && info.mapped_len == heap.len,
		  "%u mappings of %" PRIu64 " bytes, %u heap regions of %zu", info.nr_maps,
		  info.mapped_len, heap.nr_regions, heap.len);
}

int main(int argc, char **argv)
{
	struct nvio_iommu *iommu;

	vmt_check(argc == 3, "usage: two_controllers NAME NAME");
	vmt_ok(nvio_iommu_open(NULL, &iommu));
	for (unsigned int i = 0; i < 2; i++) {
		struct vmt_drive *drive = &workers[2 * i].drive;

		vmt_open(drive, argv[1 + i], iommu);
		vmt_check(drive->ctrl_info.nr_namespaces == 2, "%u namespaces",
			  drive->ctrl_info.nr_namespaces);
		workers[2 * i + 1].drive = *drive;
		vmt_use_ns(&workers[2 * i + 1].drive, nvio_ctrl_next_nsid(drive->ctrl, 1));
	}
	nvio_iommu_close(iommu); /* the controllers hold it */
	share_buffer(&workers[0].drive, &workers[3].drive);
	run_threads();
	check_maps(iommu);
	for (unsigned int i = 0; i < NR_THREADS; i++)
		read_again(&workers[i]);
	nvio_ctrl_close(workers[0].drive.ctrl);
	nvio_ctrl_close(workers[2].drive.ctrl);
	return 0;
}
