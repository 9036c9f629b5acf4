/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server's own thread: started and stopped, many clients one after another on a socket, what it
 * costs while idle, and that nothing grows.
 */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "emu/embed.h"
#include "emu_client.h"
#include "tap.h"

#define PAGE 4096u

/* From /proc/self/status: "Threads" is a number, "VmRSS" kilobytes. */
static long status_of(const char *name)
{
	FILE *file = fopen("/proc/self/status", "re");
	size_t len = strlen(name);
	char line[256];
	long value = -1;

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, name, len) && line[len] == ':')
			value = strtol(line + len + 1, NULL, 10);
	fclose(file);
	return value;
}

/* A request over a real connection; its reply, or 0. */
static ssize_t ask(int fd, uint16_t command, const void *payload, size_t len, uint8_t *reply,
		   size_t cap)
{
	uint8_t message[128] = { 0 };
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	put16(message + 2, command);
	put32(message + 4, (uint32_t)(16 + len));
	if (len)
		memcpy(message + 16, payload, len);
	if (send(fd, message, 16 + len, MSG_NOSIGNAL) != (ssize_t)(16 + len))
		return -1;
	if (poll(&ready, 1, 5000) != 1)
		return -1;
	return recv(fd, reply, cap, 0);
}

static const uint8_t version[4] = { 0, 0, 1, 0 };

static void starts_and_stops(void)
{
	struct emu_error error;
	struct emu *emu;
	uint8_t reply[64];
	unsigned int fds = count_fds();
	long threads = 0;
	int fd, i;

	for (i = 0; i < 20; i++) {
		CU_ASSERT_EQUAL_FATAL(nvio_emu_start("", &emu, &fd, &error), 0);
		/* A sanitizer may start a thread of its own with the first. */
		if (!i)
			threads = status_of("Threads") - 1;
		CU_ASSERT_EQUAL(status_of("Threads"), threads + 1);
		CU_ASSERT_EQUAL(ask(fd, 1, version, 4, reply, sizeof(reply)), 20);
		if (i & 1)
			close(fd);
		nvio_emu_stop(emu);
		if (!(i & 1)) {
			/* The client of a server that is gone sees the end of the stream. */
			CU_ASSERT_EQUAL(recv(fd, reply, sizeof(reply), 0), 0);
			close(fd);
		}
	}
	nvio_emu_stop(NULL);
	CU_ASSERT_EQUAL(count_fds(), fds);
	CU_ASSERT_EQUAL(status_of("Threads"), threads);
}

static void refuses_options(void)
{
	struct emu_error error;
	struct emu *emu;
	unsigned int fds = count_fds();
	int fd;

	CU_ASSERT_EQUAL(nvio_emu_start("colour=blue", &emu, &fd, &error), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "colour"));
	CU_ASSERT_EQUAL(count_fds(), fds);
}

static void takes_no_signals(void)
{
	struct emu_error error;
	struct emu *emu;
	char line[256];
	unsigned long long blocked = 0;
	FILE *file;
	int fd;

	CU_ASSERT_EQUAL_FATAL(nvio_emu_start("", &emu, &fd, &error), 0);
	file = popen("for t in /proc/$PPID/task/*; do grep -q nvio-emu $t/comm && "
		     "sed -n 's/^SigBlk:.//p' $t/status; done",
		     "re");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	if (fgets(line, sizeof(line), file))
		blocked = strtoull(line, NULL, 16);
	pclose(file);
	CU_ASSERT(blocked >> (SIGTERM - 1) & 1);
	CU_ASSERT(blocked >> (SIGUSR1 - 1) & 1);
	nvio_emu_stop(emu);
	close(fd);
}

/* The cores of the server's thread, as the kernel lists them. */
static void cores_of_thread(char *cores, size_t len)
{
	FILE *file = popen("for t in /proc/$PPID/task/*; do grep -q nvio-emu $t/comm && "
			   "sed -n 's/^Cpus_allowed_list:.//p' $t/status; done",
			   "re");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	if (!fgets(cores, (int)len, file))
		cores[0] = '\0';
	cores[strcspn(cores, "\n")] = '\0';
	pclose(file);
}

static void stays_on_its_core(void)
{
	char options[32], cores[256];
	unsigned int fds = count_fds();
	int core = sched_getcpu(), fd;
	long threads;
	struct emu_error error;
	struct emu *emu;

	snprintf(options, sizeof(options), "core=%d", core);
	CU_ASSERT_EQUAL_FATAL(nvio_emu_start(options, &emu, &fd, &error), 0);
	cores_of_thread(cores, sizeof(cores));
	CU_ASSERT_STRING_EQUAL(cores, options + strlen("core="));
	nvio_emu_stop(emu);
	close(fd);
	/* A core that is not there; nothing of the attempt is left. */
	threads = status_of("Threads");
	CU_ASSERT_EQUAL(nvio_emu_start("core=1023", &emu, &fd, &error), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "core=1023"));
	CU_ASSERT_EQUAL(status_of("Threads"), threads);
	CU_ASSERT_EQUAL(count_fds(), fds);
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Less than a hundredth of a core, and an answer at once all the same. */
static void idle(void)
{
	struct emu_error error;
	struct emu *emu;
	uint8_t reply[64];
	uint64_t cpu, asked;
	int fd;

	CU_ASSERT_EQUAL_FATAL(nvio_emu_start("", &emu, &fd, &error), 0);
	CU_ASSERT_EQUAL(ask(fd, 1, version, 4, reply, sizeof(reply)), 20);
	usleep(200000);
	cpu = cpu_ns();
	usleep(1000000);
	cpu = cpu_ns() - cpu;
	printf("# idle: %.2f %% of a core\n", (double)cpu / 1e7);
	CU_ASSERT(cpu < 30000000);
	asked = now_ns();
	CU_ASSERT_EQUAL(ask(fd, 13, NULL, 0, reply, sizeof(reply)), 16);
	asked = now_ns() - asked;
	printf("# answer after idleness: %llu us\n", (unsigned long long)asked / 1000);
	CU_ASSERT(asked < 50000000);
	nvio_emu_stop(emu);
	close(fd);
}

struct daemon {
	struct emu_server *server;
	int fd;
};

static void *daemon_thread(void *arg)
{
	const struct daemon *d = arg;

	nvio_emu_server_run(d->server, d->fd, -1);
	return NULL;
}

/* An abstract socket leaves no file behind. */
static struct sockaddr_un address_of_test(socklen_t *len)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int n = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "nvio-test-%d",
			 (int)getpid());

	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
	return address;
}

static void send_map(int fd, int file)
{
	struct client c = { .fd = fd, .alive = false };
	uint8_t message[48] = { 0 };

	put16(message + 2, 2);
	put32(message + 4, 48);
	put32(message + 8, 0x10);
	put32(message + 16, 32);
	put32(message + 20, 3);
	put64(message + 40, 16 * PAGE);
	client_send(&c, message, sizeof(message), &file, 1);
}

static void send_irq(int fd, int event)
{
	struct client c = { .fd = fd, .alive = false };
	uint8_t message[36] = { 0 };

	put16(message + 2, 8);
	put32(message + 4, 36);
	put32(message + 8, 0x10);
	put32(message + 16, 20);
	put32(message + 20, 0x24);
	put32(message + 24, 2);
	put32(message + 32, 1);
	client_send(&c, message, sizeof(message), &event, 1);
}

/* One client after another, each leaving in another way. */
static bool one_client(const struct sockaddr_un *address, socklen_t len, unsigned int nr, int file)
{
	uint8_t reply[128], config[16] = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	if (connect(fd, (const struct sockaddr *)address, len))
		return false;
	ok = ask(fd, 1, version, 4, reply, sizeof(reply)) == 20;
	/* The command register is as after power on, though each client changes it. */
	config[0] = 4;
	config[8] = 7;
	config[12] = 2;
	ok &= ask(fd, 9, config, 16, reply, sizeof(reply)) == 34 && get16(reply + 32) == 0;
	send_map(fd, file);
	send_irq(fd, fd);
	if (nr & 1) {
		uint8_t write[18] = { 4, [8] = 7, [12] = 2, [16] = 6 };

		ok &= ask(fd, 10, write, sizeof(write), reply, sizeof(reply)) == 32;
	} else if (nr & 2) {
		/* In the middle of a message. */
		ok &= send(fd, config, 7, MSG_NOSIGNAL) == 7;
	}
	close(fd);
	return ok;
}

static void a_thousand_clients(void)
{
	static struct emu_opts opts;
	struct emu_error error;
	struct daemon d;
	socklen_t len;
	struct sockaddr_un address = address_of_test(&len);
	unsigned int fds = 0, i, failed = 0, tries;
	long rss = 0, threads = 0;
	pthread_t thread;
	int file = memfd_create("test", MFD_CLOEXEC);

	nvio_emu_opts_default(&opts);
	opts.ns[0].size = 1u << 20;
	CU_ASSERT_EQUAL(ftruncate(file, 16 * PAGE), 0);
	CU_ASSERT_EQUAL_FATAL(nvio_emu_server_new(&opts, &d.server, &error), 0);
	d.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(d.fd, (struct sockaddr *)&address, len), 0);
	CU_ASSERT_EQUAL_FATAL(listen(d.fd, 4), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, daemon_thread, &d), 0);
	for (i = 0; i < 1000; i++) {
		failed += !one_client(&address, len, i, file);
		if (i == 100) {
			usleep(20000);
			fds = count_fds();
			rss = status_of("VmRSS");
			threads = status_of("Threads");
		}
	}
	CU_ASSERT_EQUAL(failed, 0);
	/* The last one's descriptors go when the server has seen its end. */
	for (tries = 0; tries < 500 && count_fds() != fds; tries++)
		usleep(10000);
	CU_ASSERT_EQUAL(count_fds(), fds);
	CU_ASSERT_EQUAL(status_of("Threads"), threads);
	printf("# VmRSS after 100 clients %ld kB, after 1000 %ld kB\n", rss, status_of("VmRSS"));
	/* Under a sanitizer or valgrind, which keep freed memory, there is no arena of malloc's. */
	if (mallinfo2().arena)
		CU_ASSERT(status_of("VmRSS") < rss + 1024);
	nvio_emu_server_stop(d.server);
	pthread_join(thread, NULL);
	nvio_emu_server_free(d.server);
	close(d.fd);
	close(file);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "started and stopped", starts_and_stops },
		{ "options that are none", refuses_options },
		{ "the thread takes no signals", takes_no_signals },
		{ "the thread stays on its core", stays_on_its_core },
		{ "idle", idle },
		{ "a thousand clients", a_thousand_clients },
	};

	return tap_run("emu_embed", tests, sizeof(tests) / sizeof(tests[0]));
}
