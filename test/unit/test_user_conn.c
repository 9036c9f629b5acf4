/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vfio-user client against servers that answer wrongly: each script is what a server sends
 * after it has read a request. All of it twice: with who calls reading the reply, and with the
 * thread that is there once the server may ask for memory.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vfio/iommu.h"
#include "vfio/user_conn.h"
#include "tap.h"

#define REPLY_LEN  8u
#define HEADER_LEN 16u

/* What the server sends: a header with these fields, then bytes, with so many fds. */
struct script {
	int id_offset;
	uint16_t command;
	uint32_t size; /* as the header claims */
	uint32_t flags;
	uint32_t error;
	size_t len; /* bytes that follow the header really */
	size_t nr_fds;
	bool request_first; /* a request of the server's own comes before */
	bool hang_up; /* at once */
	bool silent; /* for good */
	bool asks; /* for good, and never replies */
};

struct server {
	int fd;
	struct script script;
	uint32_t refusals; /* answers to the server's own request */
};

/* Whether a thread reads the socket. */
static bool with_reader;

static void read_all(int fd, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, (char *)buf + done, len - done);

		if (n <= 0)
			return;
		done += (size_t)n;
	}
}

static void send_with_fds(int fd, void *data, size_t len, size_t nr_fds)
{
	char control[CMSG_SPACE(16 * sizeof(int))] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (nr_fds) {
		struct cmsghdr *c = (struct cmsghdr *)control;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
		for (size_t i = 0; i < nr_fds; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(fd));
	}
	sendmsg(fd, &msg, MSG_NOSIGNAL);
}

static void ask_client(struct server *server)
{
	struct nvio_user_header request = { .id = 77, .command = 11, .size = 32 }, answer = { 0 };
	char body[16] = { [8] = 8 }; /* bytes at 0, where nothing is */

	send_with_fds(server->fd, &request, sizeof(request), 1);
	send_with_fds(server->fd, body, sizeof(body), 0);
	read_all(server->fd, &answer, sizeof(answer));
	server->refusals +=
		answer.id == 77 && (answer.flags & NVIO_USER_ERROR) && answer.error == EFAULT;
}

static void *serve(void *arg)
{
	struct server *server = arg;
	const struct script *script = &server->script;
	struct nvio_user_header header = { 0 };
	char body[4096] = { 0 };
	/* DMA_READ, and no answer wanted. */
	const uint8_t endless[32] = { 1, 0, 11, 0, sizeof(endless), [8] = NVIO_USER_NO_REPLY };

	read_all(server->fd, &header, sizeof(header));
	if (script->hang_up)
		goto out;
	while (script->asks && send(server->fd, endless, sizeof(endless), MSG_NOSIGNAL) > 0)
		continue;
	if (script->silent || script->asks)
		return NULL;
	if (script->request_first)
		ask_client(server);
	header.id = (uint16_t)(header.id + script->id_offset);
	header.command = script->command;
	header.size = script->size;
	header.flags = script->flags;
	header.error = script->error;
	send_with_fds(server->fd, &header, sizeof(header), script->nr_fds);
	if (script->len)
		send_with_fds(server->fd, body, script->len, 0);
out:
	/* A thread that reads would take this for the end at once. */
	if (!with_reader || script->hang_up || script->len + 16 < script->size)
		shutdown(server->fd, SHUT_WR);
	return NULL;
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int nr = 0;

	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

/* One request, answered by the script; the reply's memory is guarded. Returns what the call did. */
static int ask(struct script script, bool *dead, struct nvio_user_call *call)
{
	struct nvio_user_conn conn;
	struct server server = { .script = script };
	unsigned char reply[64];
	pthread_t thread;
	int ends[2], err;

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	nvio_user_conn_init(&conn, ends[0]);
	server.fd = ends[1];
	if (script.silent || script.asks)
		conn.timeout_ns = 50000000;
	if (with_reader)
		CU_ASSERT_EQUAL_FATAL(nvio_user_reader_start(&conn), 0);
	memset(reply, 0x5a, sizeof(reply));
	*call = (struct nvio_user_call){ .command = NVIO_USER_IRQ_INFO,
					 .reply = reply,
					 .reply_room = REPLY_LEN };
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, serve, &server), 0);
	err = nvio_user_call(&conn, call);
	pthread_join(thread, NULL);
	for (size_t i = REPLY_LEN; i < sizeof(reply); i++)
		CU_ASSERT_EQUAL(reply[i], 0x5a);
	CU_ASSERT_EQUAL(server.refusals, script.request_first);
	*dead = nvio_user_gone(&conn);
	/* A server that broke the protocol is not asked again. */
	if (*dead) {
		struct nvio_user_call again = { .command = NVIO_USER_IRQ_INFO };

		CU_ASSERT_EQUAL(nvio_user_call(&conn, &again), -ENODEV);
	}
	nvio_user_conn_fini(&conn);
	close(ends[1]);
	return err;
}

/* Answered with this script, the call fails so; whether the server is given up. */
static void refused(struct script script, int expected, bool gives_up)
{
	int before = count_fds();
	struct nvio_user_call call;
	bool dead;

	CU_ASSERT_EQUAL(ask(script, &dead, &call), expected);
	CU_ASSERT_EQUAL(dead, gives_up);
	CU_ASSERT_EQUAL(call.reply_fds.nr, 0);
	CU_ASSERT_EQUAL(count_fds(), before);
}

static const struct script good = {
	.command = NVIO_USER_IRQ_INFO, .size = 16 + REPLY_LEN, .flags = 1, .len = REPLY_LEN
};

static void good_answers(void)
{
	struct script script = good;
	struct nvio_user_call call;
	int before = count_fds();
	bool dead;

	CU_ASSERT_EQUAL(ask(script, &dead, &call), 0);
	CU_ASSERT_EQUAL(call.reply_len, REPLY_LEN);
	CU_ASSERT_FALSE(dead);
	/* Shorter than there is room for, with fds, with a request of the server's in front. */
	script.size = 16 + 4;
	script.len = 4;
	script.nr_fds = 2;
	script.request_first = true;
	CU_ASSERT_EQUAL(ask(script, &dead, &call), 0);
	CU_ASSERT_EQUAL(call.reply_len, 4);
	CU_ASSERT_EQUAL(call.reply_fds.nr, 2);
	nvio_user_fds_close(&call.reply_fds);
	CU_ASSERT_EQUAL(count_fds(), before);
}

static void error_answers(void)
{
	struct script script = good;

	script.flags = 1 | NVIO_USER_ERROR;
	script.size = 16;
	script.len = 0;
	script.error = EINVAL;
	refused(script, -EINVAL, false);
	/* An error that is none, and one that would turn into a success. */
	script.error = 0;
	refused(script, -EPROTO, false);
	script.error = 0xffffffff;
	refused(script, -EPROTO, false);
	script.error = EBUSY;
	script.nr_fds = 3;
	refused(script, -EBUSY, false);
}

static void broken_answers(void)
{
	struct script script = good;

	script.id_offset = 1;
	refused(script, -EPROTO, true);
	script = good;
	script.command = NVIO_USER_SET_IRQS;
	refused(script, -EPROTO, true);
	/* Longer than there is room for, by one and by far; shorter than a header. */
	script = good;
	script.size = 16 + REPLY_LEN + 1;
	script.len = REPLY_LEN + 1;
	refused(script, -EPROTO, true);
	script.size = 0xffffffff;
	refused(script, -EPROTO, true);
	script.size = 15;
	refused(script, -EPROTO, true);
	script.size = 0;
	refused(script, -EPROTO, true);
	/* Cut off, and nothing at all. */
	script = good;
	script.len = REPLY_LEN - 1;
	refused(script, -ENODEV, true);
	script.hang_up = true;
	refused(script, -ENODEV, true);
	/* More fds than anybody needs. */
	script = good;
	script.nr_fds = 16;
	script.size = 7;
	refused(script, -EPROTO, true);
	/* A request instead of a reply, too long to be one. */
	script = good;
	script.flags = 0;
	script.size = 2u << 20;
	refused(script, -EPROTO, true);
	script = good;
	script.silent = true;
	refused(script, -ETIMEDOUT, true);
	script = good;
	script.asks = true;
	refused(script, -ETIMEDOUT, true);
}

static void all_with_reader(void)
{
	with_reader = true;
	good_answers();
	error_answers();
	broken_answers();
	with_reader = false;
}

#define CALLS   300
#define CALLERS 4

struct caller {
	struct nvio_user_conn *conn;
	unsigned int right;
	pthread_t thread;
};

/* Each question has another answer. */
static void *call_often(void *arg)
{
	struct caller *caller = arg;

	for (uint64_t i = 0; i < CALLS; i++) {
		uint64_t question = (uintptr_t)caller * CALLS + i, answer = 0;

		caller->right += !nvio_user_ask(caller->conn, NVIO_USER_REGION_READ, &question,
						sizeof(question), &answer, sizeof(answer)) &&
				 answer == ~question;
	}
	return NULL;
}

/* Asks for memory before each answer: two messages, whose answers it reads behind its own. */
static unsigned int serve_and_ask(int fd)
{
	struct {
		struct nvio_user_header header;
		uint64_t iova, count;
	} read_request = { { 1, 11, 32, 0, 0 }, 0x1000, 8 };
	uint8_t data[HEADER_LEN + 24];
	unsigned int right = 0;

	for (int i = 0; i < CALLS * CALLERS; i++) {
		struct nvio_user_header header;
		uint64_t question;

		read_all(fd, &header, sizeof(header));
		read_all(fd, &question, sizeof(question));
		send_with_fds(fd, &read_request, sizeof(read_request), 0);
		send_with_fds(fd, &read_request, sizeof(read_request), 0);
		header.flags = NVIO_USER_REPLY;
		question = ~question;
		send_with_fds(fd, &header, sizeof(header), 0);
		send_with_fds(fd, &question, sizeof(question), 0);
		for (int j = 0; j < 2; j++) {
			read_all(fd, data, sizeof(data));
			right += data[0] == 1 && data[4] == sizeof(data) &&
				 !memcmp(data + HEADER_LEN + 16, "its data", 8);
		}
	}
	return right;
}

/* Callers do not get in each other's way, nor in that of the server's requests. */
static void call_by_many(void)
{
	static char page[4096] __attribute__((aligned(4096))) = "its data";
	struct nvio_map map = {
		.addr = page, .len = sizeof(page), .iova = 0x1000, .rights = NVIO_DMA_READ, .fd = -1
	};
	struct caller callers[CALLERS] = { 0 };
	struct nvio_user_conn conn;
	unsigned int right = 0;
	int ends[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	nvio_user_conn_init(&conn, ends[0]);
	CU_ASSERT_EQUAL(nvio_user_memory_add(&conn.memory, &map), 0);
	if (with_reader)
		CU_ASSERT_EQUAL_FATAL(nvio_user_reader_start(&conn), 0);
	for (int i = 0; i < CALLERS; i++) {
		callers[i].conn = &conn;
		CU_ASSERT_EQUAL(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]),
				0);
	}
	CU_ASSERT_EQUAL(serve_and_ask(ends[1]), 2 * CALLS * CALLERS);
	for (int i = 0; i < CALLERS; i++) {
		pthread_join(callers[i].thread, NULL);
		right += callers[i].right;
	}
	CU_ASSERT_EQUAL(right, CALLS * CALLERS);
	/* A server that hangs up is gone at once, though nobody asks it anything. */
	CU_ASSERT_TRUE(nvio_user_alive(&conn));
	close(ends[1]);
	CU_ASSERT_FALSE(nvio_user_alive(&conn));
	CU_ASSERT_EQUAL(nvio_user_ask(&conn, NVIO_USER_IRQ_INFO, NULL, 0, NULL, 0), -ENODEV);
	nvio_user_conn_fini(&conn);
}

static void many_callers(void)
{
	call_by_many();
	with_reader = true;
	call_by_many();
	with_reader = false;
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "good answers", good_answers },
		{ "answers with an error", error_answers },
		{ "broken answers", broken_answers },
		{ "the same with a thread that reads", all_with_reader },
		{ "many callers, and a server that asks", many_callers },
	};

	return tap_run("user_conn", tests, sizeof(tests) / sizeof(tests[0]));
}
