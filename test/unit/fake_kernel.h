/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A kernel with VFIO and iommufd for unit tests, behind the system calls of lib/vfio and a /sys of
 * its own: it keeps to the rules of the real one, and to the order that it wants, counts what is
 * open and mapped, and fails where a test says.
 *
 * fake_kernel.c owns files and failures, fake_container.c containers with their groups,
 * fake_spapr.c and fake_eeh.c those of POWER machines, fake_iommufd.c address spaces of iommufd,
 * fake_device.c devices, fake_feature.c and fake_migration.c their features.
 */
#ifndef NVIO_TEST_UNIT_FAKE_KERNEL_H
#define NVIO_TEST_UNIT_FAKE_KERNEL_H

#include <linux/vfio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_DEVICES  3
#define FAKE_FILES    256
#define FAKE_MAPPINGS 64
#define FAKE_TROUBLES 8
#define FAKE_BAR_LEN  16384u
#define FAKE_VECTORS  8
#define FAKE_DATA_LEN 64
#define FAKE_WINDOWS  2
#define FAKE_REGIONS  32

enum fake_kind {
	FAKE_CLOSED,
	FAKE_CONTAINER,
	FAKE_GROUP,
	FAKE_CDEV, /* of iommufd: nothing before it is bound */
	FAKE_DEVICE, /* from a group */
	FAKE_IOMMUFD,
	FAKE_MIGRATION, /* the state of a device goes through it */
	FAKE_OTHER, /* a file that answers no request of VFIO */
};

struct fake_mapping {
	uint64_t iova;
	uint64_t len;
	uint64_t vaddr; /* or the offset in the file */
	uint32_t flags;
	int fd; /* of a map of a file, else -1 */
	uint32_t space; /* container or IOAS */
};

struct fake_eeh {
	bool enabled;
	bool can_inject;
	uint32_t state; /* VFIO_EEH_PE_STATE_* */
	uint32_t cure; /* VFIO_EEH_PE_RESET_*: the weakest that brings it back */
	uint32_t asserted; /* 0: none */
	uint32_t hot_resets, fundamental_resets, configured;
	struct vfio_eeh_pe_err injected;
};

#define FAKE_STATE_LEN 5000u

struct fake_migration {
	uint32_t state;
	uint8_t bytes[FAKE_STATE_LEN]; /* what the device is */
	uint64_t len; /* told instead of FAKE_STATE_LEN; 0: nothing */
	int own; /* the file that it goes through; 0: none */
	bool tells_renewal; /* as it was asked to */
	bool renewed;
};

struct fake_device {
	const char *name;
	int group;
	int fd; /* -1 while it is closed */
	uint32_t bound; /* to an iommufd */
	uint32_t attached; /* IOAS, 0: none */
	uint32_t pasid; /* one that is attached, to pasid_ioas; 0: none */
	uint32_t pasid_ioas;
	uint32_t attach_busy; /* so many times, while a reset runs */
	char token[64]; /* wanted to open it; "": one is an error */
	uint8_t config[256];
	uint32_t nr_vectors[5]; /* of each kind of interrupt */
	uint32_t irq_flags[5];
	bool line_is_up; /* INTx: signals again, and is masked, when it is unmasked */
	int eventfd[5][FAKE_VECTORS];
	bool masked[5][FAKE_VECTORS];
	uint32_t enabled[5];
	bool armed[5]; /* the function knows of it, too */
	struct fake_eeh eeh;
	uint32_t max_enabled; /* so many after some were added; 0: all */
	uint32_t resets;
	uint32_t hot_resets;
	uint64_t cap_next; /* of its second capability; 0: it has none */
	uint64_t io_offset, io_data; /* what an eventfd writes */
	int io_fd;
	bool low_power;
	int wakeup_fd;
	uint32_t features; /* bits of what it offers */
	uint8_t vf_token[16];
	bool bus_master;
	struct fake_migration mig;
	bool dma_log;
	uint64_t log_start, log_len; /* the last range */
};

struct fake_window {
	uint64_t start, len; /* 0: none */
	uint32_t shift;
};

struct fake_region {
	uint64_t addr, len;
	int fd; /* the container that has registered it */
};

/* A container of sPAPR TCE. */
struct fake_tce_container {
	int fd; /* 0: none */
	bool v2;
	bool enabled;
	bool pending; /* the default window, until it is used or removed */
	struct fake_window windows[FAKE_WINDOWS];
};

/* All of them. */
struct fake_tce {
	/* What it offers. */
	uint32_t default_len;
	uint64_t page_sizes;
	uint32_t max_windows; /* 0: none can be made */
	uint32_t levels, levels_needed;
	uint64_t longest; /* window */
	uint64_t backing; /* pages that all memory is in */
	uint64_t memlock; /* limit */

	/* What it holds. */
	struct fake_tce_container of[FAKE_DEVICES];
	struct fake_region regions[FAKE_REGIONS];
	uint32_t nr_regions;
	uint64_t locked; /* charged */
	uint32_t disables;

	/* What no kernel tells: mistakes of whoever uses it. */
	uint32_t leaks; /* memory unregistered while it was mapped */
	uint32_t overlaps; /* maps over others */
	uint32_t blind_unmaps; /* of what was not mapped */
};

struct fake_trouble {
	unsigned long request; /* of an ioctl; 0: open() */
	int err;
	unsigned int skip; /* so many work first */
	unsigned int times;
};

struct fake_kernel {
	/* What it offers; a test changes it before it opens anything. */
	uint32_t extensions; /* a bit for each of VFIO_CHECK_EXTENSION */
	int api_version;
	bool viable;
	uint64_t page_sizes;
	uint32_t dma_avail;
	bool iova_caps; /* ranges and the number of maps are told */
	bool map_file; /* iommufd maps files */
	struct fake_tce tce;
	struct fake_trouble trouble[FAKE_TROUBLES];
	struct fake_device devices[FAKE_DEVICES];

	/* What it holds. */
	struct {
		enum fake_kind kind;
		int idx; /* group, or device */
		uint32_t space; /* container: its type; iommufd: its last IOAS */
	} files[FAKE_FILES];
	int group_container[FAKE_DEVICES]; /* fd, -1 for none */
	uint32_t container_type; /* that was set last */
	uint32_t next_ioas;
	uint32_t nr_ioas;
	struct fake_mapping maps[FAKE_MAPPINGS];
	uint32_t nr_maps;
	uint32_t opens; /* files opened since the start */
	uint32_t calls; /* ioctls since the start */
	uint64_t huge_pages; /* option of an IOAS, as set last */
	uint64_t rlimit_mode;
	uint32_t process_changes; /* that memory counts for another one */
	bool dirty; /* pages are tracked */
	uint32_t mapped_at_close; /* devices that were closed while a region was mapped */
	bool vaddr_gone; /* mappings that wait for their new addresses */
};

extern struct fake_kernel fake_kernel;

/*
 * A machine of @nr_devices NVMe controllers, 0000:01:00.0 and so on, each in a group of its own (7
 * and so on), bound to vfio-pci; @cdev: its kernel has iommufd and character devices too.
 */
void fake_kernel_start(unsigned int nr_devices, bool cdev);

/* The real kernel again. Returns how many files were left open, and how many mistakes were made
 * that no kernel tells. */
unsigned int fake_kernel_end(void);

/* A request fails from now on: @skip of them work, then @times do not. @err: negative for an answer
 * above 0. */
void fake_kernel_fail(unsigned long request, int err, unsigned int skip, unsigned int times);

/* A file that the fake knows, as a test hands one in. */
int fake_kernel_file(enum fake_kind kind, int idx);

/* A file of the made-up /sys ("bus/pci/...") or /dev, or a link. */
void fake_kernel_sys(const char *path, const char *text);
void fake_kernel_dev(const char *path);
void fake_kernel_sys_link(const char *path, const char *target);
/* Takes a file of the made-up machine away: "dev/iommu". */
void fake_kernel_sys_remove(const char *path);

/* The parts: 0 or more, or -errno. */
int fake_container_ioctl(int fd, unsigned long request, void *arg);
int fake_group_ioctl(int fd, unsigned long request, void *arg);
int fake_iommufd_ioctl(int fd, unsigned long request, void *arg);
int fake_device_ioctl(int fd, unsigned long request, void *arg);
int fake_tce_ioctl(int fd, unsigned long request, void *arg);
void fake_tce_defaults(void);
unsigned int fake_tce_mistakes(void);
void fake_tce_begin(int fd, uint32_t type);
void fake_tce_end(int fd);
int fake_eeh(int fd, const struct vfio_eeh_pe_op *request);
/* Whether registers and configuration space read as all ones. */
bool fake_eeh_blocks(const struct fake_device *device);
struct vfio_device_feature;
struct vfio_device_feature_mig_state;
struct vfio_pci_hot_reset_info;
struct vfio_pci_hot_reset;
int fake_feature(struct fake_device *device, struct vfio_device_feature *request);
int fake_hot_reset_info(const struct fake_device *device, struct vfio_pci_hot_reset_info *info);
int fake_hot_reset(struct fake_device *device, const struct vfio_pci_hot_reset *request);
int fake_migration_set(struct fake_device *device, struct vfio_device_feature_mig_state *state);
int fake_migration_ioctl(int fd, unsigned long request, void *arg);
/* It runs, as it is made and after a reset. */
void fake_migration_end(struct fake_device *device);
void fake_device_closed(struct fake_device *device);

int fake_map(const struct fake_mapping *map);
/* Returns how many bytes, or -EINVAL where a map would be cut. */
int64_t fake_unmap(uint32_t space, uint64_t iova, uint64_t len);

#endif
