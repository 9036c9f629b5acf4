/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel of unit tests: its files, its failures, its /sys; see fake_kernel.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_kernel.h"
#include "vfio/sys.h"
#include "vfio/sysfs.h"
#include "vfio/uapi.h"

struct fake_kernel fake_kernel;

static const struct nvio_sys *real;
static char root[64], sys_root[80], dev_root[80];

int fake_kernel_file(enum fake_kind kind, int idx)
{
	/* Real numbers, so that none is used twice, and memory that a region can be mapped from. */
	int fd = memfd_create("fake", MFD_CLOEXEC);

	if (fd < 0 || fd >= FAKE_FILES || ftruncate(fd, 1 << 20))
		abort();
	fake_kernel.files[fd].kind = kind;
	fake_kernel.files[fd].idx = idx;
	fake_kernel.files[fd].space = 0;
	fake_kernel.opens++;
	return fd;
}

static int find_trouble(unsigned long request)
{
	for (int i = 0; i < FAKE_TROUBLES; i++) {
		struct fake_trouble *t = &fake_kernel.trouble[i];

		if (!t->times || t->request != request)
			continue;
		if (t->skip) {
			t->skip--;
			continue;
		}
		t->times--;
		return t->err;
	}
	return 0;
}

static int fail(int err)
{
	errno = err;
	return -1;
}

static int open_device(int idx)
{
	struct fake_device *device = &fake_kernel.devices[idx];

	if (idx >= FAKE_DEVICES || !device->name)
		return fail(ENOENT);
	if (device->fd >= 0)
		return fail(EBUSY);
	device->fd = fake_kernel_file(FAKE_CDEV, idx);
	return device->fd;
}

static int fake_open(const char *path, int flags)
{
	int err = find_trouble(0), idx;
	const char *name = path + strlen(dev_root);

	if (!(flags & O_CLOEXEC) || (flags & O_ACCMODE) != O_RDWR)
		abort();
	if (err)
		return fail(err);
	if (strncmp(path, dev_root, strlen(dev_root)) || access(path, F_OK))
		return fail(ENOENT);
	if (!strcmp(name, "/vfio/vfio"))
		return fake_kernel_file(FAKE_CONTAINER, 0);
	if (!strcmp(name, "/iommu"))
		return fake_kernel_file(FAKE_IOMMUFD, 0);
	if (sscanf(name, "/vfio/devices/vfio%d", &idx) == 1)
		return open_device(idx);
	if ((sscanf(name, "/vfio/%d", &idx) == 1 || sscanf(name, "/vfio/noiommu-%d", &idx) == 1) &&
	    idx >= 7 && idx < 7 + FAKE_DEVICES)
		return fake_kernel_file(FAKE_GROUP, idx - 7);
	return fail(ENOENT);
}

/* The same file by another number. */
static int fake_dup(int fd)
{
	int own;

	if (fd < 0 || fd >= FAKE_FILES || fake_kernel.files[fd].kind == FAKE_CLOSED)
		return fail(EBADF);
	own = fake_kernel_file(fake_kernel.files[fd].kind, fake_kernel.files[fd].idx);
	fake_kernel.files[own].space = fake_kernel.files[fd].space;
	return own;
}

static bool last_of(int fd);

/* Its number goes on as a file without requests. */
static int fake_replace(int fd)
{
	if (last_of(fd))
		fake_device_closed(&fake_kernel.devices[fake_kernel.files[fd].idx]);
	fake_kernel.files[fd].kind = FAKE_OTHER;
	return fd;
}

static bool last_of(int fd)
{
	for (int i = 0; i < FAKE_FILES; i++) {
		if (i != fd && fake_kernel.files[i].kind == fake_kernel.files[fd].kind &&
		    fake_kernel.files[i].idx == fake_kernel.files[fd].idx)
			return false;
	}
	return true;
}

static int fake_close(int fd)
{
	if (fd < 0 || fd >= FAKE_FILES || fake_kernel.files[fd].kind == FAKE_CLOSED)
		abort();
	if ((fake_kernel.files[fd].kind == FAKE_CDEV ||
	     fake_kernel.files[fd].kind == FAKE_DEVICE) &&
	    last_of(fd))
		fake_device_closed(&fake_kernel.devices[fake_kernel.files[fd].idx]);
	for (int i = 0; i < FAKE_DEVICES; i++) {
		if (fake_kernel.group_container[i] == fd)
			fake_kernel.group_container[i] = -1;
	}
	if (fake_kernel.files[fd].kind == FAKE_CONTAINER) {
		fake_unmap((uint32_t)fd, 0, UINT64_MAX);
		fake_kernel.container_type = fake_kernel.files[fd].space = 0;
		fake_tce_end(fd);
	}
	fake_kernel.files[fd].kind = FAKE_CLOSED;
	return close(fd);
}

static int fake_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = -find_trouble(request);

	fake_kernel.calls++;
	if (fd < 0 || fd >= FAKE_FILES)
		return fail(EBADF);
	if (ret)
		return ret < 0 ? fail(-ret) : ret;
	switch (fake_kernel.files[fd].kind) {
	case FAKE_CONTAINER:
		ret = fake_container_ioctl(fd, request, arg);
		break;
	case FAKE_GROUP:
		ret = fake_group_ioctl(fd, request, arg);
		break;
	case FAKE_IOMMUFD:
		ret = fake_iommufd_ioctl(fd, request, arg);
		break;
	case FAKE_CDEV:
	case FAKE_DEVICE:
		ret = fake_device_ioctl(fd, request, arg);
		break;
	case FAKE_MIGRATION:
		ret = fake_migration_ioctl(fd, request, arg);
		break;
	case FAKE_OTHER:
		ret = -ENOTTY;
		break;
	default:
		ret = -EBADF;
	}
	return ret < 0 ? fail(-ret) : ret;
}

static void *fake_mmap(size_t len, int fd, off_t offset)
{
	return real->mmap(len, fd, offset);
}

/* Configuration space is region 7; the rest is the file. */
static uint8_t *config_at(int fd, size_t len, off_t offset)
{
	uint64_t at = (uint64_t)offset - ((uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << 16);

	if (at > 256 || len > 256 - at)
		return NULL;
	return fake_kernel.devices[fake_kernel.files[fd].idx].config + at;
}

static ssize_t fake_pread(int fd, void *buf, size_t len, off_t offset)
{
	const uint8_t *config = config_at(fd, len, offset);

	if (fake_eeh_blocks(&fake_kernel.devices[fake_kernel.files[fd].idx])) {
		memset(buf, 0xff, len);
		return (ssize_t)len;
	}
	if (!config)
		return pread(fd, buf, len, offset);
	memcpy(buf, config, len);
	return (ssize_t)len;
}

static ssize_t fake_pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	uint8_t *config = config_at(fd, len, offset);

	if (fake_eeh_blocks(&fake_kernel.devices[fake_kernel.files[fd].idx]))
		return (ssize_t)len;
	if (!config)
		return pwrite(fd, buf, len, offset);
	memcpy(config, buf, len);
	return (ssize_t)len;
}

static const struct nvio_sys fake_sys = {
	.open = fake_open,
	.close = fake_close,
	.dup = fake_dup,
	.replace = fake_replace,
	.ioctl = fake_ioctl,
	.mmap = fake_mmap,
	.pread = fake_pread,
	.pwrite = fake_pwrite,
};

void fake_kernel_fail(unsigned long request, int err, unsigned int skip, unsigned int times)
{
	for (int i = 0; i < FAKE_TROUBLES; i++) {
		if (fake_kernel.trouble[i].times)
			continue;
		fake_kernel.trouble[i] = (struct fake_trouble){ request, err, skip, times };
		return;
	}
	abort();
}

/* The path below the made-up root, with its directories. */
static void make_path(char full[512], const char *tree, const char *path)
{
	snprintf(full, 512, "%s/%s/%s", root, tree, path);
	for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
}

static void put(const char *tree, const char *path, const char *text)
{
	char full[512];
	FILE *f;

	make_path(full, tree, path);
	f = fopen(full, "w");
	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
}

void fake_kernel_dev(const char *path)
{
	put("dev", path, "");
}

void fake_kernel_sys(const char *path, const char *text)
{
	put("sys", path, text);
}

void fake_kernel_sys_link(const char *path, const char *target)
{
	char full[512];

	make_path(full, "sys", path);
	if (symlink(target, full))
		abort();
}

void fake_kernel_sys_remove(const char *path)
{
	char full[512];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	if (unlink(full))
		abort();
}

__attribute__((format(printf, 1, 2))) static const char *text(const char *fmt, ...)
{
	static char buf[4][256];
	static unsigned int next;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf[++next % 4], sizeof(buf[0]), fmt, ap);
	va_end(ap);
	return buf[next % 4];
}

static void make_device(int idx, bool cdev)
{
	static const char *const names[FAKE_DEVICES] = { "0000:01:00.0", "0000:02:00.0",
							 "0000:03:00.0" };
	struct fake_device *device = &fake_kernel.devices[idx];
	const char *name = names[idx];

	device->name = name;
	device->group = 7 + idx;
	memcpy(device->config, "\x36\x1b\x10\x00\x02\x00\x10\x00\x02\x02\x08\x01", 12);
	memcpy(device->config + 16, "\x04\x00\x00\x00\x04\x00\x00\x00", 8);
	memcpy(device->nr_vectors, (uint32_t[]){ 1, 1, FAKE_VECTORS, 1, 1 }, 20);
	device->irq_flags[VFIO_PCI_INTX_IRQ_INDEX] =
		VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
	for (int i = 1; i < 5; i++)
		device->irq_flags[i] = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
	put("sys", text("bus/pci/devices/%s/class", name), "0x010802\n");
	put("sys", text("bus/pci/devices/%s/vendor", name), "0x1b36\n");
	put("sys", text("bus/pci/devices/%s/device", name), "0x0010\n");
	put("sys", text("bus/pci/devices/%s/resource", name),
	    "0x00000000fe000000 0x00000000fe003fff 0x0000000000140204\n");
	put("sys", text("kernel/iommu_groups/%d/devices/%s", 7 + idx, name), "");
	fake_kernel_sys_link(text("bus/pci/devices/%s/driver", name), "../../drivers/vfio-pci");
	fake_kernel_sys_link(text("bus/pci/devices/%s/iommu_group", name),
			     text("../../kernel/iommu_groups/%d", 7 + idx));
	put("dev", text("vfio/%d", 7 + idx), "");
	if (!cdev)
		return;
	put("sys", text("bus/pci/devices/%s/vfio-dev/vfio%d/dev", name, idx), "510:0\n");
	put("dev", text("vfio/devices/vfio%d", idx), "");
}

void fake_kernel_start(unsigned int nr_devices, bool cdev)
{
	fake_kernel = (struct fake_kernel){
		.extensions = 1u << VFIO_TYPE1_IOMMU | 1u << VFIO_TYPE1v2_IOMMU |
			      1u << VFIO_UNMAP_ALL | 1u << VFIO_UPDATE_VADDR,
		.viable = true,
		.page_sizes = ~0xfffull,
		.dma_avail = 65535,
		.iova_caps = true,
		.map_file = true,
		.next_ioas = 100,
		.huge_pages = 1,
	};
	fake_tce_defaults();
	for (int i = 0; i < FAKE_DEVICES; i++) {
		fake_kernel.group_container[i] = -1;
		fake_kernel.devices[i].fd = -1;
		fake_kernel.devices[i].wakeup_fd = -1;
		fake_migration_end(&fake_kernel.devices[i]);
	}
	snprintf(root, sizeof(root), "/tmp/nvio-fake.XXXXXX");
	if (!mkdtemp(root))
		abort();
	snprintf(sys_root, sizeof(sys_root), "%s/sys", root);
	snprintf(dev_root, sizeof(dev_root), "%s/dev", root);
	put("dev", "vfio/vfio", "");
	if (cdev)
		put("dev", "iommu", "");
	for (unsigned int i = 0; i < nr_devices; i++)
		make_device((int)i, cdev);
	nvio_roots = (struct nvio_roots){ sys_root, "/proc", dev_root };
	real = nvio_sys;
	nvio_sys = &fake_sys;
}

unsigned int fake_kernel_end(void)
{
	unsigned int open_files = 0;
	char command[128];

	nvio_sys = real;
	nvio_roots = (struct nvio_roots){ "/sys", "/proc", "/dev" };
	for (int i = 0; i < FAKE_FILES; i++) {
		if (fake_kernel.files[i].kind == FAKE_CLOSED)
			continue;
		open_files++;
		close(i);
	}
	snprintf(command, sizeof(command), "rm -r %s", root);
	if (system(command))
		abort();
	return open_files + fake_tce_mistakes() + fake_kernel.mapped_at_close;
}
