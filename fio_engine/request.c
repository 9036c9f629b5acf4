/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests that are more than a read or write of plain data: flushes, trims, metadata, protection
 * information, placement, other commands in the place of writes; and completions with an error.
 */
#include "engine.h"

#include <verify.h>

/* Of a request that is wrong in itself, after the line that says so. */
enum { TOLD = ECANCELED };

void nvio_fio_refused(struct io_u *io_u, int err)
{
	const struct nvio_fio_file *file = FILE_ENG_DATA(io_u->file);
	struct nvio_fio_io *io = io_u->engine_data;

	if (err != -TOLD)
		log_err("nvio: %s: %s\n", file->name, nvio_last_error());
	io->status = 0;
	io_u->error = err == -TOLD ? EINVAL : (unsigned int)-err;
}

static int check_span(const struct nvio_fio_file *file, unsigned long long offset,
		      unsigned long long len)
{
	if (!(offset % file->unit) && !(len % file->unit))
		return 0;
	log_err("nvio: %s: offset %llu or length %llu is no multiple of %u\n", file->name, offset,
		len, file->unit);
	return -TOLD;
}

static int to_range(const struct nvio_fio_file *file, uint64_t offset, uint64_t len,
		    struct nvio_range *range)
{
	*range = (struct nvio_range){ offset / file->unit, (uint32_t)(len / file->unit), 0 };
	return check_span(file, offset, len);
}

#if FIO_IOOPS_VERSION >= 36
/* As many ranges as fio has put into the buffer. */
static int trim_ranges(const struct nvio_fio_file *file, struct io_u *io_u)
{
	const struct trim_range *trims = io_u->xfer_buf;
	struct nvio_range ranges[256];
	int err = 0;

	if (io_u->number_trim > sizeof(ranges) / sizeof(ranges[0])) {
		log_err("nvio: %s: a trim of %u ranges: 256 is the most\n", file->name,
			io_u->number_trim);
		return -TOLD;
	}
	for (unsigned int i = 0; i < io_u->number_trim && !err; i++)
		err = to_range(file, trims[i].start, trims[i].len, &ranges[i]);
	return err ? err
		   : nvio_dsm(file->qpair, file->ns, ranges, io_u->number_trim, NVIO_DSM_DEALLOCATE,
			      (uintptr_t)io_u);
}
#endif

static int trim(const struct thread_data *td, const struct nvio_fio_file *file, struct io_u *io_u)
{
	struct nvio_range range;
	int err;

#if FIO_IOOPS_VERSION >= 36
	if (td->o.num_range > 1)
		return trim_ranges(file, io_u);
#else
	(void)td;
#endif
	err = to_range(file, io_u->offset, io_u->xfer_buflen, &range);
	return err ? err
		   : nvio_dsm(file->qpair, file->ns, &range, 1, NVIO_DSM_DEALLOCATE,
			      (uintptr_t)io_u);
}

/* Types 1 and 2 count blocks; type 3 leaves the reference tag to the host. */
static struct nvio_pi_tags tags_of(const struct nvio_fio_job *job, const struct nvio_fio_file *file,
				   const struct io_u *io_u)
{
	return (struct nvio_pi_tags){
		.reference = io_u->offset / file->unit,
		.application = job->apptag,
		.application_mask = job->apptag_mask,
	};
}

static int generate(const struct nvio_fio_job *job, const struct nvio_fio_file *file,
		    struct io_u *io_u)
{
	const struct nvio_fio_io *io = io_u->engine_data;
	struct nvio_pi_tags tags = tags_of(job, file, io_u);

	return nvio_pi_generate(&file->info, io_u->xfer_buf,
				file->separate_md ? io->metadata : NULL,
				(uint32_t)(io_u->xfer_buflen / file->unit), &tags);
}

/* fio's verification can be the controller's work, in versions that leave it to an engine. */
static uint8_t read_opcode(struct thread_data *td, const struct nvio_fio_job *job,
			   struct io_u *io_u)
{
#if FIO_IOOPS_VERSION >= 39
	if (job->compare && io_u->flags & IO_U_F_VER_LIST) {
		populate_verify_io_u(td, io_u);
		io_u_set(td, io_u, IO_U_F_VER_IN_DEV);
		return NVIO_OP_COMPARE;
	}
#else
	(void)td;
	(void)job;
	(void)io_u;
#endif
	return NVIO_OP_READ;
}

static bool has_data(uint8_t opcode)
{
	return opcode == NVIO_OP_READ || opcode == NVIO_OP_WRITE || opcode == NVIO_OP_COMPARE;
}

static int transfer(struct thread_data *td, const struct nvio_fio_file *file, struct io_u *io_u)
{
	const struct nvio_fio_job *job = td->io_ops_data;
	struct nvio_fio_io *extra = io_u->engine_data;
	struct nvio_io io = NVIO_IO;
	int err = check_span(file, io_u->offset, io_u->xfer_buflen);

	if (err)
		return err;
	io.opcode = io_u->ddir == DDIR_WRITE ? file->write_opcode : read_opcode(td, job, io_u);
	io.flags = file->flags[io_u->ddir];
	io.slba = io_u->offset / file->unit;
	io.nr_blocks = (uint32_t)(io_u->xfer_buflen / file->unit);
	if (file->info.protection)
		io.tags = tags_of(job, file, io_u);
#if FIO_IOOPS_VERSION >= 32
	if (io.opcode == NVIO_OP_WRITE) {
		io.directive = (uint8_t)io_u->dtype;
		io.directive_specific = (uint16_t)io_u->dspec;
	}
#endif
	if (has_data(io.opcode)) {
		extra->iov = (struct iovec){ io_u->xfer_buf, io_u->xfer_buflen };
		io.iov = &extra->iov;
		io.nr_iov = 1;
		if (file->separate_md) {
			io.metadata = extra->metadata;
			io.metadata_len = (size_t)io.nr_blocks * file->info.metadata_len;
		}
		err = file->host_pi && io.opcode != NVIO_OP_READ ? generate(job, file, io_u) : 0;
		if (err)
			return err;
	}
	return nvio_io(file->qpair, file->ns, &io, (uintptr_t)io_u);
}

int nvio_fio_request(struct thread_data *td, struct nvio_fio_file *file, struct io_u *io_u)
{
	switch (io_u->ddir) {
	case DDIR_READ:
	case DDIR_WRITE:
		return transfer(td, file, io_u);
	case DDIR_TRIM:
		return trim(td, file, io_u);
	default: /* all kinds of sync; metadata of files there is none */
		return nvio_flush(file->qpair, file->ns, (uintptr_t)io_u);
	}
}

static void verify_pi(struct thread_data *td, struct io_u *io_u)
{
	const struct nvio_fio_job *job = td->io_ops_data;
	const struct nvio_fio_file *file = FILE_ENG_DATA(io_u->file);
	const struct nvio_fio_io *io = io_u->engine_data;
	struct nvio_pi_tags tags = tags_of(job, file, io_u);
	struct nvio_pi_error error;

	if (!file->host_pi || io_u->ddir != DDIR_READ)
		return;
	if (!nvio_pi_verify(&file->info, io_u->xfer_buf, file->separate_md ? io->metadata : NULL,
			    (uint32_t)(io_u->xfer_buflen / file->unit), &tags, job->checks, &error))
		return;
	log_err("nvio: %s: block %llu: %s is %llx instead of %llx\n", file->name,
		(unsigned long long)(io_u->offset / file->unit + error.block),
		error.check == NVIO_PI_GUARD         ? "guard"
		: error.check == NVIO_PI_APPLICATION ? "application tag"
						     : "reference tag",
		(unsigned long long)error.actual, (unsigned long long)error.expected);
	io_u->error = EILSEQ;
}

/* What a status is in fio's results, where nothing but an errno has a place. */
static unsigned int to_errno(uint16_t status)
{
	switch (status & 0x7ff) {
	case 0x020: /* namespace is write protected */
		return EROFS;
	case 0x081: /* capacity exceeded */
		return ENOSPC;
	case 0x282: /* end-to-end checks: guard, application tag, reference tag */
	case 0x283:
	case 0x284:
	case 0x285: /* compare failure */
		return EILSEQ;
	case 0x286: /* access denied */
		return EACCES;
	default:
		return EIO;
	}
}

/* Before 3.36 fio looks at no error of a sync: the job has to end of it here. */
static void sync_failed(struct thread_data *td, struct io_u *io_u)
{
	const struct nvio_fio_file *file = FILE_ENG_DATA(io_u->file);
	char *why;

	if (FIO_IOOPS_VERSION >= 33 || td->error)
		return;
	if (td_non_fatal_error(td, td_error_type(io_u->ddir, (int)io_u->error), (int)io_u->error)) {
		update_error_count(td, (int)io_u->error);
		return;
	}
	why = nvio_fio_error_text(io_u);
	log_err("nvio: %s: sync: %s\n", file->name, why ? why : strerror((int)io_u->error));
	free(why);
	td_verror(td, io_u->error, "sync");
	fio_mark_td_terminate(td);
}

void nvio_fio_finish(struct thread_data *td, struct io_u *io_u, const struct nvio_completion *done)
{
	struct nvio_fio_io *io = io_u->engine_data;

	io->status = done->status;
	if (done->status)
		io_u->error = to_errno(done->status);
	if (done->status && ddir_sync(io_u->ddir))
		sync_failed(td, io_u);
	else if (!io_u->error) /* what was refused never got as far */
		verify_pi(td, io_u);
}

char *nvio_fio_error_text(const struct io_u *io_u)
{
	const struct nvio_fio_io *io = io_u->engine_data;
	char text[160];

	if (!io || !io->status)
		return strdup(strerror((int)io_u->error));
	snprintf(text, sizeof(text), "NVMe status 0x%03x: %s", io->status & 0x7ff,
		 nvio_status_text(io->status));
	return strdup(text);
}
