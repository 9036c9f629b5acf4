/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control socket of the software controller: what it answers, and that peers who do not behave
 * hinder nobody. Time is the test's own where it matters.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "emu_client.h"
#include "tap.h"

#define BAR0   0
#define CONFIG 7
#define RESET  13
#define CSTS   0x1c
#define SECOND 1000000000ull

static struct client c;
static struct sockaddr_un address;
static socklen_t address_len;
static uint64_t now;

/* An abstract socket leaves no file behind. */
static int listen_for_control(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int n;

	memset(&address, 0, sizeof(address));
	address.sun_family = AF_UNIX;
	n = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "nvio-control-%d",
		     (int)getpid());
	address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, address_len), 0);
	CU_ASSERT_EQUAL_FATAL(listen(fd, 16), 0);
	return fd;
}

static void setup(void)
{
	client_open(&c);
	CU_ASSERT_EQUAL_FATAL(client_version(&c, 1, NULL), 0);
	c.server->control.listen_fd = listen_for_control();
	now = SECOND;
}

static void teardown(void)
{
	close(c.server->control.listen_fd);
	client_close(&c);
}

static int join(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&address, address_len), 0);
	return fd;
}

/* A millisecond passes, in which the server looks a few times. */
static void step(void)
{
	for (int i = 0; i < 4; i++) {
		now += 250000;
		nvio_emu_control_poll(c.server, now);
	}
}

static void say(int fd, const char *text, size_t len)
{
	CU_ASSERT_EQUAL(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* What is there to read: "" for nothing yet, "(end)" for the end of the stream. */
static const char *hear(int fd)
{
	static char text[EMU_CONTROL_ANSWER + 1];
	ssize_t got = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (!got || (got < 0 && errno == ECONNRESET))
		return "(end)";
	text[got < 0 ? 0 : got] = '\0';
	return text;
}

/* A whole conversation: one line there, one back, and the end. */
static const char *ask(const char *line)
{
	static char answer[EMU_CONTROL_ANSWER + 1];
	int fd = join();

	say(fd, line, strlen(line));
	say(fd, "\n", 1);
	step();
	strcpy(answer, hear(fd));
	CU_ASSERT_STRING_EQUAL(hear(fd), "(end)");
	close(fd);
	return answer;
}

static void answers(void)
{
	setup();
	CU_ASSERT_STRING_EQUAL(ask("list"), "ok no faults\n");
	CU_ASSERT_STRING_EQUAL(ask("drop opcode=2 count=3"), "ok\n");
	CU_ASSERT_STRING_EQUAL(ask("no-ready"), "ok\n");
	CU_ASSERT_STRING_EQUAL(ask("list"), "ok drop opcode=2 count=3 (hit 0, left 3); "
					    "no-ready (hit 0, left all)\n");
	CU_ASSERT_STRING_EQUAL(ask("status"),
			       "ok state=disabled client=yes cc=0x00000000 csts=0x00000000 "
			       "queues=0 commands=0 reads=0 writes=0 errors=0 outstanding=0\n");
	CU_ASSERT_STRING_EQUAL(ask("clear"), "ok\n");
	CU_ASSERT_STRING_EQUAL(ask("list"), "ok no faults\n");
	CU_ASSERT_STRING_EQUAL(ask("cfs"), "ok\n");
	CU_ASSERT_EQUAL(client_read32(&c, BAR0, CSTS), 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(ask("status"), "state=fatal"));
	teardown();
}

/* Every fault that can be asked for, at its longest, is in one answer. */
static void lists_all(void)
{
	char line[EMU_FAULT_TEXT_MAX], *at;
	unsigned int nr = 0;

	setup();
	memset(line, ' ', sizeof(line));
	memcpy(line, "drop opcode=0x99", 16);
	line[sizeof(line) - 1] = '\0';
	for (int i = 0; i < EMU_FAULTS_MAX; i++)
		CU_ASSERT_STRING_EQUAL(ask(line), "ok\n");
	CU_ASSERT_STRING_EQUAL(ask(line),
			       "error: 32 faults are on, and there is no room for more\n");
	at = (char *)ask("list");
	CU_ASSERT_EQUAL(at[strlen(at) - 1], '\n');
	while ((at = strstr(at, "(hit 0, left 1)"))) {
		at++;
		nr++;
	}
	CU_ASSERT_EQUAL(nr, EMU_FAULTS_MAX);
	teardown();
}

static void refuses(void)
{
	char line[EMU_CONTROL_LINE];
	int fd;

	setup();
	CU_ASSERT_STRING_EQUAL(ask(""), "error: \"\" is no command: list, clear, back, status, or "
					"a fault\n");
	CU_ASSERT_STRING_EQUAL(ask("lists"), "error: \"lists\" is no command: list, clear, back, "
					     "status, or a fault\n");
	CU_ASSERT_STRING_EQUAL(ask("fail"), "error: fail needs \"status=\"\n");
	CU_ASSERT_STRING_EQUAL(ask("back"), "error: the device is not gone\n");
	CU_ASSERT_STRING_EQUAL(ask("dr\x1b[1mop"), "error: the line has bytes that are no text\n");
	fd = join();
	say(fd, "list\0\n", 6);
	step();
	CU_ASSERT_STRING_EQUAL(hear(fd), "error: the line has bytes that are no text\n");
	close(fd);
	memset(line, 'x', sizeof(line));
	fd = join();
	say(fd, line, sizeof(line) - 1);
	step();
	CU_ASSERT_STRING_EQUAL(hear(fd), "");
	say(fd, line, 1);
	step();
	CU_ASSERT_STRING_EQUAL(hear(fd), "error: a line has at most 255 bytes\n");
	CU_ASSERT_STRING_EQUAL(hear(fd), "(end)");
	close(fd);
	CU_ASSERT_STRING_EQUAL(ask("list"), "ok no faults\n");
	teardown();
}

static void takes_a_line_in_pieces(void)
{
	int fd;

	setup();
	fd = join();
	say(fd, "dr", 2);
	step();
	CU_ASSERT_STRING_EQUAL(hear(fd), "");
	say(fd, "op\nclear\n", 9);
	step();
	CU_ASSERT_STRING_EQUAL(hear(fd), "ok\n");
	CU_ASSERT_STRING_EQUAL(hear(fd), "(end)");
	close(fd);
	CU_ASSERT_STRING_EQUAL(ask("list"), "ok drop (hit 0, left 1)\n");
	teardown();
}

/* A silent one has a second; whoever waits behind it is served then. */
static void hangs_up_on_the_silent(void)
{
	struct pollfd wait;
	int silent, next;

	setup();
	CU_ASSERT_EQUAL(nvio_emu_control_wait(&c.server->control, now, &wait), -1);
	CU_ASSERT_EQUAL(wait.fd, c.server->control.listen_fd);
	silent = join();
	say(silent, "cle", 3);
	next = join();
	say(next, "list\n", 5);
	step();
	CU_ASSERT_TRUE(nvio_emu_control_wait(&c.server->control, now, &wait) > 0);
	CU_ASSERT_EQUAL(wait.fd, c.server->control.fd);
	now += SECOND - 10000000;
	step();
	CU_ASSERT_STRING_EQUAL(hear(silent), "");
	CU_ASSERT_STRING_EQUAL(hear(next), "");
	now += 10000000;
	step();
	CU_ASSERT_STRING_EQUAL(hear(silent), "(end)");
	CU_ASSERT_STRING_EQUAL(hear(next), "ok no faults\n");
	close(silent);
	close(next);
	teardown();
}

/* Leaves in the middle, does not wait for the answer, brings descriptors: nothing stays behind. */
static void survives_the_rude(void)
{
	unsigned int fds;
	int fd, file;

	setup();
	file = dup(0);
	fds = count_fds();
	for (int i = 0; i < 100; i++) {
		struct client peer = { .fd = join() };

		if (i % 3 == 0)
			say(peer.fd, "lis", 3);
		else if (i % 3 == 1)
			say(peer.fd, "list\n", 5);
		else
			client_send(&peer, "list\n", 5, &file, 1);
		close(peer.fd);
		step();
		fd = c.server->control.fd;
		CU_ASSERT_EQUAL(fd, -1);
	}
	CU_ASSERT_EQUAL(count_fds(), fds);
	CU_ASSERT_STRING_EQUAL(ask("list"), "ok no faults\n");
	close(file);
	teardown();
}

/* No descriptor is left: whoever sleeps is not woken all the time, and later it goes on. */
static void waits_for_descriptors(void)
{
	struct rlimit limit, none;
	struct pollfd wait;
	int fd;

	setup();
	fd = join();
	say(fd, "list\n", 5);
	getrlimit(RLIMIT_NOFILE, &limit);
	none = limit;
	none.rlim_cur = 0;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &none), 0);
	nvio_emu_control_poll(c.server, now);
	CU_ASSERT_EQUAL(nvio_emu_control_wait(&c.server->control, now, &wait), 100);
	CU_ASSERT_EQUAL(wait.fd, -1);
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
	step();
	CU_ASSERT_STRING_EQUAL(hear(fd), "");
	now += SECOND / 10;
	step();
	CU_ASSERT_STRING_EQUAL(hear(fd), "ok no faults\n");
	close(fd);
	teardown();
}

/* All ones everywhere, writes lost; and back as after power on. */
static void pulls_out_and_puts_back(void)
{
	uint32_t id, bars;

	setup();
	id = client_read32(&c, CONFIG, 0);
	bars = client_read32(&c, CONFIG, 0x10);
	CU_ASSERT_EQUAL(client_write32(&c, CONFIG, 4, 6), 0);
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 4) & 0xffff, 6);
	CU_ASSERT_STRING_EQUAL(ask("gone"), "ok\n");
	CU_ASSERT_PTR_NOT_NULL(strstr(ask("status"), "state=gone"));
	CU_ASSERT_EQUAL(client_read32(&c, BAR0, 0), UINT32_MAX);
	CU_ASSERT_EQUAL(client_read32(&c, BAR0, CSTS), UINT32_MAX);
	CU_ASSERT_EQUAL(client_read32(&c, BAR0, 0x1000), UINT32_MAX);
	CU_ASSERT_EQUAL(client_read32(&c, 4, 0), UINT32_MAX);
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 0), UINT32_MAX);
	CU_ASSERT_EQUAL(client_write32(&c, BAR0, 0x0c, 1), 0);
	CU_ASSERT_EQUAL(client_write32(&c, CONFIG, 4, 7), 0);
	CU_ASSERT_EQUAL(client_request(&c, RESET, NULL, 0, NULL, 0), ENODEV);
	/* Taking the faults back is not putting it back. */
	CU_ASSERT_STRING_EQUAL(ask("clear"), "ok\n");
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 0), UINT32_MAX);
	CU_ASSERT_STRING_EQUAL(ask("back"), "ok\n");
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 0), id);
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 4) & 0xffff, 0);
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 0x10), bars);
	CU_ASSERT_EQUAL(client_read32(&c, BAR0, CSTS), 0);
	CU_ASSERT_EQUAL(client_read32(&c, BAR0, 0x0c), 0);
	CU_ASSERT_EQUAL(client_request(&c, RESET, NULL, 0, NULL, 0), 0);
	teardown();
}

/* It is the device that is gone: the next client finds it so. */
static void is_gone_for_everybody(void)
{
	setup();
	CU_ASSERT_STRING_EQUAL(ask("gone"), "ok\n");
	client_reconnect(&c);
	CU_ASSERT_EQUAL_FATAL(client_version(&c, 1, NULL), 0);
	CU_ASSERT_EQUAL(client_read32(&c, BAR0, 0), UINT32_MAX);
	CU_ASSERT_STRING_EQUAL(ask("back"), "ok\n");
	CU_ASSERT_NOT_EQUAL(client_read32(&c, BAR0, 0), UINT32_MAX);
	teardown();
}

static void *serve(void *server)
{
	nvio_emu_server_run(server, -1, -1);
	return NULL;
}

/* In the server's own thread, while nobody is connected to be served. */
static void works_without_a_client(void)
{
	static struct emu_opts opts;
	struct emu_error error;
	struct emu_server *server;
	unsigned int fds = count_fds();
	char text[64] = "";
	pthread_t thread;
	int fd, silent, listen_fd = listen_for_control();

	nvio_emu_opts_default(&opts);
	CU_ASSERT_EQUAL_FATAL(nvio_emu_server_new(&opts, &server, &error), 0);
	server->control.listen_fd = listen_fd;
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, serve, server), 0);
	for (int i = 0; i < 50; i++) {
		fd = join();
		say(fd, "list\n", 5);
		CU_ASSERT_EQUAL(recv(fd, text, sizeof(text), MSG_WAITALL), 13);
		CU_ASSERT_EQUAL(memcmp(text, "ok no faults\n", 13), 0);
		close(fd);
	}
	/* It ends at once, whoever is there. */
	silent = join();
	usleep(20000);
	nvio_emu_server_stop(server);
	pthread_join(thread, NULL);
	nvio_emu_server_free(server);
	CU_ASSERT_EQUAL(recv(silent, text, sizeof(text), 0), 0);
	close(silent);
	close(listen_fd);
	CU_ASSERT_EQUAL(count_fds(), fds);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "answers", answers },
		{ "lists all faults", lists_all },
		{ "refuses", refuses },
		{ "takes a line in pieces", takes_a_line_in_pieces },
		{ "hangs up on the silent", hangs_up_on_the_silent },
		{ "survives the rude", survives_the_rude },
		{ "waits for descriptors", waits_for_descriptors },
		{ "pulls out and puts back", pulls_out_and_puts_back },
		{ "is gone for everybody", is_gone_for_everybody },
		{ "works without a client", works_without_a_client },
	};

	return tap_run("emu control", tests, sizeof(tests) / sizeof(tests[0]));
}
