/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nvio vfio: opens a device and prints what it and its address space answer. Here is what the
 * library tells of a device whichever way it is reached; vfio_kernel.c has the rest.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/vfio.h>
#include <string.h>

#include <nvio/feature.h>

#include "base/bits.h"
#include "base/error.h"
#include "nvio/cmd.h"
#include "nvio/view.h"

/* As many as are told: what shares a bus is few. */
#define RESET_DEVICES_MAX 256

static const struct view_name ways[] = {
	{ NVIO_WAY_GROUP, "group" },
	{ NVIO_WAY_CDEV, "cdev" },
	{ NVIO_WAY_NOIOMMU, "noiommu" },
	{ NVIO_WAY_TCE_V1, "tce-v1" },
};

static const struct view_name device_flags[] = {
	{ 1 << 0, "reset" },  { 1 << 1, "pci" },  { 1 << 2, "platform" },
	{ 1 << 3, "amba" },   { 1 << 4, "ccw" },  { 1 << 5, "ap" },
	{ 1 << 6, "fsl-mc" }, { 1 << 7, "caps" }, { 1 << 8, "cdx" },
};

static const struct view_name region_flags[] = {
	{ 1 << 0, "read" },
	{ 1 << 1, "write" },
	{ 1 << 2, "mmap" },
	{ 1 << 3, "caps" },
};

static const struct view_name irq_flags[] = {
	{ 1 << 0, "eventfd" },
	{ 1 << 1, "maskable" },
	{ 1 << 2, "automasked" },
	{ 1 << 3, "noresize" },
};

static const struct view_name region_names[] = {
	{ 0, "BAR0" }, { 1, "BAR1" }, { 2, "BAR2" },   { 3, "BAR3" }, { 4, "BAR4" },
	{ 5, "BAR5" }, { 6, "ROM" },  { 7, "config" }, { 8, "VGA" },
};

static const struct view_name irq_names[] = {
	{ 0, "INTx" }, { 1, "MSI" }, { 2, "MSI-X" }, { 3, "ERR" }, { 4, "REQ" },
};

static void print_device(struct view *v, struct nvio_device *device)
{
	struct nvio_device_info info;
	char text[32];

	nvio_device_get_info(device, &info, sizeof(info));
	view_str(v, "device", "device", info.name);
	snprintf(text, sizeof(text), "%04x:%04x", info.vendor, info.device);
	view_str(v, "id", "vendor:device", text);
	snprintf(text, sizeof(text), "0x%06x", info.class_code);
	view_str(v, "class", "class", text);
	if (info.numa_node >= 0)
		view_u64(v, "numa_node", "NUMA node", (uint64_t)info.numa_node);
	else
		view_str(v, "numa_node", "NUMA node", NULL);
	if (!v->json)
		fputs("flags:", v->out);
	view_flags(v, "flags", info.flags, device_flags, ARRAY_LEN(device_flags));
	if (!v->json)
		fputc('\n', v->out);
}

static void print_areas(struct view *v, const struct nvio_region_info *info)
{
	uint32_t i;

	if (v->json)
		json_open(v->json, "mappable", '[');
	for (i = 0; i < info->nr_areas; i++) {
		if (!v->json) {
			fprintf(v->out, "%s 0x%" PRIx64 " + 0x%" PRIx64,
				i ? "," : "; mappable:", info->areas[i].offset, info->areas[i].len);
			continue;
		}
		json_open(v->json, NULL, '{');
		json_u64(v->json, "offset", info->areas[i].offset);
		json_u64(v->json, "bytes", info->areas[i].len);
		json_close(v->json, '}');
	}
	if (v->json)
		json_close(v->json, ']');
}

static void print_region(struct view *v, uint32_t idx, const struct nvio_region_info *info)
{
	const char *name = view_find(idx, region_names, ARRAY_LEN(region_names));
	const char *type = nvio_region_type_name(info->type, info->subtype);

	if (view_item(v)) {
		json_u64(v->json, "index", idx);
		json_str(v->json, "name", name);
		json_str(v->json, "type_name", type);
		json_u64(v->json, "bytes", info->len);
		json_bool(v->json, "msix_mappable", info->msix_mappable);
		json_u64(v->json, "type", info->type);
		json_u64(v->json, "subtype", info->subtype);
	} else {
		fprintf(v->out, "  %u %s: 0x%" PRIx64 " bytes,", idx, name ? name : "(special)",
			info->len);
	}
	view_flags(v, "flags", info->flags, region_flags, ARRAY_LEN(region_flags));
	if (!v->json && info->msix_mappable)
		fputs(", MSI-X table mappable", v->out);
	if (!v->json && info->type)
		fprintf(v->out, ", type 0x%x.0x%x (%s)", info->type, info->subtype,
			type ? type : "unknown");
	print_areas(v, info);
	if (v->json)
		json_close(v->json, '}');
	else
		fputc('\n', v->out);
}

static int print_regions(struct view *v, struct nvio_device *device)
{
	struct nvio_device_info info;
	struct nvio_region_info region;
	uint32_t i;
	int err;

	nvio_device_get_info(device, &info, sizeof(info));
	view_begin(v, "regions", "regions");
	for (i = 0; i < info.nr_regions; i++) {
		err = nvio_device_region(device, i, &region, sizeof(region));
		if (err)
			return err;
		if (region.len)
			print_region(v, i, &region);
	}
	view_end(v);
	return 0;
}

static void print_irq(struct view *v, uint32_t idx, const struct nvio_irq_info *info)
{
	const char *name = view_find(idx, irq_names, ARRAY_LEN(irq_names));

	if (view_item(v)) {
		json_u64(v->json, "index", idx);
		json_str(v->json, "name", name);
		json_u64(v->json, "vectors", info->nr_vectors);
	} else {
		fprintf(v->out, "  %u %s: %u vector%s,", idx, name ? name : "(special)",
			info->nr_vectors, info->nr_vectors == 1 ? "" : "s");
	}
	view_flags(v, "flags", info->flags, irq_flags, ARRAY_LEN(irq_flags));
	if (v->json)
		json_close(v->json, '}');
	else
		fputc('\n', v->out);
}

static int print_irqs(struct view *v, struct nvio_device *device)
{
	struct nvio_device_info info;
	struct nvio_irq_info irq;
	uint32_t i;
	int err;

	nvio_device_get_info(device, &info, sizeof(info));
	view_begin(v, "interrupts", "interrupts");
	for (i = 0; i < info.nr_irqs; i++) {
		err = nvio_device_irq(device, (enum nvio_irq)i, &irq, sizeof(irq));
		if (err)
			return err;
		if (irq.nr_vectors)
			print_irq(v, i, &irq);
	}
	view_end(v);
	return 0;
}

static void print_size(struct view *v, unsigned int bit)
{
	fprintf(v->out, "%u%c", 1u << bit % 10, "BKMGTPE"[bit / 10]);
}

/* Sizes that follow on one another are told as the first and the last. */
static void print_page_sizes(struct view *v, uint64_t sizes)
{
	unsigned int bit, first;

	if (!v->json)
		fputs("page sizes:", v->out);
	else
		json_open(v->json, "page_sizes", '[');
	for (bit = 0; bit < 64; bit++) {
		if (!(sizes >> bit & 1))
			continue;
		if (v->json) {
			json_u64(v->json, NULL, 1ull << bit);
			continue;
		}
		for (first = bit; bit < 63 && sizes >> (bit + 1) & 1;)
			bit++;
		fputc(' ', v->out);
		print_size(v, first);
		if (bit != first) {
			fputs(" to ", v->out);
			print_size(v, bit);
		}
	}
	if (v->json)
		json_close(v->json, ']');
	else
		fputc('\n', v->out);
}

static int print_ranges(struct view *v, struct nvio_iommu *iommu, uint32_t nr)
{
	struct nvio_iova_range range;
	uint32_t i;
	int err;

	view_begin(v, "iova_ranges", "IOVAs that may be used");
	for (i = 0; i < nr; i++) {
		err = nvio_iommu_range(iommu, i, &range);
		if (err)
			return err;
		if (!view_item(v)) {
			fprintf(v->out, "  0x%" PRIx64 " to 0x%" PRIx64 "\n", range.start,
				range.last);
			continue;
		}
		json_u64(v->json, "start", range.start);
		json_u64(v->json, "last", range.last);
		json_close(v->json, '}');
	}
	view_end(v);
	return 0;
}

static int print_iommu(struct view *v, struct nvio_iommu *iommu,
		       const struct nvio_device_info *device)
{
	struct nvio_iommu_info info;

	nvio_iommu_get_info(iommu, &info, sizeof(info));
	view_str(v, "way", "way", device->way);
	view_str(v, "why", "why", device->why);
	print_page_sizes(v, info.page_sizes);
	if (info.maps_left != UINT32_MAX)
		view_u64(v, "maps_left", "maps left", info.maps_left);
	else
		view_str(v, "maps_left", "maps left", v->json ? NULL : "not told");
	return print_ranges(v, iommu, info.nr_ranges);
}

static int print_hot_reset(struct view *v, struct nvio_device *device)
{
	struct nvio_reset_device others[RESET_DEVICES_MAX];
	int i, nr = nvio_device_hot_reset_info(device, others, RESET_DEVICES_MAX);

	if (nr == -ENOTSUP) {
		view_str(v, "hot_reset", "hot reset", NULL);
		return 0;
	}
	view_begin(v, "hot_reset", "a hot reset resets");
	for (i = 0; i < nr && i < RESET_DEVICES_MAX; i++) {
		if (!view_item(v)) {
			fprintf(v->out, "  %s%s\n", others[i].name,
				others[i].owned ? "" : ", which is not in this address space");
			continue;
		}
		json_str(v->json, "device", others[i].name);
		json_bool(v->json, "owned", others[i].owned);
		json_close(v->json, '}');
	}
	view_end(v);
	return nr < 0 ? nr : 0;
}

static int print_all(struct view *v, struct nvio_iommu *iommu, struct nvio_device *device)
{
	struct nvio_device_info info;
	int err;

	nvio_device_get_info(device, &info, sizeof(info));
	print_device(v, device);
	err = print_iommu(v, iommu, &info);
	if (!err)
		err = print_regions(v, device);
	if (!err)
		err = print_irqs(v, device);
	if (!err && view_is_kernel(device))
		err = view_capabilities(v, device);
	if (err)
		return err;
	view_features(v, device);
	if (!view_is_kernel(device))
		return 0;
	view_tce(v, device);
	view_eeh(v, device);
	view_extensions(v, iommu);
	err = info.group >= 0 ? view_group(v, info.name) : 0;
	return err ? err : print_hot_reset(v, device);
}

static int find_way(const char *name, enum nvio_way *way)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(ways); i++) {
		if (!strcmp(ways[i].name, name)) {
			*way = (enum nvio_way)ways[i].value;
			return 0;
		}
	}
	return nvio_error(EINVAL, "--vfio '%s': not one of group cdev noiommu tce-v1", name);
}

int cmd_vfio(const struct cmd_args *args, FILE *out)
{
	struct nvio_iommu_opts opts = NVIO_IOMMU_OPTS;
	struct nvio_device_opts device_opts = NVIO_DEVICE_OPTS;
	struct json json = { .out = out };
	struct view v = { .out = out, .json = args->given & CMD_JSON ? &json : NULL };
	struct nvio_iommu *iommu;
	struct nvio_device *device;
	int err = args->way ? find_way(args->way, &opts.way) : 0;

	if (!err)
		err = nvio_iommu_open(&opts, &iommu);
	if (err)
		return err;
	device_opts.vf_token = args->vf_token;
	err = nvio_device_open(iommu, args->devices[0], &device_opts, &device);
	if (!err) {
		if (v.json)
			json_open(&json, NULL, '{');
		err = print_all(&v, iommu, device);
		if (v.json && !err)
			json_close(&json, '}');
		nvio_device_close(device);
	}
	nvio_iommu_close(iommu);
	return err;
}
