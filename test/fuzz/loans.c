/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory of the client of fuzz_server.c; see loans.h.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "emu_client.h"
#include "fuzz.h"
#include "loans.h"

#define FILLER 0xc5

void loans_make(struct loans *loans)
{
	loans->fd = memfd_create("client", MFD_CLOEXEC);
	fuzz_check(!ftruncate(loans->fd, LOANS_LEN));
	loans->memory = mmap(NULL, LOANS_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, loans->fd, 0);
	fuzz_check(loans->memory != MAP_FAILED);
}

void loans_begin(struct loans *loans)
{
	memset(loans->memory, FILLER, LOANS_LEN);
	memset(loans->should, FILLER, LOANS_LEN);
	loans->nr = 0;
	loans->all = false;
}

void loans_write(struct loans *loans, size_t at, const void *data, size_t len)
{
	memcpy(loans->memory + at, data, len);
	memcpy(loans->should + at, data, len);
}

void loans_map(struct loans *loans, const uint8_t *payload, bool remote)
{
	if (!remote && !(get32(payload + 4) & 2))
		return;
	if (loans->nr == LOANS_MAX) {
		loans->all = true;
		return;
	}
	loans->loans[loans->nr++] = (struct loan){ get64(payload + 16), get64(payload + 24),
						   get64(payload + 8), remote };
}

void loans_unmap(struct loans *loans, const uint8_t *payload)
{
	loans_check(loans);
	if (get32(payload + 4) & 2) {
		loans->nr = 0;
		return;
	}
	for (unsigned int i = 0; i < loans->nr; i++)
		if (loans->loans[i].iova - get64(payload + 8) < get64(payload + 16))
			loans->loans[i--] = loans->loans[--loans->nr];
}

static bool is_lent(const struct loans *loans, uint64_t offset)
{
	for (unsigned int i = 0; i < loans->nr; i++) {
		const struct loan *loan = &loans->loans[i];

		if (!loan->remote && offset - loan->offset < loan->len)
			return true;
	}
	return loans->all;
}

void loans_check(struct loans *loans)
{
	for (uint64_t at = 0; at < LOANS_LEN; at += LOANS_PAGE) {
		if (is_lent(loans, at))
			memcpy(loans->should + at, loans->memory + at, LOANS_PAGE);
		else
			fuzz_check(!memcmp(loans->should + at, loans->memory + at, LOANS_PAGE));
	}
}

void loans_forget(struct loans *loans)
{
	loans_check(loans);
	loans->nr = 0;
	loans->all = false;
}

bool loans_serve(const struct loans *loans, uint64_t iova, uint64_t len)
{
	for (unsigned int i = 0; i < loans->nr; i++) {
		const struct loan *loan = &loans->loans[i];
		uint64_t offset = iova - loan->iova;

		if (loan->remote && offset < loan->len && len <= loan->len - offset)
			return true;
	}
	return loans->all;
}
