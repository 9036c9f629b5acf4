/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a vfio-user server sends; see inbox.h.
 */
#include <string.h>
#include <sys/socket.h>

#include "emu_client.h"
#include "fuzz.h"
#include "inbox.h"

#define REPLY 1u
#define ERROR 0x20u

void inbox_expect(struct inbox *inbox, uint16_t id)
{
	inbox->nr_replies = 0;
	inbox->id = id;
	inbox->err = -1;
}

static void take_message(struct inbox *inbox, const uint8_t *message, size_t len)
{
	uint32_t flags = get32(message + 8), error = get32(message + 12);

	if (!flags) {
		inbox->request(message, len);
		return;
	}
	fuzz_check((flags & ~ERROR) == REPLY);
	fuzz_check(!(flags & ERROR) == !error);
	inbox->nr_replies++;
	if (get16(message) == inbox->id)
		inbox->err = (int)error;
}

static void take_messages(struct inbox *inbox)
{
	size_t at = 0;

	while (inbox->len - at >= INBOX_HEADER) {
		size_t len = get32(inbox->buf + at + 4);

		fuzz_check(len >= INBOX_HEADER && len <= sizeof(inbox->buf));
		if (len > inbox->len - at)
			break;
		take_message(inbox, inbox->buf + at, len);
		at += len;
	}
	inbox->len -= at;
	memmove(inbox->buf, inbox->buf + at, inbox->len);
}

void inbox_take(struct inbox *inbox, int fd)
{
	char control[CMSG_SPACE(8 * sizeof(int))] __attribute__((aligned(8)));

	for (;;) {
		struct iovec iov = { inbox->buf + inbox->len, sizeof(inbox->buf) - inbox->len };
		struct msghdr msg = { .msg_iov = &iov,
				      .msg_iovlen = 1,
				      .msg_control = control,
				      .msg_controllen = sizeof(control) };
		ssize_t got = recvmsg(fd, &msg, MSG_DONTWAIT);

		if (got <= 0)
			return;
		fuzz_close_received(&msg);
		inbox->len += (size_t)got;
		take_messages(inbox);
	}
}
