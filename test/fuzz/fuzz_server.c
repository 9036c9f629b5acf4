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
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nvme/wire.h"
#include "emu_client.h"
#include "fuzz.h"

#define PAGE        4096u
#define PAGES       24u /* of the client's memory */
#define MEMORY_LEN  (PAGES * PAGE)
#define HEADER      16u
#define MESSAGE_MAX 512u
#define FDS_MAX     4u
#define LOANS       32u
#define STEPS       200u
#define ADMIN_LEN   16u /* entries of the admin queues that bring_up() makes */
#define REPLIES_LEN (1u << 18)

/* A DMA_MAP of the client's memory for writing that was accepted. */
struct loan {
	uint64_t iova;
	uint64_t len;
	uint64_t offset;
};

/* What is sent with messages; made once. */
enum fd_kind { MEMORY, SMALL, EVENT, SOCKET, NR_KINDS };
static int kinds[NR_KINDS];
static uint8_t *memory; /* the client's view of its file */

static struct {
	struct fuzz_input in;
	struct client client;
	uint8_t should[MEMORY_LEN]; /* what has to be in pages that are not on loan */
	struct loan loans[LOANS];
	unsigned int nr_loans;
	bool all_lent; /* nobody knows what is */
	bool lost; /* where messages begin: after bytes without order */
	uint16_t admin_tail;
} f;

static void make_kinds(void)
{
	int ends[2];

	if (memory)
		return;
	kinds[MEMORY] = memfd_create("client", MFD_CLOEXEC);
	kinds[SMALL] = memfd_create("small", MFD_CLOEXEC);
	kinds[EVENT] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fuzz_check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	kinds[SOCKET] = ends[0];
	fuzz_check(!ftruncate(kinds[MEMORY], MEMORY_LEN) && !ftruncate(kinds[SMALL], PAGE));
	memory = mmap(NULL, MEMORY_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, kinds[MEMORY], 0);
	fuzz_check(memory != MAP_FAILED);
}

static bool is_lent(uint64_t offset)
{
	for (unsigned int i = 0; i < f.nr_loans; i++)
		if (offset - f.loans[i].offset < f.loans[i].len)
			return true;
	return f.all_lent;
}

/* Pages that are not lent are as they were. Those that are may have been written. */
static void check_memory(void)
{
	for (uint64_t at = 0; at < MEMORY_LEN; at += PAGE) {
		if (is_lent(at))
			memcpy(f.should + at, memory + at, PAGE);
		else
			fuzz_check(!memcmp(f.should + at, memory + at, PAGE));
	}
}

static void forget_loans(void)
{
	check_memory();
	f.nr_loans = 0;
	f.all_lent = false;
}

static void note_map(const uint8_t *payload, enum fd_kind kind)
{
	if (kind != MEMORY || !(get32(payload + 4) & 2))
		return;
	if (f.nr_loans == LOANS) {
		f.all_lent = true;
		return;
	}
	f.loans[f.nr_loans++] =
		(struct loan){ get64(payload + 16), get64(payload + 24), get64(payload + 8) };
}

static void note_unmap(const uint8_t *payload)
{
	check_memory();
	if (get32(payload + 4) & 2) {
		f.nr_loans = 0;
		return;
	}
	for (unsigned int i = 0; i < f.nr_loans; i++)
		if (f.loans[i].iova == get64(payload + 8) && f.loans[i].len == get64(payload + 16))
			f.loans[i--] = f.loans[--f.nr_loans];
}

/*
 * Reads all replies there are. Each has to be one. Returns how many; the errno of the last one that
 * answers @id is in *@err, -1 when there is none.
 */
static unsigned int read_replies(uint16_t id, int *err)
{
	static uint8_t buf[REPLIES_LEN];
	char control[CMSG_SPACE(8 * sizeof(int))] __attribute__((aligned(8)));
	size_t len = 0;
	unsigned int nr = 0;

	*err = -1;
	for (;;) {
		struct iovec iov = { buf + len, sizeof(buf) - len };
		struct msghdr msg = { .msg_iov = &iov,
				      .msg_iovlen = 1,
				      .msg_control = control,
				      .msg_controllen = sizeof(control) };
		ssize_t got = recvmsg(f.client.fd, &msg, MSG_DONTWAIT);

		if (got <= 0)
			break;
		fuzz_close_received(&msg);
		len += (size_t)got;
	}
	for (size_t at = 0; at < len; nr++) {
		const uint8_t *reply = buf + at;
		uint32_t reply_len = get32(reply + 4);

		fuzz_check(len - at >= HEADER && reply_len >= HEADER && reply_len <= len - at);
		fuzz_check((get32(reply + 8) & ~0x20u) == 1);
		fuzz_check(!(get32(reply + 8) & 0x20) == !get32(reply + 12));
		if (get16(reply) == id)
			*err = (int)get32(reply + 12);
		at += reply_len;
	}
	return nr;
}

/* Lets the server go on; a client that it threw out comes again. */
static void step(void)
{
	int err;

	client_step(&f.client);
	if (f.client.alive)
		return;
	read_replies(0, &err);
	forget_loans();
	client_reconnect(&f.client);
	f.lost = false;
}

/* A message as the protocol has it, but for what the input says. */
static void send_message(uint16_t command, uint32_t flags, const uint8_t *payload, size_t len,
			 const enum fd_kind *with, unsigned int nr_fds, size_t split)
{
	uint8_t message[HEADER + MESSAGE_MAX] = { 0 };
	uint16_t id = f.client.id++;
	int fds[FDS_MAX], err;
	unsigned int nr;

	put16(message, id);
	put16(message + 2, command);
	put32(message + 4, (uint32_t)(HEADER + len));
	put32(message + 8, flags);
	memcpy(message + HEADER, payload, len);
	for (unsigned int i = 0; i < nr_fds; i++)
		fds[i] = kinds[with[i]];
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
	nr = read_replies(id, &err);
	if (f.lost)
		f.all_lent |= nr_fds > 0;
	else if (f.client.alive)
		fuzz_check(flags & 0x10 ? !nr : nr == 1 && err >= 0);
	else
		fuzz_check(nr <= 1);
	if (flags & 0x10)
		f.all_lent |= nr_fds > 0;
	else if (!err && command == 2 && nr_fds)
		note_map(payload, with[0]);
	else if (!err && command == 3)
		note_unmap(payload);
	/* An eventfd is written to, whatever it is. */
	for (unsigned int i = 0; command == 8 && i < nr_fds; i++)
		f.all_lent |= with[i] == MEMORY;
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
	uint32_t at = fuzz_below(&f.in, PAGES) * PAGE + fuzz_below(&f.in, 256) * 8;
	uint32_t len = fuzz_u8(&f.in);

	fuzz_bytes(&f.in, memory + at, len);
	memcpy(f.should + at, memory + at, len);
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
 * What a client does first: memory from IOVA 0 on (the last pages stay its own), bus mastering,
 * admin queues in pages 0 and 1, enabled.
 */
static void bring_up(void)
{
	const uint8_t version[4] = { 0, 0, 1, 0 };
	const enum fd_kind kind = MEMORY;
	uint8_t map[32] = { 0 };

	send_message(1, 0, version, sizeof(version), NULL, 0, 0);
	put32(map, sizeof(map));
	put32(map + 4, 3);
	put64(map + 24, (PAGES - 4) * PAGE);
	send_message(2, 0, map, sizeof(map), &kind, 1, 0);
	write_register(7, 4, 6, 2);
	write_register(0, 0x24, (ADMIN_LEN - 1) << 16 | (ADMIN_LEN - 1), 4);
	write_register(0, 0x28, 0, 8);
	write_register(0, 0x30, PAGE, 8);
	write_register(0, 0x14, 6u << 16 | 4u << 20 | 1, 4);
	f.admin_tail = 0;
}

/* A command in the admin queue as bring_up() made it. */
static void admin_command(void)
{
	struct nvio_sqe sqe;
	uint32_t at = f.admin_tail * (uint32_t)sizeof(sqe);

	fuzz_bytes(&f.in, &sqe, sizeof(sqe));
	memcpy(memory + at, &sqe, sizeof(sqe));
	memcpy(f.should + at, &sqe, sizeof(sqe));
	f.admin_tail = (uint16_t)((f.admin_tail + 1) % ADMIN_LEN);
	ring(0, f.admin_tail);
	run_controller();
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
		bring_up();
		break;
	case 4:
		admin_command();
		break;
	case 5:
		forget_loans();
		client_reconnect(&f.client);
		f.lost = false;
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

	check_memory();
	close(f.client.fd);
	f.client.fd = -1;
	client_step(&f.client);
	fuzz_check(!f.client.alive && server->conn.fd < 0);
	fuzz_check(!server->dma.nr && !nvio_emu_pci_bus_master(&server->pci));
	fuzz_check(!nvio_emu_ctrl_read(server->ctrl, 0x14, 4) &&
		   !nvio_emu_ctrl_read(server->ctrl, 0x1c, 4));
	check_memory();
	nvio_emu_server_free(server);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	unsigned int fds;

	make_kinds();
	fds = fuzz_count_fds();
	f.in = (struct fuzz_input){ data, len };
	f.nr_loans = 0;
	f.admin_tail = 0;
	f.all_lent = f.lost = false;
	memset(memory, 0xc5, MEMORY_LEN);
	memset(f.should, 0xc5, MEMORY_LEN);
	client_open(&f.client);
	for (unsigned int i = 0; i < STEPS && f.in.len; i++)
		next_step();
	end();
	fuzz_check(fuzz_count_fds() == fds);
	return 0;
}
