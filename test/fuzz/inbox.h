/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a vfio-user server sends, as its client takes it: replies are counted and checked for their
 * form, requests handed on.
 */
#ifndef TEST_FUZZ_INBOX_H
#define TEST_FUZZ_INBOX_H

#include <stddef.h>
#include <stdint.h>

#define INBOX_HEADER 16u
#define INBOX_LEN    (1u << 18)

struct inbox {
	void (*request)(const uint8_t *message, size_t len);
	unsigned int nr_replies;
	uint16_t id; /* of the request whose reply is looked for */
	int err; /* what that says: 0 or an errno; -1: there was none */
	size_t len;
	uint8_t buf[INBOX_LEN];
};

/* Begins to look for the reply to a request. */
void inbox_expect(struct inbox *inbox, uint16_t id);

/* Takes all that is there. */
void inbox_take(struct inbox *inbox, int fd);

#endif
