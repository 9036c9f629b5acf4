/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests; see request.h.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "request.h"

#define STATUS_CODE 0x7ffu
#define GUARD       64u
#define MARK        0x5a
#define UNREAD      0xee

static const char *const op_names[TRAFFIC_OPS] = {
	"read",
	"write",
	"compare",
	"unequal compare",
	"compare and write",
	"unequal compare and write",
	"zeroing",
	"discard",
	"verify",
	"spoiling",
	"copy",
	"flush",
};

bool run_failed(struct run *run, const char *format, ...)
{
	va_list args;

	if (run->traffic->failure[0])
		return false;
	va_start(args, format);
	vsnprintf(run->traffic->failure, TRAFFIC_TEXT_LEN, format, args);
	va_end(args);
	return false;
}

bool request_failed(struct run *run, const struct request *request, const char *what)
{
	return run_failed(run, "%s of %llu + %u in %u pieces, flags 0x%x: %s",
			  op_names[request->op], (unsigned long long)request->slba, request->nr,
			  request->vector.nr, request->flags, what);
}

bool request_has_data(const struct request *request)
{
	return request->op <= TRAFFIC_MISFUSED;
}

static bool is_stripped(const struct request *request)
{
	return request->flags & NVIO_IO_PRACT;
}

size_t request_metadata_len(const struct run *run, const struct request *request)
{
	return request->nr * blocks_metadata_len(&run->blocks, is_stripped(request));
}

static enum vector_shape choose_shape(struct run *run)
{
	const bool sgl = !run->traffic->no_sgl && !run->traffic->qpair_opts.no_sgl;

	if (random_below(&run->random, 2))
		return VECTOR_ONE;
	return (enum vector_shape)random_below(&run->random,
					       sgl ? VECTOR_SHAPES : VECTOR_BLOCKS + 1);
}

/* Fills a vector with blocks of these keys, as a host has to hand them over. */
static void put_blocks(struct run *run, const struct request *request, const uint64_t *keys,
		       const struct vector *vector, uint8_t *metadata)
{
	const struct blocks *blocks = &run->blocks;
	const struct nvio_pi_tags tags = blocks_tags(blocks, request->slba);
	const bool stripped = is_stripped(request);

	blocks_make(blocks, keys, request->nr, stripped, run->stream, metadata);
	vector_put(vector, run->stream);
	if (blocks->info.protection && !stripped &&
	    nvio_pi_generatev(&blocks->info, vector->iov, vector->nr,
			      blocks->info.metadata_extended ? NULL : metadata, request->nr, &tags))
		request_failed(run, request, nvio_last_error());
}

/* One bit of the data of some block differs. */
static void spoil_data(struct run *run, const struct request *request, const struct vector *vector)
{
	const size_t len = blocks_data_len(&run->blocks, is_stripped(request));
	size_t at = random_below(&run->random, request->nr) * len +
		    random_below(&run->random, run->blocks.info.block_len);

	for (uint32_t i = 0; i < vector->nr; i++) {
		if (at < vector->iov[i].iov_len) {
			((char *)vector->iov[i].iov_base)[at] ^= 1;
			return;
		}
		at -= vector->iov[i].iov_len;
	}
}

static void make_data(struct run *run, struct request *request)
{
	const size_t block_len = blocks_data_len(&run->blocks, is_stripped(request));
	const bool fused = request->op >= TRAFFIC_FUSED;
	const enum vector_shape shape = fused ? VECTOR_ONE : choose_shape(run);
	const size_t len = request->nr * block_len;
	uint64_t expected[FUSED_MAX];

	vector_make(&request->vector, shape, request->memory, len, block_len, &run->random);
	run->traffic->shapes[shape]++;
	run->traffic->many += request->vector.nr > VECTOR_MANY;
	run->traffic->empties += request->vector.has_empty;
	if (len > run->traffic->largest)
		run->traffic->largest = len;
	memset(request->metadata, UNREAD, request_metadata_len(run, request));
	memset(request->metadata + request_metadata_len(run, request), MARK, GUARD);
	if (fused) {
		vector_make(&request->expected, shape, request->memory + vector_room(len), len,
			    block_len, &run->random);
		memcpy(expected, run->blocks.keys + (request->slba - run->blocks.first),
		       request->nr * sizeof(expected[0]));
		put_blocks(run, request, expected, &request->expected, request->expected_metadata);
		if (request->op == TRAFFIC_MISFUSED)
			spoil_data(run, request, &request->expected);
	}
	if (request->op != TRAFFIC_READ) {
		put_blocks(run, request, request->keys, &request->vector, request->metadata);
		if (request->op == TRAFFIC_MISCOMPARE)
			spoil_data(run, request, &request->vector);
		return;
	}
	memset(run->stream, UNREAD, len);
	vector_put(&request->vector, run->stream);
}

static void close_buffer(struct request *request)
{
	nvio_buffer_close(request->buffer);
	request->buffer = NULL;
}

int request_queue(struct run *run, struct request *request)
{
	int ret;

	request->vector.nr = request->expected.nr = 0;
	if (request_has_data(request))
		make_data(run, request);
	ret = request_send(run, request);
	if (!ret) {
		request->busy = true;
		run->nr_busy++;
		run->nr_queued++;
		run->traffic->handles[request->op == TRAFFIC_WRITE] += request->buffer != NULL;
		return 0;
	}
	close_buffer(request);
	request_lock(run, request, false);
	if (ret == -EAGAIN || ret == -ENOTSUP)
		return ret;
	request_failed(run, request, nvio_last_error());
	return -EIO;
}

static void set_keys(struct run *run, uint64_t slba, uint32_t nr, const uint64_t *keys,
		     uint64_t key)
{
	for (uint32_t i = 0; i < nr; i++)
		run->blocks.keys[slba - run->blocks.first + i] = keys ? keys[i] : key;
}

/* What the blocks hold when a request has succeeded. */
static void take_effect(struct run *run, const struct request *request)
{
	switch (request->op) {
	case TRAFFIC_WRITE:
	case TRAFFIC_FUSED:
	case TRAFFIC_COPY:
		set_keys(run, request->slba, request->nr, request->keys, 0);
		break;
	case TRAFFIC_ZERO:
		set_keys(run, request->slba, request->nr, NULL, KEY_ZERO);
		break;
	case TRAFFIC_SPOIL:
		set_keys(run, request->slba, request->nr, NULL, KEY_BAD);
		break;
	case TRAFFIC_DISCARD:
		for (unsigned int i = 0; i < request->nr_ranges; i++)
			set_keys(run, request->ranges[i].slba, request->ranges[i].nr_blocks, NULL,
				 KEY_ZERO);
		break;
	default:
		break;
	}
}

static bool check_read(struct run *run, const struct request *request)
{
	const struct blocks *blocks = &run->blocks;
	const struct nvio_pi_tags tags = blocks_tags(blocks, request->slba);
	const bool stripped = is_stripped(request) && blocks->info.pi_alone;
	const char *what;
	char text[80];
	uint32_t wrong;

	vector_get(&request->vector, run->stream);
	what = blocks_check(blocks, request->keys, request->nr, stripped, run->stream,
			    request->metadata, &wrong);
	if (what) {
		snprintf(text, sizeof(text), "the %s of block %llu is not as it was written", what,
			 (unsigned long long)request->slba + wrong);
		return request_failed(run, request, text);
	}
	if (blocks->info.protection && !stripped &&
	    nvio_pi_verifyv(&blocks->info, request->vector.iov, request->vector.nr,
			    blocks->info.metadata_extended ? NULL : request->metadata, request->nr,
			    &tags, NVIO_PI_ALL, NULL))
		return request_failed(run, request, nvio_last_error());
	return true;
}

bool request_finish(struct run *run, struct request *request, const struct nvio_completion *done)
{
	const uint8_t *behind = request->metadata + request_metadata_len(run, request);
	char text[64];

	if (!request->busy)
		return request_failed(run, request, "completed, and is not outstanding");
	request->busy = false;
	run->nr_busy--;
	close_buffer(request);
	request_lock(run, request, false);
	run->traffic->done[request->op]++;
	run->traffic->errors += done->status != 0;
	if ((done->status & STATUS_CODE) != request->status) {
		snprintf(text, sizeof(text), "status 0x%x, not 0x%x", done->status,
			 request->status);
		return request_failed(run, request, text);
	}
	if (!done->status)
		take_effect(run, request);
	if (request_has_data(request) &&
	    (!vector_intact(&request->vector) || !vector_intact(&request->expected) ||
	     behind[0] != MARK || memcmp(behind, behind + 1, GUARD - 1)))
		return request_failed(run, request, "memory around its data was changed");
	return request->op != TRAFFIC_READ || done->status || check_read(run, request);
}
