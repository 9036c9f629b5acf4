/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A controller with some queue pairs whose writes are logged, and what the log says of the heap.
 */
#ifndef TEST_EMU_DMA_LOG_H
#define TEST_EMU_DMA_LOG_H

#include <nvio/feature.h>

#include "stack.h"

#define LOG_QPAIRS   4u
#define LOG_IOVA_END (1ull << 39) /* of all that the software controller takes */
#define PAGE         4096u

struct log {
	struct stack s; /* its queue pair is the first one */
	struct nvio_iommu *iommu;
	struct nvio_device *device;
	struct nvio_qpair *qpairs[LOG_QPAIRS];
	uint64_t start, len; /* the heap's window */
	uint64_t *bits; /* of the last report, a bit for each page of that */
	size_t bits_len;
};

/* As stack_open(), with all queue pairs; blocks hold their patterns. */
void log_open(struct log *l, const char *options, enum nvio_choice shadow);
/* For a log that was opened by other means: its window. */
void log_find_window(struct log *l);
void log_close(struct log *l);

void log_start(struct log *l);
/* Asks anew. Returns how many pages were written. */
unsigned int log_report(struct log *l);
bool log_has(const struct log *l, uint64_t iova);
/* How many of these buffers the report has. */
unsigned int log_has_bufs(struct log *l, unsigned int first, unsigned int last);

uint64_t log_iova(struct log *l, const void *addr);
/* Waits for @nr completions without an error. */
void log_finish(struct log *l, unsigned int qpair, int nr);

#endif
