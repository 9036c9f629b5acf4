/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the programs of the guest tests share: ending a test with a reason, opening the drive it is
 * about, data that tells where it belongs, and counting commands.
 *
 * A test ends at its first failed check. Only public headers of nvio; there is no .c behind this.
 */
#ifndef NVIO_TEST_VM_VMTEST_H
#define NVIO_TEST_VM_VMTEST_H

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <time.h>

#include <nvio/nvio.h>

#define VMT_NS_PER_S INT64_C(1000000000)

/* How long a single command may take: far more than a busy machine needs, and not for ever. */
#define VMT_PATIENCE_NS (60 * VMT_NS_PER_S)

__attribute__((noreturn, format(printf, 4, 5))) static inline void vmt_fail(const char *file,
									    int line,
									    const char *what,
									    const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "%s:%d: FAIL: %s: ", file, line, what);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	exit(1);
}

/* The message says what was there instead. */
#define vmt_check(cond, ...)                                              \
	do {                                                              \
		if (!(cond))                                              \
			vmt_fail(__FILE__, __LINE__, #cond, __VA_ARGS__); \
	} while (0)

static inline int64_t vmt_returned(int64_t ret, const char *call, const char *file, int line)
{
	if (ret < 0)
		vmt_fail(file, line, call, "%s: %s", strerror((int)-ret), nvio_last_error());
	return ret;
}

/* A call that has to succeed; its value is what it returned. */
#define vmt_ok(call) vmt_returned((call), #call, __FILE__, __LINE__)

/* A call that has to be refused with @err, and a sentence that contains @text. */
#define vmt_refused(call, err, text)                                                   \
	do {                                                                           \
		int64_t ret_ = (call);                                                 \
		vmt_check(ret_ == -(err), #call " returned %" PRId64, ret_);           \
		vmt_check(strstr(nvio_last_error(), text), "'%s'", nvio_last_error()); \
	} while (0)

/* Random numbers (xorshift64*), good enough to spread I/O. */
static inline uint64_t vmt_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(0x2545f4914f6cdd1d);
}

/* The seed of a run: @text, for 0 one from the clock; printed, so that a failure can be had again.
 */
static inline uint64_t vmt_seed(const char *text)
{
	struct timespec now;
	uint64_t seed;

	clock_gettime(CLOCK_REALTIME, &now);
	seed = (uint64_t)now.tv_sec * 1000000007u + (uint64_t)now.tv_nsec;
	if (strcmp(text, "0"))
		seed = strtoull(text, NULL, 0);
	printf("seed %" PRIu64 "\n", seed);
	return seed | 1; /* the generator cannot leave 0 */
}

static inline uint64_t vmt_first_word(uint64_t key)
{
	uint64_t state = key * UINT64_C(0x9e3779b97f4a7c15) + 1;

	return vmt_random(&state);
}

#define VMT_STEP UINT64_C(0xd1342543de82ef95)

/* Fills @len bytes, a multiple of 8, with what @key alone decides. */
static inline void vmt_fill(void *buf, size_t len, uint64_t key)
{
	uint64_t word = vmt_first_word(key);

	for (size_t i = 0; i < len; i += sizeof(word), word += VMT_STEP)
		memcpy((char *)buf + i, &word, sizeof(word));
}

static inline bool vmt_holds(const void *buf, size_t len, uint64_t key)
{
	uint64_t word = vmt_first_word(key), wrong = 0, there;

	for (size_t i = 0; i < len; i += sizeof(word), word += VMT_STEP) {
		memcpy(&there, (const char *)buf + i, sizeof(there));
		wrong |= there ^ word;
	}
	return !wrong;
}

/* One namespace of an open controller. */
struct vmt_drive {
	struct nvio_ctrl *ctrl;
	struct nvio_iommu *iommu;
	struct nvio_ns *ns;
	struct nvio_ctrl_info ctrl_info;
	struct nvio_ns_info info;
};

static inline void vmt_log(void *arg, enum nvio_log_level level, const char *line)
{
	static const char *const levels[] = { "ERROR", "WARN", "INFO", "DEBUG" };

	(void)arg;
	fprintf(stderr, "nvio %s: %s\n", levels[level], line);
}

static inline void vmt_use_ns(struct vmt_drive *drive, uint32_t nsid)
{
	drive->ns = nvio_ctrl_ns(drive->ctrl, nsid);
	vmt_check(drive->ns, "%s", nvio_last_error());
	nvio_ns_get_info(drive->ns, &drive->info, sizeof(drive->info));
}

static inline void vmt_use_ctrl(struct vmt_drive *drive, uint32_t nsid)
{
	drive->iommu = nvio_ctrl_iommu(drive->ctrl);
	nvio_ctrl_get_info(drive->ctrl, &drive->ctrl_info, sizeof(drive->ctrl_info));
	vmt_use_ns(drive, nsid);
}

/* Opens "0000:01:00.0/1" (namespace 1 when it says none) in @iommu, NULL for one of its own. */
static inline void vmt_open(struct vmt_drive *drive, const char *name, struct nvio_iommu *iommu)
{
	struct nvio_ctrl_opts opts = NVIO_CTRL_OPTS;
	char device[256];
	uint32_t nsid;

	nvio_log_set(vmt_log, NULL, NVIO_LOG_WARN);
	vmt_ok(nvio_name_split(name, device, sizeof(device), &nsid));
	opts.iommu = iommu;
	vmt_ok(nvio_ctrl_open(device, &opts, &drive->ctrl));
	vmt_use_ctrl(drive, nsid ? nsid : 1);
}

static inline struct nvio_qpair *vmt_qpair(struct nvio_ctrl *ctrl, uint16_t depth, bool interrupts)
{
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;
	struct nvio_qpair *qpair;

	opts.depth = depth;
	opts.interrupts = interrupts;
	vmt_ok(nvio_qpair_create(ctrl, &opts, &qpair));
	vmt_check(!depth || nvio_qpair_depth(qpair) == depth, "depth %u, not %u",
		  nvio_qpair_depth(qpair), depth);
	return qpair;
}

static inline void *vmt_alloc(struct nvio_iommu *iommu, size_t len)
{
	void *p = nvio_alloc(iommu, len, NVIO_MEM_PAGE);

	vmt_check(p, "%zu bytes: %s", len, nvio_last_error());
	return p;
}

/* What memory is registered in multiples of: no page of a process is smaller than NVMe's. */
static inline size_t vmt_page_len(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* Memory of the process, at the start of a page and resident. */
static inline void *vmt_pages(size_t len)
{
	void *p = aligned_alloc(vmt_page_len(), len);

	vmt_check(p, "no memory for %zu bytes", len);
	return memset(p, 0, len);
}

/* Commands of one queue pair: queued, covered by a doorbell, returned. */
struct vmt_count {
	uint64_t queued;
	uint64_t submitted;
	uint64_t completed;
};

static inline void vmt_submit(struct nvio_qpair *qpair, struct vmt_count *count)
{
	count->submitted += (uint64_t)vmt_ok(nvio_submit(qpair));
	vmt_check(count->submitted == count->queued, "%" PRIu64 " submitted, %" PRIu64 " queued",
		  count->submitted, count->queued);
}

/* Counts completions that have arrived at @done; each has to be a success. */
static inline void vmt_arrived(struct nvio_qpair *qpair, struct vmt_count *count,
			       const struct nvio_completion *done, int64_t nr)
{
	for (int64_t i = 0; i < nr; i++)
		vmt_check(!done[i].status, "command %" PRIu64 ": status 0x%x, %s",
			  done[i].user_data, done[i].status, nvio_status_text(done[i].status));
	count->completed += (uint64_t)nr;
	vmt_check(nvio_qpair_outstanding(qpair) == count->queued - count->completed,
		  "%u outstanding, %" PRIu64 " queued, %" PRIu64 " completed",
		  nvio_qpair_outstanding(qpair), count->queued, count->completed);
}

/* Submits what is queued and waits until nothing is outstanding. */
static inline void vmt_drain(struct nvio_qpair *qpair, struct vmt_count *count)
{
	struct nvio_completion done[64];

	vmt_submit(qpair, count);
	while (count->completed < count->queued)
		vmt_arrived(qpair, count, done,
			    vmt_ok(nvio_wait(qpair, done, 1, 64, VMT_PATIENCE_NS)));
	vmt_check(!nvio_qpair_outstanding(qpair), "%u outstanding", nvio_qpair_outstanding(qpair));
}

enum vmt_op { VMT_READ, VMT_WRITE };

static inline int vmt_queue(struct nvio_qpair *qpair, struct nvio_ns *ns, enum vmt_op op, void *buf,
			    uint64_t slba, uint32_t nr, uint64_t user_data)
{
	return op == VMT_WRITE ? nvio_write(qpair, ns, buf, slba, nr, 0, user_data)
			       : nvio_read(qpair, ns, buf, slba, nr, 0, user_data);
}

/* One command on a queue pair with nothing outstanding, waited for. */
static inline void vmt_io(struct nvio_qpair *qpair, struct nvio_ns *ns, enum vmt_op op, void *buf,
			  uint64_t slba, uint32_t nr)
{
	struct vmt_count count = { .queued = 1 };

	vmt_ok(vmt_queue(qpair, ns, op, buf, slba, nr, slba));
	vmt_drain(qpair, &count);
}

static inline void vmt_flush(struct nvio_qpair *qpair, struct nvio_ns *ns)
{
	struct vmt_count count = { .queued = 1 };

	vmt_ok(nvio_flush(qpair, ns, 0));
	vmt_drain(qpair, &count);
}

#endif
