/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients that break the protocol: messages cut off, too long, with descriptors that nobody asked
 * for, and garbage. Each gets an error reply or a closed connection, the server loses nothing, and
 * the next client finds it as new.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "emu_client.h"
#include "tap.h"

#define PAGE        4096u
#define MESSAGE_MAX 128

static struct client c;

static void negotiate(void)
{
	CU_ASSERT_EQUAL_FATAL(client_version(&c, 1, NULL), 0);
}

/* A good message of each command, but for its payload's contents. */
static size_t compose(uint8_t *message, uint16_t command)
{
	static const uint8_t lens[] = {
		0, 4, 32, 24, 16, 32, 16, 16, 20, 16, 24, 0, 0, 0, 0, 0, 8
	};
	size_t len = 16u + (command < sizeof(lens) ? lens[command] : 0);

	memset(message, 0, MESSAGE_MAX);
	put16(message, 0x55);
	put16(message + 2, command);
	put32(message + 4, (uint32_t)len);
	put32(message + 16, (uint32_t)len - 16);
	if (command == 1)
		put32(message + 16, 0);
	return len;
}

/* The client is gone after each byte of each command, with a descriptor under way. */
static void cut_off_at_every_byte(void)
{
	uint8_t message[MESSAGE_MAX];
	uint16_t command;
	unsigned int before;
	int fd = eventfd(0, EFD_CLOEXEC);

	client_open(&c);
	before = count_fds();
	for (command = 0; command < 20; command++) {
		size_t len = compose(message, command), cut;

		for (cut = 1; cut < len; cut++) {
			if (command != 1)
				negotiate();
			client_send(&c, message, cut, &fd, 1);
			client_step(&c);
			CU_ASSERT(c.alive);
			client_reconnect(&c);
		}
	}
	CU_ASSERT_EQUAL(count_fds(), before);
	client_close(&c);
	close(fd);
}

/* The rest comes later: the message is whole then, and so is the answer. */
static void in_single_bytes(void)
{
	uint8_t message[MESSAGE_MAX];
	size_t len, i;

	client_open(&c);
	negotiate();
	len = compose(message, 4);
	for (i = 0; i < len; i++) {
		CU_ASSERT_EQUAL(recv(c.fd, c.reply, sizeof(c.reply), MSG_DONTWAIT), -1);
		client_send(&c, &message[i], 1, NULL, 0);
		client_step(&c);
	}
	CU_ASSERT_EQUAL(recv(c.fd, c.reply, sizeof(c.reply), MSG_DONTWAIT), 32);
	client_close(&c);
}

/* Shorter payloads than a command needs, each a whole message. */
static void short_payloads(void)
{
	uint8_t payload[MESSAGE_MAX] = { 0 };
	uint16_t command;

	client_open(&c);
	negotiate();
	for (command = 2; command <= 10; command++) {
		uint8_t message[MESSAGE_MAX];
		size_t full = compose(message, command) - 16, len;

		if (command == 6)
			continue;
		/* A write of no bytes is one. */
		if (command == 10)
			full = 16;
		for (len = 0; len < full; len++)
			CU_ASSERT_EQUAL(client_request(&c, command, payload, len, NULL, 0), EINVAL);
	}
	/* A write that has fewer bytes than it says. */
	put32(payload + 8, 7);
	put32(payload + 12, 9);
	CU_ASSERT_EQUAL(client_request(&c, 10, payload, 24, NULL, 0), EINVAL);
	put32(payload + 12, UINT32_MAX);
	CU_ASSERT_EQUAL(client_request(&c, 10, payload, 24, NULL, 0), EINVAL);
	CU_ASSERT_EQUAL(client_request(&c, 9, payload, 16, NULL, 0), EINVAL);
	client_close(&c);
}

static void bad_lengths(void)
{
	static const uint32_t lens[] = { 0, 1, 15, 16 + 32 + (1u << 20) + 1, 1u << 31, UINT32_MAX };
	uint8_t header[16] = { 0 };
	size_t i;

	client_open(&c);
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		negotiate();
		put16(header, 3);
		put16(header + 2, 4);
		put32(header + 4, lens[i]);
		client_send(&c, header, sizeof(header), NULL, 0);
		client_step(&c);
		CU_ASSERT_FALSE(c.alive);
		CU_ASSERT_EQUAL(recv(c.fd, c.reply, sizeof(c.reply), MSG_DONTWAIT), 16);
		CU_ASSERT_EQUAL(get32(c.reply + 8), 0x21);
		CU_ASSERT_EQUAL(get32(c.reply + 12), EMSGSIZE);
		client_reconnect(&c);
	}
	client_close(&c);
}

static void bad_types(void)
{
	uint8_t message[MESSAGE_MAX];
	size_t len = compose(message, 4);

	client_open(&c);
	negotiate();
	put32(message + 8, 2);
	client_send(&c, message, len, NULL, 0);
	client_step(&c);
	CU_ASSERT_EQUAL(recv(c.fd, c.reply, sizeof(c.reply), MSG_DONTWAIT), 16);
	CU_ASSERT_EQUAL(get32(c.reply + 12), EINVAL);
	/* Posted: no answer, not even to nonsense. */
	put32(message + 8, 0x10);
	client_send(&c, message, len, NULL, 0);
	put16(message + 2, 99);
	client_send(&c, message, len, NULL, 0);
	client_step(&c);
	CU_ASSERT_EQUAL(recv(c.fd, c.reply, sizeof(c.reply), MSG_DONTWAIT), -1);
	CU_ASSERT(c.alive);
	/* A reply to nothing. */
	put32(message + 8, 1);
	client_send(&c, message, len, NULL, 0);
	client_step(&c);
	CU_ASSERT_FALSE(c.alive);
	client_close(&c);
}

/* Posted requests in one go with others are handled in their order. */
static void pipelined(void)
{
	const size_t len = 36;
	uint8_t messages[16 * 36 + MESSAGE_MAX], *at = messages;
	uint32_t i;

	client_open(&c);
	negotiate();
	for (i = 0; i < 16; i++, at += len) {
		compose(at, 10);
		put32(at + 4, (uint32_t)len);
		put32(at + 8, i == 15 ? 0 : 0x10);
		put64(at + 16, 0x1008);
		put32(at + 24, 0);
		put32(at + 28, 4);
		put32(at + 32, i);
	}
	client_send(&c, messages, 16 * len, NULL, 0);
	client_step(&c);
	CU_ASSERT_EQUAL(recv(c.fd, c.reply, sizeof(c.reply), MSG_DONTWAIT), 32);
	CU_ASSERT_EQUAL(c.server->bus.doorbells[2], 15);
	client_close(&c);
}

/* Descriptors too many, or where none belong: refused, and none stays open. */
static void stray_descriptors(void)
{
	uint8_t payload[MESSAGE_MAX] = { 32 };
	int fds[32];
	unsigned int before, i;

	client_open(&c);
	negotiate();
	for (i = 0; i < 32; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC);
	before = count_fds();
	for (i = 2; i < 18; i++) {
		int err = client_request(&c, (uint16_t)i, payload, 32, fds, 3);

		CU_ASSERT(err == EINVAL || err == EOPNOTSUPP);
		err = client_request(&c, (uint16_t)i, payload, 32, fds, 32);
		CU_ASSERT(err == EINVAL || err == EOPNOTSUPP);
	}
	CU_ASSERT_EQUAL(client_set_irqs(&c, 0x24, 2, 0, 17, fds, 17), EINVAL);
	CU_ASSERT_EQUAL(client_set_irqs(&c, 0x24, 2, 0, 32, fds, 32), EINVAL);
	CU_ASSERT_EQUAL(count_fds(), before);
	CU_ASSERT_EQUAL(client_set_irqs(&c, 0x24, 2, 0, 16, fds, 16), 0);
	CU_ASSERT_EQUAL(client_set_irqs(&c, 0x24, 2, 8, 16, fds, 16), 0);
	CU_ASSERT_EQUAL(count_fds(), before + 24);
	client_reconnect(&c);
	CU_ASSERT_EQUAL(count_fds(), before);
	for (i = 0; i < 32; i++)
		close(fds[i]);
	client_close(&c);
}

/* A client that never reads: the server stops taking its requests, and waits for nothing. */
static void deaf_client(void)
{
	uint8_t message[MESSAGE_MAX];
	size_t len = compose(message, 9);
	unsigned int sent = 0, answered = 0;

	client_open(&c);
	negotiate();
	put32(message + 24, 7);
	put32(message + 28, 4096);
	put64(message + 16, 0);
	while (sent < 100000 && send(c.fd, message, len, MSG_DONTWAIT) == (ssize_t)len) {
		client_step(&c);
		sent++;
	}
	CU_ASSERT(sent < 100000);
	CU_ASSERT(nvio_emu_conn_sending(&c.server->conn));
	for (;;) {
		size_t got = 0;

		while (got < 16 + 16 + 4096) {
			ssize_t n = recv(c.fd, c.reply, 16 + 16 + 4096 - got, MSG_DONTWAIT);

			if (n <= 0)
				break;
			got += (size_t)n;
			client_step(&c);
		}
		if (got < 16 + 16 + 4096)
			break;
		answered++;
	}
	CU_ASSERT_EQUAL(answered, sent);
	client_close(&c);
}

static uint64_t seed = 1;

static uint64_t random_u64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* A field of a request: small, at a boundary, or anything. */
static uint32_t random_field(void)
{
	static const uint32_t odd[] = { 0, 1, 16, 32, 64, 4096, 0x3fff, 0xfffff000, UINT32_MAX };

	switch (random_u64() % 4) {
	case 0:
		return odd[random_u64() % (sizeof(odd) / sizeof(odd[0]))];
	case 1:
		return (uint32_t)random_u64();
	default:
		return (uint32_t)(random_u64() % 48);
	}
}

static size_t random_message(uint8_t *message)
{
	uint16_t command = (uint16_t)(random_u64() % 20);
	size_t len = compose(message, command), i;

	for (i = 16; i + 4 <= len; i += 4)
		if (random_u64() % 3)
			put32(message + i, random_field());
	if (random_u64() % 16 == 0) {
		len = 16 + random_u64() % (MESSAGE_MAX - 16);
		put32(message + 4, (uint32_t)len);
	}
	if (random_u64() % 64 == 0)
		message[random_u64() % 16] ^= (uint8_t)(1u << random_u64() % 8);
	return len;
}

/* One that a client could mean, so that there is something to break. */
static size_t likely_message(uint8_t *message)
{
	static const uint16_t commands[] = { 2, 2, 3, 4, 5, 7, 8, 8, 9, 10, 10, 13 };
	static const uint32_t regions[] = { 0, 4, 7 };
	uint16_t command = commands[random_u64() % 12];
	uint32_t region = regions[random_u64() % 3];
	size_t len = compose(message, command), i;

	if (command == 2 || command == 3) {
		put32(message + 20, command == 2 ? 1 + random_u64() % 3 : 0);
		put64(message + 24, random_u64() % 8 * PAGE);
		put64(message + 32, (1 + random_u64() % 8) * PAGE);
		put64(message + 40, (1 + random_u64() % 8) * PAGE);
	} else if (command == 5 || command == 7) {
		put32(message + 24, (uint32_t)(random_u64() % 9));
	} else if (command == 8) {
		put32(message + 20, 1u << random_u64() % 3 | 8u << random_u64() % 3);
		put32(message + 24, (uint32_t)(random_u64() % 5));
		put32(message + 28, (uint32_t)(random_u64() % 3));
		put32(message + 32, (uint32_t)(random_u64() % 4));
		len = 40;
	} else if (command == 9 || command == 10) {
		put64(message + 16, random_u64() % (region == 7 ? 0x100 : 0x2000));
		put32(message + 24, region);
		put32(message + 28, (uint32_t)(random_u64() % 40));
		for (i = 32; command == 10 && i < 72; i++)
			message[i] = (uint8_t)random_u64();
		len += command == 10 ? 40 : 0;
	}
	put32(message + 4, (uint32_t)len);
	return len;
}

static void garbage(void)
{
	uint8_t message[MESSAGE_MAX];
	unsigned int before, closed = 0, i;
	int fds[4];

	client_open(&c);
	for (i = 0; i < 3; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC | (i ? EFD_NONBLOCK : 0));
	fds[3] = memfd_create("test", MFD_CLOEXEC);
	CU_ASSERT_EQUAL(ftruncate(fds[3], 16 * PAGE), 0);
	before = count_fds();
	for (i = 0; i < 50000; i++) {
		size_t len = random_u64() % 4 ? likely_message(message) : random_message(message);
		unsigned int nr = (unsigned int)(random_u64() % 4);
		bool map = get16(message + 2) == 2 && random_u64() % 8;

		/* Or else a length that is too long would swallow thousands. */
		if (!c.alive || (c.server->conn.rx.len && random_u64() % 4 == 0)) {
			closed++;
			client_reconnect(&c);
		}
		if (!c.server->negotiated && random_u64() % 8)
			client_version(&c, 1, NULL);
		if (get16(message + 2) != 8 && random_u64() % 8)
			nr = 0;
		client_send(&c, message, len, map ? &fds[3] : fds, map ? 1 : nr);
		client_step(&c);
		while (recv(c.fd, c.reply, sizeof(c.reply), MSG_DONTWAIT) > 0)
			;
		c.server->bus.raise(&c.server->bus, (unsigned int)(random_u64() % 70));
		nvio_emu_irq_poll(&c.server->irqs);
		nvio_emu_ctrl_poll(c.server->ctrl);
	}
	printf("# %u connections for 50000 messages\n", closed + 1);
	client_reconnect(&c);
	CU_ASSERT_EQUAL(count_fds(), before);
	negotiate();
	client_close(&c);
	for (i = 0; i < 4; i++)
		close(fds[i]);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "cut off at every byte", cut_off_at_every_byte },
		{ "in single bytes", in_single_bytes },
		{ "payloads too short", short_payloads },
		{ "lengths out of bounds", bad_lengths },
		{ "types and posted requests", bad_types },
		{ "pipelined requests", pipelined },
		{ "stray descriptors", stray_descriptors },
		{ "a client that does not read", deaf_client },
		{ "garbage", garbage },
	};

	return tap_run("emu_broken", tests, sizeof(tests) / sizeof(tests[0]));
}
