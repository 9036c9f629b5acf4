/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where `nvio vfio` writes: text for people, with a line for each thing, or JSON.
 */
#ifndef NVIO_APP_VIEW_H
#define NVIO_APP_VIEW_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <nvio/vfio.h>

#include "common/json.h"

struct view {
	FILE *out;
	struct json *json; /* NULL for text */
	bool empty; /* the list that was begun has no item yet */
};

/* The name of a bit or number. */
struct view_name {
	uint64_t value;
	const char *name;
};

/* A list with a heading; before an item of it, which is an object or a line of text: returns
 * whether it is to be an object, which is open then and the caller's to close. */
void view_begin(struct view *v, const char *key, const char *heading);
bool view_item(struct view *v);
void view_end(struct view *v);

/* One fact: "heading: value", or a member. */
void view_str(struct view *v, const char *key, const char *heading, const char *value);
void view_u64(struct view *v, const char *key, const char *heading, uint64_t value);

/* The names of the bits that are set; for text a space before each. Unknown bits as a number. */
void view_flags(struct view *v, const char *key, uint64_t flags, const struct view_name *names,
		size_t nr);

/* The name of a number; NULL when it has none. */
const char *view_find(uint64_t value, const struct view_name *names, size_t nr);

/* What only the kernel's VFIO answers (vfio_kernel.c). Each prints its part, and nothing of what
 * the device or the kernel does not have. Return 0 or -errno. */
int view_capabilities(struct view *v, struct nvio_device *device);
void view_features(struct view *v, struct nvio_device *device);
void view_tce(struct view *v, struct nvio_device *device);
void view_eeh(struct view *v, struct nvio_device *device);
void view_extensions(struct view *v, struct nvio_iommu *iommu);
int view_group(struct view *v, const char *pci_name);

/* Whether the kernel's VFIO answers for this device. */
bool view_is_kernel(const struct nvio_device *device);

#endif
