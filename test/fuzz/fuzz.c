/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the fuzz targets share; see fuzz.h.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>
#include <CUnit/TestRun.h>

#include "fuzz.h"

struct nvio_user_conn;
void __wrap_nvio_user_reader_look(struct nvio_user_conn *conn);

/* No thread: it would not take turns. */
void __wrap_nvio_user_reader_look(struct nvio_user_conn *conn)
{
	(void)conn;
}

/* More than a target ever has open. */
#define FDS_MAX 128

void fuzz_bytes(struct fuzz_input *in, void *to, size_t len)
{
	size_t there = len < in->len ? len : in->len;

	memset(to, 0, len);
	if (!there)
		return;
	memcpy(to, in->data, there);
	in->data += there;
	in->len -= there;
}

uint8_t fuzz_u8(struct fuzz_input *in)
{
	uint8_t value;

	fuzz_bytes(in, &value, sizeof(value));
	return value;
}

uint16_t fuzz_u16(struct fuzz_input *in)
{
	uint16_t value;

	fuzz_bytes(in, &value, sizeof(value));
	return value;
}

uint32_t fuzz_u32(struct fuzz_input *in)
{
	uint32_t value;

	fuzz_bytes(in, &value, sizeof(value));
	return value;
}

uint64_t fuzz_u64(struct fuzz_input *in)
{
	uint64_t value;

	fuzz_bytes(in, &value, sizeof(value));
	return value;
}

uint32_t fuzz_below(struct fuzz_input *in, uint32_t n)
{
	return (n > 256 ? fuzz_u16(in) : fuzz_u8(in)) % n;
}

void fuzz_close_received(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t nr = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < nr; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			close(fd);
		}
	}
}

unsigned int fuzz_count_fds(void)
{
	unsigned int nr = 0;

	for (int fd = 0; fd < FDS_MAX; fd++)
		nr += fcntl(fd, F_GETFD) >= 0;
	return nr;
}

void fuzz_fail(const char *file, unsigned int line, const char *what)
{
	fprintf(stderr, "%s:%u: FAIL: %s\n", file, line, what);
	abort();
}

/* In the place of CUnit's, for helpers that assert outside of a test of CUnit. */
CU_BOOL CU_assertImplementation(CU_BOOL value, unsigned int line, const char *condition,
				const char *file, const char *function, CU_BOOL fatal)
{
	(void)function;
	(void)fatal;
	if (!value)
		fuzz_fail(file, line, condition);
	return value;
}
