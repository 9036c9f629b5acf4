/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes and checks protection information (NVM: 5.2).
 *
 * Tags and guards are big-endian in the metadata. A format has a storage tag where it must: with
 * the 32-bit guard, of 16 bits, all of which are compared.
 */
#include <pthread.h>
#include <string.h>

#include "pi.h"

/* CRC-16/T10-DIF, highest bit first (NVM: 5.2.1.1); CRC-32C and the 64-bit guard, lowest bit first
 * (NVM: 5.2.1.2 and 5.2.1.3). */
#define POLY16 0x8bb7u
#define POLY32 0x82f63b78u
#define POLY64 0x9a6c9329ac4bc9b5ull

#define STC         (1u << 24)
#define CHECK_REF   1u
#define CHECK_APP   2u
#define CHECK_GUARD 4u

/* Lengths in bytes, of what lies in this order; the application tag is behind the guard. */
struct tuple {
	uint8_t guard;
	uint8_t storage;
	uint8_t ref;
	uint64_t ref_mask;
};

static const struct tuple tuples[] = {
	{ 2, 0, 4, 0xffffffff },
	{ 4, 2, 8, 0xffffffffffffffff },
	{ 8, 0, 6, 0xffffffffffff },
}; /* by PIF */

static uint16_t table16[256];
static uint64_t table32[8][256];
static uint64_t table64[8][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Lowest bit first, for eight bytes at a time. */
static void make_reflected(uint64_t table[8][256], uint64_t poly)
{
	for (unsigned int i = 0; i < 256; i++) {
		uint64_t crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? poly : 0);
		table[0][i] = crc;
	}
	for (unsigned int i = 0; i < 256; i++)
		for (int k = 1; k < 8; k++)
			table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 0xff];
}

static void make_tables(void)
{
	for (unsigned int i = 0; i < 256; i++) {
		uint16_t crc = (uint16_t)(i << 8);

		for (int bit = 0; bit < 8; bit++)
			crc = (uint16_t)(crc << 1 ^ (crc & 0x8000 ? POLY16 : 0));
		table16[i] = crc;
	}
	make_reflected(table32, POLY32);
	make_reflected(table64, POLY64);
}

void nvio_emu_pi_init(void)
{
	pthread_once(&once, make_tables);
}

uint16_t nvio_emu_crc16(uint16_t crc, const void *data, size_t len)
{
	const uint8_t *at = data;

	while (len--)
		crc = (uint16_t)(crc << 8 ^ table16[crc >> 8 ^ *at++]);
	return crc;
}

static uint64_t reflected(uint64_t table[8][256], uint64_t crc, const void *data, size_t len)
{
	const uint8_t *at = data;

	for (; len >= 8; len -= 8, at += 8) {
		uint64_t word, next = 0;

		memcpy(&word, at, 8);
		crc ^= le64toh(word);
		for (int k = 0; k < 8; k++)
			next ^= table[7 - k][crc >> 8 * k & 0xff];
		crc = next;
	}
	while (len--)
		crc = crc >> 8 ^ table[0][(crc ^ *at++) & 0xff];
	return crc;
}

uint32_t nvio_emu_crc32(uint32_t crc, const void *data, size_t len)
{
	return (uint32_t)reflected(table32, crc, data, len);
}

uint64_t nvio_emu_crc64(uint64_t crc, const void *data, size_t len)
{
	return reflected(table64, crc, data, len);
}

static uint64_t get_be(const uint8_t *at, size_t len)
{
	uint64_t value = 0;

	while (len--)
		value = value << 8 | *at++;
	return value;
}

static void put_be(uint8_t *at, size_t len, uint64_t value)
{
	while (len--) {
		at[len] = (uint8_t)value;
		value >>= 8;
	}
}

static const struct tuple *tuple_of(const struct emu_ns *ns)
{
	return &tuples[ns->pif];
}

static uint64_t ref_mask(const struct emu_ns *ns)
{
	return tuple_of(ns)->ref_mask;
}

/* Covers the block, and the metadata in front of the tuple (NVM: 5.2.1). */
static uint64_t guard(const struct emu_ns *ns, const uint8_t *data, const uint8_t *md)
{
	size_t len = (size_t)1 << ns->lba_shift, md_len = nvio_emu_pi_at(ns);

	switch (tuple_of(ns)->guard) {
	case 2:
		return nvio_emu_crc16(nvio_emu_crc16(0, data, len), md, md_len);
	case 4:
		return (uint32_t)~nvio_emu_crc32(nvio_emu_crc32(UINT32_MAX, data, len), md, md_len);
	default:
		return ~nvio_emu_crc64(nvio_emu_crc64(UINT64_MAX, data, len), md, md_len);
	}
}

uint16_t nvio_emu_pi_parse(struct emu_pi *pi, const struct emu_ns *ns, const struct nvio_sqe *cmd,
			   uint64_t slba)
{
	pi->check = cmd->cdw12 >> 26 & 7;
	pi->act = cmd->cdw12 >> 29 & 1;
	pi->app = (uint16_t)cmd->cdw15;
	pi->app_mask = (uint16_t)(cmd->cdw15 >> 16);
	pi->ref = ((uint64_t)cmd->cdw3 << 32 | cmd->cdw14) & ref_mask(ns);
	pi->check_storage = tuple_of(ns)->storage && cmd->cdw12 & STC;
	pi->storage = (uint16_t)cmd->cdw2;
	if (!(pi->check & CHECK_REF))
		return 0;
	/* Type 1 ties the tag to the address, type 3 has none to check (NVM: 5.2.2). */
	if (ns->pi == 3 || (ns->pi == 1 && pi->ref != (slba & ref_mask(ns))))
		return EMU_SPECIFIC(NVME_SC_INVALID_PI);
	return 0;
}

struct emu_pi nvio_emu_pi_skip(const struct emu_pi *pi, const struct emu_ns *ns, uint32_t nr)
{
	struct emu_pi behind = *pi;

	if (ns->pi != 3)
		behind.ref = (pi->ref + nr) & ref_mask(ns);
	return behind;
}

static void next_block(struct emu_pi *pi, const struct emu_ns *ns)
{
	*pi = nvio_emu_pi_skip(pi, ns, 1);
}

uint16_t nvio_emu_pi_check(struct emu_pi *pi, const struct emu_ns *ns, const uint8_t *data,
			   const uint8_t *md)
{
	const struct tuple *len = tuple_of(ns);
	const uint8_t *tuple = md + nvio_emu_pi_at(ns), *tags = tuple + len->guard + 2;
	uint16_t app = (uint16_t)get_be(tuple + len->guard, 2);
	uint64_t ref = get_be(tags + len->storage, len->ref);
	uint64_t expected = pi->ref;

	next_block(pi, ns);
	/* The tags that ask for no check (NVM: 5.2.2). */
	if (app == 0xffff && (ns->pi != 3 || ref == ref_mask(ns)))
		return 0;
	if (pi->check & CHECK_GUARD && get_be(tuple, len->guard) != guard(ns, data, md))
		return EMU_MEDIA(NVME_SC_GUARD_CHECK);
	if (pi->check & CHECK_APP && (app & pi->app_mask) != (pi->app & pi->app_mask))
		return EMU_MEDIA(NVME_SC_APPTAG_CHECK);
	if (pi->check_storage && get_be(tags, len->storage) != pi->storage)
		return EMU_MEDIA(NVME_SC_STORAGE_TAG_CHECK);
	if (pi->check & CHECK_REF && ref != expected)
		return EMU_MEDIA(NVME_SC_REFTAG_CHECK);
	return 0;
}

void nvio_emu_pi_make(struct emu_pi *pi, const struct emu_ns *ns, const uint8_t *data, uint8_t *md)
{
	const struct tuple *len = tuple_of(ns);
	uint8_t *tuple = md + nvio_emu_pi_at(ns), *tags = tuple + len->guard + 2;

	put_be(tuple, len->guard, guard(ns, data, md));
	put_be(tuple + len->guard, 2, pi->app);
	put_be(tags, len->storage, pi->storage);
	put_be(tags + len->storage, len->ref, pi->ref);
	next_block(pi, ns);
}
