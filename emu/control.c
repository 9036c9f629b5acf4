/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control socket; see control.h.
 *
 * An answer is "ok", "ok TEXT" or "error: SENTENCE". A peer that is silent, sends no end or does
 * not read is hung up on, and hinders nobody but those who wait for the control socket too.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault.h"
#include "server.h"

/* Between two looks at the socket, each of which is a system call, and after one that failed. */
#define LOOK_NS  200000u
#define PAUSE_NS 100000000u
/* How long a peer may take. */
#define PEER_NS 1000000000u

_Static_assert(EMU_FAULT_LIST_MAX < EMU_CONTROL_ANSWER, "a list of all faults is one answer");

void nvio_emu_control_init(struct emu_control *control)
{
	memset(control, 0, sizeof(*control));
	control->listen_fd = -1;
	control->fd = -1;
}

void nvio_emu_control_close(struct emu_control *control)
{
	if (control->fd >= 0)
		close(control->fd);
	control->fd = -1;
	control->in_len = 0;
	control->out_len = 0;
	control->out_sent = 0;
}

__attribute__((format(printf, 2, 3))) static void answer(struct emu_control *control,
							 const char *format, ...)
{
	size_t room = sizeof(control->out) - 1;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(control->out, room, format, args);
	va_end(args);
	control->out_len = len < 0 ? 0 : (size_t)len < room ? (size_t)len : room - 1;
	control->out[control->out_len++] = '\n';
}

static void do_list(struct emu_server *server)
{
	char list[EMU_FAULT_LIST_MAX];

	nvio_emu_faults_list(server->ctrl, list, sizeof(list));
	answer(&server->control, "ok %s", *list ? list : "no faults");
}

static void do_clear(struct emu_server *server)
{
	nvio_emu_faults_clear(server->ctrl);
	answer(&server->control, "ok");
}

/* What was pulled out comes back without power in between: configuration space too begins anew. */
static void do_back(struct emu_server *server)
{
	if (!nvio_emu_ctrl_gone(server->ctrl)) {
		answer(&server->control, "error: the device is not gone");
		return;
	}
	nvio_emu_ctrl_return(server->ctrl);
	nvio_emu_server_flr(server);
	answer(&server->control, "ok");
}

static void do_status(struct emu_server *server)
{
	const struct emu_ctrl *ctrl = server->ctrl;
	const struct emu_stats *stats = &ctrl->stats;
	unsigned long long outstanding = 0;

	for (unsigned int i = 0; i < ctrl->nr_sqs; i++)
		outstanding += ctrl->active[i]->inflight;
	answer(&server->control,
	       "ok state=%s client=%s cc=0x%08x csts=0x%08x queues=%u commands=%llu reads=%llu "
	       "writes=%llu errors=%llu outstanding=%llu",
	       nvio_emu_ctrl_state(ctrl), server->conn.fd >= 0 ? "yes" : "no", ctrl->cc, ctrl->csts,
	       ctrl->nr_sqs, (unsigned long long)stats->commands, (unsigned long long)stats->reads,
	       (unsigned long long)stats->writes, (unsigned long long)stats->errors, outstanding);
}

static void do_fault(struct emu_server *server, const char *line)
{
	struct emu_error error;

	if (!nvio_emu_fault_named(line))
		answer(&server->control,
		       "error: \"%.64s\" is no command: list, clear, back, status, or a fault",
		       line);
	else if (nvio_emu_fault_add(server->ctrl, line, &error))
		answer(&server->control, "error: %s", error.text);
	else
		answer(&server->control, "ok");
}

static void run(struct emu_server *server, const char *line)
{
	static const struct {
		const char *name;
		void (*run)(struct emu_server *server);
	} commands[] = {
		{ "list", do_list },
		{ "clear", do_clear },
		{ "back", do_back },
		{ "status", do_status },
	};

	for (unsigned int i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(commands[i].name, line)) {
			commands[i].run(server);
			return;
		}
	}
	do_fault(server, line);
}

/* The line is there, or there is no room for more of it. */
static void take_line(struct emu_server *server, char *end)
{
	struct emu_control *control = &server->control;

	if (!end) {
		answer(control, "error: a line has at most %u bytes", EMU_CONTROL_LINE - 1);
		return;
	}
	*end = '\0';
	for (const char *at = control->in; at < end; at++) {
		if (!isprint((unsigned char)*at) && *at != '\t') {
			answer(control, "error: the line has bytes that are no text");
			return;
		}
	}
	run(server, control->in);
}

/* Returns whether to go on with this peer. */
static bool receive(struct emu_server *server)
{
	struct emu_control *control = &server->control;
	char *at = control->in + control->in_len;
	ssize_t got = recv(control->fd, at, sizeof(control->in) - control->in_len, MSG_DONTWAIT);
	char *end;

	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	if (!got)
		return false;
	control->in_len += (size_t)got;
	end = memchr(at, '\n', (size_t)got);
	if (end || control->in_len == sizeof(control->in))
		take_line(server, end);
	return true;
}

static bool send_answer(struct emu_control *control)
{
	ssize_t sent = send(control->fd, control->out + control->out_sent,
			    control->out_len - control->out_sent, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0)
		return errno == EAGAIN || errno == EINTR;
	control->out_sent += (size_t)sent;
	return control->out_sent < control->out_len;
}

/* What another thread may set right, such as descriptors that are all in use, is tried again. */
static void accept_peer(struct emu_control *control, uint64_t now)
{
	control->fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (control->fd >= 0)
		control->deadline = now + PEER_NS;
	else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		control->look_at = now + PAUSE_NS;
}

void nvio_emu_control_poll(struct emu_server *server, uint64_t now)
{
	struct emu_control *control = &server->control;
	bool more;

	if (control->listen_fd < 0 || now < control->look_at)
		return;
	control->look_at = now + LOOK_NS;
	if (control->fd < 0)
		accept_peer(control, now);
	if (control->fd < 0)
		return;
	more = now < control->deadline;
	if (more && !control->out_len)
		more = receive(server);
	if (more && control->out_len)
		more = send_answer(control);
	if (!more)
		nvio_emu_control_close(control);
}

int nvio_emu_control_wait(const struct emu_control *control, uint64_t now, struct pollfd *wait)
{
	bool paused = control->look_at > now + LOOK_NS;

	wait->revents = 0;
	if (control->fd >= 0) {
		wait->fd = control->fd;
		wait->events = control->out_len ? POLLOUT : POLLIN;
		return (int)(PEER_NS / 1000000);
	}
	wait->fd = paused ? -1 : control->listen_fd;
	wait->events = POLLIN;
	return paused ? (int)(PAUSE_NS / 1000000) : -1;
}
