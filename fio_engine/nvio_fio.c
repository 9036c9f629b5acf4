/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The engine as fio loads it: its table of hooks, and the check that this fio is the one that the
 * engine was built for. fio itself compares only the number of its engine interface, which does
 * not change with each change of its structures.
 */
#include "engine.h"

static int close_file(struct thread_data *td, struct fio_file *f)
{
	(void)td;
	(void)f;
	return 0;
}

/* setup() has found it out. */
static int get_file_size(struct thread_data *td, struct fio_file *f)
{
	(void)td;
	return fio_file_size_known(f) ? 0 : 1;
}

/* There is no cache in between. */
static int invalidate(struct thread_data *td, struct fio_file *f)
{
	(void)td;
	(void)f;
	return 0;
}

#if FIO_IOOPS_VERSION >= 36
static char *errdetails(struct thread_data *td, struct io_u *io_u)
{
	(void)td;
	return nvio_fio_error_text(io_u);
}
#else
static char *errdetails(struct io_u *io_u)
{
	return nvio_fio_error_text(io_u);
}
#endif

/* No disk of the kernel's, so that fio neither makes folders for the name nor looks for a size. */
#define FLAGS (FIO_DISKLESSIO | FIO_RAWIO | FIO_NOEXTEND | FIO_MEMALIGN | FIO_NO_OFFLOAD)

#if FIO_IOOPS_VERSION >= 31
#define FLAGS_31 FIO_ASYNCIO_SETS_ISSUE_TIME
#else
#define FLAGS_31 0
#endif

#if FIO_IOOPS_VERSION >= 36
#define FLAGS_36 FIO_MULTI_RANGE_TRIM
#else
#define FLAGS_36 0
#endif

__attribute__((visibility("default"))) struct ioengine_ops ioengine = {
	.name = "nvio",
	.version = FIO_IOOPS_VERSION,
	.flags = FLAGS | FLAGS_31 | FLAGS_36,
	.setup = nvio_fio_setup,
	.init = nvio_fio_init,
	.cleanup = nvio_fio_cleanup,
	.queue = nvio_fio_queue,
	.commit = nvio_fio_commit,
	.getevents = nvio_fio_getevents,
	.event = nvio_fio_event,
	.errdetails = errdetails,
	.open_file = nvio_fio_open_file,
	.close_file = close_file,
	.get_file_size = get_file_size,
	.invalidate = invalidate,
	.iomem_alloc = nvio_fio_iomem_alloc,
	.iomem_free = nvio_fio_iomem_free,
	.io_u_init = nvio_fio_io_u_init,
	.io_u_free = nvio_fio_io_u_free,
	.get_zoned_model = nvio_fio_zoned_model,
	.report_zones = nvio_fio_report_zones,
	.reset_wp = nvio_fio_reset_zones,
	.get_max_open_zones = nvio_fio_max_open_zones,
#if FIO_IOOPS_VERSION >= 32
	.finish_zone = nvio_fio_finish_zones,
	.fdp_fetch_ruhs = nvio_fio_fetch_ruhs,
#endif
#if FIO_IOOPS_VERSION >= 33
	.get_max_active_zones = nvio_fio_max_active_zones,
#endif
	.option_struct_size = sizeof(struct nvio_fio_options),
	.options = nvio_fio_option_table,
};

/* The only way to be refused by fio before it uses a structure that may be another one there. */
static __attribute__((constructor)) void check_version(void)
{
	if (!strcmp(fio_version_string, NVIO_FIO_VERSION))
		return;
	fprintf(stderr,
		"nvio: this engine is for %s and does not run in %s: build it again (make fio)\n",
		NVIO_FIO_VERSION, fio_version_string);
	ioengine.version = -1;
}
