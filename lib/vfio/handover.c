/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices that stay open without a handle, and the lines that tell of them; see handover.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <nvio/feature.h>
#include <nvio/handover.h>

#include "base/error.h"
#include "vfio/device.h"
#include "vfio/handover.h"
#include "vfio/iommufd.h"
#include "vfio/ranges.h"
#include "vfio/sys.h"
#include "vfio/type1.h"

struct nvio_kept {
	struct nvio_kept *next;
	int fd;
	uint32_t devid;
	bool attached;
	bool running;
	char *notes;
	char name[NVIO_DEVICE_NAME_LEN];
};

int nvio_device_may_keep(const struct nvio_device *device)
{
	if (device->ops != &nvio_kernel_ops || device->iommu->physical)
		return nvio_error(ENOTSUP,
				  "%s cannot be handed over: only devices of the kernel's VFIO "
				  "with an IOMMU can",
				  device->name);
	if (nvio_device_was_let_go(device))
		return nvio_error(ENODEV, "%s was let go", device->name);
	if (device->pasids)
		return nvio_error(EBUSY, "%s cannot be handed over while PASIDs are attached",
				  device->name);
	return 0;
}

static void link_kept(struct nvio_iommu *iommu, struct nvio_kept *kept)
{
	kept->next = iommu->kept;
	iommu->kept = kept;
}

int nvio_device_keep(struct nvio_device *device, bool running, char *notes)
{
	struct nvio_iommu *iommu = device->iommu;
	int err = nvio_device_may_keep(device);
	struct nvio_kept *kept;

	if (err)
		return err;
	kept = calloc(1, sizeof(*kept));
	if (!kept)
		return nvio_error(ENOMEM, "no memory to keep %s", device->name);
	nvio_device_unwatch(device);
	if (device->asleep && nvio_device_wake(device))
		nvio_log(NVIO_LOG_WARN, "%s is handed over asleep: %s", device->name,
			 nvio_last_error());
	for (uint32_t irq = 0; irq < device->nr_irqs; irq++) {
		if (device->vectors[irq])
			nvio_device_irq_disable(device, (enum nvio_irq)irq);
	}
	nvio_device_unmap_regions(device);
	*kept = (struct nvio_kept){ .fd = device->fd,
				    .devid = device->devid,
				    .attached = device->attached,
				    .running = running,
				    .notes = notes };
	strcpy(kept->name, device->name);
	pthread_mutex_lock(&iommu->lock);
	link_kept(iommu, kept);
	pthread_mutex_unlock(&iommu->lock);
	nvio_device_free(device);
	nvio_iommu_put(iommu);
	return 0;
}

int nvio_device_hand_over(struct nvio_device *device)
{
	return nvio_device_keep(device, false, NULL);
}

/* Names are the whole addresses of functions, or what was given for files. */
static bool find_kept(struct nvio_iommu *iommu, const char *name, struct nvio_kept *found)
{
	bool there = false;

	pthread_mutex_lock(&iommu->lock);
	for (struct nvio_kept **at = &iommu->kept; *at && !there; at = &(*at)->next) {
		struct nvio_kept *kept = *at;

		if (strcmp(kept->name, name))
			continue;
		*found = *kept;
		there = true;
		*at = kept->next;
		free(kept);
		break;
	}
	pthread_mutex_unlock(&iommu->lock);
	return there;
}

bool nvio_kept_take(struct nvio_iommu *iommu, const char *name, struct nvio_device *device)
{
	struct nvio_kept kept;

	if (!find_kept(iommu, name, &kept))
		return false;
	device->fd = kept.fd;
	device->devid = kept.devid;
	device->attached = kept.attached;
	device->was_running = kept.running;
	device->notes = kept.notes;
	device->why = "it was handed over";
	strcpy(device->name, kept.name);
	return true;
}

static void free_kept(struct nvio_kept *kept)
{
	free(kept->notes);
	free(kept);
}

/* As its handle would be closed. */
static void close_kept(struct nvio_kept *kept)
{
	struct nvio_device device = { .fd = kept->fd, .attached = kept->attached };

	strcpy(device.name, kept->name);
	nvio_kernel_ops.close(&device);
	free_kept(kept);
}

void nvio_kept_close(struct nvio_iommu *iommu)
{
	while (iommu->kept) {
		struct nvio_kept *kept = iommu->kept;

		iommu->kept = kept->next;
		close_kept(kept);
	}
}

int nvio_vfio_may_hand_over(const struct nvio_iommu *iommu)
{
	if (iommu->refs != 1)
		return nvio_error(EBUSY,
				  "the address space is still used by a controller, a device or "
				  "another address space: hand those over or close them first");
	if (!iommu->domains)
		return nvio_error(ENODEV, "the address space has no device: there is nothing to "
					  "hand over");
	if (iommu->beside)
		return nvio_error(ENOTSUP, "an address space that was opened beside another cannot "
					   "be handed over");
	for (const struct nvio_domain *d = iommu->domains; d; d = d->next) {
		if (!d->ops->describe)
			return nvio_error(ENOTSUP,
					  "an address space of type %s cannot be handed over",
					  d->ops->type(d));
	}
	return 0;
}

/* What may not be used, so that the IOVAs are the same however the windows of devices were found:
 * in /sys, or by a guess. */
static void describe_gaps(const struct nvio_ranges *ranges, FILE *out)
{
	uint64_t next = 0;

	for (uint32_t i = 0; i < ranges->nr; i++) {
		if (ranges->range[i].start > next)
			fprintf(out, "gap -1 %" PRIu64 " %" PRIu64 "\n", next,
				ranges->range[i].start - 1);
		next = ranges->range[i].last + 1;
	}
	if (next)
		fprintf(out, "gap -1 %" PRIu64 " %" PRIu64 "\n", next, UINT64_MAX);
}

int nvio_vfio_describe(const struct nvio_iommu *iommu, FILE *out)
{
	int err = 0;

	for (const struct nvio_domain *d = iommu->domains; d && !err; d = d->next)
		err = d->ops->describe(d, out);
	describe_gaps(&iommu->ranges, out);
	for (const struct nvio_kept *k = iommu->kept; k; k = k->next) {
		fprintf(out, "device %d %u %d %d %s\n", k->fd, k->devid, k->attached, k->running,
			k->name);
		if (k->notes)
			fprintf(out, "notes -1 %s\n", k->notes);
	}
	return err;
}

int nvio_vfio_forsake(struct nvio_iommu *iommu)
{
	int err = 0;

	for (struct nvio_domain *d = iommu->domains; d && !err; d = d->next)
		err = d->ops->forsake(d);
	return err;
}

void nvio_vfio_abandon(struct nvio_iommu *iommu)
{
	while (iommu->domains) {
		struct nvio_domain *domain = iommu->domains;

		iommu->domains = domain->next;
		domain->ops->abandon(domain);
	}
	while (iommu->kept) {
		struct nvio_kept *kept = iommu->kept;

		iommu->kept = kept->next;
		free_kept(kept);
	}
}

/* "DEVID ATTACHED RUNNING NAME" */
static int take_device(struct nvio_iommu *iommu, int fd, const char *text)
{
	struct nvio_kept *kept = calloc(1, sizeof(*kept));
	int attached, running, at = 0;

	if (!kept) {
		nvio_sys_close(fd);
		return nvio_error(ENOMEM, "no memory to take a device over");
	}
	kept->fd = fd;
	if (sscanf(text, "%u %d %d %n", &kept->devid, &attached, &running, &at) != 3 || !at ||
	    !text[at] || strlen(text + at) >= sizeof(kept->name)) {
		nvio_sys_close(fd);
		free(kept);
		return nvio_error(EPROTO, "'%s' is no device that was handed over", text);
	}
	kept->attached = attached;
	kept->running = running;
	strcpy(kept->name, text + at);
	link_kept(iommu, kept);
	return 0;
}

/* Of the device in the line before. */
static int take_notes(struct nvio_iommu *iommu, const char *text)
{
	if (!iommu->kept || iommu->kept->notes)
		return nvio_error(EPROTO, "notes were handed over that are of no device");
	iommu->kept->notes = strdup(text);
	return iommu->kept->notes ? 0 : nvio_error(ENOMEM, "no memory for a device's notes");
}

/* "START LAST" */
static int take_gap(struct nvio_iommu *iommu, const char *text)
{
	uint64_t start, last;

	if (sscanf(text, "%" SCNu64 " %" SCNu64, &start, &last) != 2 || start > last)
		return nvio_error(EPROTO, "'%s' are no IOVAs", text);
	nvio_ranges_cut(&iommu->ranges, start, last);
	return 0;
}

int nvio_vfio_take_over(struct nvio_iommu *iommu, const char *word, int fd, const char *text)
{
	if (!strcmp(word, "container"))
		return nvio_type1_take_over(iommu, fd, text);
	if (!strcmp(word, "group"))
		return nvio_type1_take_over_group(iommu, fd, text);
	if (!strcmp(word, "iommufd"))
		return nvio_iommufd_take_over(iommu, fd, text);
	if (!strcmp(word, "device"))
		return take_device(iommu, fd, text);
	if (!strcmp(word, "notes"))
		return take_notes(iommu, text);
	if (!strcmp(word, "gap"))
		return take_gap(iommu, text);
	return -ENOENT;
}
