/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client's side of vfio-user, for tests: see emu_client.h.
 */
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "emu_client.h"
#include "tap.h"

#define HEADER 16

void put16(uint8_t *at, uint16_t value)
{
	memcpy(at, &value, sizeof(value));
}

void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

void put64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

uint16_t get16(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

uint32_t get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

uint64_t get64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static void connect_pair(struct client *c)
{
	int ends[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	nvio_emu_conn_open(&c->server->conn, ends[0]);
	c->fd = ends[1];
	c->alive = true;
}

void client_open(struct client *c)
{
	static struct emu_opts opts;
	struct emu_error error;

	memset(c, 0, sizeof(*c));
	c->reply_fd = -1;
	nvio_emu_opts_default(&opts);
	opts.ns[0].size = 1u << 20;
	CU_ASSERT_EQUAL_FATAL(nvio_emu_server_new(&opts, &c->server, &error), 0);
	connect_pair(c);
}

static void drop_reply_fd(struct client *c)
{
	if (c->reply_fd >= 0)
		close(c->reply_fd);
	c->reply_fd = -1;
}

void client_step(struct client *c)
{
	int nr = 1;

	while (c->alive && nr > 0)
		nr = nvio_emu_server_talk(c->server);
	if (!c->alive || !nr)
		return;
	nvio_emu_server_disconnect(c->server);
	c->alive = false;
}

void client_reconnect(struct client *c)
{
	close(c->fd);
	drop_reply_fd(c);
	client_step(c);
	CU_ASSERT_FALSE(c->alive);
	connect_pair(c);
}

void client_close(struct client *c)
{
	close(c->fd);
	drop_reply_fd(c);
	nvio_emu_server_free(c->server);
}

void client_send(struct client *c, const void *data, size_t len, const int *fds, unsigned int nr)
{
	union {
		char buf[CMSG_SPACE(32 * sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { (void *)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t sent;

	if (nr) {
		struct cmsghdr *cmsg = &control.align;

		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nr * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, nr * sizeof(int));
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(nr * sizeof(int));
	}
	while (len) {
		sent = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0) {
			if (!c->alive)
				return;
			client_step(c);
			continue;
		}
		msg.msg_control = NULL;
		msg.msg_controllen = 0;
		len -= (size_t)sent;
		iov.iov_base = (char *)iov.iov_base + sent;
		iov.iov_len = len;
	}
}

/* All that is there, with at most one descriptor. */
static void receive(struct client *c)
{
	union {
		char buf[CMSG_SPACE(8 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { c->reply, sizeof(c->reply) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg;
	ssize_t got = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	drop_reply_fd(c);
	c->reply_len = got > 0 ? (size_t)got : 0;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (got <= 0 || !cmsg)
		return;
	CU_ASSERT_EQUAL(cmsg->cmsg_len, CMSG_LEN(sizeof(int)));
	memcpy(&c->reply_fd, CMSG_DATA(cmsg), sizeof(int));
}

static int check_reply(const struct client *c, uint16_t id, uint16_t command)
{
	uint32_t flags;

	if (c->reply_len < HEADER || get32(c->reply + 4) != c->reply_len)
		return -1;
	flags = get32(c->reply + 8);
	if (get16(c->reply) != id || get16(c->reply + 2) != command || (flags & ~0x20u) != 1)
		return -1;
	if (!(flags & 0x20))
		return 0;
	if (c->reply_len != HEADER || c->reply_fd >= 0)
		return -1;
	return get32(c->reply + 12) ? (int)get32(c->reply + 12) : 1;
}

int client_request(struct client *c, uint16_t command, const void *payload, size_t len,
		   const int *fds, unsigned int nr)
{
	uint8_t *message = calloc(1, HEADER + len);
	uint16_t id = c->id++;

	CU_ASSERT_PTR_NOT_NULL_FATAL(message);
	put16(message, id);
	put16(message + 2, command);
	put32(message + 4, (uint32_t)(HEADER + len));
	if (len)
		memcpy(message + HEADER, payload, len);
	client_send(c, message, HEADER + len, fds, nr);
	free(message);
	client_step(c);
	receive(c);
	return check_reply(c, id, command);
}

int client_version(struct client *c, uint16_t minor, const char *json)
{
	uint8_t payload[1024] = { 0 };
	size_t len = json ? strlen(json) + 1 : 0;

	put16(payload + 2, minor);
	if (json)
		memcpy(payload + 4, json, len);
	return client_request(c, 1, payload, 4 + len, NULL, 0);
}

int client_map(struct client *c, uint64_t iova, uint64_t len, int fd, uint64_t offset,
	       uint32_t flags)
{
	uint8_t payload[32];

	put32(payload, sizeof(payload));
	put32(payload + 4, flags);
	put64(payload + 8, offset);
	put64(payload + 16, iova);
	put64(payload + 24, len);
	return client_request(c, 2, payload, sizeof(payload), &fd, fd >= 0);
}

int client_unmap(struct client *c, uint64_t iova, uint64_t len, uint32_t flags)
{
	uint8_t payload[24];

	put32(payload, sizeof(payload));
	put32(payload + 4, flags);
	put64(payload + 8, iova);
	put64(payload + 16, len);
	return client_request(c, 3, payload, sizeof(payload), NULL, 0);
}

int client_region_info(struct client *c, uint32_t index, uint32_t argsz)
{
	uint8_t payload[32] = { 0 };

	put32(payload, argsz);
	put32(payload + 8, index);
	return client_request(c, 5, payload, sizeof(payload), NULL, 0);
}

int client_set_irqs(struct client *c, uint32_t flags, uint32_t index, uint32_t start,
		    uint32_t count, const int *fds, unsigned int nr)
{
	uint8_t payload[20];

	put32(payload, sizeof(payload));
	put32(payload + 4, flags);
	put32(payload + 8, index);
	put32(payload + 12, start);
	put32(payload + 16, count);
	return client_request(c, 8, payload, sizeof(payload), fds, nr);
}

int client_read(struct client *c, uint32_t region, uint64_t offset, void *data, uint32_t len)
{
	uint8_t payload[16];
	int err;

	put64(payload, offset);
	put32(payload + 8, region);
	put32(payload + 12, len);
	err = client_request(c, 9, payload, sizeof(payload), NULL, 0);
	if (err)
		return err;
	if (c->reply_len != HEADER + 16 + len || memcmp(c->reply + HEADER, payload, 16))
		return -1;
	memcpy(data, c->reply + HEADER + 16, len);
	return 0;
}

int client_write(struct client *c, uint32_t region, uint64_t offset, const void *data, uint32_t len)
{
	uint8_t payload[16 + 8192];
	int err;

	put64(payload, offset);
	put32(payload + 8, region);
	put32(payload + 12, len);
	memcpy(payload + 16, data, len);
	err = client_request(c, 10, payload, 16 + len, NULL, 0);
	if (err)
		return err;
	return c->reply_len == HEADER + 16 && !memcmp(c->reply + HEADER, payload, 16) ? 0 : -1;
}

uint32_t client_read32(struct client *c, uint32_t region, uint64_t offset)
{
	uint8_t data[4] = { 0 };

	CU_ASSERT_EQUAL(client_read(c, region, offset, data, sizeof(data)), 0);
	return get32(data);
}

int client_write32(struct client *c, uint32_t region, uint64_t offset, uint32_t value)
{
	return client_write(c, region, offset, &value, sizeof(value));
}

unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int nr = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

uint64_t events_of(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	uint64_t count = 0;

	if (poll(&ready, 1, 0) != 1 || read(fd, &count, sizeof(count)) != sizeof(count))
		return 0;
	return count;
}
