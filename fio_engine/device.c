/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The controllers that the jobs of this process use, each opened once however many jobs and
 * namespaces of it there are, in one address space. They are opened in setup(), for all jobs before
 * the first one runs, and closed with the last job that uses them, or when the process ends.
 */
#include "engine.h"

struct nvio_fio_device {
	struct nvio_fio_device *next;
	struct nvio_ctrl *ctrl;
	struct nvio_ctrl_opts opts;
	unsigned int refs;
	pthread_mutex_t lock; /* of its commands beside I/O */
	struct nvio_qpair *commands;
	char name[PATH_MAX];
};

static struct {
	pthread_mutex_t lock;
	struct nvio_iommu *iommu;
	struct nvio_fio_device *devices;
	unsigned int running;
	pid_t owner;
} shared = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* To standard error: standard output may be JSON. */
static void log_line(void *arg, enum nvio_log_level level, const char *line)
{
	(void)arg;
	(void)level;
	log_err("nvio: %s\n", line);
}

struct nvio_ctrl *nvio_fio_device_ctrl(const struct nvio_fio_device *device)
{
	return device->ctrl;
}

struct nvio_iommu *nvio_fio_iommu(void)
{
	return shared.iommu;
}

static int open_iommu(const struct nvio_fio_options *options)
{
	struct nvio_iommu_opts iommu = NVIO_IOMMU_OPTS;
	struct nvio_heap_opts heap = NVIO_HEAP_OPTS;
	int err;

	if (shared.iommu)
		return 0;
	nvio_log_set(log_line, NULL, NVIO_LOG_WARN);
	iommu.way = (enum nvio_way)options->vfio_way;
	heap.page_len = options->hugepage == 2u << 20 ? 0 : options->hugepage;
	err = nvio_iommu_open(&iommu, &shared.iommu);
	if (err)
		return err;
	shared.owner = getpid();
	return nvio_heap_open(shared.iommu, &heap);
}

static struct nvio_ctrl_opts ctrl_opts(const struct nvio_fio_options *options)
{
	struct nvio_ctrl_opts opts = NVIO_CTRL_OPTS;

	opts.iommu = shared.iommu;
	opts.nr_qpairs = thread_number > 127 ? (uint16_t)min(thread_number + 1, 65535u) : 0;
	opts.no_recovery = !options->recovery;
	opts.admin_timeout_ms = options->admin_timeout_ms;
	opts.shadow_doorbells = (uint8_t)options->shadow_doorbells;
	opts.arbitration = options->priority ? NVIO_WEIGHTED : NVIO_ROUND_ROBIN;
	opts.vf_token = options->vf_token;
	opts.host_memory_max = options->host_memory ? options->host_memory : NVIO_NO_HOST_MEMORY;
	return opts;
}

static bool same_opts(const struct nvio_ctrl_opts *a, const struct nvio_ctrl_opts *b)
{
	return a->no_recovery == b->no_recovery && a->admin_timeout_ms == b->admin_timeout_ms &&
	       a->shadow_doorbells == b->shadow_doorbells && a->arbitration == b->arbitration &&
	       a->host_memory_max == b->host_memory_max;
}

static struct nvio_fio_device *find(const char *name)
{
	struct nvio_fio_device *device = shared.devices;

	while (device && strcmp(device->name, name))
		device = device->next;
	return device;
}

static struct nvio_fio_device *open_device(const char *name, const struct nvio_ctrl_opts *opts)
{
	struct nvio_fio_device *device = calloc(1, sizeof(*device));

	if (!device)
		return NULL;
	if (nvio_ctrl_open(name, opts, &device->ctrl)) {
		free(device);
		return NULL;
	}
	device->opts = *opts;
	device->opts.vf_token = NULL;
	pthread_mutex_init(&device->lock, NULL);
	snprintf(device->name, sizeof(device->name), "%s", name);
	device->next = shared.devices;
	shared.devices = device;
	return device;
}

static void close_device(struct nvio_fio_device *device)
{
	struct nvio_fio_device **link = &shared.devices;

	while (*link != device)
		link = &(*link)->next;
	*link = device->next;
	nvio_ctrl_close(device->ctrl);
	pthread_mutex_destroy(&device->lock);
	free(device);
}

/* The namespace that a name means which tells none: the only one. */
static uint32_t only_namespace(const struct nvio_fio_device *device, const char *filename)
{
	uint32_t nsid = nvio_ctrl_next_nsid(device->ctrl, 0);

	if (!nsid) {
		log_err("nvio: %s has no active namespace\n", filename);
	} else if (nvio_ctrl_next_nsid(device->ctrl, nsid)) {
		log_err("nvio: %s has several namespaces: say which, such as %s/%u\n", filename,
			filename, nsid);
		nsid = 0;
	}
	return nsid;
}

static struct nvio_ns *find_ns(const struct nvio_fio_device *device, const char *filename,
			       uint32_t nsid)
{
	struct nvio_ns *ns;

	if (!nsid)
		nsid = only_namespace(device, filename);
	if (!nsid)
		return NULL;
	ns = nvio_ctrl_ns(device->ctrl, nsid);
	if (!ns)
		log_err("nvio: %s: %s\n", filename, nvio_last_error());
	return ns;
}

/* What is wrong with an option of emu: is told without the name that it is in. */
static void log_failure(const char *filename)
{
	const char *why = nvio_last_error();
	bool named = strncmp(filename, "emu:", 4) || !strncmp(why, "emu:", 4);

	log_err("nvio: %s%s%s\n", named ? "" : filename, named ? "" : ": ", why);
}

static int get_locked(const char *filename, const char *name,
		      const struct nvio_fio_options *options, struct nvio_fio_device **device)
{
	struct nvio_ctrl_opts opts;

	if (open_iommu(options)) {
		log_err("nvio: %s\n", nvio_last_error());
		return -ENOMEM;
	}
	opts = ctrl_opts(options);
	*device = find(name);
	if (*device && !same_opts(&(*device)->opts, &opts)) {
		log_err("nvio: %s: jobs that share a controller need the same recovery, "
			"admin_timeout_ms, shadow_doorbells and host_memory, and all of them a priority or none\n",
			filename);
		return -EINVAL;
	}
	if (!*device)
		*device = open_device(name, &opts);
	if (!*device) {
		log_failure(filename);
		return -ENODEV;
	}
	(*device)->refs++;
	return 0;
}

int nvio_fio_device_get(const char *filename, const struct nvio_fio_options *options,
			struct nvio_fio_device **device, struct nvio_ns **ns)
{
	char name[PATH_MAX];
	uint32_t nsid;
	int err;

	if (nvio_name_split(filename, name, sizeof(name), &nsid)) {
		log_err("nvio: %s%s\n", nvio_last_error(),
			strchr(filename, ':') ? ""
					      : " (a colon of a file name is written \\: in fio)");
		return -EINVAL;
	}
	pthread_mutex_lock(&shared.lock);
	err = get_locked(filename, name, options, device);
	pthread_mutex_unlock(&shared.lock);
	if (err)
		return err;
	*ns = find_ns(*device, filename, nsid);
	if (*ns)
		return 0;
	nvio_fio_device_put(*device);
	return -ENODEV;
}

void nvio_fio_device_put(struct nvio_fio_device *device)
{
	pthread_mutex_lock(&shared.lock);
	if (!--device->refs)
		close_device(device);
	pthread_mutex_unlock(&shared.lock);
}

void nvio_fio_running(int change)
{
	pthread_mutex_lock(&shared.lock);
	shared.running += (unsigned int)change;
	pthread_mutex_unlock(&shared.lock);
}

/* Returns the status of a command that is alone on its queue pair, or a negative errno. */
static int run_alone(struct nvio_qpair *qpair, const struct nvio_sqe *cmd, void *data, size_t len)
{
	const struct iovec iov = { data, len };
	struct nvio_completion done = { 0 };
	int ret = nvio_passthrough(qpair, cmd, &iov, len ? 1 : 0, NULL, 0, 0, 0);

	if (!ret)
		ret = nvio_wait(qpair, &done, 1, 1, -1);
	return ret < 0 ? ret : done.status;
}

static int command_locked(struct nvio_fio_device *device, const struct nvio_sqe *cmd, void *data,
			  size_t len)
{
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;
	void *copy = NULL;
	int ret = 0;

	opts.depth = 1;
	if (device->opts.arbitration == NVIO_WEIGHTED)
		opts.priority = NVIO_PRIORITY_MEDIUM;
	if (!device->commands)
		ret = nvio_qpair_create(device->ctrl, &opts, &device->commands);
	if (ret)
		return ret;
	if (len) {
		copy = nvio_alloc(shared.iommu, len, 4096);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, data, len);
	}
	ret = run_alone(device->commands, cmd, copy, len);
	if (ret >= 0) {
		if (len)
			memcpy(data, copy, len);
		nvio_free(shared.iommu, copy);
	} /* else the controller may still write to it */
	return ret;
}

int nvio_fio_command(struct nvio_fio_device *device, const struct nvio_sqe *cmd, void *data,
		     size_t len)
{
	int ret;

	pthread_mutex_lock(&device->lock);
	ret = command_locked(device, cmd, data, len);
	pthread_mutex_unlock(&device->lock);
	if (ret)
		log_err("nvio: %s: command %02x: %s\n", device->name, cmd->opcode,
			ret > 0 ? nvio_status_text((unsigned int)ret) : nvio_last_error());
	return ret;
}

/*
 * Jobs that never ran have put nothing back. A child of fork() has no devices to close, and fio may
 * exit without a job that does not end.
 */
static __attribute__((destructor)) void close_all(void)
{
	if (shared.owner != getpid() || shared.running)
		return;
	while (shared.devices)
		close_device(shared.devices);
	nvio_iommu_close(shared.iommu);
	shared.iommu = NULL;
}
