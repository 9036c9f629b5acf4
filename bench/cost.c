/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cost WORKLOAD SIZE BATCH [PAIRS [DEPTH]]: drives queue pairs in plain memory through the public
 * API, so many commands to a doorbell and so many completions to a poll.
 *
 * Prints nanoseconds per I/O. make bench-cost runs it under callgrind, which counts what happens
 * inside measured() in functions of the library.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "plain.h"

#define BATCH_MAX 64
#define MD_LEN    8

/* More than it takes a queue pair to find out how often it is polled. */
#define WARM_POLLS 4096

struct run {
	struct plain *plain;
	struct nvio_ns *ns;
	unsigned int pairs;
	uint32_t nr_blocks;
	uint32_t len;
	uint8_t opcode; /* of requests with metadata */
	int batch;
	char *buf;
	char *metadata;
	struct nvio_buffer *handle;
	struct iovec iov[4];
	int (*queue)(const struct run *run, struct nvio_qpair *qpair, uint64_t i);
};

static int queue_read(const struct run *run, struct nvio_qpair *qpair, uint64_t i)
{
	return nvio_read(qpair, run->ns, run->buf, i * 8, run->nr_blocks, 0, i);
}

static int queue_write(const struct run *run, struct nvio_qpair *qpair, uint64_t i)
{
	return nvio_write(qpair, run->ns, run->buf, i * 8, run->nr_blocks, 0, i);
}

static int queue_buffer(const struct run *run, struct nvio_qpair *qpair, uint64_t i)
{
	return nvio_read_buffer(qpair, run->ns, run->handle, 0, i * 8, run->nr_blocks, 0, i);
}

static int queue_readv(const struct run *run, struct nvio_qpair *qpair, uint64_t i)
{
	return nvio_readv(qpair, run->ns, run->iov, 4, i * 8, run->nr_blocks, 0, i);
}

static int queue_writev(const struct run *run, struct nvio_qpair *qpair, uint64_t i)
{
	return nvio_writev(qpair, run->ns, run->iov, 4, i * 8, run->nr_blocks, 0, i);
}

static int queue_metadata(const struct run *run, struct nvio_qpair *qpair, uint64_t i)
{
	const struct iovec iov = { run->buf, run->len };
	struct nvio_io io = NVIO_IO;

	io.opcode = run->opcode;
	io.slba = i * 8;
	io.nr_blocks = run->nr_blocks;
	io.iov = &iov;
	io.nr_iov = 1;
	io.metadata = run->metadata;
	io.metadata_len = run->nr_blocks * MD_LEN;
	return nvio_io(qpair, run->ns, &io, i);
}

/* Reads, and one command in 64 that has what no read has. */
static int queue_mixed(const struct run *run, struct nvio_qpair *qpair, uint64_t i)
{
	static const struct nvio_sqe vendor = { .opcode = 0xc0, .nsid = 1, .cdw15 = 1 };

	if (i % 64 != 63)
		return queue_read(run, qpair, i);
	return nvio_passthrough(qpair, &vendor, NULL, 0, NULL, 0, 0, i);
}

/* What is counted. Returns how many I/Os were completed. */
static __attribute__((noinline)) uint64_t measured(const struct run *run, uint64_t rounds)
{
	struct nvio_completion done[BATCH_MAX];
	uint64_t n = 0;

	for (uint64_t round = 0; round < rounds; round++) {
		unsigned int idx = (unsigned int)(round % run->pairs);
		struct nvio_qpair *qpair = plain_qpair(run->plain, idx);

		for (int i = 0; i < run->batch; i++) {
			if (run->queue(run, qpair, n + (uint64_t)i))
				abort();
		}
		nvio_submit(qpair);
		plain_serve(run->plain, idx);
		n += (uint64_t)nvio_poll(qpair, done, BATCH_MAX);
	}
	return n;
}

static void warm_up(const struct run *run)
{
	struct nvio_completion done;

	for (unsigned int i = 0; i < run->pairs; i++) {
		struct nvio_qpair *qpair = plain_qpair(run->plain, i);

		/* The first command of a queue pair finds out how large the heap is now. */
		run->queue(run, qpair, 0);
		nvio_submit(qpair);
		plain_serve(run->plain, i);
		for (int polls = 0; polls < WARM_POLLS; polls++)
			nvio_poll(qpair, &done, 1);
	}
}

static __attribute__((noinline)) uint64_t measured_idle(const struct run *run, uint64_t rounds)
{
	struct nvio_completion done[BATCH_MAX];

	for (uint64_t round = 0; round < rounds; round++) {
		if (nvio_poll(plain_qpair(run->plain, 0), done, BATCH_MAX))
			abort();
	}
	return rounds;
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* A buffer of the heap, or registered. */
static char *get_buffer(const struct run *run, bool registered)
{
	struct nvio_iommu *iommu = plain_iommu(run->plain);
	size_t len = 1u << 20;
	char *p;

	if (!registered)
		return nvio_alloc(iommu, len, 4096);
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return nvio_mem_register(iommu, p, len, NVIO_DMA_RW) ? NULL : p;
}

static bool prepare(struct run *run, const char *workload, uint32_t len, uint16_t depth)
{
	bool metadata = !strncmp(workload, "metadata", 8), handle = !strcmp(workload, "buffer");
	bool write = strstr(workload, "write");
	bool registered = handle || !strcmp(workload, "registered");
	uint32_t block_len = len < 4096 ? 512 : 4096;

	run->len = len;
	run->nr_blocks = len / block_len;
	run->plain = plain_new(run->pairs, depth, block_len, metadata ? MD_LEN : 0);
	if (!run->plain)
		return false;
	run->ns = plain_ns(run->plain);
	run->buf = get_buffer(run, registered);
	run->metadata = nvio_alloc(plain_iommu(run->plain), 4096, 64);
	for (int i = 0; i < 4; i++)
		run->iov[i] = (struct iovec){ run->buf + i * (len / 4 + 4096), len / 4 };
	run->opcode = write ? NVIO_OP_WRITE : NVIO_OP_READ;
	run->queue = metadata                              ? queue_metadata
		     : handle                              ? queue_buffer
		     : !strcmp(workload, "vectored")       ? queue_readv
		     : !strcmp(workload, "vectored-write") ? queue_writev
		     : !strcmp(workload, "mixed")          ? queue_mixed
		     : write                               ? queue_write
							   : queue_read;
	if (handle &&
	    nvio_buffer_open(plain_iommu(run->plain), run->buf, len, NVIO_DMA_RW, &run->handle))
		return false;
	return run->buf;
}

int main(int argc, char **argv)
{
	struct run run = { 0 };
	bool idle = argc > 1 && !strcmp(argv[1], "idle");
	uint64_t rounds, done;
	double start;

	if (argc < 4)
		return EXIT_FAILURE;
	run.batch = atoi(argv[3]);
	run.pairs = argc > 4 ? (unsigned int)atoi(argv[4]) : 1;
	rounds = argc > 6 ? strtoull(argv[6], NULL, 10) : 2000;
	if (run.batch > BATCH_MAX || !prepare(&run, argv[1], (uint32_t)atoi(argv[2]),
					      (uint16_t)(argc > 5 ? atoi(argv[5]) : 128)))
		return EXIT_FAILURE;
	warm_up(&run);
	start = seconds();
	done = idle ? measured_idle(&run, rounds) : measured(&run, rounds);
	printf("%llu %.2f\n", (unsigned long long)done, (seconds() - start) * 1e9 / (double)done);
	nvio_buffer_close(run.handle);
	plain_free(run.plain);
	return done == rounds * (idle ? 1 : (uint64_t)run.batch) ? EXIT_SUCCESS : EXIT_FAILURE;
}
