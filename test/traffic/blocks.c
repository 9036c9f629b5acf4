/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Blocks and their keys; see blocks.h.
 */
#include <stdlib.h>
#include <string.h>

#include "blocks.h"

#define METADATA_SALT 0x9e3779b97f4a7c15ull
#define WORD_STEP     0xd1342543de82ef95ull
#define APPLICATION   0x5aa5u
#define STORAGE       0xbeadu
#define TYPE_2_OFFSET 0x12345678u
#define TYPE_3_TAG    0xcafef00du

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

uint64_t random_below(struct random *random, uint64_t n)
{
	return next_random(&random->state) % n;
}

bool blocks_init(struct blocks *blocks, const struct nvio_ns_info *info, uint64_t first,
		 uint64_t nr, uint64_t salt)
{
	*blocks = (struct blocks){
		.info = *info,
		.first = first,
		.nr = nr,
		.keys = calloc(nr, sizeof(*blocks->keys)),
		.busy = calloc(nr, 1),
		.last_key = salt << 40 | 1,
	};
	return blocks->keys && blocks->busy;
}

void blocks_fini(struct blocks *blocks)
{
	free(blocks->keys);
	free(blocks->busy);
}

struct nvio_pi_tags blocks_tags(const struct blocks *blocks, uint64_t slba)
{
	struct nvio_pi_tags tags = { slba, STORAGE, APPLICATION, 0xffff };

	if (blocks->info.protection == 2)
		tags.reference += TYPE_2_OFFSET;
	else if (blocks->info.protection == 3)
		tags.reference = TYPE_3_TAG;
	return tags;
}

static bool is_stripped(const struct blocks *blocks, bool stripped)
{
	return stripped && blocks->info.pi_alone;
}

size_t blocks_data_len(const struct blocks *blocks, bool stripped)
{
	const struct nvio_ns_info *info = &blocks->info;

	if (info->metadata_extended && !is_stripped(blocks, stripped))
		return info->block_len + info->metadata_len;
	return info->block_len;
}

size_t blocks_metadata_len(const struct blocks *blocks, bool stripped)
{
	const struct nvio_ns_info *info = &blocks->info;

	return info->metadata_extended || is_stripped(blocks, stripped) ? 0 : info->metadata_len;
}

/* Bytes that a key decides; zeros for those of blocks that hold none. */
static void fill(uint8_t *p, size_t len, uint64_t key)
{
	uint64_t state = key, word = key ? next_random(&state) : 0;

	for (; len >= sizeof(word); len -= sizeof(word), p += sizeof(word)) {
		memcpy(p, &word, sizeof(word));
		word += key ? WORD_STEP : 0;
	}
	memcpy(p, &word, len);
}

static bool holds(const uint8_t *p, size_t len, uint64_t key)
{
	uint64_t state = key, word = key ? next_random(&state) : 0, wrong = 0, there;

	for (; len >= sizeof(word); len -= sizeof(word), p += sizeof(word)) {
		memcpy(&there, p, sizeof(there));
		wrong |= there ^ word;
		word += key ? WORD_STEP : 0;
	}
	return !wrong && !memcmp(p, &word, len);
}

static uint64_t metadata_key(uint64_t key)
{
	return key ? key ^ METADATA_SALT : 0;
}

/* Metadata that is not protection information: what is before it and what is behind. */
static bool metadata_holds(const struct nvio_ns_info *info, const uint8_t *p, uint64_t key)
{
	uint8_t expected[4096];
	size_t behind = info->pi_offset + info->pi_len;

	fill(expected, info->metadata_len, metadata_key(key));
	return !memcmp(p, expected, info->pi_offset) &&
	       !memcmp(p + behind, expected + behind, info->metadata_len - behind);
}

/* Where the metadata of block @i begins, in the data or in memory of its own. */
static uint8_t *metadata_of(const struct blocks *blocks, uint32_t i, bool stripped,
			    const uint8_t *data, const uint8_t *metadata)
{
	size_t at = i * blocks_data_len(blocks, stripped) + blocks->info.block_len;

	if (!blocks->info.metadata_extended)
		return (uint8_t *)metadata + (size_t)i * blocks->info.metadata_len;
	return (uint8_t *)data + at;
}

static bool has_metadata(const struct blocks *blocks, bool stripped)
{
	return blocks->info.metadata_len && !is_stripped(blocks, stripped);
}

void blocks_make(const struct blocks *blocks, const uint64_t *keys, uint32_t nr, bool stripped,
		 uint8_t *data, uint8_t *metadata)
{
	const struct nvio_ns_info *info = &blocks->info;
	const size_t len = blocks_data_len(blocks, stripped);

	for (uint32_t i = 0; i < nr; i++) {
		uint8_t *p;

		fill(data + i * len, info->block_len, keys[i]);
		if (!has_metadata(blocks, stripped))
			continue;
		p = metadata_of(blocks, i, stripped, data, metadata);
		fill(p, info->metadata_len, metadata_key(keys[i]));
		memset(p + info->pi_offset, 0, info->pi_len);
	}
}

const char *blocks_check(const struct blocks *blocks, const uint64_t *keys, uint32_t nr,
			 bool stripped, const uint8_t *data, const uint8_t *metadata,
			 uint32_t *wrong)
{
	const size_t len = blocks_data_len(blocks, stripped);

	for (uint32_t i = 0; i < nr; i++) {
		const uint8_t *p;

		*wrong = i;
		if (!holds(data + i * len, blocks->info.block_len, keys[i]))
			return "data";
		if (!has_metadata(blocks, stripped))
			continue;
		p = metadata_of(blocks, i, stripped, data, metadata);
		if (!metadata_holds(&blocks->info, p, keys[i]))
			return "metadata";
	}
	return NULL;
}

bool blocks_busy(const struct blocks *blocks, uint64_t slba, uint32_t nr)
{
	return memchr(blocks->busy + (slba - blocks->first), 1, nr);
}

bool blocks_have(const struct blocks *blocks, uint64_t slba, uint32_t nr, uint64_t key)
{
	for (uint32_t i = 0; i < nr; i++) {
		if (blocks->keys[slba - blocks->first + i] == key)
			return true;
	}
	return false;
}
