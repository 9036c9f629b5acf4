/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A controller whose writes are logged; see dma_log.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "dma_log.h"

/* All IOVAs that the software controller takes. */
static const struct nvio_iova_range everything = { 0, LOG_IOVA_END - 1 };

uint64_t log_iova(struct log *l, const void *addr)
{
	uint64_t iova = 0;

	CU_ASSERT_EQUAL(nvio_mem_iova(l->iommu, addr, 1, NVIO_DMA_WRITE, &iova), 1);
	return iova;
}

/* All that the heap has mapped by now, around one address of it. */
void log_find_window(struct log *l)
{
	uint64_t end;

	l->start = log_iova(l, l->s.bufs) & ~(PAGE - 1ull);
	end = l->start;
	while (l->start && nvio_mem_at(l->iommu, l->start - PAGE, PAGE))
		l->start -= PAGE;
	while (nvio_mem_at(l->iommu, end, PAGE))
		end += PAGE;
	l->len = end - l->start;
	l->bits_len = (l->len / PAGE + 63) / 64 * 8;
	l->bits = calloc(1, l->bits_len);
	CU_ASSERT_PTR_NOT_NULL_FATAL(l->bits);
}

void log_open(struct log *l, const char *options, enum nvio_choice shadow)
{
	struct nvio_ctrl_opts opts = stack_opts();

	opts.shadow_doorbells = shadow;
	stack_open_with(&l->s, options, &opts, NULL);
	l->iommu = nvio_ctrl_iommu(l->s.ctrl);
	l->device = nvio_ctrl_device(l->s.ctrl);
	l->qpairs[0] = l->s.qpair;
	for (unsigned int i = 1; i < LOG_QPAIRS; i++)
		CU_ASSERT_EQUAL_FATAL(nvio_qpair_create(l->s.ctrl, NULL, &l->qpairs[i]), 0);
	stack_write_all(&l->s);
	log_find_window(l);
}

void log_close(struct log *l)
{
	free(l->bits);
	stack_close(&l->s);
}

void log_start(struct log *l)
{
	int err = nvio_device_dma_log_start(l->device, PAGE, &everything, 1);

	if (err)
		printf("# %s\n", nvio_last_error());
	CU_ASSERT_EQUAL_FATAL(err, 0);
}

/* Asks anew. Returns how many pages were written. */
unsigned int log_report(struct log *l)
{
	unsigned int nr = 0;

	memset(l->bits, 0, l->bits_len);
	CU_ASSERT_EQUAL(
		nvio_device_dma_log_read(l->device, l->start, l->len, PAGE, l->bits, l->bits_len),
		0);
	for (size_t i = 0; i < l->bits_len / 8; i++)
		nr += (unsigned int)__builtin_popcountll(l->bits[i]);
	return nr;
}

bool log_has(const struct log *l, uint64_t iova)
{
	uint64_t page = (iova - l->start) / PAGE;

	return l->bits[page / 64] >> page % 64 & 1;
}

/* How many of these buffers the report has. */
unsigned int log_has_bufs(struct log *l, unsigned int first, unsigned int last)
{
	unsigned int nr = 0;

	for (unsigned int i = first; i <= last; i++)
		nr += log_has(l, log_iova(l, stack_buf(&l->s, i)));
	return nr;
}

void log_finish(struct log *l, unsigned int qpair, int nr)
{
	struct nvio_completion done[STACK_BUFS];

	CU_ASSERT_EQUAL_FATAL(nvio_wait(l->qpairs[qpair], done, nr, nr, 20 * SECOND), nr);
	for (int i = 0; i < nr; i++)
		CU_ASSERT_EQUAL(done[i].status, 0);
}
