/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QEMU's monitor (QMP), as a port of the guest leads to it: for programs that plug and unplug their
 * own drive. One command at a time; events are kept until somebody waits for them.
 *
 * A test has the port by this line of its header:
 *	# vm: --qmp {tmp}/qmp --qemu '-chardev socket,id=qmp,path={tmp}/qmp -device virtserialport,chardev=qmp,name=nvio.qmp'
 */
#ifndef NVIO_TEST_VM_QMP_H
#define NVIO_TEST_VM_QMP_H

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "vmtest.h"

#define QMP_PATIENCE_MS 60000

struct qmp {
	int fd;
	size_t len;
	unsigned int nr_deleted; /* DEVICE_DELETED of a device with an identifier, not waited for */
	char text[65536]; /* what was read and not looked at */
};

/* The next line, without its end, good until the next call; fails when none comes. */
static inline const char *qmp_line(struct qmp *q)
{
	static char line[sizeof(q->text)];
	struct pollfd fd = { .fd = q->fd, .events = POLLIN };
	size_t len;
	char *end;

	while (!(end = memchr(q->text, '\n', q->len))) {
		ssize_t n = -1;

		if (q->len < sizeof(q->text) && poll(&fd, 1, QMP_PATIENCE_MS) > 0)
			n = read(q->fd, q->text + q->len, sizeof(q->text) - q->len);
		vmt_check(n > 0, "no line from the monitor: %s", strerror(errno));
		q->len += (size_t)n;
	}
	len = (size_t)(end - q->text);
	memcpy(line, q->text, len);
	line[len] = '\0';
	q->len -= len + 1;
	memmove(q->text, end + 1, q->len);
	q->nr_deleted += strstr(line, "\"DEVICE_DELETED\"") && strstr(line, "\"device\"");
	return line;
}

/* Executes a command, which has to succeed. Returns the answer. */
__attribute__((format(printf, 2, 3))) static inline const char *qmp_do(struct qmp *q,
								       const char *fmt, ...)
{
	const char *answer;
	char text[1024];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	vmt_check(len > 0 && write(q->fd, text, (size_t)len) == len, "%s", text);
	do {
		answer = qmp_line(q);
		vmt_check(!strstr(answer, "\"error\""), "%s: %s", text, answer);
	} while (!strstr(answer, "\"return\""));
	return answer;
}

static inline void qmp_open(struct qmp *q, const char *port)
{
	memset(q, 0, sizeof(*q));
	q->fd = open(port, O_RDWR | O_CLOEXEC);
	vmt_check(q->fd >= 0, "%s: %s", port, strerror(errno));
	qmp_do(q, "{\"execute\": \"qmp_capabilities\"}\n");
}

/* Waits until the device of the last device_del is no more. */
static inline void qmp_await_deleted(struct qmp *q)
{
	while (!q->nr_deleted)
		qmp_line(q);
	q->nr_deleted = 0;
}

#endif
