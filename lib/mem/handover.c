/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handing an address space over to the next program; see <nvio/handover.h>.
 *
 * A file of lines says what there is, so that another version of the library can read it: the head,
 * those of lib/vfio (vfio/handover.h) and those of the heap, and an end. Each that has a file owns
 * it once it was taken; the files of the others are closed when that goes wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nvio/handover.h>

#include "base/error.h"
#include "mem/memory.h"
#include "vfio/handover.h"
#include "vfio/sys.h"

#define HEAD    "nvio-handover -1 1"
#define END     "end -1"
#define LEN_MAX (16u << 20)

struct line {
	char *word;
	int fd; /* -1: none */
	char *text;
};

/* Whether nothing else uses it. */
static int check(const struct nvio_iommu *iommu, const struct nvio_memory *memory)
{
	int err = nvio_vfio_may_hand_over(iommu);

	if (err)
		return err;
	if (iommu->nr_maps != memory->heap.nr_regions)
		return nvio_error(EBUSY,
				  "%zu pieces of memory are registered, and %u mapped besides the "
				  "heap: take them back first, they end with this program",
				  memory->nr_registrations,
				  iommu->nr_maps - memory->heap.nr_regions);
	return 0;
}

/* Both are locked. Returns a file with the lines, or -errno. */
static int describe(const struct nvio_iommu *iommu, const struct nvio_memory *memory)
{
	int fd = memfd_create("nvio-handover", MFD_CLOEXEC), copy, err;
	FILE *out;

	copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	out = copy < 0 ? NULL : fdopen(copy, "w");
	if (!out) {
		err = nvio_error(errno, "no file to write down what is handed over: %s",
				 strerror(errno));
		goto close_files;
	}
	fprintf(out, HEAD " %d %u\n", (int)iommu->way, iommu->nr_maps);
	err = nvio_vfio_describe(iommu, out);
	nvio_heap_describe(&memory->heap, out);
	fprintf(out, END "\n");
	copy = -1;
	if (fclose(out) && !err)
		err = nvio_error(errno, "what is handed over cannot be written down: %s",
				 strerror(errno));
close_files:
	if (copy >= 0)
		close(copy);
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

/* The whole of a file, malloc()ed and terminated; NULL when it is none of ours. */
static char *read_all(int fd)
{
	struct stat st;
	char *text;

	if (fstat(fd, &st) || st.st_size <= 0 || st.st_size > LEN_MAX)
		return NULL;
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return NULL;
	if (pread(fd, text, (size_t)st.st_size, 0) != st.st_size) {
		free(text);
		return NULL;
	}
	text[st.st_size] = '\0';
	return text;
}

/* Cuts the next line off *@at. Returns 1, 0 when there is none, -EPROTO. */
static int next_line(char **at, struct line *line)
{
	char *end = strchr(*at, '\n'), *number, *rest;

	if (!**at)
		return 0;
	number = strchr(*at, ' ');
	if (!end || !number || number > end)
		return -EPROTO;
	*end = *number++ = '\0';
	line->word = *at;
	line->fd = (int)strtol(number, &rest, 10);
	line->text = *rest ? rest + 1 : rest;
	*at = end + 1;
	return rest == number ? -EPROTO : 1;
}

/* Has the files of all lines outlive execve(), or not. Returns 0 or -errno. */
static int keep_files(const char *text, bool keep)
{
	char *copy = strdup(text), *at = copy;
	struct line line;
	int err = copy ? 0 : nvio_error(ENOMEM, "no memory to hand files over");

	while (!err && next_line(&at, &line) > 0) {
		if (line.fd >= 0 && fcntl(line.fd, F_SETFD, keep ? 0 : FD_CLOEXEC))
			err = nvio_error(EBADF, "file %d, a %s that was handed over, is not open",
					 line.fd, line.word);
	}
	free(copy);
	return err;
}

/* All locks are free; nobody else knows it. */
static void abandon(struct nvio_iommu *iommu, struct nvio_memory *memory)
{
	nvio_heap_abandon(&memory->heap);
	nvio_vfio_abandon(iommu);
	iommu->nr_maps = 0;
	nvio_iommu_put(iommu);
}

int nvio_iommu_hand_over(struct nvio_iommu *iommu, int *out)
{
	struct nvio_memory *memory = nvio_memory_of(iommu);
	char *text = NULL;
	int fd, err;

	if (!memory)
		return -ENOMEM;
	pthread_mutex_lock(&memory->lock);
	pthread_mutex_lock(&iommu->lock);
	err = check(iommu, memory);
	fd = err ? err : describe(iommu, memory);
	if (fd >= 0) {
		text = read_all(fd);
		err = text ? nvio_vfio_forsake(iommu)
			   : nvio_error(ENOMEM, "no memory to hand files over");
	} else {
		err = fd;
	}
	pthread_mutex_unlock(&iommu->lock);
	pthread_mutex_unlock(&memory->lock);
	if (!err) {
		/* They are open. */
		keep_files(text, true);
		fcntl(fd, F_SETFD, 0);
		abandon(iommu, memory);
		*out = fd;
	} else if (fd >= 0) {
		close(fd);
	}
	free(text);
	return err;
}

static void close_file(const struct line *line)
{
	if (line->fd < 0)
		return;
	if (!strcmp(line->word, "region"))
		close(line->fd);
	else
		nvio_sys_close(line->fd);
}

static int take_line(struct nvio_iommu *iommu, struct nvio_memory *memory, const struct line *line)
{
	int err;

	pthread_mutex_lock(&iommu->lock);
	err = nvio_vfio_take_over(iommu, line->word, line->fd, line->text);
	pthread_mutex_unlock(&iommu->lock);
	if (err != -ENOENT)
		return err;
	err = nvio_memory_take_over(memory, line->word, line->fd, line->text);
	if (err != -ENOENT)
		return err;
	close_file(line);
	return nvio_error(EPROTO, "'%s' was handed over, which this version does not know",
			  line->word);
}

/* Lines behind the head. Those that follow one that fails are closed. */
static int take_lines(struct nvio_iommu *iommu, char *at)
{
	struct nvio_memory *memory = nvio_memory_of(iommu);
	struct nvio_sentence sentence;
	bool ended = false;
	struct line line;
	int err = memory ? 0 : -ENOMEM;

	while (next_line(&at, &line) > 0 && !ended) {
		ended = !strcmp(line.word, "end");
		if (err)
			close_file(&line);
		else if (!ended)
			err = take_line(iommu, memory, &line);
		nvio_error_save(&sentence);
	}
	if (err)
		nvio_error_restore(&sentence);
	if (!err && !ended)
		err = nvio_error(EPROTO, "what was handed over is cut off");
	return err;
}

int nvio_iommu_take_over(int fd, struct nvio_iommu **out)
{
	struct nvio_iommu_opts opts = NVIO_IOMMU_OPTS;
	struct nvio_sentence sentence;
	char *text = read_all(fd);
	struct nvio_iommu *iommu;
	unsigned int nr_maps;
	int way, end = 0, err;

	if (!text || sscanf(text, HEAD " %d %u\n%n", &way, &nr_maps, &end) != 2 || !end) {
		free(text);
		return nvio_error(EINVAL, "file %d does not say what was handed over", fd);
	}
	opts.way = (enum nvio_way)way;
	err = keep_files(text, false);
	if (!err)
		err = nvio_iommu_open(&opts, &iommu);
	if (!err) {
		iommu->nr_handed_over = nr_maps;
		err = take_lines(iommu, text + end);
		if (err) {
			nvio_error_save(&sentence);
			nvio_iommu_close(iommu);
			nvio_error_restore(&sentence);
		}
	}
	free(text);
	close(fd);
	if (!err)
		*out = iommu;
	return err;
}
