/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Queue pairs in plain memory and the few lines that answer them: what is measured over them is the
 * driver alone.
 */
#ifndef NVIO_BENCH_PLAIN_H
#define NVIO_BENCH_PLAIN_H

#include <nvio/nvio.h>

struct plain;

/* Makes @nr queue pairs of one controller, and a namespace of blocks of @block_len bytes with
 * @metadata_len of metadata in a buffer of its own. NULL when that fails. */
struct plain *plain_new(unsigned int nr, uint16_t depth, uint32_t block_len, uint32_t metadata_len);
void plain_free(struct plain *plain);

struct nvio_qpair *plain_qpair(struct plain *plain, unsigned int idx);
struct nvio_ns *plain_ns(struct plain *plain);
struct nvio_iommu *plain_iommu(struct plain *plain);

/* The device: completes all commands that a doorbell covers. Returns how many. */
unsigned int plain_serve(struct plain *plain, unsigned int idx);

/* Doorbell writes seen, as far as a value that changed shows them. */
uint64_t plain_doorbells(const struct plain *plain, unsigned int idx);

#endif
