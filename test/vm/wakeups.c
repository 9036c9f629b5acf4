/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wakeups N DRIVE SHORT: N reads at each of some depths, every wait for them asleep and bounded.
 * SHORT is a drive with fewer interrupt vectors than queue pairs.
 *
 * A wait that runs into its bound while a completion is there missed its wake-up. nvio_wait() tells
 * of it in the log, a loop on the descriptor sees it for itself. Where it got lost is told by what
 * the kernel counts on the way: interrupts, and signals of the eventfds that VFIO makes of them.
 */
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>

#include "vmtest.h"

#define DEPTH_MAX  31u
#define BLOCKS     64u
#define THREADS    4u
#define BOUND_MS   1000
#define BOUNDS_MAX 60 /* of a wait: a busy machine may take some of them */
#define TRIES_MAX  10000 /* a millisecond each */

static unsigned int nr_told; /* log lines about a missing interrupt */
static uint64_t nr_waits, nr_slept; /* of all jobs */

struct job;

/* Waits for at least one completion. Returns how many there are at @done. */
typedef int64_t wait_fn(struct job *job, struct nvio_completion *done);

struct job {
	const struct vmt_drive *drive;
	struct nvio_qpair *qpair;
	wait_fn *wait;
	char *bufs; /* a block for each slot */
	struct vmt_count count;
	uint64_t nr;
	uint64_t nr_waits;
	uint64_t lost;
	uint64_t slept;
	uint64_t random;
	unsigned int depth;
	uint32_t max_dawdle_ns;
	bool busy[DEPTH_MAX];
	uint64_t block[DEPTH_MAX]; /* that a slot reads */
};

static void hear(void *arg, enum nvio_log_level level, const char *line)
{
	vmt_log(arg, level, line);
	if (strstr(line, "without an interrupt"))
		__atomic_fetch_add(&nr_told, 1, __ATOMIC_RELAXED);
}

/* On the way from the drive to a wait. */
struct arrivals {
	uint64_t interrupts; /* that the kernel took, of the drive's vectors */
	uint64_t signals; /* of the eventfds */
};

/* The sum of the counts of all processors behind the colon of a line of /proc/interrupts. */
static uint64_t sum_counts(const char *line)
{
	const char *at = strchr(line, ':');
	uint64_t sum = 0;
	char *end;

	for (at = at ? at + 1 : ""; *at; at = end) {
		sum += strtoull(at, &end, 10);
		if (end == at)
			break;
	}
	return sum;
}

static uint64_t count_interrupts(const char *bdf)
{
	FILE *f = fopen("/proc/interrupts", "re");
	uint64_t sum = 0;
	char line[4096];

	vmt_check(f, "%s", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		if (strstr(line, "vfio-msix[") && strstr(line, bdf))
			sum += sum_counts(line);
	}
	fclose(f);
	return sum;
}

/* Nobody reads the eventfds of vectors that are in use: they only count up. */
static uint64_t count_signals(void)
{
	DIR *dir = opendir("/proc/self/fdinfo");
	uint64_t sum = 0, count;
	struct dirent *entry;

	vmt_check(dir, "%s", strerror(errno));
	while ((entry = readdir(dir))) {
		char path[300], line[256];
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/fdinfo/%s", entry->d_name);
		f = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
		while (f && fgets(line, sizeof(line), f)) {
			if (sscanf(line, "eventfd-count: %" SCNx64, &count) == 1)
				sum += count;
		}
		if (f)
			fclose(f);
	}
	closedir(dir);
	return sum;
}

/* The counts while nothing arrives: one is read after the other. */
static struct arrivals count_arrivals(const char *bdf)
{
	struct arrivals last = { 0 }, now = { 0 };
	int tries = 0;

	do {
		vmt_check(tries++ < TRIES_MAX, "interrupts do not end: %" PRIu64, now.interrupts);
		last = now;
		usleep(1000);
		now.interrupts = count_interrupts(bdf);
		now.signals = count_signals();
	} while (tries < 2 || last.interrupts != now.interrupts || last.signals != now.signals);
	return now;
}

/* What has arrived since @before: an interrupt is a signal, the last one soon. */
static struct arrivals arrived_since(const char *bdf, struct arrivals before)
{
	struct arrivals all;
	int tries = 0;

	do {
		all = count_arrivals(bdf);
		all.interrupts -= before.interrupts;
		all.signals -= before.signals;
	} while (all.interrupts != all.signals && ++tries < TRIES_MAX / 10);
	return all;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * VMT_NS_PER_S + (uint64_t)ts.tv_nsec;
}

static int64_t wait_in_library(struct job *job, struct nvio_completion *done)
{
	return vmt_ok(nvio_wait(job->qpair, done, 1, (int)job->depth, VMT_PATIENCE_NS));
}

static bool is_readable(struct nvio_qpair *qpair)
{
	struct pollfd fd = { .fd = nvio_qpair_fd(qpair), .events = POLLIN };

	return poll(&fd, 1, BOUND_MS) == 1 && fd.revents == POLLIN;
}

static int64_t wait_in_loop(struct job *job, struct nvio_completion *done)
{
	int64_t n = 0;

	for (int i = 0; !n; i++) {
		bool woken = is_readable(job->qpair);
		bool armed = vmt_ok(nvio_qpair_arm(job->qpair)) == 1;

		vmt_check(i < BOUNDS_MAX, "nothing came for %d s", BOUNDS_MAX);
		n = vmt_ok(nvio_poll(job->qpair, done, (int)job->depth));
		/* The signal may be behind its completion, but not for long. */
		if (n && !woken && !armed && !is_readable(job->qpair))
			job->lost++;
	}
	return n;
}

/* Lets some time pass, as a program that has other work does: waits begin at any time around the
 * completion. */
static void dawdle(struct job *job)
{
	uint64_t start = now_ns(), ns = vmt_random(&job->random) % job->max_dawdle_ns;

	while (now_ns() - start < ns)
		;
}

static void queue(struct job *job)
{
	uint32_t len = job->drive->info.block_len;
	unsigned int slot = 0;

	while (job->busy[slot])
		slot++;
	job->busy[slot] = true;
	job->block[slot] = vmt_random(&job->random) % BLOCKS;
	memset(job->bufs + slot * len, 0, sizeof(uint64_t));
	vmt_ok(nvio_read(job->qpair, job->drive->ns, job->bufs + slot * len, job->block[slot], 1, 0,
			 slot));
	job->count.queued++;
}

static void take(struct job *job, const struct nvio_completion *done)
{
	uint64_t slot = done->user_data, there;

	vmt_check(slot < job->depth && job->busy[slot], "slot %" PRIu64, slot);
	memcpy(&there, job->bufs + slot * job->drive->info.block_len, sizeof(there));
	vmt_check(there == vmt_first_word(job->block[slot]),
		  "block %" PRIu64 " begins with %" PRIx64, job->block[slot], there);
	job->busy[slot] = false;
}

static uint64_t sleeps(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)usage.ru_nvcsw;
}

static void *run(void *arg)
{
	struct nvio_completion done[DEPTH_MAX];
	struct job *job = arg;
	uint64_t before = sleeps();

	while (job->count.completed < job->nr) {
		int64_t n;

		while (job->count.queued < job->nr &&
		       job->count.queued - job->count.completed < job->depth)
			queue(job);
		vmt_submit(job->qpair, &job->count);
		dawdle(job);
		n = job->wait(job, done);
		job->nr_waits++;
		for (int64_t i = 0; i < n; i++)
			take(job, &done[i]);
		vmt_arrived(job->qpair, &job->count, done, n);
	}
	job->slept = sleeps() - before;
	return NULL;
}

static void begin(struct job *job, const struct vmt_drive *drive, unsigned int depth, wait_fn *wait,
		  uint64_t nr)
{
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;

	*job = (struct job){ .drive = drive, .wait = wait, .nr = nr, .depth = depth };
	job->random = depth;
	/* About as long as a command takes here. */
	job->max_dawdle_ns = 100000 / depth;
	opts.depth = (uint16_t)depth;
	opts.interrupts = true;
	opts.spin_ns = NVIO_NO_SPIN;
	vmt_ok(nvio_qpair_create(drive->ctrl, &opts, &job->qpair));
	job->bufs = vmt_alloc(drive->iommu, (size_t)DEPTH_MAX * drive->info.block_len);
}

static void end(struct job *job)
{
	struct nvio_qpair_stats stats;

	nvio_qpair_get_stats(job->qpair, &stats, sizeof(stats));
	vmt_check(stats.submitted == job->nr && stats.completed == job->nr,
		  "%" PRIu64 " submitted, %" PRIu64 " completed of %" PRIu64, stats.submitted,
		  stats.completed, job->nr);
	/* A controller may hold an interrupt back until it knows that the ones before were seen. */
	vmt_check(stats.cq_doorbells == stats.polls - stats.idle_polls,
		  "%" PRIu64 " doorbells, %" PRIu64 " polls, %" PRIu64 " idle", stats.cq_doorbells,
		  stats.polls, stats.idle_polls);
	vmt_check(!job->lost && !nr_told, "%" PRIu64 " wake-ups lost, %u told", job->lost, nr_told);
	nr_waits += job->nr_waits;
	nr_slept += job->slept;
	nvio_qpair_free(job->qpair);
	nvio_free(job->drive->iommu, job->bufs);
}

static void check_arrivals(const struct arrivals *all)
{
	vmt_check(all->interrupts && all->interrupts == all->signals,
		  "%" PRIu64 " interrupts and %" PRIu64 " signals", all->interrupts, all->signals);
}

static void at_depth(const struct vmt_drive *drive, const char *bdf, unsigned int depth,
		     uint64_t nr)
{
	static const struct {
		const char *name;
		wait_fn *wait;
	} ways[] = { { "nvio_wait", wait_in_library }, { "loop", wait_in_loop } };

	for (unsigned int i = 0; i < 2; i++) {
		struct arrivals all;
		uint64_t start;
		struct job job;

		begin(&job, drive, depth, ways[i].wait, nr);
		all = count_arrivals(bdf);
		start = now_ns();
		run(&job);
		start = now_ns() - start;
		all = arrived_since(bdf, all);
		printf("depth %u, %s: %" PRIu64 " I/Os in %.1f s, %" PRIu64 " interrupts, %" PRIu64
		       " signals, %" PRIu64 " waits, slept %" PRIu64 " times, %" PRIu64
		       " wake-ups lost\n",
		       depth, ways[i].name, job.count.completed, (double)start / VMT_NS_PER_S,
		       all.interrupts, all.signals, job.nr_waits, job.slept, job.lost + nr_told);
		end(&job);
		check_arrivals(&all);
	}
}

/* Threads whose queue pairs share vectors: every signal is for all, and none takes it away. */
static void shared(const struct vmt_drive *drive, const char *bdf, wait_fn *wait, uint64_t nr)
{
	pthread_t threads[THREADS];
	struct job jobs[THREADS];
	struct arrivals all;
	uint64_t lost = 0;
	int err;

	for (unsigned int i = 0; i < THREADS; i++)
		begin(&jobs[i], drive, i + 1, wait, nr / THREADS);
	all = count_arrivals(bdf);
	for (unsigned int i = 0; i < THREADS; i++) {
		err = pthread_create(&threads[i], NULL, run, &jobs[i]);
		vmt_check(!err, "%s", strerror(err));
	}
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	all = arrived_since(bdf, all);
	for (unsigned int i = 0; i < THREADS; i++)
		lost += jobs[i].lost;
	printf("shared vectors: %" PRIu64 " interrupts, %" PRIu64 " signals, %" PRIu64
	       " wake-ups lost\n",
	       all.interrupts, all.signals, lost + nr_told);
	for (unsigned int i = 0; i < THREADS; i++)
		end(&jobs[i]);
	check_arrivals(&all);
}

static void fill(const struct vmt_drive *drive)
{
	struct nvio_qpair *qpair = vmt_qpair(drive->ctrl, 1, false);
	char *buf = vmt_alloc(drive->iommu, drive->info.block_len);

	for (uint64_t i = 0; i < BLOCKS; i++) {
		vmt_fill(buf, drive->info.block_len, i);
		vmt_io(qpair, drive->ns, VMT_WRITE, buf, i, 1);
	}
	nvio_free(drive->iommu, buf);
	nvio_qpair_free(qpair);
}

int main(int argc, char **argv)
{
	struct vmt_drive drive;
	uint64_t nr;

	vmt_check(argc == 4, "usage: wakeups N DRIVE SHORT");
	nr = strtoull(argv[1], NULL, 0);
	vmt_open(&drive, argv[2], NULL);
	nvio_log_set(hear, NULL, NVIO_LOG_WARN);
	fill(&drive);
	at_depth(&drive, argv[2], 1, nr);
	at_depth(&drive, argv[2], 8, nr);
	at_depth(&drive, argv[2], 31, nr);
	nvio_ctrl_close(drive.ctrl);
	vmt_open(&drive, argv[3], NULL);
	nvio_log_set(hear, NULL, NVIO_LOG_WARN);
	fill(&drive);
	shared(&drive, argv[3], wait_in_library, nr);
	shared(&drive, argv[3], wait_in_loop, nr);
	nvio_ctrl_close(drive.ctrl);
	/* A busy machine may have many of them find what they wait for. */
	vmt_check(nr_slept > nr_waits / 32, "slept %" PRIu64 " times in %" PRIu64 " waits",
		  nr_slept, nr_waits);
	return 0;
}
