/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests to a vfio-user server; see user_conn.h.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/error.h"
#include "vfio/user_conn.h"

/* What a server that says nothing of it allows. */
#define DMA_MAPS  65535u
#define DMA_PAGES 4096u

#define TIMEOUT_NS 10000000000ull

int nvio_user_connect(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(addr.sun_path))
		return nvio_error(ENAMETOOLONG, "socket path '%s' is longer than %zu bytes", path,
				  sizeof(addr.sun_path) - 1);
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return nvio_error(errno, "no socket: %s", strerror(errno));
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	err = errno;
	close(fd);
	return nvio_error(err == ENOENT || err == ECONNREFUSED ? ENODEV : err,
			  "no vfio-user server at '%s': %s", path, strerror(err));
}

void nvio_user_conn_init(struct nvio_user_conn *conn, int fd)
{
	memset(conn, 0, sizeof(*conn));
	conn->fd = fd;
	conn->timeout_ns = TIMEOUT_NS;
	pthread_mutex_init(&conn->lock, NULL);
	pthread_mutex_init(&conn->send_lock, NULL);
	nvio_user_memory_init(&conn->memory);
	nvio_user_reader_init(conn);
}

void nvio_user_conn_fini(struct nvio_user_conn *conn)
{
	nvio_user_reader_fini(conn);
	nvio_user_memory_fini(&conn->memory);
	close(conn->fd);
	pthread_mutex_destroy(&conn->send_lock);
	pthread_mutex_destroy(&conn->lock);
}

int nvio_user_take_reply(struct nvio_user_conn *conn, struct nvio_user_call *call,
			 const struct nvio_user_header *header, struct nvio_user_fds *fds,
			 uint64_t deadline)
{
	int err;

	if (header->id != conn->id || header->command != call->command)
		return nvio_user_give_up(conn, EPROTO, "it answered what was not asked");
	call->reply_len = header->size - sizeof(*header);
	if (call->reply_len > call->reply_room)
		return nvio_user_give_up(conn, EPROTO,
					 "its reply is longer than what was asked for");
	call->reply_fds = *fds;
	fds->nr = 0;
	err = nvio_user_receive(conn, &call->reply_fds, call->reply, call->reply_len, deadline);
	if (err || !(header->flags & NVIO_USER_ERROR))
		return err;
	call->refused = header->error && header->error <= 4095 ? (int)header->error : EPROTO;
	return 0;
}

/* Reads the reply to the request just sent. What the server asks for meanwhile it gets, and if it
 * goes on asking until the deadline, it has not replied. */
static int receive_reply(struct nvio_user_conn *conn, struct nvio_user_call *call,
			 uint64_t deadline)
{
	struct nvio_user_fds fds = { .nr = 0 };
	struct nvio_user_header header;
	int err;

	while (!(err = nvio_user_receive_header(conn, &fds, &header, deadline))) {
		if ((header.flags & NVIO_USER_TYPE_MASK) == NVIO_USER_REPLY) {
			err = nvio_user_take_reply(conn, call, &header, &fds, deadline);
			break;
		}
		err = nvio_user_answer(conn, &header, &fds, deadline);
		nvio_user_fds_close(&fds);
		if (err)
			break;
	}
	nvio_user_fds_close(&fds);
	return err;
}

/* The lock is held. */
static int call_locked(struct nvio_user_conn *conn, struct nvio_user_call *call)
{
	uint64_t deadline = nvio_now() + conn->timeout_ns;
	struct nvio_user_header header = { .command = (uint16_t)call->command };
	struct iovec iov[3] = {
		{ &header, sizeof(header) },
		{ (void *)call->request, call->request_len },
		{ (void *)call->data, call->data_len },
	};
	int err;

	header.size = (uint32_t)(sizeof(header) + call->request_len + call->data_len);
	header.id = ++conn->id;
	if (nvio_user_gone(conn))
		return -ENODEV;
	if (conn->reader.running)
		nvio_user_reader_expect(conn, call);
	err = nvio_user_send(conn, iov, 3, call->fds, call->nr_fds, deadline);
	/* Also when nothing was sent: the thread may be at it. */
	if (conn->reader.running)
		return nvio_user_reader_await(conn, deadline);
	return err ? err : receive_reply(conn, call, deadline);
}

int nvio_user_call(struct nvio_user_conn *conn, struct nvio_user_call *call)
{
	int err;

	call->reply_fds.nr = 0;
	call->reply_len = 0;
	call->refused = 0;
	pthread_mutex_lock(&conn->lock);
	err = call_locked(conn, call);
	pthread_mutex_unlock(&conn->lock);
	if (err)
		nvio_error(-err, "the vfio-user server is gone: %s", nvio_user_gone(conn));
	else if (call->refused)
		err = nvio_error(call->refused, "the vfio-user server refused command %d: %s",
				 call->command, strerror(call->refused));
	if (err)
		nvio_user_fds_close(&call->reply_fds);
	return err;
}

int nvio_user_ask(struct nvio_user_conn *conn, enum nvio_user_command command, const void *request,
		  size_t request_len, void *reply, size_t reply_len)
{
	struct nvio_user_call call = {
		.command = command,
		.request = request,
		.request_len = request_len,
		.reply = reply,
		.reply_room = reply_len,
	};
	int err = nvio_user_call(conn, &call);

	nvio_user_fds_close(&call.reply_fds);
	return err;
}

/* A number behind a key of the capabilities; the text is NUL-terminated and short. */
static uint64_t json_number(const char *json, const char *key, uint64_t otherwise)
{
	const char *at = strstr(json, key);
	char digits[32];

	if (!at)
		return otherwise;
	at += strlen(key);
	/* Digits only: a sign would make a huge number of a small one. */
	return sscanf(at, "\" : %31[0-9]", digits) == 1 ? strtoull(digits, NULL, 10) : otherwise;
}

int nvio_user_negotiate(struct nvio_user_conn *conn)
{
	/* A server answers with its own limits, some only to what was proposed. */
	static const char json[] = "{\"capabilities\":{\"max_msg_fds\":16,"
				   "\"max_data_xfer_size\":1048576,\"max_dma_maps\":65535,"
				   "\"pgsizes\":4096}}";
	struct nvio_user_version ours = { .major = 0, .minor = 1 };
	union {
		struct nvio_user_version version;
		char bytes[4096];
	} theirs;
	struct nvio_user_call call = {
		.command = NVIO_USER_VERSION,
		.request = &ours,
		.request_len = sizeof(ours),
		.data = json,
		.data_len = sizeof(json),
		.reply = &theirs,
		.reply_room = sizeof(theirs) - 1,
	};
	uint64_t max_data, page_sizes;
	int err = nvio_user_call(conn, &call);

	if (err)
		return err;
	nvio_user_fds_close(&call.reply_fds);
	if (call.reply_len < sizeof(ours) || theirs.version.major != 0) {
		nvio_user_give_up(conn, EPROTO, "it speaks no version 0 of vfio-user");
		return nvio_error(EPROTO, "the vfio-user server is gone: %s", nvio_user_gone(conn));
	}
	theirs.bytes[call.reply_len] = '\0';
	max_data = json_number(theirs.version.json, "\"max_data_xfer_size", NVIO_USER_DATA_MAX);
	/* In whole registers. */
	conn->max_data = (uint32_t)align_down(max_u64(min_u64(max_data, NVIO_USER_DATA_MAX), 8), 8);
	conn->max_maps = (uint32_t)min_u64(
		json_number(theirs.version.json, "\"max_dma_maps", DMA_MAPS), UINT32_MAX);
	page_sizes = json_number(theirs.version.json, "\"pgsizes", DMA_PAGES) & ~(DMA_PAGES - 1ull);
	if (!page_sizes)
		page_sizes = DMA_PAGES;
	/* What is a whole number of the smallest pages can be mapped. */
	conn->page_sizes = -(page_sizes & -page_sizes);
	return 0;
}

bool nvio_user_alive(struct nvio_user_conn *conn)
{
	struct pollfd fd = { .fd = conn->fd, .events = POLLIN | POLLRDHUP };

	if (nvio_user_gone(conn))
		return false;
	if (poll(&fd, 1, 0) <= 0)
		return true;
	if (fd.revents & ~POLLIN)
		return false;
	nvio_user_reader_look(conn);
	return true;
}
