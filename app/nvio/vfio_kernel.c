/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What only the kernel's VFIO answers of a device, asked of its descriptor; see view.h. Names are
 * the kernel's, by number: the header that this is built with may be older than the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/error.h"
#include "nvio/function.h"
#include "nvio/view.h"
#include "vfio/caps.h"
#include "vfio/device.h"
#include "vfio/sysfs.h"

/* More than one slot or bus can hold with all its functions; a bound on what is believed. */
#define DEPENDENTS_MAX 65536u

static const struct view_name capabilities[] = {
	{ 1, "zpci-base" }, { 2, "zpci-group" },  { 3, "zpci-util-string" },
	{ 4, "zpci-pfip" }, { 5, "pci-atomics" },
};

static const struct view_name features[] = {
	{ 0, "pci-vf-token" },
	{ 1, "migration" },
	{ 2, "mig-device-state" },
	{ 3, "low-power-entry" },
	{ 4, "low-power-entry-with-wakeup" },
	{ 5, "low-power-exit" },
	{ 6, "dma-logging-start" },
	{ 7, "dma-logging-stop" },
	{ 8, "dma-logging-report" },
	{ 9, "mig-data-size" },
	{ 10, "bus-master" },
	{ 11, "dma-buf" },
};

static const struct view_name extensions[] = {
	{ 1, "type1" },   { 2, "spapr-tce" }, { 3, "type1v2" },
	{ 4, "dma-cc" },  { 5, "eeh" },       { 7, "spapr-tce-v2" },
	{ 8, "noiommu" }, { 9, "unmap-all" }, { 10, "update-vaddr" },
};

bool view_is_kernel(const struct nvio_device *device)
{
	return device->ops == &nvio_kernel_ops;
}

static void print_name(struct view *v, const char *name, uint64_t number)
{
	char text[24];

	v->empty = false;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	if (v->json)
		json_str(v->json, NULL, name ? name : text);
	else
		fprintf(v->out, "  %s\n", name ? name : text);
}

static int print_capability(void *arg, uint16_t id, uint16_t version, const void *cap, size_t len)
{
	(void)version;
	(void)cap;
	(void)len;
	print_name(arg, view_find(id, capabilities, ARRAY_LEN(capabilities)), id);
	return 0;
}

int view_capabilities(struct view *v, struct nvio_device *device)
{
	struct vfio_device_info request = { 0 }, info;
	uint32_t offset = 0;
	size_t len;
	void *answer;
	int err;

	answer = nvio_caps_ioctl(device->fd, VFIO_DEVICE_GET_INFO, &request, sizeof(request), &len,
				 &err);
	if (!answer)
		return nvio_error(-err, "%s does not tell what it is: %s", device->name,
				  strerror(-err));
	memcpy(&info, answer, sizeof(info));
	if (info.flags & VFIO_DEVICE_FLAGS_CAPS)
		offset = info.cap_offset;
	view_begin(v, "capabilities", "capabilities");
	err = nvio_caps_walk(answer, len, sizeof(info), offset, print_capability, v);
	view_end(v);
	free(answer);
	return err;
}

/* Whether the kernel would do this with a feature. */
static bool probe(int fd, uint64_t feature, uint32_t what)
{
	struct vfio_device_feature request = { .argsz = sizeof(request) };

	request.flags = (uint32_t)feature | VFIO_DEVICE_FEATURE_PROBE | what;
	return !ioctl(fd, VFIO_DEVICE_FEATURE, &request);
}

int view_features(struct view *v, struct nvio_device *device)
{
	size_t i;

	view_begin(v, "features", "features");
	for (i = 0; i < ARRAY_LEN(features); i++) {
		bool get = probe(device->fd, features[i].value, VFIO_DEVICE_FEATURE_GET);
		bool set = probe(device->fd, features[i].value, VFIO_DEVICE_FEATURE_SET);

		if (!get && !set)
			continue;
		if (!view_item(v)) {
			fprintf(v->out, "  %s:%s%s\n", features[i].name, get ? " get" : "",
				set ? " set" : "");
			continue;
		}
		json_str(v->json, "name", features[i].name);
		json_bool(v->json, "get", get);
		json_bool(v->json, "set", set);
		json_close(v->json, '}');
	}
	view_end(v);
	return 0;
}

/* Returns the answer, the caller's to free; NULL with *@err: -ENODEV when there is no such reset.
 */
static struct vfio_pci_hot_reset_info *ask_hot_reset(int fd, int *err)
{
	struct vfio_pci_hot_reset_info *info = NULL, *larger;
	uint32_t room = 0;

	for (;;) {
		size_t len = sizeof(*info) + room * sizeof(info->devices[0]);

		larger = realloc(info, len);
		if (!larger) {
			*err = -ENOMEM;
			break;
		}
		info = larger;
		memset(info, 0, len);
		info->argsz = (uint32_t)len;
		if (!ioctl(fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info) && info->count <= room)
			return info;
		*err = -errno;
		/* It says how many there are; functions may come meanwhile, but not for ever. */
		if (*err != -ENOSPC || info->count <= room || info->count > DEPENDENTS_MAX)
			break;
		room = info->count;
	}
	free(info);
	return NULL;
}

/* @by_id: iommufd tells whether this process has the function: its id there, 0 for one that it has
 * without, or -1. */
static void print_dependent(struct view *v, const struct vfio_pci_dependent_device *d, bool by_id)
{
	char name[NVIO_PCI_NAME_LEN];

	snprintf(name, sizeof(name), "%04x:%02x:%02x.%x", d->segment, d->bus, d->devfn >> 3 & 0x1f,
		 d->devfn & 7u);
	if (!view_item(v)) {
		if (by_id)
			fprintf(v->out, "  %s, %s\n", name,
				(int)d->group_id < 0 ? "not ours" : "ours");
		else
			fprintf(v->out, "  %s, group %u\n", name, d->group_id);
		return;
	}
	json_str(v->json, "device", name);
	if (by_id)
		json_bool(v->json, "ours", (int)d->group_id >= 0);
	else
		json_u64(v->json, "iommu_group", d->group_id);
	json_close(v->json, '}');
}

int view_hot_reset(struct view *v, struct nvio_device *device)
{
	struct vfio_pci_hot_reset_info *info;
	uint32_t i;
	int err = 0;

	info = ask_hot_reset(device->fd, &err);
	if (!info && err != -ENODEV)
		return nvio_error(-err, "%s does not tell what a hot reset resets: %s",
				  device->name, strerror(-err));
	if (!info) {
		view_str(v, "hot_reset", "hot reset", NULL);
		return 0;
	}
	view_begin(v, "hot_reset", "a hot reset resets");
	for (i = 0; i < info->count; i++)
		/* Bit 0: the answer is in iommufd's terms. */
		print_dependent(v, &info->devices[i], info->flags & 1);
	view_end(v);
	free(info);
	return 0;
}

void view_extensions(struct view *v)
{
	char path[NVIO_PATH_LEN];
	size_t i;
	int fd;

	snprintf(path, sizeof(path), "%s/vfio/vfio", nvio_roots.dev);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	view_begin(v, "container_extensions", "extensions of containers");
	for (i = 0; i < ARRAY_LEN(extensions); i++) {
		if (ioctl(fd, VFIO_CHECK_EXTENSION, extensions[i].value) > 0)
			print_name(v, extensions[i].name, extensions[i].value);
	}
	view_end(v);
	close(fd);
}

int view_group(struct view *v, const char *pci_name)
{
	struct nvio_pci pci, other;
	struct names names;
	size_t i;
	int err = nvio_pci_read(pci_name, &pci);

	if (!err)
		err = function_group(pci.group, &names);
	if (err)
		return err;
	view_u64(v, "iommu_group", "IOMMU group", (uint64_t)pci.group);
	view_begin(v, "group_members", "its members");
	for (i = 0; i < names.nr; i++) {
		if (nvio_pci_read(names.name[i], &other))
			continue;
		if (!view_item(v)) {
			fprintf(v->out, "  %s, %s\n", other.name,
				other.driver[0] ? other.driver : "no driver");
			continue;
		}
		json_str(v->json, "device", other.name);
		json_str(v->json, "driver", other.driver[0] ? other.driver : NULL);
		json_close(v->json, '}');
	}
	view_end(v);
	names_free(&names);
	return 0;
}
