/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What only the kernel's VFIO answers of a device, asked of its descriptor; see view.h. Names are
 * the kernel's, by number: the header that this is built with may be older than the kernel.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <nvio/feature.h>
#include <nvio/spapr.h>

#include "base/bits.h"
#include "base/error.h"
#include "nvio/function.h"
#include "nvio/view.h"
#include "vfio/device.h"
#include "vfio/sysfs.h"
#include "vfio/type1.h"

/* More than the kernel has. */
#define CAPS_MAX 16

static const struct view_name extensions[] = {
	{ 1, "type1" },   { 2, "spapr-tce" }, { 3, "type1v2" },
	{ 4, "dma-cc" },  { 5, "eeh" },       { 7, "spapr-tce-v2" },
	{ 8, "noiommu" }, { 9, "unmap-all" }, { 10, "update-vaddr" },
};

bool view_is_kernel(const struct nvio_device *device)
{
	return device->ops == &nvio_kernel_ops;
}

int view_capabilities(struct view *v, struct nvio_device *device)
{
	struct nvio_device_cap caps[CAPS_MAX];
	int i, nr = nvio_device_caps(device, caps, CAPS_MAX);

	if (nr < 0)
		return nr;
	view_begin(v, "capabilities", "capabilities");
	for (i = 0; i < nr && i < CAPS_MAX; i++) {
		if (!view_item(v)) {
			fprintf(v->out, "  %u %s, version %u\n", caps[i].id, caps[i].name,
				caps[i].version);
			continue;
		}
		json_u64(v->json, "id", caps[i].id);
		json_str(v->json, "name", caps[i].name);
		json_u64(v->json, "version", caps[i].version);
		json_close(v->json, '}');
	}
	view_end(v);
	return 0;
}

/* Whether the kernel, or a server, would do this with a feature. */
static bool probe(struct nvio_device *device, uint32_t feature, uint32_t what)
{
	struct vfio_device_feature request = { .argsz = sizeof(request) };

	request.flags = feature | VFIO_DEVICE_FEATURE_PROBE | what;
	return nvio_device_ask(device, VFIO_DEVICE_FEATURE, &request) >= 0;
}

void view_features(struct view *v, struct nvio_device *device)
{
	uint32_t i;

	view_begin(v, "features", "features");
	for (i = 0; i < NVIO_NR_FEATURES; i++) {
		const char *name = nvio_feature_name((enum nvio_feature)i);
		bool get = probe(device, i, VFIO_DEVICE_FEATURE_GET);
		bool set = probe(device, i, VFIO_DEVICE_FEATURE_SET);

		if (!get && !set)
			continue;
		if (!view_item(v)) {
			fprintf(v->out, "  %u %s:%s%s\n", i, name, get ? " get" : "",
				set ? " set" : "");
			continue;
		}
		json_u64(v->json, "number", i);
		json_str(v->json, "name", name);
		json_bool(v->json, "get", get);
		json_bool(v->json, "set", set);
		json_close(v->json, '}');
	}
	view_end(v);
}

/* The container in use, which says more than one without groups; else any. It is the caller's. */
static int get_container(struct nvio_iommu *iommu)
{
	char path[NVIO_PATH_LEN];
	int fd;

	pthread_mutex_lock(&iommu->lock);
	fd = nvio_type1_fd(iommu);
	pthread_mutex_unlock(&iommu->lock);
	if (fd >= 0)
		return fcntl(fd, F_DUPFD_CLOEXEC, 0);
	snprintf(path, sizeof(path), "%s/vfio/vfio", nvio_roots.dev);
	return open(path, O_RDWR | O_CLOEXEC);
}

void view_extensions(struct view *v, struct nvio_iommu *iommu)
{
	int fd = get_container(iommu);
	size_t i;

	if (fd < 0)
		return;
	view_begin(v, "container_extensions", "extensions of containers");
	for (i = 0; i < ARRAY_LEN(extensions); i++) {
		if (ioctl(fd, VFIO_CHECK_EXTENSION, extensions[i].value) <= 0)
			continue;
		v->empty = false;
		if (v->json)
			json_str(v->json, NULL, extensions[i].name);
		else
			fprintf(v->out, "  %s\n", extensions[i].name);
	}
	view_end(v);
	close(fd);
}

void view_tce(struct view *v, struct nvio_device *device)
{
	struct nvio_tce_info info;

	if (nvio_device_tce_info(device, &info, sizeof(info)))
		return;
	if (!v->json) {
		fprintf(v->out,
			"DMA window: 0x%" PRIx64 " + 0x%" PRIx64 " in entries of %" PRIu64
			" bytes; by default 0x%" PRIx64 " + 0x%" PRIx64 "\n"
			"windows that can be made: %u, entries of (bits) 0x%" PRIx64
			", up to %u levels\n",
			info.window_start, info.window_len, info.entry_len, info.default_start,
			info.default_len, info.max_windows, info.entry_lens, info.levels);
		return;
	}
	json_open(v->json, "dma_window", '{');
	json_u64(v->json, "start", info.window_start);
	json_u64(v->json, "bytes", info.window_len);
	json_u64(v->json, "entry_bytes", info.entry_len);
	json_u64(v->json, "default_start", info.default_start);
	json_u64(v->json, "default_bytes", info.default_len);
	json_u64(v->json, "max_windows", info.max_windows);
	json_u64(v->json, "entry_sizes", info.entry_lens);
	json_u64(v->json, "levels", info.levels);
	json_close(v->json, '}');
}

void view_eeh(struct view *v, struct nvio_device *device)
{
	static const struct view_name states[] = {
		{ NVIO_EEH_NORMAL, "normal" },           { NVIO_EEH_IN_RESET, "in reset" },
		{ NVIO_EEH_STOPPED, "stopped" },         { NVIO_EEH_STOPPED_DMA, "DMA stopped" },
		{ NVIO_EEH_UNAVAILABLE, "unavailable" },
	};
	int state = nvio_eeh_exists(device) ? nvio_eeh_state(device) : -1;

	if (state >= 0)
		view_str(v, "eeh_state", "EEH state",
			 view_find((uint64_t)state, states, ARRAY_LEN(states)));
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
