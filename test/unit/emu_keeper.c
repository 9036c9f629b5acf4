/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client's thread that answers for its memory: see emu_keeper.h. Messages are put together by
 * offset.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "emu_keeper.h"
#include "tap.h"

#define PAGE     4096u
#define BODY_MAX (70u << 10)

static bool get(int fd, void *buf, size_t len)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	uint8_t *at = buf;

	while (len) {
		ssize_t n = poll(&ready, 1, 10000) == 1 ? recv(fd, at, len, 0) : -1;

		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static void say(const struct keeper *k, const void *data, size_t len)
{
	if (k->manner != IN_BYTES) {
		send(k->client->fd, data, len, MSG_NOSIGNAL);
		return;
	}
	for (size_t i = 0; i < len; i++)
		send(k->client->fd, (const uint8_t *)data + i, 1, MSG_NOSIGNAL);
}

/* A doorbell without wanting an answer, and a mapping with its descriptor. */
static void chat(const struct keeper *k, unsigned int nr)
{
	struct client self = { .fd = k->client->fd };
	uint8_t doorbell[36] = { 7, 0, 10, 0, 36, 0, 0, 0, 0x10 };
	uint8_t map[48] = { 9, 0, 2, 0, 48, 0, 0, 0, 0x10, [16] = 32, [20] = 3 };

	put64(doorbell + 16, 0x1008);
	put32(doorbell + 28, 4);
	put32(doorbell + 32, nr);
	say(k, doorbell, sizeof(doorbell));
	put64(map + 32, 0x10000000ull + nr * PAGE);
	put64(map + 40, PAGE);
	client_send(&self, map, sizeof(map), &k->file, 1);
}

static void flood(const struct keeper *k)
{
	static uint8_t message[32 << 10] = { 1, 0, 10, 0, 0, 0x80, 0, 0, 0x10 };

	for (int i = 0; i < 1000; i++)
		if (send(k->client->fd, message, sizeof(message), MSG_NOSIGNAL) <= 0)
			return;
}

/* One request of the server's: the answer to it in @answer, its length or 0. */
static size_t take(struct keeper *k, uint8_t *answer)
{
	uint8_t header[32];
	uint64_t iova, count;
	bool write;

	if (!get(k->client->fd, header, sizeof(header)))
		return 0;
	iova = get64(header + 16);
	count = get64(header + 24);
	write = get16(header + 2) == 12;
	k->odd |= (!write && get16(header + 2) != 11) || get32(header + 8) || !count ||
		  iova < KEEPER_BASE || count > BODY_MAX ||
		  iova - KEEPER_BASE + count > KEEPER_LEN ||
		  get32(header + 4) != 32 + (write ? count : 0);
	if (k->odd || (write && !get(k->client->fd, k->mem + (iova - KEEPER_BASE), count)))
		return 0;
	k->writes += write;
	k->reads += !write;
	k->bytes += count;
	k->largest = count > k->largest ? count : k->largest;
	memcpy(answer, header, 32);
	put32(answer + 4, 32 + (uint32_t)(write ? 0 : count));
	put32(answer + 8, 1);
	if (!write)
		memcpy(answer + 32, k->mem + (iova - KEEPER_BASE), count);
	return get32(answer + 4);
}

static size_t spoil(const struct keeper *k, uint8_t *answer, size_t len)
{
	switch (k->manner) {
	case REFUSES:
		put32(answer + 4, 16);
		put32(answer + 8, 0x21);
		put32(answer + 12, EFAULT);
		return 16;
	case WRONG_ID:
		put16(answer, (uint16_t)(get16(answer) + 1));
		return len;
	case WRONG_COMMAND:
		put16(answer + 2, 10);
		return len;
	case WRONG_COUNT:
		put64(answer + 24, get64(answer + 24) - 1);
		return len;
	case WRONG_IOVA:
		put64(answer + 16, get64(answer + 16) + 1);
		return len;
	case TOO_SHORT:
		put32(answer + 4, (uint32_t)len - 1);
		return len - 1;
	case HALF:
		return len / 2;
	default:
		return len;
	}
}

static void *keep(void *arg)
{
	uint8_t *answers[2] = { malloc(BODY_MAX + 32), malloc(BODY_MAX + 32) };
	struct keeper *k = arg;
	size_t lens[2];

	for (unsigned int i = 0; i < k->nr; i++) {
		lens[i % 2] = take(k, answers[i % 2]);
		if (!lens[i % 2])
			break;
		if (k->manner == SILENT || k->manner == HANGS_UP || k->manner == STOPS)
			continue;
		if (k->manner == SLOW)
			usleep(KEEPER_SLOW_US);
		if (k->manner == FLOODS)
			flood(k);
		if (k->manner == CHATTY)
			chat(k, i);
		lens[i % 2] = spoil(k, answers[i % 2], lens[i % 2]);
		if (k->manner != BACKWARDS)
			say(k, answers[i % 2], lens[i % 2]);
		for (int j = 1; k->manner == BACKWARDS && i % 2 && j >= 0; j--)
			say(k, answers[j], lens[j]);
	}
	if (k->manner == HANGS_UP)
		shutdown(k->client->fd, SHUT_RDWR);
	if (k->manner == STOPS)
		nvio_emu_server_stop(k->client->server);
	free(answers[0]);
	free(answers[1]);
	return NULL;
}

void keeper_start(struct keeper *k, enum manner manner, unsigned int nr)
{
	k->manner = manner;
	k->nr = nr;
	k->reads = k->writes = 0;
	k->bytes = k->largest = 0;
	k->odd = false;
	CU_ASSERT_EQUAL_FATAL(pthread_create(&k->thread, NULL, keep, k), 0);
}

void keeper_join(struct keeper *k)
{
	pthread_join(k->thread, NULL);
	CU_ASSERT_FALSE(k->odd);
}

void keeper_open(struct keeper *k, struct client *client)
{
	memset(k, 0, sizeof(*k));
	k->client = client;
	k->mem = malloc(KEEPER_LEN);
	CU_ASSERT_PTR_NOT_NULL_FATAL(k->mem);
	for (size_t i = 0; i < KEEPER_LEN; i++)
		k->mem[i] = keeper_pattern(i);
	k->file = memfd_create("test", MFD_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(ftruncate(k->file, PAGE), 0);
}

void keeper_close(struct keeper *k)
{
	free(k->mem);
	close(k->file);
}
