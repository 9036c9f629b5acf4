/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vfio-user client against a server that answers anything.
 *
 * The server gets its turn where the client waits for it, in poll(). The input says what it
 * answers: what it should with some bytes changed, or anything at all, in one delivery or two, with
 * descriptors, or nothing; and what the client asks for once it has the device open. Buffers keep
 * what is around them, what may be mapped can be touched, and no descriptor stays behind.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nvio/mem.h>

#include "base/bits.h"
#include "vfio/user.h"
#include "fuzz.h"

#define HEADER     sizeof(struct nvio_user_header)
#define ANSWER_MAX 8192u
#define FDS_MAX    10u /* more than the client takes */
#define ACTS       24u
#define GUARD      0x5a
#define BUF_LEN    64u

int __wrap_poll(struct pollfd *fds, nfds_t nr, int timeout);
int __real_poll(struct pollfd *fds, nfds_t nr, int timeout);

/* What comes with answers: a file to map, one that is too short, an eventfd. Made once. */
static int kinds[3];

static struct {
	struct fuzz_input in;
	struct nvio_iommu *iommu;
	struct nvio_device device;
	int client; /* the client's end, to know it by */
	int fd; /* the server's; -1: it has hung up */
	struct nvio_user_header asked;
	uint8_t request[256]; /* what came behind the header, cut off */
	uint8_t late[ANSWER_MAX]; /* second deliveries */
	size_t late_len;
} f;

static void hang_up(void)
{
	if (f.fd >= 0)
		close(f.fd);
	f.fd = -1;
}

static void make_kinds(void)
{
	if (kinds[0])
		return;
	kinds[0] = memfd_create("region", MFD_CLOEXEC);
	kinds[1] = memfd_create("short", MFD_CLOEXEC);
	kinds[2] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fuzz_check(!ftruncate(kinds[0], 65536) && !ftruncate(kinds[1], 4096));
}

/* Takes what the client has sent. The last request counts. */
static void take_request(void)
{
	uint8_t bytes[4096];
	char control[CMSG_SPACE(8 * sizeof(int))] __attribute__((aligned(8)));
	ssize_t got;

	for (;;) {
		struct iovec iov = { bytes, sizeof(bytes) };
		struct msghdr msg = { .msg_iov = &iov,
				      .msg_iovlen = 1,
				      .msg_control = control,
				      .msg_controllen = sizeof(control) };

		got = recvmsg(f.fd, &msg, MSG_DONTWAIT);
		if (got <= 0)
			return;
		fuzz_close_received(&msg);
		if ((size_t)got < HEADER)
			continue;
		memcpy(&f.asked, bytes, HEADER);
		memset(f.request, 0, sizeof(f.request));
		memcpy(f.request, bytes + HEADER, min_u64(sizeof(f.request), (size_t)got - HEADER));
	}
}

static void send_with(const void *data, size_t len, unsigned int nr_fds)
{
	char control[CMSG_SPACE(FDS_MAX * sizeof(int))] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { (void *)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c = (struct cmsghdr *)control;

	if (nr_fds) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
	}
	for (unsigned int i = 0; i < nr_fds; i++)
		memcpy(CMSG_DATA(c) + i * sizeof(int), &kinds[fuzz_below(&f.in, 3)], sizeof(int));
	if (sendmsg(f.fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		hang_up();
}

/* An area that may be mapped, behind the description of BAR 0. Returns its length. */
static size_t answer_region(uint8_t *out)
{
	struct vfio_region_info info;
	struct vfio_region_info_cap_sparse_mmap cap = { .nr_areas = 1 };
	struct vfio_region_sparse_mmap_area area = { .offset = 4096, .size = 8192 };
	size_t whole = sizeof(info) + sizeof(cap) + sizeof(area);
	uint32_t room;

	memcpy(&info, f.request, sizeof(info));
	room = info.argsz;
	info.argsz = sizeof(info);
	info.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	info.size = info.index == VFIO_PCI_BAR0_REGION_INDEX ? 16384 : 4096;
	if (info.index == VFIO_PCI_BAR0_REGION_INDEX) {
		info.argsz = (uint32_t)whole;
		info.flags |= VFIO_REGION_INFO_FLAG_CAPS | VFIO_REGION_INFO_FLAG_MMAP;
		info.cap_offset = sizeof(info);
	}
	cap.header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
	memcpy(out, &info, sizeof(info));
	memcpy(out + sizeof(info), &cap, sizeof(cap));
	memcpy(out + sizeof(info) + sizeof(cap), &area, sizeof(area));
	return info.argsz <= room ? info.argsz : sizeof(info);
}

/* What a server should answer. Returns the length of the payload at @out. */
static size_t sound_answer(uint8_t *out)
{
	static const char version[] = "\0\0\1\0{\"capabilities\":{\"max_data_xfer_size\":64}}";
	static const struct vfio_device_info device = { .argsz = sizeof(device),
							.flags = VFIO_DEVICE_FLAGS_PCI |
								 VFIO_DEVICE_FLAGS_RESET,
							.num_regions = 9,
							.num_irqs = 5 };
	struct vfio_irq_info irq;
	struct nvio_user_access access;

	switch (f.asked.command) {
	case NVIO_USER_VERSION:
		memcpy(out, version, sizeof(version));
		return sizeof(version);
	case NVIO_USER_DEVICE_INFO:
		memcpy(out, &device, 16);
		return 16;
	case NVIO_USER_REGION_INFO:
		return answer_region(out);
	case NVIO_USER_IRQ_INFO:
		memcpy(&irq, f.request, sizeof(irq));
		irq.flags = VFIO_IRQ_INFO_EVENTFD;
		irq.count = 65;
		memcpy(out, &irq, sizeof(irq));
		return sizeof(irq);
	case NVIO_USER_REGION_READ:
	case NVIO_USER_REGION_WRITE:
		memcpy(&access, f.request, sizeof(access));
		memcpy(out, &access, sizeof(access));
		if (f.asked.command == NVIO_USER_REGION_WRITE)
			return sizeof(access);
		access.count = (uint32_t)min_u64(access.count, 4096);
		fuzz_bytes(&f.in, out + sizeof(access), access.count);
		return sizeof(access) + access.count;
	case NVIO_USER_DMA_MAP:
	case NVIO_USER_DMA_UNMAP:
		memcpy(out, f.request, f.asked.size - HEADER);
		return f.asked.size - HEADER;
	default:
		return 0;
	}
}

/* A few bytes of the message are others. */
static void change(uint8_t *message, size_t len)
{
	for (unsigned int i = fuzz_below(&f.in, 4); i && len; i--) {
		size_t at = fuzz_u8(&f.in) % len;

		message[at] = fuzz_u8(&f.in);
	}
}

static void deliver(uint8_t *message, size_t len, unsigned int nr_fds, size_t split)
{
	if (split && split < len) {
		f.late_len = len - split;
		memcpy(f.late, message + split, f.late_len);
		len = split;
	}
	send_with(message, len, nr_fds);
}

static void answer(void)
{
	static uint8_t message[ANSWER_MAX];
	struct nvio_user_header header = f.asked;
	unsigned int kind = fuzz_u8(&f.in);
	unsigned int nr_fds = kind & 0x10 ? fuzz_below(&f.in, FDS_MAX + 1) : 0;
	size_t split = kind & 0x20 ? fuzz_u8(&f.in) : 0, len;

	header.flags = NVIO_USER_REPLY;
	header.error = 0;
	switch (kind & 7) {
	case 0: /* an error */
		header.flags |= NVIO_USER_ERROR;
		header.error = fuzz_u8(&f.in);
		header.size = HEADER;
		len = 0;
		break;
	case 1: /* a request of its own */
		header.flags = 0;
		header.command = 11;
		len = fuzz_u8(&f.in);
		header.size = (uint32_t)(HEADER + len);
		break;
	case 2: /* anything */
		len = fuzz_below(&f.in, 1024);
		fuzz_bytes(&f.in, message + HEADER, len);
		header.size = (uint32_t)(HEADER + len);
		break;
	default:
		len = sound_answer(message + HEADER);
		header.size = (uint32_t)(HEADER + len);
		/* The description of a region that may be mapped comes with its file. */
		if (f.asked.command == NVIO_USER_REGION_INFO &&
		    len > sizeof(struct vfio_region_info))
			nr_fds = nr_fds ? nr_fds : 1;
		break;
	}
	memcpy(message, &header, HEADER);
	if (kind & 0x40)
		change(message, HEADER + len);
	deliver(message, HEADER + len, nr_fds, split);
}

/* The server's turn: after it there is something to read for the client, or the end. */
static void turn(void)
{
	take_request();
	if (f.late_len) {
		send_with(f.late, f.late_len, 0);
		f.late_len = 0;
	} else if (f.in.len) {
		answer();
	} else {
		hang_up();
	}
}

int __wrap_poll(struct pollfd *fds, nfds_t nr, int timeout)
{
	if (nr != 1 || fds->fd != f.client)
		return __real_poll(fds, nr, timeout);
	if (f.fd >= 0 && fds->events & POLLOUT)
		take_request();
	if (f.fd >= 0 && fds->events & POLLIN && !__real_poll(fds, nr, 0))
		turn();
	if (__real_poll(fds, nr, 0) > 0)
		return 1;
	/* It would wait for ever. */
	hang_up();
	return __real_poll(fds, nr, 0);
}

/* Each part that may be mapped is there. */
static void map_region(uint32_t idx)
{
	struct nvio_region_info info;
	void *addr;

	if (nvio_device_region(&f.device, idx, &info, sizeof(info)))
		return;
	for (uint32_t i = 0; i < info.nr_areas; i++) {
		uint64_t len = info.areas[i].len;
		volatile char *at;

		if (nvio_device_region_map(&f.device, idx, info.areas[i].offset, len, &addr))
			continue;
		at = addr;
		at[0] = 1;
		at[len - 1] = 1;
	}
}

static void read_region(uint32_t idx, uint64_t offset, size_t len, bool write)
{
	uint8_t buf[3 * BUF_LEN];

	memset(buf, GUARD, sizeof(buf));
	if (write)
		nvio_device_region_write(&f.device, idx, offset, buf + BUF_LEN, len);
	else
		nvio_device_region_read(&f.device, idx, offset, buf + BUF_LEN, len);
	for (size_t i = 0; i < sizeof(buf); i++)
		fuzz_check(buf[i] == GUARD || (!write && i >= BUF_LEN && i < BUF_LEN + len));
}

static void use_irq(enum nvio_irq irq, uint32_t vector)
{
	struct nvio_irq_info info;

	if (!nvio_device_irq(&f.device, irq, &info, sizeof(info)))
		fuzz_check(info.nr_vectors <= NVIO_USER_VECTORS);
	if (!nvio_device_irq_enable(&f.device, irq, vector + 1))
		nvio_device_irq_set(&f.device, irq, vector, kinds[2]);
	nvio_device_irq_set(&f.device, irq, vector, -1);
	nvio_device_irq_disable(&f.device, irq);
}

static void use_memory(size_t len)
{
	struct nvio_heap_opts heap = NVIO_HEAP_OPTS;
	uint64_t iova;
	char *p;

	heap.page_len = NVIO_HEAP_NO_HUGE;
	heap.max_len = 1u << 20;
	nvio_heap_open(f.iommu, &heap);
	p = nvio_alloc(f.iommu, len, 4096);
	if (!p)
		return;
	memset(p, 1, len);
	fuzz_check(nvio_mem_iova(f.iommu, p, len, NVIO_DMA_RW, &iova) == (int64_t)len);
	nvio_free(f.iommu, p);
}

static void act(void)
{
	uint32_t idx = fuzz_below(&f.in, 12);

	switch (fuzz_below(&f.in, 7)) {
	case 0:
		map_region(idx);
		break;
	case 1:
		read_region(idx, fuzz_u16(&f.in), fuzz_below(&f.in, BUF_LEN + 1), idx & 1);
		break;
	case 2:
		use_irq((enum nvio_irq)(idx % 6), fuzz_below(&f.in, 80));
		break;
	case 3:
		/* Seldom: it takes longer than all else. */
		if (!idx)
			use_memory(1 + fuzz_u16(&f.in));
		break;
	case 4:
		nvio_device_reset(&f.device);
		break;
	case 5:
		nvio_device_bus_master(&f.device, idx & 1);
		break;
	default:
		nvio_device_alive(&f.device);
		break;
	}
}

static void use_device(int fd)
{
	if (nvio_user_open_device(f.iommu, fd, &f.device))
		return;
	fuzz_check(f.device.nr_regions <= NVIO_REGIONS_MAX && f.device.nr_irqs <= NVIO_IRQS_MAX);
	for (unsigned int i = 0; i < ACTS && f.in.len; i++)
		act();
	nvio_device_unmap_regions(&f.device);
	f.device.ops->close(&f.device);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	unsigned int fds;
	int ends[2];

	make_kinds();
	fds = fuzz_count_fds();
	memset(&f, 0, offsetof(typeof(f), late));
	f.late_len = 0;
	f.in = (struct fuzz_input){ data, len };
	fuzz_check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	f.fd = ends[0];
	f.client = ends[1];
	fuzz_check(!nvio_iommu_open(NULL, &f.iommu));
	f.device.iommu = f.iommu;
	use_device(ends[1]);
	hang_up();
	nvio_iommu_close(f.iommu);
	fuzz_check(fuzz_count_fds() == fds);
	return 0;
}
