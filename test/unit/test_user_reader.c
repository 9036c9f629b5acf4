/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests of a vfio-user server for memory of ours: served where they are within a map and its
 * rights, and else refused without a byte read or written. The test is the server; messages are put
 * together by offset.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "vfio/iommu.h"
#include "vfio/user_conn.h"
#include "tap.h"

#define PAGE     4096ull
#define BASE     0x40000ull
#define HEADER   16u
#define BODY_MAX (1u << 20)

enum { READ = 11, WRITE = 12 };

static struct nvio_user_conn conn;
static int server;
static uint8_t *mem; /* eight pages: guard, RW RW, read, guard, write, read-only, guard */

/* The last answer. */
static uint8_t answer[HEADER + 16 + BODY_MAX];

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 13 + i / 256);
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

static void map(uint64_t iova, size_t page, size_t nr, unsigned int rights)
{
	struct nvio_map m = { .addr = mem + page * PAGE,
			      .len = nr * PAGE,
			      .iova = iova,
			      .rights = rights,
			      .fd = -1 };

	CU_ASSERT_EQUAL(nvio_user_memory_add(&conn.memory, &m), 0);
}

static void setup_without_reader(void)
{
	int ends[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	nvio_user_conn_init(&conn, ends[0]);
	server = ends[1];
	mem = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < 8 * PAGE; i++)
		mem[i] = pattern(i);
	map(BASE, 1, 2, NVIO_DMA_RW);
	map(BASE + 2 * PAGE, 3, 1, NVIO_DMA_READ);
	map(BASE + 16 * PAGE, 5, 1, NVIO_DMA_WRITE);
	map(BASE + 8 * PAGE, 6, 1, NVIO_DMA_RW);
	mprotect(mem + 6 * PAGE, PAGE, PROT_READ);
}

static void setup(void)
{
	setup_without_reader();
	CU_ASSERT_EQUAL_FATAL(nvio_user_reader_start(&conn), 0);
}

static void teardown(void)
{
	nvio_user_conn_fini(&conn);
	close(server);
	munmap(mem, 8 * PAGE);
}

/* Bytes of memory that are not as at the beginning. */
static size_t changed(void)
{
	size_t nr = 0;

	for (size_t i = 0; i < 8 * PAGE; i++)
		nr += mem[i] != pattern(i);
	return nr;
}

static bool receive(void *buf, size_t len)
{
	struct pollfd ready = { .fd = server, .events = POLLIN };
	uint8_t *at = buf;

	while (len) {
		ssize_t n = poll(&ready, 1, 5000) == 1 ? recv(server, at, len, 0) : -1;

		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static uint32_t get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static void send_header(uint16_t id, uint16_t command, uint32_t size, uint32_t flags)
{
	struct nvio_user_header header = { id, command, size, flags, 0 };

	CU_ASSERT_EQUAL(send(server, &header, sizeof(header), MSG_NOSIGNAL), sizeof(header));
}

/* Reads the answer to a request. Returns 0, the errno of a refusal, or -1 when it is none. */
static int take_answer(uint16_t id, uint16_t command)
{
	uint32_t size;

	if (!receive(answer, HEADER))
		return -1;
	size = get32(answer + 4);
	if (memcmp(answer, &id, 2) || memcmp(answer + 2, &command, 2) || size < HEADER ||
	    size > sizeof(answer) || !receive(answer + HEADER, size - HEADER))
		return -1;
	if (get32(answer + 8) == 0x21)
		return size == HEADER ? (int)get32(answer + 12) : -1;
	return get32(answer + 8) == 1 && !get32(answer + 12) ? 0 : -1;
}

/* A request with @len bytes behind address and count, which are all 0xa5. */
static int ask(uint16_t command, uint64_t iova, uint64_t count, size_t len)
{
	uint64_t access[2] = { iova, count };
	uint8_t *data = malloc(len + 1);

	memset(data, 0xa5, len + 1);
	send_header(7, command, (uint32_t)(HEADER + 16 + len), 0);
	send(server, access, sizeof(access), MSG_NOSIGNAL);
	for (size_t done = 0; done < len;) {
		ssize_t n = send(server, data + done, len - done, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	free(data);
	return take_answer(7, command);
}

static bool read_is_right(uint64_t iova, size_t offset, size_t len)
{
	uint64_t access[2] = { iova, len };

	if (ask(READ, iova, len, 0) || get32(answer + 4) != HEADER + 16 + len)
		return false;
	return !memcmp(answer + HEADER, access, 16) &&
	       !memcmp(answer + HEADER + 16, mem + offset, len);
}

static void serves(void)
{
	uint64_t access[2] = { BASE + 100, 5000 };

	setup();
	CU_ASSERT_TRUE(read_is_right(BASE, PAGE, 1));
	CU_ASSERT_TRUE(read_is_right(BASE + 5, PAGE + 5, 2 * PAGE - 5));
	CU_ASSERT_TRUE(read_is_right(BASE + 2 * PAGE, 3 * PAGE, PAGE));
	CU_ASSERT_TRUE(read_is_right(BASE + 8 * PAGE + 8, 6 * PAGE + 8, 8));
	CU_ASSERT_EQUAL(changed(), 0);
	CU_ASSERT_EQUAL(ask(WRITE, BASE + 100, 5000, 5000), 0);
	CU_ASSERT_EQUAL(get32(answer + 4), HEADER + 16);
	CU_ASSERT_EQUAL(memcmp(answer + HEADER, access, 16), 0);
	for (size_t i = 0; i < 5000; i++)
		CU_ASSERT_EQUAL(mem[PAGE + 100 + i], 0xa5);
	/* Some of the pattern is 0xa5 as well. */
	CU_ASSERT(changed() <= 5000 && changed() > 4900);
	CU_ASSERT_EQUAL(mem[PAGE + 99], pattern(PAGE + 99));
	CU_ASSERT_EQUAL(mem[PAGE + 5100], pattern(PAGE + 5100));
	CU_ASSERT_EQUAL(ask(WRITE, BASE + 16 * PAGE, PAGE, PAGE), 0);
	CU_ASSERT_EQUAL(mem[6 * PAGE - 1], 0xa5);
	CU_ASSERT_EQUAL(mem[5 * PAGE - 1], pattern(5 * PAGE - 1));
	CU_ASSERT_TRUE(nvio_user_alive(&conn));
	teardown();
}

static void refuses_what_is_outside(void)
{
	static const struct {
		uint64_t iova, count;
	} outside[] = {
		{ 0, 1 },
		{ BASE - 1, 1 },
		{ BASE - 1, 2 },
		{ BASE + 3 * PAGE, 1 },
		{ BASE, 2 * PAGE + 1 }, /* into the next map */
		{ BASE + 2 * PAGE, PAGE + 1 },
		{ BASE + 3 * PAGE - 1, 2 },
		{ BASE + 15 * PAGE, 16 },
		{ BASE + 17 * PAGE, 1 },
		{ UINT64_MAX, 1 },
		{ UINT64_MAX - 15, 16 },
		{ BASE, BODY_MAX },
	};

	setup();
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		CU_ASSERT_EQUAL(ask(READ, outside[i].iova, outside[i].count, 0), EFAULT);
		CU_ASSERT_EQUAL(ask(WRITE, outside[i].iova, outside[i].count, outside[i].count),
				EFAULT);
	}
	CU_ASSERT_EQUAL(changed(), 0);
	/* Beyond the rights of a map. */
	CU_ASSERT_EQUAL(ask(WRITE, BASE + 2 * PAGE, 8, 8), EACCES);
	CU_ASSERT_EQUAL(ask(READ, BASE + 16 * PAGE, 8, 0), EACCES);
	CU_ASSERT_EQUAL(changed(), 0);
	CU_ASSERT_TRUE(read_is_right(BASE, PAGE, 64));
	teardown();
}

static void refuses_nonsense(void)
{
	static const uint64_t counts[] = { BODY_MAX + 1ull, 1ull << 32, 1ull << 63, UINT64_MAX };

	setup();
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		CU_ASSERT_EQUAL(ask(READ, BASE, counts[i], 0), E2BIG);
		CU_ASSERT_EQUAL(ask(WRITE, BASE, counts[i], 0), E2BIG);
		CU_ASSERT_EQUAL(ask(WRITE, BASE, counts[i], 64), E2BIG);
	}
	CU_ASSERT_EQUAL(ask(READ, BASE, 0, 0), EINVAL);
	CU_ASSERT_EQUAL(ask(WRITE, BASE, 0, 0), EINVAL);
	CU_ASSERT_EQUAL(ask(READ, BASE, 8, 8), EINVAL);
	CU_ASSERT_EQUAL(ask(WRITE, BASE, 8, 7), EINVAL);
	CU_ASSERT_EQUAL(ask(WRITE, BASE, 8, 9), EINVAL);
	CU_ASSERT_EQUAL(ask(WRITE, BASE, 8, BODY_MAX), EINVAL);
	for (uint16_t command = 0; command < 20; command++)
		if (command != READ && command != WRITE)
			CU_ASSERT_EQUAL(ask(command, BASE, 8, 0), EOPNOTSUPP);
	/* Less than an address and a count. */
	for (uint32_t len = 0; len < 16; len++) {
		send_header(9, WRITE, HEADER + len, 0);
		send(server, answer, len, MSG_NOSIGNAL);
		CU_ASSERT_EQUAL(take_answer(9, WRITE), EINVAL);
	}
	CU_ASSERT_EQUAL(changed(), 0);
	CU_ASSERT_TRUE(nvio_user_alive(&conn));
	teardown();
}

/* Descriptors are closed, and what wants no answer gets none. */
static void minds_the_flags(void)
{
	char control[CMSG_SPACE(2 * sizeof(int))] __attribute__((aligned(8))) = { 0 };
	struct nvio_user_header header = { 3, WRITE, HEADER + 24, NVIO_USER_NO_REPLY, 0 };
	uint64_t access[3] = { BASE, 8, 0x1122334455667788 };
	struct iovec iov[] = { { &header, sizeof(header) }, { access, sizeof(access) } };
	struct msghdr msg = { .msg_iov = iov,
			      .msg_iovlen = 2,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = (struct cmsghdr *)control;
	int before;

	setup();
	before = count_fds();
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(2 * sizeof(int));
	memcpy(CMSG_DATA(c), (int[]){ server, server }, 2 * sizeof(int));
	for (int i = 0; i < 100; i++)
		sendmsg(server, &msg, MSG_NOSIGNAL);
	access[0] = BASE + 100 * PAGE;
	sendmsg(server, &msg, MSG_NOSIGNAL);
	CU_ASSERT_TRUE(read_is_right(BASE, PAGE, 16));
	CU_ASSERT_EQUAL(memcmp(mem + PAGE, &access[2], 8), 0);
	CU_ASSERT_EQUAL(count_fds(), before);
	teardown();
}

static void forgets_what_was_unmapped(void)
{
	setup();
	nvio_user_memory_remove(&conn.memory, BASE + 16 * PAGE);
	CU_ASSERT_EQUAL(ask(WRITE, BASE + 16 * PAGE, 8, 8), EFAULT);
	nvio_user_memory_remove(&conn.memory, BASE);
	CU_ASSERT_EQUAL(ask(READ, BASE, 8, 0), EFAULT);
	CU_ASSERT_EQUAL(ask(WRITE, BASE + 2 * PAGE - 8, 8, 8), EFAULT);
	CU_ASSERT_TRUE(read_is_right(BASE + 2 * PAGE, 3 * PAGE, 8));
	nvio_user_memory_remove(&conn.memory, BASE + 5 * PAGE);
	CU_ASSERT_TRUE(read_is_right(BASE + 8 * PAGE, 6 * PAGE, 8));
	CU_ASSERT_EQUAL(changed(), 0);
	teardown();
}

/* The application's fault, and not the end of it. */
static void survives_memory_that_went(void)
{
	setup();
	CU_ASSERT_EQUAL(ask(WRITE, BASE + 8 * PAGE, 8, 8), EFAULT);
	munmap(mem + 2 * PAGE, PAGE);
	CU_ASSERT_EQUAL(ask(READ, BASE + PAGE, 8, 0), EFAULT);
	CU_ASSERT_EQUAL(ask(WRITE, BASE + PAGE, 8, 8), EFAULT);
	CU_ASSERT_EQUAL(ask(READ, BASE, 2 * PAGE, 0), EFAULT);
	CU_ASSERT_TRUE(read_is_right(BASE, PAGE, PAGE));
	CU_ASSERT_TRUE(nvio_user_alive(&conn));
	teardown();
}

static void checks_at_the_map(void)
{
	struct nvio_map m = { .len = 2 * PAGE, .rights = NVIO_DMA_RW, .fd = -1 };

	setup();
	m.addr = mem + PAGE;
	CU_ASSERT_EQUAL(nvio_user_memory_check(&m), 0);
	munmap(mem + 2 * PAGE, PAGE);
	CU_ASSERT_EQUAL(nvio_user_memory_check(&m), -EFAULT);
	m.addr = mem + 2 * PAGE;
	CU_ASSERT_EQUAL(nvio_user_memory_check(&m), -EFAULT);
	mprotect(mem + 4 * PAGE, PAGE, PROT_NONE);
	m.addr = mem + 4 * PAGE;
	CU_ASSERT_EQUAL(nvio_user_memory_check(&m), -EFAULT);
	teardown();
}

/* While all that anybody does is to look whether the server is there, as who polls does. */
static void notices_requests(void)
{
	uint64_t access[2] = { BASE, 8 };
	struct pollfd ready;

	setup_without_reader();
	CU_ASSERT_TRUE(nvio_user_alive(&conn));
	CU_ASSERT_FALSE(conn.reader.running);
	send_header(7, READ, HEADER + 16, 0);
	send(server, access, sizeof(access), MSG_NOSIGNAL);
	ready = (struct pollfd){ .fd = server, .events = POLLIN };
	CU_ASSERT_EQUAL(poll(&ready, 1, 0), 0);
	CU_ASSERT_TRUE(nvio_user_alive(&conn));
	CU_ASSERT_EQUAL(take_answer(7, READ), 0);
	CU_ASSERT_EQUAL(memcmp(answer + HEADER + 16, mem + PAGE, 8), 0);
	/* The next ones need no look. */
	CU_ASSERT_TRUE(read_is_right(BASE + 5, PAGE + 5, PAGE));
	teardown();
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "served", serves },
		{ "outside of maps and rights", refuses_what_is_outside },
		{ "nonsense", refuses_nonsense },
		{ "descriptors, and no answer wanted", minds_the_flags },
		{ "after an unmap", forgets_what_was_unmapped },
		{ "memory that went", survives_memory_that_went },
		{ "memory that is not there", checks_at_the_map },
		{ "while nobody reads", notices_requests },
	};

	return tap_run("user_reader", tests, sizeof(tests) / sizeof(tests[0]));
}
