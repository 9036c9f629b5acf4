/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Features that the application has set; see features.h.
 *
 * One record for each feature, namespace, and part of a feature that has several: the last one
 * counts.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nvme/ctrl.h"
#include "nvme/features.h"
#include "vfio/device.h"

#define FEATURES_MAX 256u
#define DATA_MAX     4096u

#define FID_MASK 0xffu
#define SAVE     (1u << 31)

struct kept_feature {
	struct kept_feature *next;
	struct nvio_sqe cmd;
	size_t len;
	uint8_t data[];
};

/* Bits of dword 11 that say which part of the feature is meant. */
static uint32_t part_mask(uint32_t fid)
{
	switch (fid) {
	case NVIO_FEATURE_TEMPERATURE:
		return 0x3f0000;
	case NVIO_FEATURE_VECTOR:
		return 0xffff;
	default:
		return 0;
	}
}

/* What the library sees to itself, and the time, which has moved on. */
static bool is_recorded(uint32_t fid)
{
	return fid != NVIO_FEATURE_NR_QUEUES && fid != NVIO_FEATURE_HOST_MEMORY &&
	       fid != NVIO_FEATURE_TIMESTAMP;
}

static bool is_same(const struct nvio_sqe *a, const struct nvio_sqe *b)
{
	uint32_t fid = a->cdw10 & FID_MASK;

	return fid == (b->cdw10 & FID_MASK) && a->nsid == b->nsid &&
	       !((a->cdw11 ^ b->cdw11) & part_mask(fid));
}

/* Takes the record of the same out of the list; *nr: how many are left. */
static void forget(struct nvio_ctrl *ctrl, const struct nvio_sqe *cmd, unsigned int *nr)
{
	struct kept_feature **at = &ctrl->features;

	*nr = 0;
	while (*at) {
		struct kept_feature *feature = *at;

		if (is_same(&feature->cmd, cmd)) {
			*at = feature->next;
			free(feature);
			continue;
		}
		at = &feature->next;
		++*nr;
	}
}

void nvio_features_note(struct nvio_ctrl *ctrl, const struct nvio_sqe *cmd, const void *data,
			size_t len)
{
	struct kept_feature *feature;
	unsigned int nr;

	if (cmd->opcode != NVIO_ADMIN_SET_FEATURES || !is_recorded(cmd->cdw10 & FID_MASK) ||
	    len > DATA_MAX)
		return;
	forget(ctrl, cmd, &nr);
	feature = nr < FEATURES_MAX ? malloc(sizeof(*feature) + len) : NULL;
	if (!feature) {
		nvio_log(NVIO_LOG_WARN, "%s: feature 0x%02x will not be set again after a reset",
			 ctrl->info.name, cmd->cdw10 & FID_MASK);
		return;
	}
	feature->cmd = *cmd;
	/* What is to be kept over a power cycle was written once. */
	feature->cmd.cdw10 &= ~SAVE;
	feature->len = len;
	if (len)
		memcpy(feature->data, data, len);
	feature->next = ctrl->features;
	ctrl->features = feature;
}

int nvio_features_again(struct nvio_ctrl *ctrl)
{
	for (struct kept_feature *f = ctrl->features; f; f = f->next) {
		int status =
			nvio_admin_locked(ctrl, &f->cmd, f->len ? f->data : NULL, f->len, NULL);

		if (status < 0)
			return status;
		if (status)
			nvio_log(NVIO_LOG_WARN, "%s: feature 0x%02x is not what it was: %s",
				 ctrl->info.name, f->cmd.cdw10 & FID_MASK,
				 nvio_status_text((unsigned int)status));
	}
	return 0;
}

/* A command and its data, byte for byte in hexadecimal. */
static void write_hex(const void *data, size_t len, FILE *out)
{
	for (size_t i = 0; i < len; i++)
		fprintf(out, "%02x", ((const uint8_t *)data)[i]);
}

int nvio_features_describe(const struct nvio_ctrl *ctrl, char **line)
{
	size_t len;
	FILE *out;

	*line = NULL;
	if (!ctrl->features)
		return 0;
	out = open_memstream(line, &len);
	for (const struct kept_feature *f = ctrl->features; f && out; f = f->next) {
		write_hex(&f->cmd, sizeof(f->cmd), out);
		write_hex(f->data, f->len, out);
		if (f->next)
			fputc(' ', out);
	}
	if (out && !fclose(out))
		return 0;
	free(*line);
	*line = NULL;
	return nvio_error(ENOMEM, "no memory to write down which features were set");
}

/* @text has the digits. */
static void read_hex(const char *text, void *data, size_t len)
{
	unsigned char *bytes = data;

	for (size_t i = 0; i < len; i++)
		sscanf(text + 2 * i, "%2hhx", &bytes[i]);
}

/* Reads one, @nr hexadecimal digits. Returns NULL with errno set: EPROTO, ENOMEM. */
static struct kept_feature *parse(const char *text, size_t nr)
{
	size_t len = nr / 2 - sizeof(struct nvio_sqe);
	struct kept_feature *feature;

	errno = EPROTO;
	if (nr % 2 || nr / 2 < sizeof(struct nvio_sqe) || len > DATA_MAX)
		return NULL;
	feature = malloc(sizeof(*feature) + len);
	if (!feature)
		return NULL;
	feature->next = NULL;
	feature->len = len;
	read_hex(text, &feature->cmd, sizeof(feature->cmd));
	read_hex(text + 2 * sizeof(feature->cmd), feature->data, len);
	if (feature->cmd.opcode == NVIO_ADMIN_SET_FEATURES &&
	    is_recorded(feature->cmd.cdw10 & FID_MASK))
		return feature;
	free(feature);
	errno = EPROTO;
	return NULL;
}

/* Returns how many it took, in their order, or -errno. */
static int take_line(struct nvio_ctrl *ctrl, const char *line)
{
	struct kept_feature **end = &ctrl->features;
	unsigned int nr = 0;

	for (const char *at = line; *at; nr++) {
		size_t digits = strspn(at, "0123456789abcdef");

		if (nr == FEATURES_MAX || (at[digits] && at[digits] != ' '))
			errno = EPROTO;
		else
			*end = parse(at, digits);
		if (!*end)
			return nvio_error(errno,
					  "%s: what was handed over of its features, '%.40s...', "
					  "cannot be taken over: %s",
					  ctrl->info.name, at, strerror(errno));
		end = &(*end)->next;
		at += digits + !!at[digits];
	}
	return (int)nr;
}

int nvio_features_resume(struct nvio_ctrl *ctrl)
{
	int nr = ctrl->device->notes ? take_line(ctrl, ctrl->device->notes) : 0;

	if (nr <= 0)
		return nr;
	nvio_log(NVIO_LOG_INFO, "%s: %d features are as the program before has set them",
		 ctrl->info.name, nr);
	return ctrl->taken_over ? 0 : nvio_features_again(ctrl);
}

void nvio_features_free(struct nvio_ctrl *ctrl)
{
	while (ctrl->features) {
		struct kept_feature *feature = ctrl->features;

		ctrl->features = feature->next;
		free(feature);
	}
}
