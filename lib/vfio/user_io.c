/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The socket to a vfio-user server; see user_io.h.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "vfio/user_conn.h"

void nvio_user_fds_close(struct nvio_user_fds *fds)
{
	while (fds->nr)
		close(fds->fd[--fds->nr]);
}

const char *nvio_user_gone(const struct nvio_user_conn *conn)
{
	return __atomic_load_n(&conn->gone, __ATOMIC_ACQUIRE);
}

int nvio_user_give_up(struct nvio_user_conn *conn, int err, const char *why)
{
	pthread_mutex_lock(&conn->reader.lock);
	if (!conn->gone) {
		conn->gone_err = err;
		__atomic_store_n(&conn->gone, why, __ATOMIC_RELEASE);
	}
	pthread_cond_broadcast(&conn->reader.news);
	pthread_mutex_unlock(&conn->reader.lock);
	shutdown(conn->fd, SHUT_RDWR);
	return -err;
}

static int give_up_by_errno(struct nvio_user_conn *conn, int err)
{
	return nvio_user_give_up(conn, err, strerrordesc_np(err));
}

static int wait_ready(struct nvio_user_conn *conn, short events, uint64_t deadline)
{
	for (;;) {
		struct pollfd fd = { .fd = conn->fd, .events = events };
		uint64_t now = nvio_now();
		int ret, timeout = -1;

		if (now >= deadline)
			return nvio_user_give_up(conn, ETIMEDOUT, "no answer in time");
		if (deadline != UINT64_MAX)
			timeout = (int)((deadline - now) / NVIO_NS_PER_MS) + 1;
		ret = poll(&fd, 1, timeout);
		if (ret > 0)
			return 0;
		if (ret < 0 && errno != EINTR)
			return give_up_by_errno(conn, errno);
	}
}

int nvio_user_wait(struct nvio_user_conn *conn, uint64_t deadline)
{
	return wait_ready(conn, POLLIN, deadline);
}

/* Takes what has left off the front. */
static void advance(struct msghdr *msg, size_t len)
{
	while (msg->msg_iovlen && len >= msg->msg_iov->iov_len) {
		len -= msg->msg_iov->iov_len;
		msg->msg_iov++;
		msg->msg_iovlen--;
	}
	if (msg->msg_iovlen) {
		msg->msg_iov->iov_base = (char *)msg->msg_iov->iov_base + len;
		msg->msg_iov->iov_len -= len;
	}
}

static int send_all(struct nvio_user_conn *conn, struct msghdr *msg, uint64_t deadline)
{
	while (msg->msg_iovlen) {
		ssize_t n = sendmsg(conn->fd, msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		int err;

		if (n >= 0) {
			msg->msg_control = NULL;
			msg->msg_controllen = 0;
			advance(msg, (size_t)n);
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return nvio_user_give_up(conn, ENODEV, strerrordesc_np(errno));
		err = wait_ready(conn, POLLOUT, deadline);
		if (err)
			return err;
	}
	return 0;
}

int nvio_user_send(struct nvio_user_conn *conn, struct iovec *iov, int nr_iov, const int *fds,
		   size_t nr_fds, uint64_t deadline)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(NVIO_USER_FDS * sizeof(int))];
	} control = { 0 };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = (size_t)nr_iov };
	int err;

	if (nr_fds) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, nr_fds * sizeof(int));
	}
	pthread_mutex_lock(&conn->send_lock);
	err = send_all(conn, &msg, deadline);
	pthread_mutex_unlock(&conn->send_lock);
	return err;
}

/* Keeps the fds of a message, closes those that are too many. */
static void take_fds(struct nvio_user_fds *fds, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t nr;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		nr = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < nr; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (fds->nr < NVIO_USER_FDS)
				fds->fd[fds->nr++] = fd;
			else
				close(fd);
		}
	}
}

int nvio_user_receive(struct nvio_user_conn *conn, struct nvio_user_fds *fds, void *buf, size_t len,
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
			return nvio_user_give_up(conn, ENODEV, strerrordesc_np(errno));
		if (!n)
			return nvio_user_give_up(conn, ENODEV, "it closed the connection");
		take_fds(fds, &msg);
		done += (size_t)n;
	}
	return 0;
}

int nvio_user_receive_header(struct nvio_user_conn *conn, struct nvio_user_fds *fds,
			     struct nvio_user_header *header, uint64_t deadline)
{
	int err = nvio_user_receive(conn, fds, header, sizeof(*header), deadline);

	if (!err && header->size < sizeof(*header))
		err = nvio_user_give_up(conn, EPROTO, "it sent a message shorter than its header");
	return err;
}
