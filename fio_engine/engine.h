/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the fio engine share.
 *
 * fio calls setup() and the zone hooks for each job in its main thread, then everything else in the
 * job's own thread. Controllers are shared by all jobs of the process (device.c); a job has a queue
 * pair of its own on each controller that its files name (job.c).
 *
 * One source serves fio 3.28 to 3.42: what differs is told apart by FIO_IOOPS_VERSION.
 */
#ifndef NVIO_FIO_ENGINE_H
#define NVIO_FIO_ENGINE_H

#include <fio.h>
#include <optgroup.h>

#include <nvio/nvio.h>

enum nvio_fio_write_mode {
	NVIO_FIO_WRITE = 1,
	NVIO_FIO_UNCORRECTABLE,
	NVIO_FIO_ZEROES,
	NVIO_FIO_VERIFY,
};

enum nvio_fio_verify_mode {
	NVIO_FIO_VERIFY_READ = 1,
	NVIO_FIO_VERIFY_COMPARE,
};

/* As options.c fills it in for each job; fio keeps the first member for itself. */
struct nvio_fio_options {
	struct thread_data *td;
	unsigned int readfua;
	unsigned int writefua;
	unsigned int deac;
	unsigned int write_mode;
	unsigned int verify_mode;
	unsigned int md_per_io_size;
	unsigned int pi_act;
	unsigned int apptag;
	unsigned int apptag_mask;
	char *pi_chk;

	/* Of a queue pair. */
	unsigned int interrupts;
	unsigned int priority;
	unsigned int sgl;
	unsigned int max_retries;
	unsigned int timeout_ms;
	unsigned int cmb;

	/* Of a controller: the same in all jobs that use it. */
	unsigned int recovery;
	unsigned int admin_timeout_ms;
	unsigned int shadow_doorbells;
	unsigned long long host_memory;
	char *vf_token; /* only of the job that opens it */

	/* Of the process: those of the job that comes first. */
	unsigned int vfio_way;
	unsigned int hugepage;
};

extern struct fio_option nvio_fio_option_table[];

/* A controller, in use by one or more jobs. */
struct nvio_fio_device;

/**
 * nvio_fio_device_get - takes a controller into use, or shares it with the jobs that did.
 * @filename: fio's, with or without a namespace
 * @options:  of the job
 * @device:   receives it; nvio_fio_device_put()
 * @ns:       receives the namespace
 *
 * Return: 0 or a negative errno, after a line that says why.
 */
int nvio_fio_device_get(const char *filename, const struct nvio_fio_options *options,
			struct nvio_fio_device **device, struct nvio_ns **ns);
void nvio_fio_device_put(struct nvio_fio_device *device);

struct nvio_ctrl *nvio_fio_device_ctrl(const struct nvio_fio_device *device);

/* Counts jobs whose threads use their devices. */
void nvio_fio_running(int change);

/* The one address space, so that a job's buffers are good for all its devices. */
struct nvio_iommu *nvio_fio_iommu(void);

/**
 * nvio_fio_command - sends an I/O command and waits for it; from any thread.
 * @data: @len: its data, in any memory
 *
 * For what fio wants done beside a job's I/O. The controller's queue pair for that is made when it
 * is first needed.
 *
 * Return: 0; a positive NVMe status; a negative errno. In both cases a line says what failed.
 */
int nvio_fio_command(struct nvio_fio_device *device, const struct nvio_sqe *cmd, void *data,
		     size_t len);

/* A file of a job: a namespace. */
struct nvio_fio_file {
	struct nvio_fio_file *next;
	struct nvio_ns *ns;
	struct nvio_qpair *qpair; /* the job's own on this controller */
	uint64_t unit_mask; /* unit - 1; of use with plain */
	uint8_t unit_shift;
	bool plain[2]; /* reads, writes: nothing but data, and blocks a power of two */
	uint32_t unit; /* bytes of buffer for each block */
	uint32_t flags[2]; /* enum nvio_io_flags of reads and writes */
	bool host_pi; /* protection information is made and checked here */
	bool separate_md;
	uint8_t write_opcode;
	struct nvio_ns_info info;
	struct nvio_fio_device *device;
	const char *name;
};

/* What goes with an io_u, as its engine_data. */
struct nvio_fio_io {
	struct iovec iov;
	void *metadata;
	struct io_u *next; /* held back behind this one */
	uint16_t status; /* of the completion; 0 when it was another error */
};

/* A job, as its io_ops_data. */
struct nvio_fio_job {
	struct nvio_qpair *qpair; /* the only one; NULL when there are several, or they sleep */
	struct io_u *held; /* the first that the queue pairs have no room for yet */
	struct io_u **held_end;
	struct nvio_completion *done;
	struct io_u **queued; /* those that no doorbell was rung for yet */
	unsigned int nr_queued;
	bool check_reads; /* protection information */
	uint16_t apptag;
	uint16_t apptag_mask;
	unsigned int checks; /* enum nvio_pi_check */
	bool running;
	bool interrupts;
	bool compare; /* verification by compare commands */
	unsigned int nr_qpairs;
	struct nvio_qpair **qpairs;
	struct pollfd *fds; /* of the queue pairs, with interrupts */
	struct nvio_fio_file *files;
	struct nvio_fio_io *ios;
	void *metadata; /* of all of them */
	uint32_t metadata_len; /* of each */
};

/* job.c: from the beginning of a job to its end. */
int nvio_fio_setup(struct thread_data *td);
int nvio_fio_init(struct thread_data *td);
void nvio_fio_cleanup(struct thread_data *td);
int nvio_fio_open_file(struct thread_data *td, struct fio_file *f);
int nvio_fio_iomem_alloc(struct thread_data *td, size_t len);
void nvio_fio_iomem_free(struct thread_data *td);
int nvio_fio_io_u_init(struct thread_data *td, struct io_u *io_u);
void nvio_fio_io_u_free(struct thread_data *td, struct io_u *io_u);

/* format.c: how a job uses a namespace's blocks. */
int nvio_fio_format(struct thread_data *td, struct nvio_fio_job *job, struct nvio_fio_file *file);
int nvio_fio_parse_checks(const char *text, unsigned int *checks);

/* held.c: requests that queue pairs have no room for yet. */
void nvio_fio_hold(struct nvio_fio_job *job, struct io_u *io_u);
int nvio_fio_send_held(struct thread_data *td, struct nvio_completion *done, int max);

/* io.c: the I/O path. */
int nvio_fio_submit(const struct nvio_fio_job *job);
enum fio_q_status nvio_fio_queue(struct thread_data *td, struct io_u *io_u);
int nvio_fio_commit(struct thread_data *td);
int nvio_fio_getevents(struct thread_data *td, unsigned int min, unsigned int max,
		       const struct timespec *timeout);
struct io_u *nvio_fio_event(struct thread_data *td, int event);

/* request.c: what is more than a read or write of plain data. */
int nvio_fio_request(struct thread_data *td, struct nvio_fio_file *file, struct io_u *io_u);
void nvio_fio_refused(struct io_u *io_u, int err);
void nvio_fio_finish(struct thread_data *td, struct io_u *io_u, const struct nvio_completion *done);
char *nvio_fio_error_text(const struct io_u *io_u);

/* wait.c: waiting for completions where one poll does not do. */
int nvio_fio_wait(struct thread_data *td, int have, int min, int max,
		  const struct timespec *timeout);

/*
 * Until nothing is outstanding. fio asks for nothing more at the end of a log that it replays: what
 * it had queued is still to be done. Returns false when the queue pair has failed, with td->error.
 */
bool nvio_fio_drain(struct thread_data *td);

/* zone.c */
int nvio_fio_zoned_model(struct thread_data *td, struct fio_file *f, enum zbd_zoned_model *model);
int nvio_fio_report_zones(struct thread_data *td, struct fio_file *f, uint64_t offset,
			  struct zbd_zone *zones, unsigned int nr_zones);
int nvio_fio_reset_zones(struct thread_data *td, struct fio_file *f, uint64_t offset, uint64_t len);
int nvio_fio_finish_zones(struct thread_data *td, struct fio_file *f, uint64_t offset,
			  uint64_t len);
int nvio_fio_max_open_zones(struct thread_data *td, struct fio_file *f, unsigned int *max);
int nvio_fio_max_active_zones(struct thread_data *td, struct fio_file *f, unsigned int *max);

#if FIO_IOOPS_VERSION >= 32
/* placement.c */
int nvio_fio_fetch_ruhs(struct thread_data *td, struct fio_file *f, struct fio_ruhs_info *info);
#endif

#endif
