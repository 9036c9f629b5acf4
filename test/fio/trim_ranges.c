/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Trims of several ranges, as fio from 3.38 on makes them: what becomes of their offsets and
 * lengths, and that none that does not fit the blocks is rounded. The library's part is played
 * here; versions.sh builds this with request.c and the headers of such a fio.
 */
#include "engine.h"

#include <verify.h>

static struct nvio_range sent[256];
static unsigned int nr_sent, nr_lines;

int __wrap_nvio_dsm(struct nvio_qpair *qpair, struct nvio_ns *ns, const struct nvio_range *ranges,
		    unsigned int nr_ranges, unsigned int attributes, uint64_t user_data);

/* In the place of the library's. */
int __wrap_nvio_dsm(struct nvio_qpair *qpair, struct nvio_ns *ns, const struct nvio_range *ranges,
		    unsigned int nr_ranges, unsigned int attributes, uint64_t user_data)
{
	(void)qpair;
	(void)ns;
	(void)user_data;
	if (attributes != NVIO_DSM_DEALLOCATE)
		abort();
	nr_sent = nr_ranges;
	memcpy(sent, ranges, nr_ranges * sizeof(*ranges));
	return 0;
}

ssize_t log_err(const char *format, ...)
{
	(void)format;
	nr_lines++;
	return 0;
}

void populate_verify_io_u(struct thread_data *td, struct io_u *io_u)
{
	(void)td;
	(void)io_u;
	abort();
}

static void expect(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "not so: %s\n", what);
	exit(EXIT_FAILURE);
}

#define EXPECT(what) expect(what, #what)

int main(void)
{
	struct trim_range trims[257] = { { .start = 8192, .len = 4096 },
					 { .start = 4096u * 3, .len = 8192 } };
	struct thread_data *td = calloc(1, sizeof(*td));
	struct io_u *io_u = calloc(1, sizeof(*io_u));
	struct nvio_fio_file file = { .unit = 4096, .name = "file" };
	struct nvio_fio_io io = { 0 };
	struct fio_file f = { 0 };

	if (!td || !io_u)
		return EXIT_FAILURE;
	FILE_SET_ENG_DATA(&f, &file);
	td->o.num_range = 2;
	io_u->ddir = DDIR_TRIM;
	io_u->file = &f;
	io_u->engine_data = &io;
	io_u->xfer_buf = trims;
	io_u->number_trim = 2;
	EXPECT(!nvio_fio_request(td, &file, io_u) && nr_sent == 2 && !nr_lines);
	EXPECT(sent[0].slba == 2 && sent[0].nr_blocks == 1);
	EXPECT(sent[1].slba == 3 && sent[1].nr_blocks == 2);

	nr_sent = 0;
	trims[1].len = 4608;
	nvio_fio_refused(io_u, nvio_fio_request(td, &file, io_u));
	EXPECT(!nr_sent && nr_lines == 1 && io_u->error == EINVAL);
	trims[1] = (struct trim_range){ .start = 512, .len = 4096 };
	nvio_fio_refused(io_u, nvio_fio_request(td, &file, io_u));
	EXPECT(!nr_sent && nr_lines == 2);
	trims[1].start = 0;
	io_u->number_trim = 257;
	nvio_fio_refused(io_u, nvio_fio_request(td, &file, io_u));
	EXPECT(!nr_sent && nr_lines == 3);
	return EXIT_SUCCESS;
}
