/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device object, and what a way of reaching devices has to bring.
 *
 * device.c, region.c, config.c and irq.c check requests against what the device says of itself and
 * keep the state; the operations below only carry them out.
 */
#ifndef NVIO_LIB_VFIO_DEVICE_H
#define NVIO_LIB_VFIO_DEVICE_H

#include <pthread.h>
#include <sys/types.h>

#include <nvio/vfio.h>

#include "vfio/pci.h"

/* More than any PCI function shows; a bound on what a device may claim. */
#define NVIO_REGIONS_MAX 64
/* A prefix and the longest socket path, or the options of a software controller. */
#define NVIO_DEVICE_NAME_LEN 256
#define NVIO_IRQS_MAX        16
/* Files that are handed in: "fd:5,6". */
#define NVIO_FD_PREFIX "fd:"

struct nvio_region {
	struct nvio_region_info info;
	uint64_t fd_offset; /* where the region lies in the device's file */
};

struct nvio_device_ops {
	int (*region)(struct nvio_device *device, uint32_t idx, struct nvio_region *region);
	/* @offset and @len are whole pages. Returns the address or MAP_FAILED with errno. */
	void *(*map)(struct nvio_device *device, uint32_t idx, uint64_t offset, size_t len);
	/* Bytes moved, or -errno. */
	ssize_t (*read)(struct nvio_device *device, uint32_t idx, uint64_t offset, void *buf,
			size_t len);
	ssize_t (*write)(struct nvio_device *device, uint32_t idx, uint64_t offset, const void *buf,
			 size_t len);
	int (*irq)(struct nvio_device *device, uint32_t irq, struct nvio_irq_info *info);
	/* @flags as in struct vfio_irq_set; @fds are @count eventfds, or NULL with DATA_NONE. */
	int (*irq_set)(struct nvio_device *device, uint32_t irq, uint32_t flags, uint32_t start,
		       uint32_t count, const int *fds);
	int (*reset)(struct nvio_device *device);
	/* Any other request of VFIO: what the kernel returns, or -errno. NULL: there are none. */
	int (*ask)(struct nvio_device *device, unsigned long request, void *arg);
	/* Whether it is still there, asked now and then while nothing comes. NULL: nobody knows. */
	bool (*alive)(struct nvio_device *device);
	/* Ends its use where it stands; nothing of it is mapped. NULL: that cannot be. */
	int (*let_go)(struct nvio_device *device);
	/* An fd that polls POLLRDHUP when the device goes; -1 or NULL for none. */
	int (*hangup_fd)(struct nvio_device *device);
	void (*close)(struct nvio_device *device);
	bool is_process; /* no hardware, emulated or not: what is mapped of it is memory */
};

/* Part of a region in this process. */
struct nvio_mapping {
	struct nvio_mapping *next;
	void *addr;
	size_t len;
	uint32_t region;
	uint64_t offset; /* in it */
};

struct nvio_watch;
struct nvio_pasid;

struct nvio_device {
	const struct nvio_device_ops *ops;
	struct nvio_iommu *iommu; /* referenced */
	int fd; /* the kernel's way */
	uint32_t devid; /* at its iommufd; 0: it is bound to none */
	bool attached; /* to an address space of iommufd */
	bool eeh; /* it is enabled */
	bool was_running; /* it was handed over with its controller enabled */
	char *notes; /* ...and this, malloc()ed, for who drives it now; NULL: nothing */
	const char *type; /* of its domain */
	const char *why; /* it was reached that way */
	void *way; /* what another way keeps */
	struct emu *emu; /* the software controller that was started for it */
	char name[NVIO_DEVICE_NAME_LEN];
	struct nvio_pci pci;
	uint32_t flags;
	uint32_t nr_regions;
	uint32_t nr_irqs;
	struct nvio_region regions[NVIO_REGIONS_MAX];
	uint32_t vectors[NVIO_IRQS_MAX]; /* enabled, per kind */
	pthread_mutex_t lock; /* over the mappings, and letting go */
	struct nvio_mapping *mappings;
	bool asleep; /* nvio_device_sleep(), and nobody has woken it; it may have woken by itself */
	struct nvio_pasid *pasids; /* address spaces besides its own */
	bool let_go; /* set once, read without the lock */
	bool revoked; /* the same: a mapping of it raised a SIGBUS */
	struct nvio_watch *watch;
	int error_fd; /* the kernel signals errors of the device here; -1: it does not */
	pthread_mutex_t error_lock; /* whoever takes a signal tells of it before another can be
				       taken, or forgotten; nothing but what it calls is inside */
	void (*failed)(void *arg); /* told of them; NULL: nobody */
	void *failed_arg;
};

/* A device without a way yet, that refers to no address space; and away with what every device has,
 * once it is closed or kept. */
struct nvio_device *nvio_device_new(struct nvio_iommu *iommu);
void nvio_device_free(struct nvio_device *device);

/* A request of VFIO that no operation stands for. Returns what the kernel does; -ENOTTY where the
 * way to the device has no such thing. */
int nvio_device_ask(struct nvio_device *device, unsigned long request, void *arg);

/* Whether the device is still there, as far as that can be known; a system call or none. */
bool nvio_device_alive(struct nvio_device *device);

/* Whether its configuration space can be read, and is not all ones; a system call. */
bool nvio_device_answers(struct nvio_device *device);

/* An fd that polls POLLRDHUP when the device goes, or -1. */
int nvio_device_hangup_fd(struct nvio_device *device);

/* Whether it is another process, and what is mapped of it memory that both share. */
static inline bool nvio_device_is_process(const struct nvio_device *device)
{
	return device->ops->is_process;
}

/* Configuration space reads as all ones. Returns -ENODEV, with the sentence. */
int nvio_device_gone(const struct nvio_device *device);

/* Whether the function answers at the addresses of its BARs (PCI Command register, bit 1). */
int nvio_device_memory(struct nvio_device *device, bool on);
/* Whether it does now: 1, 0 or -errno. */
int nvio_device_decodes(struct nvio_device *device);

/* The bus address of a memory BAR: where the device itself sees what lies there. Returns 0;
 * -EPROTO when it is none; what reading returned. */
int nvio_device_bar_address(struct nvio_device *device, uint32_t idx, uint64_t *address);

/* Reads every region's description. Returns 0 or -errno. */
int nvio_device_read_regions(struct nvio_device *device);

static inline bool nvio_device_was_let_go(const struct nvio_device *device)
{
	return __atomic_load_n(&device->let_go, __ATOMIC_ACQUIRE);
}

static inline bool nvio_device_was_revoked(const struct nvio_device *device)
{
	return __atomic_load_n(&device->revoked, __ATOMIC_ACQUIRE);
}

/* Has @fn told of errors of the device: by the thread that watches it, or else by whoever calls
 * nvio_device_look(), from any thread, which costs a system call where the kernel tells of them.
 * NULL: nobody is told yet; errors from here on wait for whoever will be. */
void nvio_device_on_error(struct nvio_device *device, void (*fn)(void *arg), void *arg);
void nvio_device_look(struct nvio_device *device);
/* What was signalled until now is told to nobody: it was dealt with. */
void nvio_device_forget_errors(struct nvio_device *device);

/* Ends the thread of nvio_device_watch(), if there is one. */
void nvio_device_unwatch(struct nvio_device *device);

/* Puts memory that reads as all ones in the place of a mapping, at once: no access in between finds
 * nothing. Returns 0 or -errno. */
int nvio_mapping_bury(struct nvio_mapping *mapping);
/* The same, fit for a handler of signals: -1 and errno. */
int nvio_mapping_replace(void *addr, size_t len);

/* guard.c: mappings that nvio_sigbus_guard() is about. */
void nvio_guard_add(struct nvio_device *device, const struct nvio_mapping *mapping);
void nvio_guard_remove(const struct nvio_mapping *mapping);

/* @nr: enabled of a kind; a line's is looked at by whoever unmasks it, while a reset may change it.
 */
static inline void nvio_device_set_vectors(struct nvio_device *device, enum nvio_irq irq,
					   uint32_t nr)
{
	__atomic_store_n(&device->vectors[irq], nr, __ATOMIC_RELAXED);
}

/* After a reset of the function; the kernel's own interrupts, ERR and REQ, are not its. */
static inline void nvio_device_forget_vectors(struct nvio_device *device)
{
	for (int irq = NVIO_IRQ_INTX; irq <= NVIO_IRQ_MSIX; irq++)
		nvio_device_set_vectors(device, (enum nvio_irq)irq, 0);
}

/* Takes back all mappings of regions. */
void nvio_device_unmap_regions(struct nvio_device *device);

/*
 * Fills @region from an answer to VFIO_DEVICE_GET_REGION_INFO with its capabilities: @len bytes at
 * @answer. Returns 0; -EPROTO when it makes no sense.
 */
int nvio_region_parse(const void *answer, size_t len, struct nvio_region *region);

/* Refuses a device of another class than @opts name. Returns 0 or -EINVAL. */
int nvio_device_check_class(const struct nvio_device *device, const struct nvio_device_opts *opts);

/* choose.c: opens a device of the kernel's VFIO, by its address or by "fd:DEVICE,IOMMUFD". Fills in
 * all of @device. Returns 0 or -errno. */
int nvio_device_open_kernel(struct nvio_iommu *iommu, const char *name,
			    const struct nvio_device_opts *opts, struct nvio_device *device);

/* The kernel's way: a device fd of VFIO, on which nvio_kernel_ops work. Fills in flags and counts.
 * Returns 0 or -errno. */
extern const struct nvio_device_ops nvio_kernel_ops;
int nvio_kernel_device_info(struct nvio_device *device);

#endif
