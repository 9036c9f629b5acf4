/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection to a vfio-user server; see user_conn.h.
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

#define REPLY_TIMEOUT_MS 10000u
#define DATA_MAX         (1u << 20)
/* Requests of the server's own that are put up with while waiting for a reply. */
#define STRAYS_MAX 64
/* A stray message longer than this is no request that the protocol knows. */
#define STRAY_MAX 4096u

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

/* The server is gone: what it may still say counts no more. */
static int give_up(struct nvio_user_conn *conn, int err, const char *why)
{
	conn->dead = true;
	shutdown(conn->fd, SHUT_RDWR);
	return nvio_error(err, "the vfio-user server is gone: %s", why);
}

/* Waits until the socket is ready. Returns 0, -ETIMEDOUT or -errno. */
static int wait_ready(struct nvio_user_conn *conn, short events, uint64_t deadline)
{
	for (;;) {
		struct pollfd fd = { .fd = conn->fd, .events = events };
		uint64_t now = nvio_now();
		int ret;

		if (now >= deadline)
			return give_up(conn, ETIMEDOUT, "no answer in time");
		ret = poll(&fd, 1, (int)((deadline - now) / NVIO_NS_PER_MS) + 1);
		if (ret > 0)
			return 0;
		if (ret < 0 && errno != EINTR)
			return give_up(conn, errno, strerror(errno));
	}
}

/* Header, payload and fds leave in one piece where the socket takes it: some servers count on it.
 */
static int send_message(struct nvio_user_conn *conn, struct iovec *iov, int nr_iov, const int *fds,
			size_t nr_fds, uint64_t deadline)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(NVIO_USER_FDS * sizeof(int))];
	} control = { 0 };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = (size_t)nr_iov };

	if (nr_fds) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, nr_fds * sizeof(int));
	}
	while (msg.msg_iovlen) {
		ssize_t n = sendmsg(conn->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return give_up(conn, ENODEV, strerror(errno));
		if (n < 0) {
			int err = wait_ready(conn, POLLOUT, deadline);

			if (err)
				return err;
			continue;
		}
		msg.msg_control = NULL;
		msg.msg_controllen = 0;
		while (msg.msg_iovlen && (size_t)n >= msg.msg_iov->iov_len) {
			n -= (ssize_t)msg.msg_iov->iov_len;
			msg.msg_iov++;
			msg.msg_iovlen--;
		}
		if (msg.msg_iovlen) {
			msg.msg_iov->iov_base = (char *)msg.msg_iov->iov_base + n;
			msg.msg_iov->iov_len -= (size_t)n;
		}
	}
	return 0;
}

/* Keeps the fds of a message, closes those that are too many. */
static void take_fds(struct nvio_user_call *call, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t nr;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		nr = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < nr; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (call->nr_reply_fds < NVIO_USER_FDS)
				call->reply_fds[call->nr_reply_fds++] = fd;
			else
				close(fd);
		}
	}
}

static int receive(struct nvio_user_conn *conn, struct nvio_user_call *call, void *buf, size_t len,
		   uint64_t deadline)
{
	size_t done = 0;

	while (done < len) {
		char control[CMSG_SPACE(NVIO_USER_FDS * sizeof(int))]
			__attribute__((aligned(__alignof__(struct cmsghdr))));
		struct iovec iov = { (char *)buf + done, len - done };
		struct msghdr msg = {
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		ssize_t n;
		int err = wait_ready(conn, POLLIN, deadline);

		if (err)
			return err;
		n = recvmsg(conn->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			return give_up(conn, ENODEV, strerror(errno));
		if (!n)
			return give_up(conn, ENODEV, "it closed the connection");
		take_fds(call, &msg);
		done += (size_t)n;
	}
	return 0;
}

void nvio_user_close_fds(struct nvio_user_call *call)
{
	while (call->nr_reply_fds)
		close(call->reply_fds[--call->nr_reply_fds]);
}

/* A request of the server's: it is told that we do not do that. */
static int refuse_request(struct nvio_user_conn *conn, struct nvio_user_call *call,
			  const struct nvio_user_header *request, uint64_t deadline)
{
	struct nvio_user_header reply = {
		.id = request->id,
		.command = request->command,
		.size = sizeof(reply),
		.flags = NVIO_USER_REPLY | NVIO_USER_ERROR,
		.error = EOPNOTSUPP,
	};
	struct iovec iov = { &reply, sizeof(reply) };
	char body[STRAY_MAX];
	int err;

	if (request->size - sizeof(*request) > sizeof(body))
		return give_up(conn, EPROTO, "it sent a request that is too long");
	err = receive(conn, call, body, request->size - sizeof(*request), deadline);
	nvio_user_close_fds(call);
	return err ? err : send_message(conn, &iov, 1, NULL, 0, deadline);
}

/* Reads the reply to the request just sent. */
static int receive_reply(struct nvio_user_conn *conn, struct nvio_user_call *call,
			 uint64_t deadline)
{
	struct nvio_user_header header;
	int strays, err;

	for (strays = 0; strays < STRAYS_MAX; strays++) {
		err = receive(conn, call, &header, sizeof(header), deadline);
		if (err)
			return err;
		if (header.size < sizeof(header))
			return give_up(conn, EPROTO, "it sent a message shorter than its header");
		if ((header.flags & NVIO_USER_TYPE_MASK) == NVIO_USER_REPLY)
			break;
		err = refuse_request(conn, call, &header, deadline);
		if (err)
			return err;
	}
	if (strays == STRAYS_MAX || header.id != conn->id || header.command != call->command)
		return give_up(conn, EPROTO, "it answered what was not asked");
	call->reply_len = header.size - sizeof(header);
	if (call->reply_len > call->reply_room)
		return give_up(conn, EPROTO, "its reply is longer than what was asked for");
	err = receive(conn, call, call->reply, call->reply_len, deadline);
	if (err || !(header.flags & NVIO_USER_ERROR))
		return err;
	if (!header.error || header.error > 4095)
		header.error = EPROTO;
	return nvio_error((int)header.error, "the vfio-user server refused command %d: %s",
			  call->command, strerror((int)header.error));
}

int nvio_user_call(struct nvio_user_conn *conn, struct nvio_user_call *call)
{
	uint64_t deadline = nvio_now() + REPLY_TIMEOUT_MS * NVIO_NS_PER_MS;
	struct nvio_user_header header = { .command = (uint16_t)call->command };
	struct iovec iov[3] = {
		{ &header, sizeof(header) },
		{ (void *)call->request, call->request_len },
		{ (void *)call->data, call->data_len },
	};
	int err;

	header.size = (uint32_t)(sizeof(header) + call->request_len + call->data_len);
	call->nr_reply_fds = 0;
	call->reply_len = 0;
	pthread_mutex_lock(&conn->lock);
	header.id = ++conn->id;
	if (conn->dead)
		err = nvio_error(ENODEV, "the vfio-user server is gone");
	else
		err = send_message(conn, iov, 3, call->fds, call->nr_fds, deadline);
	if (!err)
		err = receive_reply(conn, call, deadline);
	pthread_mutex_unlock(&conn->lock);
	if (err)
		nvio_user_close_fds(call);
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

	nvio_user_close_fds(&call);
	return err;
}

/* A number behind a key of the capabilities; the text is NUL-terminated and short. */
static uint64_t json_number(const char *json, const char *key, uint64_t otherwise)
{
	const char *at = strstr(json, key);
	unsigned long long value;

	if (!at)
		return otherwise;
	at += strlen(key);
	return sscanf(at, "\" : %llu", &value) == 1 ? value : otherwise;
}

int nvio_user_negotiate(struct nvio_user_conn *conn)
{
	static const char json[] = "{\"capabilities\":{\"max_msg_fds\":8,"
				   "\"max_data_xfer_size\":1048576}}";
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
	uint64_t max_data;
	int err = nvio_user_call(conn, &call);

	if (err)
		return err;
	nvio_user_close_fds(&call);
	if (call.reply_len < sizeof(ours) || theirs.version.major != 0)
		return give_up(conn, EPROTO, "it speaks no version 0 of vfio-user");
	theirs.bytes[call.reply_len] = '\0';
	max_data = json_number(theirs.version.json, "\"max_data_xfer_size", DATA_MAX);
	conn->max_data = (uint32_t)max_u64(min_u64(max_data, DATA_MAX), 8);
	return 0;
}

bool nvio_user_alive(struct nvio_user_conn *conn)
{
	struct pollfd fd = { .fd = conn->fd, .events = POLLRDHUP };

	return !conn->dead && (poll(&fd, 1, 0) <= 0 || !(fd.revents & ~POLLIN));
}
