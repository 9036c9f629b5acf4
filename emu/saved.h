/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a controller is at a moment, as bytes: registers, queues, features and what waits to be
 * told, but for the contents of its namespaces.
 *
 * The bytes may come from anybody: they are checked as a whole before any of them counts.
 */
#ifndef NVIO_EMU_SAVED_H
#define NVIO_EMU_SAVED_H

#include "features.h"

/* What has to be the same on both sides. */
struct emu_saved_made {
	uint64_t cap;
	uint64_t max_transfer;
	uint32_t nr_queues;
	uint32_t nr_vectors;
	uint32_t nr_states;
	uint32_t media_ms;
	uint32_t vwc;
	uint32_t shadow;
	struct {
		uint64_t nr_blocks;
		uint32_t nsid;
		uint16_t md_len;
		uint8_t lba_shift;
		uint8_t lbaf;
		uint8_t pi;
		uint8_t flags;
		uint8_t reserved[6];
	} ns[EMU_NS_MAX];
};

struct emu_saved_registers {
	uint64_t asq;
	uint64_t acq;
	uint32_t cc;
	uint32_t csts;
	uint32_t aqa;
	uint32_t intms;
	uint64_t shadow;
	uint64_t shadow_events;
	uint64_t ready_in; /* nanoseconds, 0: no more */
	uint64_t media_in;
	uint32_t kato_ms;
	uint16_t granted_sqs;
	uint16_t granted_cqs;
	uint8_t running;
	uint8_t formats_known;
	uint8_t reserved[6];
};

struct emu_saved_log {
	struct emu_stats stats;
	struct nvme_error_log_page errors[EMU_ERRORS];
	uint64_t last_error;
};

struct emu_saved_fixed {
	struct emu_saved_made made;
	struct emu_saved_registers regs;
	struct emu_power power;
	struct emu_saved_log log;
};

struct emu_saved_queue_pair {
	uint64_t sq_iova;
	uint64_t cq_iova;
	uint32_t sq_entries; /* 0: there is none */
	uint32_t cq_entries;
	uint32_t sq_head;
	uint32_t cq_head;
	uint32_t cq_tail;
	uint32_t sq_db;
	uint32_t cq_db;
	uint16_t sq_cq;
	uint16_t vector;
	uint8_t phase;
	uint8_t interrupts;
	uint8_t priority;
	uint8_t reserved[5];
};

/* How many bytes it takes, on every controller that is made of the same. */
size_t nvio_emu_saved_len(const struct emu_ctrl *ctrl);

/* It has to be settled: nvio_emu_settle(). */
void nvio_emu_save(struct emu_ctrl *ctrl, uint8_t *bytes);

/* Makes a controller what another one was. Returns 0; -EINVAL when it is made of something else, or
 * the bytes make no sense, and nothing has changed. */
int nvio_emu_load(struct emu_ctrl *ctrl, const uint8_t *bytes);

#endif
