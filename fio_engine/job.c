/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A job from its setup() to its cleanup(): its files, queue pairs, memory and what it needs for
 * each I/O. All that can be wrong with a job is found in setup(), before any job runs.
 */
#include <poll.h>

#include "engine.h"

static void free_job(struct nvio_fio_job *job)
{
	while (job->files) {
		struct nvio_fio_file *file = job->files;

		job->files = file->next;
		nvio_fio_device_put(file->device);
		free(file);
	}
	free(job->qpairs);
	free(job->fds);
	free(job->done);
	free(job->queued);
	free(job->ios);
	free(job);
}

static int attach(struct thread_data *td, struct fio_file *f, struct nvio_fio_file *file)
{
	f->filetype = FIO_TYPE_BLOCK;
	f->real_file_size = file->info.nr_blocks * file->unit;
	fio_file_set_size_known(f);
	FILE_SET_ENG_DATA(f, file);
	if (file->info.read_only && td_write(td))
		log_err("nvio: %s is write protected\n", f->file_name);
	return 0;
}

/* fio makes up names of files for a job that has none. */
static bool is_nameless(struct thread_options *o)
{
	return !o->filename && !o->opendir && !o->read_iolog_file &&
	       !fio_option_is_set(o, filename_format);
}

static int setup_file(struct thread_data *td, struct nvio_fio_job *job, struct fio_file *f)
{
	struct nvio_fio_file *file;
	int err;

	if (is_nameless(&td->o)) {
		log_err("nvio: %s: filename= is missing: it names the device, such as 0000\\:01\\:00.0/1\n",
			td->o.name);
		return -EINVAL;
	}
	file = calloc(1, sizeof(*file));
	if (!file)
		return -ENOMEM;
	err = nvio_fio_device_get(f->file_name, td->eo, &file->device, &file->ns);
	if (err) {
		free(file);
		return err;
	}
	file->next = job->files;
	job->files = file;
	file->name = f->file_name;
	err = nvio_fio_format(td, job, file);
	return err ? err : attach(td, f, file);
}

/* Those that have not been yet: a job that replays I/O learns of its files when it begins. */
static int setup_files_of(struct thread_data *td, struct nvio_fio_job *job)
{
	struct fio_file *f;
	unsigned int i;
	int err = 0;

	for_each_file(td, f, i)
	{
		if (!err && !FILE_ENG_DATA(f))
			err = setup_file(td, job, f);
	}
	return err;
}

static struct nvio_fio_job *new_job(struct thread_data *td)
{
	const struct nvio_fio_options *options = td->eo;
	struct nvio_fio_job *job = calloc(1, sizeof(*job));
	unsigned int depth = td->o.iodepth;

	if (!job)
		return NULL;
	job->done = calloc(depth, sizeof(*job->done));
	job->queued = calloc(depth, sizeof(struct io_u *));
	job->ios = calloc(depth, sizeof(*job->ios));
	job->interrupts = options->interrupts;
	job->compare = options->verify_mode == NVIO_FIO_VERIFY_COMPARE;
	job->apptag = (uint16_t)options->apptag;
	job->apptag_mask = (uint16_t)options->apptag_mask;
	if (job->done && job->queued && job->ios)
		return job;
	free_job(job);
	return NULL;
}

static int setup_job(struct thread_data *td, struct nvio_fio_job *job)
{
	const struct nvio_fio_options *options = td->eo;
	int err;

	/* fio would refuse it too late: it frees such memory without having it. */
	if (fio_option_is_set(&td->o, mem_type)) {
		log_err("nvio: %s: mem= cannot be used: all buffers are DMA memory of the engine\n",
			td->o.name);
		return -EINVAL;
	}
	err = nvio_fio_parse_checks(options->pi_chk, &job->checks);
	return err ? err : setup_files_of(td, job);
}

/* What is queued before somebody waits gets one doorbell, and who waits takes all there is, so that
 * the next doorbell is for as many: fio's own default is one, for both. What the job says comes
 * first. */
static void batch(struct thread_options *o)
{
	if (!fio_option_is_set(o, iodepth_batch))
		o->iodepth_batch = o->iodepth;
	if (!fio_option_is_set(o, iodepth_batch_complete_min) &&
	    !fio_option_is_set(o, iodepth_batch_complete_max))
		o->iodepth_batch_complete_max = o->iodepth;
}

int nvio_fio_setup(struct thread_data *td)
{
	struct nvio_fio_job *job;
	int err;

	/* The devices' descriptors and memory do not survive a fork(). */
	td->o.use_thread = 1;
	batch(&td->o);
	/* fio takes nothing else for zones, and nothing else is what there is. */
	if (td->o.zone_mode == ZONE_MODE_ZBD)
		td->o.odirect = 1;
	job = new_job(td);
	err = job ? setup_job(td, job) : -ENOMEM;
	if (err) {
		if (job)
			free_job(job);
		td_verror(td, -err, "setup");
		return 1;
	}
	td->io_ops_data = job;
	return 0;
}

static struct nvio_qpair *find_qpair(const struct nvio_fio_job *job,
				     const struct nvio_fio_file *file)
{
	const struct nvio_fio_file *other = job->files;

	while (other && (other->device != file->device || !other->qpair))
		other = other->next;
	return other ? other->qpair : NULL;
}

/* Room for all parts of requests that take several commands, as far as the controller has it: what
 * there is no room for waits here and not in the device. */
static uint16_t qpair_depth(struct thread_data *td, const struct nvio_fio_file *file)
{
	unsigned int depth = min(td->o.iodepth, (unsigned int)UINT16_MAX);
	unsigned long long parts = 1;
	struct nvio_ctrl_info info;

	nvio_ctrl_get_info(nvio_fio_device_ctrl(file->device), &info, sizeof(info));
	for (enum fio_ddir ddir = DDIR_READ; ddir <= DDIR_WRITE; ddir++) {
		if (td->o.max_bs[ddir] > info.max_transfer)
			parts = max(parts, td->o.max_bs[ddir] / info.max_transfer + 2);
	}
	if (depth < info.max_depth)
		depth = (unsigned int)min(parts * depth, (unsigned long long)info.max_depth);
	return (uint16_t)depth;
}

static int open_qpair(struct thread_data *td, struct nvio_fio_job *job, struct nvio_fio_file *file)
{
	const struct nvio_fio_options *options = td->eo;
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;
	int err;

	file->qpair = find_qpair(job, file);
	if (file->qpair)
		return 0;
	opts.depth = qpair_depth(td, file);
	opts.interrupts = job->interrupts;
	opts.no_sgl = !options->sgl;
	opts.max_retries = options->max_retries ? (uint8_t)options->max_retries : NVIO_NO_RETRIES;
	opts.timeout_ms = options->timeout_ms ? options->timeout_ms : NVIO_NO_TIMEOUT;
	opts.priority = (uint8_t)options->priority;
	opts.in_cmb = (uint8_t)options->cmb;
	err = nvio_qpair_create(nvio_fio_device_ctrl(file->device), &opts, &file->qpair);
	if (err) {
		log_err("nvio: %s: no queue pair for job %s: %s\n", file->name, td->o.name,
			nvio_last_error());
		return err;
	}
	job->fds[job->nr_qpairs].fd = nvio_qpair_fd(file->qpair);
	job->fds[job->nr_qpairs].events = POLLIN;
	job->qpairs[job->nr_qpairs++] = file->qpair;
	return 0;
}

static int open_qpairs(struct thread_data *td, struct nvio_fio_job *job)
{
	int err = 0;

	job->qpairs = calloc(td->o.nr_files, sizeof(struct nvio_qpair *));
	job->fds = calloc(td->o.nr_files, sizeof(*job->fds));
	if (!job->qpairs || !job->fds)
		return -ENOMEM;
	for (struct nvio_fio_file *file = job->files; file && !err; file = file->next)
		err = open_qpair(td, job, file);
	return err;
}

static int alloc_metadata(struct thread_data *td, struct nvio_fio_job *job)
{
	size_t len = (size_t)job->metadata_len * td->o.iodepth;

	if (!len)
		return 0;
	job->metadata = nvio_alloc(nvio_fio_iommu(), len, 4096);
	if (!job->metadata) {
		log_err("nvio: %s: %s\n", td->o.name, nvio_last_error());
		return -ENOMEM;
	}
	memset(job->metadata, 0, len);
	return 0;
}

int nvio_fio_init(struct thread_data *td)
{
	struct nvio_fio_job *job = td->io_ops_data;
	int err;

	if (!job) {
		log_err("nvio: %s: this engine needs create_serialize=1, as it is by default\n",
			td->o.name);
		return EINVAL;
	}
	nvio_fio_running(1);
	job->running = true;
	err = setup_files_of(td, job);
	if (!err)
		err = open_qpairs(td, job);
	if (!err)
		err = alloc_metadata(td, job);
	if (job->nr_qpairs == 1 && !job->interrupts)
		job->qpair = job->qpairs[0];
	return -err;
}

/* Nothing is left to do, but for a name that came after init(). */
int nvio_fio_open_file(struct thread_data *td, struct fio_file *f)
{
	struct nvio_fio_job *job = td->io_ops_data;
	struct nvio_fio_file *file = job->files;

	if (FILE_ENG_DATA(f))
		return 0;
	while (file && strcmp(file->name, f->file_name))
		file = file->next;
	if (file)
		return attach(td, f, file);
	log_err("nvio: %s: the job has begun without it: name it in filename=\n", f->file_name);
	td_verror(td, ENODEV, "open_file");
	return 1;
}

/* After this no memory of the job is written by a device any more. */
static void free_qpairs(struct nvio_fio_job *job)
{
	for (unsigned int i = 0; i < job->nr_qpairs; i++)
		nvio_qpair_free(job->qpairs[i]);
	job->nr_qpairs = 0;
	job->qpair = NULL;
}

void nvio_fio_cleanup(struct thread_data *td)
{
	struct nvio_fio_job *job = td->io_ops_data;

	if (!job)
		return;
	free_qpairs(job);
	nvio_free(nvio_fio_iommu(), job->metadata);
	if (job->running)
		nvio_fio_running(-1);
	free_job(job);
}

int nvio_fio_iomem_alloc(struct thread_data *td, size_t len)
{
	td->orig_buffer = nvio_alloc(nvio_fio_iommu(), len, 4096);
	if (td->orig_buffer)
		return 0;
	log_err("nvio: %s: %s\n", td->o.name, nvio_last_error());
	return 1;
}

void nvio_fio_iomem_free(struct thread_data *td)
{
	struct nvio_fio_job *job = td->io_ops_data;

	/* No device is to write to it any more; fio may only want another one, of a larger size. */
	if (job && !nvio_fio_drain(td))
		free_qpairs(job);
	nvio_free(nvio_fio_iommu(), td->orig_buffer);
	td->orig_buffer = NULL;
}

int nvio_fio_io_u_init(struct thread_data *td, struct io_u *io_u)
{
	struct nvio_fio_job *job = td->io_ops_data;
	struct nvio_fio_io *io = &job->ios[io_u->index];

	if (job->metadata)
		io->metadata = (char *)job->metadata + (size_t)io_u->index * job->metadata_len;
	io_u->engine_data = io; /* takes the index' place in some versions */
	return 0;
}

void nvio_fio_io_u_free(struct thread_data *td, struct io_u *io_u)
{
	(void)td;
	io_u->engine_data = NULL;
}
