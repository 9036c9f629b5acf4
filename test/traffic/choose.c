/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What to ask for next; see request.h.
 */
#include <string.h>

#include "request.h"

#define READ_ERROR 0x281u
#define MISMATCH   0x285u

static uint64_t below(struct run *run, uint64_t n)
{
	return random_below(&run->random, n);
}

static bool is_fused(enum traffic_op op)
{
	return op == TRAFFIC_FUSED || op == TRAFFIC_MISFUSED;
}

/* Kinds in the proportion in which they come. */
static enum traffic_op choose_op(struct run *run)
{
	static const enum traffic_op kinds[] = {
		TRAFFIC_READ,       TRAFFIC_READ,  TRAFFIC_READ,     TRAFFIC_READ,
		TRAFFIC_READ,       TRAFFIC_WRITE, TRAFFIC_WRITE,    TRAFFIC_WRITE,
		TRAFFIC_WRITE,      TRAFFIC_WRITE, TRAFFIC_WRITE,    TRAFFIC_COMPARE,
		TRAFFIC_FUSED,      TRAFFIC_ZERO,  TRAFFIC_DISCARD,  TRAFFIC_VERIFY,
		TRAFFIC_MISCOMPARE, TRAFFIC_SPOIL, TRAFFIC_COPY,     TRAFFIC_FLUSH,
		TRAFFIC_READ,       TRAFFIC_WRITE, TRAFFIC_MISFUSED,
	};
	enum traffic_op op = kinds[below(run, sizeof(kinds) / sizeof(kinds[0]))];

	return run->traffic->leave_out & 1u << op ? TRAFFIC_READ : op;
}

/* One block, the most, or anything between, mostly short. */
static uint32_t choose_nr(struct run *run, uint32_t max)
{
	uint64_t kind = below(run, 64);

	if (kind < 2)
		return kind ? max : 1;
	return 1 + (uint32_t)below(run, kind < 4 ? max : 1 + max / 64);
}

/* Chooses blocks that no other request touches; false when a few tries hit none. */
static bool choose_blocks(struct run *run, uint32_t nr, uint64_t *slba)
{
	const struct blocks *blocks = &run->blocks;

	for (int attempt = 0; attempt < 8; attempt++) {
		*slba = blocks->first + below(run, blocks->nr - nr + 1);
		if (!blocks_busy(blocks, *slba, nr))
			return true;
	}
	return false;
}

static void lock(struct run *run, uint64_t slba, uint32_t nr, bool busy)
{
	memset(run->blocks.busy + (slba - run->blocks.first), busy, nr);
}

void request_lock(struct run *run, const struct request *request, bool busy)
{
	if (request->nr)
		lock(run, request->slba, request->nr, busy);
	for (unsigned int k = 0; k < request->nr_ranges; k++)
		lock(run, request->ranges[k].slba, request->ranges[k].nr_blocks, busy);
}

static void keep_keys(const struct run *run, uint64_t slba, uint32_t nr, uint64_t *keys)
{
	memcpy(keys, run->blocks.keys + (slba - run->blocks.first), nr * sizeof(*keys));
}

/* Ranges, apart from one another; of a copy they are what is copied, to @slba. */
static bool choose_ranges(struct run *run, struct request *request)
{
	const unsigned int nr = 1 + (unsigned int)below(run, RANGES);
	uint32_t total = 0;
	bool found = true;

	for (unsigned int i = 0; i < nr && found; i++) {
		struct nvio_range *range = &request->ranges[i];

		range->nr_blocks = 1 + (uint32_t)below(run, 16);
		range->attributes = 0;
		found = choose_blocks(run, range->nr_blocks, &range->slba) &&
			!blocks_have(&run->blocks, range->slba, range->nr_blocks, KEY_BAD);
		if (!found)
			break;
		keep_keys(run, range->slba, range->nr_blocks, request->keys + total);
		total += range->nr_blocks;
		request->nr_ranges++;
		lock(run, range->slba, range->nr_blocks, true);
	}
	if (found && request->op == TRAFFIC_COPY) {
		found = choose_blocks(run, total, &request->slba);
		request->nr = found ? total : 0;
	}
	return found;
}

/* A run of blocks; a pair is one command. */
static bool choose_run(struct run *run, struct request *request)
{
	const uint32_t boundary = run->traffic->boundary;
	uint32_t nr = choose_nr(run, run->max_blocks);

	if (is_fused(request->op))
		nr = 1 + (uint32_t)below(run, FUSED_MAX);
	if (is_fused(request->op) && nr > run->blocks.info.max_blocks)
		nr = 1;
	if (!choose_blocks(run, nr, &request->slba))
		return false;
	if (is_fused(request->op) && boundary &&
	    request->slba / boundary != (request->slba + nr - 1) / boundary)
		nr = 1;
	request->nr = nr;
	return true;
}

/* What cannot be said of these blocks turns into a read of them. */
static void settle_op(struct run *run, struct request *request)
{
	const bool bad = blocks_have(&run->blocks, request->slba, request->nr, KEY_BAD);
	const bool zero = blocks_have(&run->blocks, request->slba, request->nr, KEY_ZERO);

	switch (request->op) {
	case TRAFFIC_FUSED:
	case TRAFFIC_MISFUSED:
	case TRAFFIC_COMPARE:
	case TRAFFIC_MISCOMPARE:
		/* Nobody knows the protection information of blocks never written. */
		if (bad || (zero && run->blocks.info.protection))
			request->op = TRAFFIC_READ;
		break;
	default:
		break;
	}
	if (bad && (request->op == TRAFFIC_READ || request->op == TRAFFIC_VERIFY))
		request->status = READ_ERROR;
	if (request->op == TRAFFIC_MISCOMPARE || request->op == TRAFFIC_MISFUSED)
		request->status = MISMATCH;
}

/* Of protection information. */
static unsigned int choose_checks(struct run *run)
{
	const struct nvio_ns_info *info = &run->blocks.info;
	unsigned int flags = 0;

	flags |= below(run, 2) ? NVIO_IO_CHECK_APP : 0;
	flags |= below(run, 2) ? NVIO_IO_CHECK_GUARD : 0;
	if (info->protection != 3)
		flags |= below(run, 2) ? NVIO_IO_CHECK_REF : 0;
	if (info->storage_tag_bits)
		flags |= below(run, 2) ? NVIO_IO_CHECK_STORAGE : 0;
	return flags;
}

/* Reference tags of type 3 are of no place: its protection information may stay as it is. */
static unsigned int choose_copy_flags(struct run *run)
{
	const uint8_t type = run->blocks.info.protection;

	if (!type)
		return 0;
	return choose_checks(run) | (type != 3 || below(run, 2) ? NVIO_IO_PRACT : 0);
}

/* What the controller is asked to do beside moving data. */
static unsigned int choose_flags(struct run *run, const struct request *request)
{
	const struct nvio_ns_info *info = &run->blocks.info;
	unsigned int flags = below(run, 8) ? 0 : NVIO_IO_FUA;

	if (request->op == TRAFFIC_COPY)
		return choose_copy_flags(run);
	if (request->op > TRAFFIC_VERIFY)
		return 0;
	flags |= below(run, 8) ? 0 : NVIO_IO_LIMITED_RETRY;
	if (request->op == TRAFFIC_ZERO)
		return flags | (below(run, 2) ? NVIO_IO_DEALLOCATE : 0);
	if (!info->protection || is_fused(request->op) || request->op == TRAFFIC_DISCARD)
		return flags;
	flags |= choose_checks(run);
	/* QEMU takes it for no other command. */
	if (request->op == TRAFFIC_READ || request->op == TRAFFIC_WRITE)
		flags |= below(run, 2) ? NVIO_IO_PRACT : 0;
	return flags;
}

/* Blocks for a request of its kind, none of them busy. */
static bool choose_where(struct run *run, struct request *request)
{
	switch (request->op) {
	case TRAFFIC_FLUSH:
		return true;
	case TRAFFIC_DISCARD:
	case TRAFFIC_COPY:
		return choose_ranges(run, request);
	default:
		return choose_run(run, request);
	}
}

static void choose_keys(struct run *run, struct request *request)
{
	switch (request->op) {
	case TRAFFIC_WRITE:
	case TRAFFIC_FUSED:
	case TRAFFIC_MISFUSED:
		for (uint32_t i = 0; i < request->nr; i++)
			request->keys[i] = ++run->blocks.last_key;
		break;
	case TRAFFIC_COPY:
		break; /* those of its sources */
	default:
		keep_keys(run, request->slba, request->nr, request->keys);
	}
}

static void settle(struct run *run, struct request *request)
{
	if (request->nr) {
		settle_op(run, request);
		choose_keys(run, request);
	}
	request->flags = choose_flags(run, request);
	request_lock(run, request, true);
}

static void reset(struct request *request, enum traffic_op op)
{
	request->op = op;
	request->nr = 0;
	request->nr_ranges = 0;
	request->status = 0;
}

void request_fix(struct run *run, struct request *request, enum traffic_op op, uint64_t slba,
		 uint32_t nr)
{
	reset(request, op);
	request->slba = slba;
	request->nr = nr;
	settle(run, request);
}

bool request_choose(struct run *run, struct request *request)
{
	reset(request, choose_op(run));
	if (!choose_where(run, request)) {
		request_lock(run, request, false);
		return false;
	}
	settle(run, request);
	return true;
}
