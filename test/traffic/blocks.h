/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the blocks of a region have to hold, whatever their format: data, metadata and protection
 * information that a key for each block decides. Memory only; no queue pair.
 *
 * Public headers of nvio only, and nothing of a test framework: suites use it as well as programs.
 */
#ifndef NVIO_TEST_TRAFFIC_BLOCKS_H
#define NVIO_TEST_TRAFFIC_BLOCKS_H

#include <nvio/nvio.h>

/* Random numbers (xorshift64*). */
struct random {
	uint64_t state;
};

uint64_t random_below(struct random *random, uint64_t n);

#define KEY_ZERO 0u /* never written, or deallocated */
#define KEY_BAD  UINT64_MAX /* reads fail */

struct blocks {
	struct nvio_ns_info info;
	uint64_t first; /* of the region */
	uint64_t nr;
	uint64_t *keys;
	char *busy; /* a request under way touches it */
	uint64_t last_key;
};

/* Returns whether there was memory. @salt tells keys of regions apart. */
bool blocks_init(struct blocks *blocks, const struct nvio_ns_info *info, uint64_t first,
		 uint64_t nr, uint64_t salt);
void blocks_fini(struct blocks *blocks);

/* What the protection information of blocks from @slba on carries. */
struct nvio_pi_tags blocks_tags(const struct blocks *blocks, uint64_t slba);

/* Bytes that a block has in a command's data, and in its metadata: with @stripped the controller
 * makes metadata that is protection information alone. */
size_t blocks_data_len(const struct blocks *blocks, bool stripped);
size_t blocks_metadata_len(const struct blocks *blocks, bool stripped);

/* Makes the data of blocks with these keys one behind the other, and their metadata; protection
 * information is left 0. */
void blocks_make(const struct blocks *blocks, const uint64_t *keys, uint32_t nr, bool stripped,
		 uint8_t *data, uint8_t *metadata);

/* Returns what of the first block is not as its key says, which goes to *@wrong; NULL when all but
 * protection information is. */
const char *blocks_check(const struct blocks *blocks, const uint64_t *keys, uint32_t nr,
			 bool stripped, const uint8_t *data, const uint8_t *metadata,
			 uint32_t *wrong);

/* Whether some of a range is busy, or has such a key. */
bool blocks_busy(const struct blocks *blocks, uint64_t slba, uint32_t nr);
bool blocks_have(const struct blocks *blocks, uint64_t slba, uint32_t nr, uint64_t key);

#endif
