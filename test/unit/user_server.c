/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vfio-user server for tests: see user_server.h.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "user_server.h"
#include "tap.h"

#define HEADER 16u
#define ROOM   (64u + 65536u)

static uint32_t get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint64_t get64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void put64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

void user_server_init(struct user_server *server)
{
	static const uint8_t power[] = { 0x36, 0x1b, 0x10, 0x00, 0x00, 0x00,
					 0x10, 0x00, 0x02, 0x02, 0x08, 0x01 };

	memset(server, 0, sizeof(*server));
	memcpy(server->config, power, sizeof(power));
	server->config[0x10] = 4;
	server->config[0x34] = SERVER_MSIX - 0x08;
	server->config[SERVER_MSIX - 0x08] = 9;
	server->config[SERVER_MSIX - 0x07] = SERVER_MSIX;
	server->config[SERVER_MSIX] = 0x11;
	server->config[SERVER_MSIX + 2] = SERVER_VECTORS - 1;
	put32(server->config + SERVER_MSIX + 4, SERVER_TABLE | SERVER_BAR_INDEX);
	for (uint32_t v = 0; v < SERVER_VECTORS; v++)
		put32(server->bar + SERVER_TABLE + 16 * v + 12, 1);
	server->area_fd = -1;
}

static bool read_all(int fd, uint8_t *buf, size_t len, unsigned int *nr_fds)
{
	size_t done = 0;

	while (done < len) {
		char control[CMSG_SPACE(16 * sizeof(int))] __attribute__((aligned(8)));
		struct iovec iov = { buf + done, len - done };
		struct msghdr msg = { .msg_iov = &iov,
				      .msg_iovlen = 1,
				      .msg_control = control,
				      .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);

		if (n <= 0)
			return false;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
			size_t nr = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

			for (size_t i = 0; i < nr; i++) {
				int got;

				memcpy(&got, CMSG_DATA(c) + i * sizeof(int), sizeof(got));
				close(got);
				++*nr_fds;
			}
		}
		done += (size_t)n;
	}
	return true;
}

static void send_all(const struct user_server *server, const uint8_t *data, size_t len,
		     uint32_t nr_fds)
{
	char control[CMSG_SPACE(16 * sizeof(int))] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { (void *)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c = (struct cmsghdr *)control;

	if (nr_fds) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
		for (uint32_t i = 0; i < nr_fds; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &server->area_fd, sizeof(int));
	}
	while (len) {
		ssize_t n = sendmsg(server->fd, &msg, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		iov.iov_base = (char *)iov.iov_base + n;
		iov.iov_len = len -= (size_t)n;
		msg.msg_control = NULL;
		msg.msg_controllen = 0;
	}
}

/* The payload of a reply; an errno instead when it is refused. */
struct answer {
	uint8_t *data;
	size_t len;
	uint32_t nr_fds;
};

static uint64_t region_len(uint32_t index)
{
	return index == SERVER_BAR_INDEX ? SERVER_BAR_LEN
	       : index == 4              ? 4096
	       : index == SERVER_CONFIG  ? 256
					 : 0;
}

static int region_info(const struct user_server *server, const uint8_t *in, struct answer *out)
{
	uint32_t index = get32(in + 8), need = 32;

	if (index >= SERVER_REGIONS || index == SERVER_MISSING)
		return EINVAL;
	if (index == SERVER_BAR_INDEX && server->nr_areas)
		need += 16 + 16 * server->nr_areas;
	out->len = 32;
	put32(out->data, need);
	put32(out->data + 4, region_len(index) ? (need > 32 ? 7 : 3) : 0);
	put32(out->data + 8, index);
	put64(out->data + 16, region_len(index));
	if (need == 32 || get32(in) < need)
		return 0;
	if (server->info_error)
		return server->info_error;
	put32(out->data + 4, 15);
	put32(out->data + 12, 32);
	put32(out->data + 32, 0x10001);
	put32(out->data + 40, server->nr_areas);
	for (uint32_t i = 0; i < server->nr_areas; i++) {
		put64(out->data + 48 + 16 * i, 4096u * (i + 1));
		put64(out->data + 56 + 16 * i, 4096);
	}
	out->len = need;
	out->nr_fds = server->nr_areas;
	return 0;
}

/* Configuration space keeps what can be written of it. */
static void write_config(struct user_server *server, uint64_t offset, const uint8_t *data,
			 uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t at = offset + i;

		if (at == 4 || at == 5 || (at >= 0x11 && at < 0x28) || at == SERVER_MSIX + 3)
			server->config[at] = data[i];
	}
}

static int access_region(struct user_server *server, const uint8_t *in, struct answer *out,
			 bool write)
{
	uint64_t offset = get64(in);
	uint32_t region = get32(in + 8), count = get32(in + 12);
	bool config = region == SERVER_CONFIG;
	uint8_t *at = (config ? server->config : server->bar) + offset;

	if ((!config && region != SERVER_BAR_INDEX) || offset + count > region_len(region))
		return EINVAL;
	if (config && write && offset >= 0x10 && offset < 0x28 && server->bar_error)
		return server->bar_error;
	if (!config && offset >= SERVER_TABLE && server->table_error)
		return server->table_error;
	memcpy(out->data, in, 16);
	out->len = write ? 16 : 16 + count;
	if (!write)
		memcpy(out->data + 16, at, count);
	else if (config)
		write_config(server, offset, in + 16, count);
	else
		memcpy(at, in + 16, count);
	return 0;
}

/* All that can be written is as after power on, and MSI-X vectors are masked. */
static void reset(struct user_server *server)
{
	struct user_server fresh;

	user_server_init(&fresh);
	memcpy(server->config, fresh.config, sizeof(server->config));
	memcpy(server->bar, fresh.bar, sizeof(server->bar));
}

static int run(struct user_server *server, uint16_t command, const uint8_t *in, struct answer *out)
{
	if (command < SERVER_COMMANDS && server->errors[command])
		return server->errors[command];
	switch (command) {
	case 1:
		out->len = 4;
		put32(out->data, 0x10000);
		if (server->caps[0]) {
			strcpy((char *)out->data + 4, server->caps);
			out->len += strlen(server->caps) + 1;
		}
		return 0;
	case 4:
		memcpy(out->data, (uint32_t[]){ 16, 3, SERVER_REGIONS, 5 }, 16);
		out->len = 16 + server->info_tail;
		return 0;
	case 5:
		return region_info(server, in, out);
	case 7:
		memcpy(out->data,
		       (uint32_t[]){ 16, 1, get32(in + 8),
				     get32(in + 8) == 2 ? SERVER_VECTORS : 1 },
		       out->len = 16);
		return 0;
	case 9:
	case 10:
		return access_region(server, in, out, command == 10);
	case 13:
		reset(server);
		return 0;
	default:
		return 0;
	}
}

static void *serve(void *arg)
{
	struct user_server *server = arg;
	static uint8_t in[ROOM], out[ROOM];
	unsigned int nr_fds = 0;

	while (read_all(server->fd, in, HEADER, &nr_fds)) {
		uint32_t len = get32(in + 4), command = get32(in) >> 16;
		struct server_request *request = &server->requests[server->nr_requests];
		struct answer answer = { .data = out + HEADER };
		int err;

		if (len < HEADER || len > ROOM || server->nr_requests == SERVER_REQUESTS ||
		    !read_all(server->fd, in + HEADER, len - HEADER, &nr_fds))
			break;
		server->nr_requests++;
		*request = (struct server_request){ (uint16_t)command, len, nr_fds, { 0 } };
		nr_fds = 0;
		memcpy(request->payload, in + HEADER, len - HEADER < 64 ? len - HEADER : 64);
		memset(out, 0, HEADER + SERVER_REGION_INFO);
		err = run(server, (uint16_t)command, in + HEADER, &answer);
		memcpy(out, in, 4);
		put32(out + 4, (uint32_t)(HEADER + (err ? 0 : answer.len)));
		put32(out + 8, err ? 0x21 : 1);
		put32(out + 12, (uint32_t)err);
		send_all(server, out, get32(out + 4), err ? 0 : answer.nr_fds);
	}
	close(server->fd);
	return NULL;
}

int user_server_start(struct user_server *server)
{
	int ends[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	server->fd = ends[0];
	CU_ASSERT_EQUAL_FATAL(pthread_create(&server->thread, NULL, serve, server), 0);
	return ends[1];
}

void user_server_stop(struct user_server *server)
{
	pthread_join(server->thread, NULL);
}

unsigned int user_server_count(const struct user_server *server, uint16_t command)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < server->nr_requests; i++)
		count += server->requests[i].command == command;
	return count;
}
