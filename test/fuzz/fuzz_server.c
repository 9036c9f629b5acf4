/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vfio-user server and the controller behind it, against a client that sends anything.
 *
 * The input is a list of steps: messages whole or in two deliveries, with descriptors of all kinds,
 * bytes without order, the client's memory and doorbells, turns of the controller, clients that
 * leave. Each message has to get its one reply, or end the connection; memory that the client has
 * not lent is not written; a client that left leaves nothing behind.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nvme/wire.h"
#include "emu_client.h"
#include "fuzz.h"
#include "inbox.h"
#include "loans.h"

#define HEADER      16u
#define MESSAGE_MAX 512u
#define FDS_MAX     4u
#define STEPS       200u
#define ADMIN_LEN   16u /* entries of the admin queues that bring_up() makes */

/* What is sent with messages; made once. */
enum fd_kind { MEMORY, SMALL, EVENT, SOCKET, NR_KINDS };
static int kinds[NR_KINDS];

static struct {
	struct fuzz_input in;
	struct client client;
	struct inbox inbox;
	struct loans loans;
	bool lost; /* where messages begin: after bytes without order */
	uint16_t admin_tail;
} f;

static void make_kinds(void)
{
	int ends[2];

	if (f.loans.memory)
		return;
	loans_make(&f.loans);
	kinds[MEMORY] = f.loans.fd;
	kinds[SMALL] = memfd_create("small", MFD_CLOEXEC);
	kinds[EVENT] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fuzz_check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	kinds[SOCKET] = ends[0];
	fuzz_check(!ftruncate(kinds[SMALL], LOANS_PAGE));
}

static void hang_up(void)
{
	shutdown(f.client.fd, SHUT_RDWR);
	f.lost = true;
}

/* The server asks for the client's memory: it gets what it should, or something else, or nothing.
 */
static void answer(const uint8_t *request, size_t len)
{
	static uint8_t reply[INBOX_LEN];
	uint16_t command = get16(request + 2);
	uint8_t how = fuzz_u8(&f.in);
	size_t reply_len = HEADER + 16;

	fuzz_check((command == 11 || command == 12) && len >= reply_len);
	fuzz_check(f.lost || loans_serve(&f.loans, get64(request + 16), get64(request + 24)));
	memcpy(reply, request, reply_len);
	if (command == 11) {
		fuzz_check(get64(request + 24) <= sizeof(reply) - reply_len);
		fuzz_bytes(&f.in, reply + reply_len, get64(request + 24));
		reply_len += get64(request + 24);
	}
	put32(reply + 4, (uint32_t)reply_len);
	put32(reply + 8, 1);
	if (how >= 0xe0) {
		f.lost = true;
		reply[fuzz_u8(&f.in) % reply_len] = fuzz_u8(&f.in);
	}
	if (how >= 0xf8 || send(f.client.fd, reply, reply_len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		hang_up();
}

int __wrap_poll(struct pollfd *fds, nfds_t nr, int timeout);
int __real_poll(struct pollfd *fds, nfds_t nr, int timeout);

/* The server waits for its client, which gets its turn. One that has nothing to say hangs up. */
int __wrap_poll(struct pollfd *fds, nfds_t nr, int timeout)
{
	if (!timeout || nr != 2)
		return __real_poll(fds, nr, timeout);
	inbox_take(&f.inbox, f.client.fd);
	if (!__real_poll(fds, nr, 0))
		hang_up();
	return __real_poll(fds, nr, 0);
}

/* Leaves, and connects again. */
static void come_again(void)
{
	inbox_take(&f.inbox, f.client.fd);
	loans_forget(&f.loans);
	client_reconnect(&f.client);
	f.inbox.len = 0;
	f.lost = false;
}

/* Lets the server go on; a client that it threw out comes again. */
static void step(void)
{
	client_step(&f.client);
	if (f.client.alive)
		return;
	come_again();
}

/* A message as the protocol has it, but for what the input says. */
static void send_message(uint16_t command, uint32_t flags, const uint8_t *payload, size_t len,
			 const enum fd_kind *with, unsigned int nr_fds, size_t split)
{
	uint8_t message[HEADER + MESSAGE_MAX] = { 0 };
	uint16_t id = f.client.id++;
	int fds[FDS_MAX];

	put16(message, id);
	put16(message + 2, command);
	put32(message + 4, (uint32_t)(HEADER + len));
	put32(message + 8, flags);
	memcpy(message + HEADER, payload, len);
	for (unsigned int i = 0; i < nr_fds; i++)
		fds[i] = kinds[with[i]];
	inbox_expect(&f.inbox, id);
	/* Descriptors come with the second part when there is one. */
	if (split < HEADER + len && split) {
		client_send(&f.client, message, split, NULL, 0);
		client_step(&f.client);
		fuzz_check(f.lost || f.client.alive);
	} else {
		split = 0;
	}
	client_send(&f.client, message + split, HEADER + len - split, fds, nr_fds);
	client_step(&f.client);
	inbox_take(&f.inbox, f.client.fd);
	if (f.lost)
		f.loans.all |= nr_fds > 0;
	else if (f.client.alive)
		fuzz_check(flags & 0x10 ? !f.inbox.nr_replies
					: f.inbox.nr_replies == 1 && f.inbox.err >= 0);
	else
		fuzz_check(f.inbox.nr_replies <= 1);
	if (flags & 0x10)
		f.loans.all |= nr_fds > 0;
	else if (!f.inbox.err && command == 2 && (!nr_fds || with[0] == MEMORY))
		loans_map(&f.loans, payload, !nr_fds);
	else if (!f.inbox.err && command == 3)
		loans_unmap(&f.loans, payload);
	/* An eventfd is written to, whatever it is. */
	for (unsigned int i = 0; command == 8 && i < nr_fds; i++)
		f.loans.all |= with[i] == MEMORY;
	step();
}

static void message(void)
{
	uint8_t payload[MESSAGE_MAX];
	enum fd_kind with[FDS_MAX];
	uint16_t command = fuzz_u8(&f.in);
	uint32_t flags = fuzz_u8(&f.in);
	unsigned int nr_fds = fuzz_below(&f.in, FDS_MAX + 1);
	size_t split = fuzz_u8(&f.in), len;

	for (unsigned int i = 0; i < nr_fds; i++)
		with[i] = (enum fd_kind)fuzz_below(&f.in, NR_KINDS);
	len = fuzz_below(&f.in, MESSAGE_MAX + 1);
	fuzz_bytes(&f.in, payload, len);
	send_message(command, flags, payload, len, with, nr_fds, split);
}

static void bytes_without_order(void)
{
	uint8_t bytes[256];
	size_t len = fuzz_u8(&f.in);

	fuzz_bytes(&f.in, bytes, len);
	f.lost = true;
	client_send(&f.client, bytes, len, NULL, 0);
	step();
}

static void write_memory(void)
{
	uint8_t bytes[256];
	uint32_t at = fuzz_below(&f.in, LOANS_PAGES) * LOANS_PAGE + fuzz_below(&f.in, 256) * 8;
	uint32_t len = fuzz_u8(&f.in);

	fuzz_bytes(&f.in, bytes, len);
	loans_write(&f.loans, at, bytes, len);
}

static void ring(uint32_t idx, uint32_t value)
{
	if ((idx + 1) * sizeof(value) <= f.client.server->bus.doorbells_len)
		f.client.server->bus.doorbells[idx] = value;
}

static void run_controller(void)
{
	for (unsigned int i = 0; i < 8 && f.client.server->running; i++)
		nvio_emu_ctrl_poll(f.client.server->ctrl);
	if (f.client.server->running)
		nvio_emu_ctrl_rest(f.client.server->ctrl);
	nvio_emu_irq_poll(&f.client.server->irqs);
}

static void write_register(uint32_t region, uint64_t offset, uint64_t value, uint32_t len)
{
	uint8_t payload[24];

	put64(payload, offset);
	put32(payload + 8, region);
	put32(payload + 12, len);
	put64(payload + 16, value);
	send_message(10, 0, payload, 16 + len, NULL, 0, 0);
}

/*
 * What a client does first: memory from IOVA 0 on (the last pages stay its own; @remote: without
 * the file), bus mastering, admin queues in pages 0 and 1, enabled.
 */
static void bring_up(bool remote)
{
	const uint8_t version[4] = { 0, 0, 1, 0 };
	const enum fd_kind kind = MEMORY;
	uint8_t map[32] = { 0 };

	send_message(1, 0, version, sizeof(version), NULL, 0, 0);
	put32(map, sizeof(map));
	put32(map + 4, 3);
	put64(map + 24, (LOANS_PAGES - 4) * LOANS_PAGE);
	send_message(2, 0, map, sizeof(map), &kind, !remote, 0);
	write_register(7, 4, 6, 2);
	write_register(0, 0x24, (ADMIN_LEN - 1) << 16 | (ADMIN_LEN - 1), 4);
	write_register(0, 0x28, 0, 8);
	write_register(0, 0x30, LOANS_PAGE, 8);
	write_register(0, 0x14, 6u << 16 | 4u << 20 | 1, 4);
	f.admin_tail = 0;
}

/* A command in the admin queue as bring_up() made it. */
static void admin_command(void)
{
	struct nvio_sqe sqe;
	uint32_t at = f.admin_tail * (uint32_t)sizeof(sqe);

	fuzz_bytes(&f.in, &sqe, sizeof(sqe));
	loans_write(&f.loans, at, &sqe, sizeof(sqe));
	f.admin_tail = (uint16_t)((f.admin_tail + 1) % ADMIN_LEN);
	ring(0, f.admin_tail);
	run_controller();
}

/* The log of DMA writes, in and around the client's memory. */
static void log_feature(void)
{
	static const uint32_t requests[] = { 1u << 17 | 6, 1u << 17 | 7, 1u << 16 | 8,
					     1u << 18 | 8 };
	uint32_t nr = fuzz_below(&f.in, 4);
	uint64_t words[1 + 2 + 4 * 2];
	uint8_t *payload = (uint8_t *)words;
	bool report = nr >= 2;

	put32(payload, fuzz_u8(&f.in) < 0xf0 ? 2048 : fuzz_u8(&f.in));
	put32(payload + 4, requests[nr]);
	for (unsigned int i = 1; i < sizeof(words) / sizeof(words[0]); i++)
		words[i] = (uint64_t)fuzz_below(&f.in, 2 * LOANS_PAGES) * LOANS_PAGE;
	words[report ? 3 : 1] = (uint64_t)LOANS_PAGE << fuzz_below(&f.in, 8);
	if (!report)
		words[2] = fuzz_below(&f.in, 6);
	send_message(16, 0, payload, report ? 32 : sizeof(words), NULL, 0, 0);
}

/* The states of a migration, and its data: what was told, or anything. */
static void migrate(void)
{
	uint8_t payload[8 + 256] = { 0 };
	uint32_t what = fuzz_below(&f.in, 3), len = 8;

	put32(payload, 2048);
	put32(payload + 4, what ? fuzz_u8(&f.in) : 1u << 17 | 2);
	if (!what)
		put32(payload + 8, fuzz_below(&f.in, 6));
	else
		fuzz_bytes(&f.in, payload + 8, 256);
	if (!what)
		len = 16;
	else if (what == 2)
		len = sizeof(payload);
	send_message(what ? (uint16_t)(16 + what) : 16, 0, payload, len, NULL, 0, 0);
}

static void next_step(void)
{
	switch (fuzz_below(&f.in, 8)) {
	case 0:
		bytes_without_order();
		break;
	case 1:
		write_memory();
		break;
	case 2:
		ring(fuzz_u8(&f.in), fuzz_u16(&f.in));
		run_controller();
		break;
	case 3:
		bring_up(fuzz_u8(&f.in) & 1);
		break;
	case 4:
		admin_command();
		break;
	case 5:
		come_again();
		break;
	case 6:
		if (fuzz_u8(&f.in) & 1)
			log_feature();
		else
			migrate();
		break;
	default:
		message();
		break;
	}
}

/* The last client is gone: the server is as it was. */
static void end(void)
{
	struct emu_server *server = f.client.server;

	loans_check(&f.loans);
	close(f.client.fd);
	f.client.fd = -1;
	client_step(&f.client);
	fuzz_check(!f.client.alive && server->conn.fd < 0);
	fuzz_check(!server->dma.nr && !server->dirty.on && !nvio_emu_pci_bus_master(&server->pci));
	fuzz_check(!nvio_emu_ctrl_read(server->ctrl, 0x14, 4) &&
		   !nvio_emu_ctrl_read(server->ctrl, 0x1c, 4));
	loans_check(&f.loans);
	nvio_emu_server_free(server);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	unsigned int fds;

	make_kinds();
	fds = fuzz_count_fds();
	f.in = (struct fuzz_input){ data, len };
	f.admin_tail = 0;
	f.lost = false;
	loans_begin(&f.loans);
	client_open(&f.client);
	f.inbox.request = answer;
	f.inbox.len = 0;
	for (unsigned int i = 0; i < STEPS && f.in.len; i++)
		next_step();
	end();
	fuzz_check(fuzz_count_fds() == fds);
	return 0;
}
