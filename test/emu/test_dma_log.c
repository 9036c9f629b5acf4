/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The log of what a device writes, on the software controller: exactly the pages of data,
 * completions, metadata and lent memory that it wrote since it was last asked, and nothing that it
 * only read.
 */
#include <stdio.h>
#include <stdlib.h>

#include "dma_log.h"

#define EACH (STACK_BUFS / LOG_QPAIRS)
#define MIB  (1u << 20)

/* Each queue pair has its share of the blocks read, or written. */
static void move_all(struct log *l, bool write)
{
	struct stack *s = &l->s;

	for (unsigned int i = 0; i < STACK_BUFS; i++) {
		struct nvio_qpair *qpair = l->qpairs[i / EACH];

		CU_ASSERT_EQUAL(write ? nvio_write(qpair, s->ns, stack_buf(s, i), i, 1, 0, i)
				      : nvio_read(qpair, s->ns, stack_buf(s, i), i, 1, 0, i),
				0);
	}
	for (unsigned int i = 0; i < LOG_QPAIRS; i++)
		log_finish(l, i, EACH);
	for (unsigned int i = 0; i < STACK_BUFS; i++)
		CU_ASSERT_EQUAL(stack_differs(stack_buf(s, i), i), 0);
}

/* Pages that are written to by commands without data: those of the completion queues. */
static uint64_t *completion_pages(struct log *l)
{
	uint64_t *queues = malloc(l->bits_len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(queues);
	for (unsigned int i = 0; i < LOG_QPAIRS; i++) {
		CU_ASSERT_EQUAL(nvio_flush(l->qpairs[i], l->s.ns, i), 0);
		log_finish(l, i, 1);
	}
	CU_ASSERT_EQUAL(log_report(l), LOG_QPAIRS);
	memcpy(queues, l->bits, l->bits_len);
	return queues;
}

static bool has_all(const struct log *l, const uint64_t *others)
{
	bool all = true;

	for (size_t i = 0; i < l->bits_len / 8; i++)
		all &= (l->bits[i] & others[i]) == others[i];
	return all;
}

static void on_controller(const char *name)
{
	struct log l;
	uint64_t *queues;

	log_open(&l, name, NVIO_OFF);
	move_all(&l, false);
	log_start(&l);
	CU_ASSERT_EQUAL(log_report(&l), 0);
	queues = completion_pages(&l);
	move_all(&l, false);
	CU_ASSERT_EQUAL(log_report(&l), STACK_BUFS + LOG_QPAIRS);
	CU_ASSERT_EQUAL(log_has_bufs(&l, 0, STACK_BUFS - 1), STACK_BUFS);
	CU_ASSERT_TRUE(has_all(&l, queues));
	CU_ASSERT_EQUAL(log_report(&l), 0);
	/* What the device reads is not written. */
	move_all(&l, true);
	CU_ASSERT_EQUAL(log_report(&l), LOG_QPAIRS);
	CU_ASSERT_TRUE(has_all(&l, queues));
	/* Again, and by one of them. */
	stack_read(&l.s, 5, 7);
	stack_expect(&l.s, 5, 7, 3);
	CU_ASSERT_EQUAL(log_report(&l), 4);
	CU_ASSERT_EQUAL(log_has_bufs(&l, 5, 7), 3);
	/* By a list. */
	CU_ASSERT_EQUAL(nvio_read(l.qpairs[1], l.s.ns, stack_buf(&l.s, 1), 1, 12, 0, 0), 0);
	log_finish(&l, 1, 1);
	CU_ASSERT_EQUAL(log_report(&l), 13);
	CU_ASSERT_EQUAL(log_has_bufs(&l, 1, 12), 12);
	CU_ASSERT_EQUAL(nvio_device_dma_log_stop(l.device), 0);
	free(queues);
	log_close(&l);
}

static void embedded(void)
{
	on_controller("emu:lba=4096,size=16M");
}

/* Another process; and a log is its client's, who may go without having ended it. */
static void behind_a_socket(void)
{
	struct daemon d;

	daemon_start(&d, NULL);
	for (int i = 0; i < 2; i++) {
		struct log l;

		on_controller(d.name);
		log_open(&l, d.name, NVIO_OFF);
		log_start(&l);
		log_close(&l);
	}
	daemon_stop(&d);
}

/* Of the two pages of shadow doorbells it writes that which tells when to ring. */
static void shadow_doorbells(void)
{
	struct log l;

	log_open(&l, "", NVIO_ON);
	log_start(&l);
	log_report(&l);
	move_all(&l, false);
	CU_ASSERT_EQUAL(log_report(&l), STACK_BUFS + LOG_QPAIRS + 1);
	CU_ASSERT_EQUAL(log_has_bufs(&l, 0, STACK_BUFS - 1), STACK_BUFS);
	log_close(&l);
}

/* Memory that the controller has moved by messages; and pieces larger than its pages. */
static void of_the_application(void)
{
	struct log l;
	uint8_t *own;
	uint64_t iova = 0, bits[2] = { 0 };

	log_open(&l, "", NVIO_OFF);
	own = aligned_alloc(16 * PAGE, 32 * PAGE);
	CU_ASSERT_PTR_NOT_NULL_FATAL(own);
	CU_ASSERT_EQUAL_FATAL(nvio_mem_register(l.iommu, own, 32 * PAGE, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nvio_mem_iova(l.iommu, own, 32 * PAGE, NVIO_DMA_WRITE, &iova), 32 * PAGE);
	log_start(&l);
	CU_ASSERT_EQUAL(nvio_read(l.s.qpair, l.s.ns, own + 3 * PAGE, 3, 1, 0, 0), 0);
	CU_ASSERT_EQUAL(nvio_read(l.s.qpair, l.s.ns, own + 30 * PAGE + 512, 3, 1, 0, 0), 0);
	log_finish(&l, 0, 2);
	CU_ASSERT_EQUAL(nvio_device_dma_log_read(l.device, iova, 32 * PAGE, PAGE, bits, 8), 0);
	CU_ASSERT_EQUAL(bits[0], 1ull << 3 | 3ull << 30);
	CU_ASSERT_EQUAL(log_report(&l), 1);
	CU_ASSERT_EQUAL(nvio_read(l.s.qpair, l.s.ns, own + 17 * PAGE, 3, 1, 0, 0), 0);
	log_finish(&l, 0, 1);
	/* Whoever is told of a page is not told again, and bits that were set stay. */
	bits[0] = 1ull << 63;
	CU_ASSERT_EQUAL(nvio_device_dma_log_read(l.device, iova, 32 * PAGE, 16 * PAGE, bits, 16),
			0);
	CU_ASSERT_EQUAL(bits[0], 1ull << 63 | 2);
	CU_ASSERT_EQUAL(nvio_device_dma_log_read(l.device, iova, 32 * PAGE, PAGE, bits + 1, 8), 0);
	CU_ASSERT_EQUAL(bits[1], 0);
	CU_ASSERT_EQUAL(nvio_mem_unregister(l.iommu, own, 32 * PAGE), 0);
	free(own);
	log_close(&l);
}

static void metadata(void)
{
	struct nvio_io io = NVIO_IO;
	struct iovec iov;
	struct stack s;
	struct log l = { .device = NULL };

	stack_open(&s, "md=64,shadow=off", NULL);
	l.s = s;
	l.iommu = nvio_ctrl_iommu(s.ctrl);
	l.device = nvio_ctrl_device(s.ctrl);
	l.qpairs[0] = s.qpair;
	log_find_window(&l);
	log_start(&l);
	iov = (struct iovec){ stack_buf(&s, 2), 2 * BLOCK };
	io.opcode = NVIO_OP_READ;
	io.nr_blocks = 2;
	io.iov = &iov;
	io.nr_iov = 1;
	io.metadata = stack_buf(&s, 9) + 128;
	io.metadata_len = 128;
	CU_ASSERT_EQUAL(nvio_io(s.qpair, s.ns, &io, 0), 0);
	log_finish(&l, 0, 1);
	CU_ASSERT_EQUAL(log_report(&l), 4);
	CU_ASSERT_EQUAL(log_has_bufs(&l, 2, 3), 2);
	CU_ASSERT_EQUAL(log_has_bufs(&l, 9, 9), 1);
	log_close(&l);
}

/* Where the controller's own memory begins: of the one descriptor of its list. */
static uint64_t lent_at(struct log *l)
{
	struct nvio_sqe get = { .opcode = 0x0a, .cdw10 = 0x0d };
	uint32_t data[1024], result;
	const uint64_t *list;

	CU_ASSERT_EQUAL(nvio_admin(l->s.ctrl, &get, data, sizeof(data), &result), 0);
	CU_ASSERT_EQUAL(data[3], 1);
	list = nvio_mem_at(l->iommu, data[1] | (uint64_t)data[2] << 32, 16);
	CU_ASSERT_PTR_NOT_NULL_FATAL(list);
	return *list;
}

/* A reset does not end the log. After it the controller signs the memory that it is lent anew. */
static void lent_memory(void)
{
	struct log l;
	unsigned int nr = 0;
	uint64_t at;

	log_open(&l, "hmb=2M", NVIO_OFF);
	log_start(&l);
	CU_ASSERT_EQUAL(nvio_ctrl_reset(l.s.ctrl), 0);
	log_report(&l);
	at = lent_at(&l);
	CU_ASSERT_EQUAL(nvio_ctrl_reset(l.s.ctrl), 0);
	log_report(&l);
	for (uint64_t i = 0; i < 2 * MIB; i += PAGE)
		nr += log_has(&l, at + i);
	CU_ASSERT_EQUAL(nr, 2 * MIB / PAGE);
	CU_ASSERT_EQUAL(log_has_bufs(&l, 0, STACK_BUFS - 1), 0);
	/* The queue pair comes back with its next command. */
	for (int i = 0; i < 2; i++) {
		log_report(&l);
		stack_read(&l.s, 0, 0);
		stack_expect(&l.s, 0, 0, 1);
	}
	CU_ASSERT_EQUAL(log_report(&l), 2);
	log_close(&l);
}

/* All addresses there are, in one call: parts of it go to the controller one by one. */
static void a_large_report(void)
{
	const size_t len = LOG_IOVA_END / PAGE / 8;
	uint64_t *bits = calloc(1, len);
	unsigned int nr = 0;
	struct log l;

	CU_ASSERT_PTR_NOT_NULL_FATAL(bits);
	log_open(&l, "", NVIO_OFF);
	log_start(&l);
	stack_read(&l.s, 0, 9);
	stack_expect(&l.s, 0, 9, 10);
	CU_ASSERT_EQUAL(nvio_device_dma_log_read(l.device, 0, LOG_IOVA_END, PAGE, bits, len), 0);
	for (size_t i = 0; i < len / 8; i++)
		nr += (unsigned int)__builtin_popcountll(bits[i]);
	CU_ASSERT_EQUAL(nr, 11);
	for (unsigned int i = 0; i < 10; i++) {
		uint64_t page = log_iova(&l, stack_buf(&l.s, i)) / PAGE;

		CU_ASSERT_TRUE(bits[page / 64] >> page % 64 & 1);
	}
	free(bits);
	log_close(&l);
}

static void refused(struct log *l, uint64_t page_len, const struct nvio_iova_range *ranges,
		    uint32_t nr, int err)
{
	CU_ASSERT_EQUAL(nvio_device_dma_log_start(l->device, page_len, ranges, nr), -err);
}

static void nonsense(void)
{
	const struct nvio_iova_range two[] = { { 2 * MIB, 4 * MIB - 1 }, { 0, 2 * MIB - 1 } };
	const struct nvio_iova_range overlap[] = { { 0, 2 * MIB },
						   { 2 * MIB - PAGE, 4 * MIB - 1 } };
	const struct nvio_iova_range odd = { 0, PAGE / 2 - 1 };
	uint64_t bits[16] = { 0 };
	struct log l;

	log_open(&l, "", NVIO_OFF);
	for (int i = NVIO_FEATURE_DMA_LOG_START; i <= NVIO_FEATURE_DMA_LOG_REPORT; i++)
		CU_ASSERT_EQUAL(nvio_device_feature_probe(l.device, (enum nvio_feature)i), 0);
	CU_ASSERT_EQUAL(nvio_device_feature_probe(l.device, NVIO_FEATURE_LOW_POWER), -ENOTSUP);
	CU_ASSERT_EQUAL(nvio_device_dma_log_read(l.device, 0, MIB, PAGE, bits, 32), -EINVAL);
	refused(&l, 3 * PAGE, two, 2, EINVAL);
	refused(&l, PAGE, overlap, 2, EINVAL);
	refused(&l, PAGE, &odd, 1, EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(nvio_last_error(), "feature 6 (start of a DMA log)"));
	CU_ASSERT_EQUAL_FATAL(nvio_device_dma_log_start(l.device, PAGE, two, 2), 0);
	refused(&l, PAGE, two, 2, EINVAL);
	/* Neighbours are asked about together, and what is behind them is not logged. */
	CU_ASSERT_EQUAL(nvio_device_dma_log_read(l.device, 0, 4 * MIB, PAGE, bits, 128), 0);
	CU_ASSERT_EQUAL(nvio_device_dma_log_read(l.device, 4 * MIB - PAGE, 2 * PAGE, PAGE, bits, 8),
			-EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(nvio_last_error(), "feature 8 (report of a DMA log)"));
	CU_ASSERT_EQUAL(nvio_device_dma_log_read(l.device, 0, MIB, 2048, bits, 128), -EINVAL);
	CU_ASSERT_EQUAL(nvio_device_dma_log_stop(l.device), 0);
	CU_ASSERT_EQUAL(nvio_device_dma_log_stop(l.device), 0);
	CU_ASSERT_EQUAL(nvio_device_dma_log_read(l.device, 0, MIB, PAGE, bits, 32), -EINVAL);
	log_close(&l);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "data and completions", embedded },
		{ "behind a socket", behind_a_socket },
		{ "shadow doorbells", shadow_doorbells },
		{ "memory of the application", of_the_application },
		{ "metadata", metadata },
		{ "lent memory, and resets", lent_memory },
		{ "a large report", a_large_report },
		{ "nonsense", nonsense },
	};

	return tap_run("dma_log", tests, sizeof(tests) / sizeof(tests[0]));
}
