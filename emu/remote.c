/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Asks the client to move bytes of its memory, some requests at a time.
 *
 * The only place where the server waits for its client, and with it whoever asks the control
 * socket. So it waits for so long in a turn and no longer, and the controller begins no other
 * command in a turn that lasted. While it waits it reads what comes: answers are taken in any
 * order, other messages are put off for server.c. It never touches memory beyond what the
 * controller named, whatever an answer says.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "server.h"

/* Waiting for longer than this ends the turn, with the command that is being done. */
#define TURN_NS 10000000u

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void nvio_emu_remote_init(struct emu_remote *remote)
{
	memset(remote, 0, sizeof(*remote));
	remote->xfer_max = EMU_XFER_MAX;
}

void nvio_emu_remote_turn(struct emu_server *server)
{
	server->remote.since = 0;
	server->bus.hold = false;
}

/* By when all has to be answered: in time for the peer of the control socket, who is as patient. */
static uint64_t begin_wait(struct emu_server *server)
{
	struct emu_remote *remote = &server->remote;
	uint64_t now = now_ns();

	if (!remote->since)
		remote->since = now;
	if (now - remote->since > TURN_NS)
		server->bus.hold = true;
	return remote->since + server->patience_ns / 2;
}

/* No answer is waited for any more, so that nothing of the controller's is referred to. */
static void give_up(struct emu_remote *remote, int err)
{
	remote->broken = err;
	remote->failed = true;
	remote->nr_sent = 0;
}

static bool is_answer_to(const struct emu_header *header, const struct emu_remote_part *part)
{
	return header->id == part->id &&
	       header->command == (part->write ? EMU_MEMORY_WRITE : EMU_MEMORY_READ);
}

/* Whether it brings the data of a read. A write needs no more than to have been answered: clients
 * differ in how much of the request they repeat. */
static bool take_data(const struct emu_header *header, const struct emu_remote_part *part)
{
	const struct emu_memory_access *access = (const void *)(header + 1);

	if (header->flags & EMU_MSG_ERROR)
		return false;
	if (part->write)
		return true;
	if (header->len != sizeof(*header) + sizeof(*access) + part->len ||
	    access->iova != part->iova || access->count != part->len)
		return false;
	memcpy(part->local, access + 1, part->len);
	return true;
}

static int take_answer(struct emu_remote *remote, const struct emu_header *header)
{
	unsigned int i = 0;

	while (i < remote->nr_sent && !is_answer_to(header, &remote->sent[i]))
		i++;
	if (i == remote->nr_sent)
		return -EPROTO;
	if (!take_data(header, &remote->sent[i]))
		remote->failed = true;
	remote->sent[i] = remote->sent[--remote->nr_sent];
	return 0;
}

/* Takes one message. Returns 1, 0 when there is none, or -errno. */
static int take_message(struct emu_server *server)
{
	struct emu_conn *conn = &server->conn;
	const struct emu_header *header;
	int ret = nvio_emu_conn_receive_now(conn);

	if (ret <= 0)
		return ret;
	header = nvio_emu_conn_header(conn);
	if ((header->flags & EMU_MSG_TYPE_MASK) != EMU_MSG_REPLY)
		ret = nvio_emu_conn_put_off(conn);
	else
		ret = take_answer(&server->remote, header);
	nvio_emu_conn_done(conn);
	return ret ? ret : 1;
}

/* Sleeps until there is something to read, or to write when that is wanted. */
static int sleep_until(struct emu_server *server, short events, uint64_t deadline)
{
	struct pollfd polls[] = {
		{ .fd = server->stop_fd, .events = POLLIN },
		{ .fd = server->conn.fd, .events = events },
	};
	uint64_t now = now_ns();

	if (atomic_load_explicit(&server->stopped, memory_order_relaxed))
		return -EINTR;
	if (now >= deadline)
		return -ETIMEDOUT;
	poll(polls, 2, (int)((deadline - now) / 1000000u) + 1);
	return 0;
}

/* Until one more answer is there. */
static int wait_answer(struct emu_server *server)
{
	uint64_t deadline = begin_wait(server);
	unsigned int nr = server->remote.nr_sent;
	int ret = 0;

	while (ret >= 0 && server->remote.nr_sent == nr) {
		ret = take_message(server);
		if (!ret)
			ret = sleep_until(server, POLLIN, deadline);
	}
	return ret < 0 ? ret : 0;
}

/* Sends a whole request, reading on meanwhile: the client may be waiting for that to read itself.
 */
static int push(struct emu_server *server, struct iovec *iov, unsigned int nr)
{
	uint64_t deadline = begin_wait(server);
	int ret;

	while (!(ret = nvio_emu_conn_push(&server->conn, iov, nr))) {
		ret = take_message(server);
		if (!ret)
			ret = sleep_until(server, POLLIN | POLLOUT, deadline);
		if (ret < 0)
			break;
	}
	return ret < 0 ? ret : 0;
}

static int send_part(struct emu_server *server, struct emu_remote_part part)
{
	struct emu_remote *remote = &server->remote;
	struct emu_memory_access access = { part.iova, part.len };
	struct emu_header header = {
		.id = part.id = remote->id++,
		.command = part.write ? EMU_MEMORY_WRITE : EMU_MEMORY_READ,
		.len = (uint32_t)(sizeof(header) + sizeof(access) + (part.write ? part.len : 0)),
	};
	struct iovec iov[] = {
		{ &header, sizeof(header) },
		{ &access, sizeof(access) },
		{ part.local, part.write ? part.len : 0 },
	};
	int err = 0;

	while (!err && remote->nr_sent == EMU_REMOTE_WINDOW)
		err = wait_answer(server);
	if (err)
		return err;
	/* Before it has left: an answer may be there before the last byte. */
	remote->sent[remote->nr_sent++] = part;
	return push(server, iov, 3);
}

static void flush(struct emu_server *server)
{
	struct emu_remote *remote = &server->remote;
	struct emu_remote_part part = remote->next;
	int err;

	remote->next.len = 0;
	if (!part.len)
		return;
	err = remote->broken ? remote->broken : send_part(server, part);
	if (err)
		give_up(remote, err);
}

/* Whether @len bytes are the continuation of what is to be sent next, on both sides. A message
 * stays in one of the client's maps: clients need not take another. */
static bool continues(struct emu_server *server, uint64_t iova, const uint8_t *local, size_t len,
		      bool write)
{
	const struct emu_remote_part *next = &server->remote.next;
	size_t all = next->len + len;

	return next->iova + next->len == iova && next->local + next->len == local &&
	       next->write == write && next->len < server->remote.xfer_max &&
	       nvio_emu_dma_remote_run(&server->dma, next->iova, all, write) == all;
}

void nvio_emu_remote_move(struct emu_server *server, uint64_t iova, void *local, size_t len,
			  bool write)
{
	struct emu_remote *remote = &server->remote;
	struct emu_remote_part *next = &remote->next;
	uint8_t *at = local;

	if (!remote->xfer_max)
		remote->failed = true;
	while (len && remote->xfer_max) {
		size_t n;

		if (next->len && !continues(server, iova, at, len, write))
			flush(server);
		if (!next->len)
			*next = (struct emu_remote_part){ .iova = iova,
							  .local = at,
							  .write = write };
		n = remote->xfer_max - next->len;
		n = n < len ? n : len;
		next->len += n;
		iova += n;
		at += n;
		len -= n;
	}
}

bool nvio_emu_remote_settle(struct emu_server *server)
{
	struct emu_remote *remote = &server->remote;
	int err = 0;
	bool ok;

	flush(server);
	while (remote->nr_sent && !err)
		err = wait_answer(server);
	if (err)
		give_up(remote, err);
	ok = !remote->failed;
	remote->failed = false;
	return ok;
}
