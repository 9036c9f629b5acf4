/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a controller is made of, as key=value,... text: the same keys after `emu:`, and after
 * nvme_emu's options.
 */
#ifndef NVIO_EMU_OPTIONS_H
#define NVIO_EMU_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EMU_NS_MAX         64
#define EMU_FAULTS_MAX     32
#define EMU_FAULT_TEXT_MAX 128
#define EMU_CORES_MAX      1024

/* Why something was refused: one sentence, no newline. */
struct emu_error {
	char text[512];
};

/* Says why. Returns @rc. */
int nvio_emu_fail(struct emu_error *error, int rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

struct emu_ns_opts {
	uint64_t size; /* bytes */
	uint32_t lba; /* bytes of data in a block: 512 to 65536 */
	uint16_t md; /* bytes of metadata with each block */
	bool extended; /* metadata at the end of each block */
	uint8_t pi; /* protection information type 0 to 3 */
	uint8_t guard; /* bits of its guard: 16, 32 or 64 */
	bool null; /* answers without moving data */
	char file[256]; /* kept here; "" for memory */
};

struct emu_opts {
	struct emu_ns_opts ns[EMU_NS_MAX];
	unsigned int nr_ns;
	bool ns_given; /* else there is the default one, which nvio_emu_opts_add_ns() replaces */
	uint8_t mdts; /* log2 of pages; 0: no limit */
	uint16_t nr_queues; /* I/O queue pairs */
	uint16_t queue_entries; /* CAP.MQES + 1 */
	uint8_t mpsmin; /* CAP.MPSMIN, MPSMAX, DSTRD */
	uint8_t mpsmax;
	uint8_t dstrd;
	uint16_t nr_vectors; /* MSI-X; 0: one for each queue pair and one more */
	uint32_t to_ms; /* CAP.TO, rounded up to 500 ms */
	uint32_t media_ms; /* namespaces are there so long after it was enabled; 0: at once */
	uint8_t nr_states; /* of power */
	uint32_t kato_ms; /* the keep alive timer that runs by itself; 0: none */
	int core; /* the only one that its thread runs on; -1: any */
	bool vwc; /* a volatile write cache */
	uint32_t hmb; /* bytes of host memory that it prefers; takes half of it, too */
	bool shadow; /* offers shadow doorbells */
	bool wrr; /* offers weighted round robin arbitration */
	bool mmap; /* the client can map the doorbells */
	uint64_t latency_min_ns;
	uint64_t latency_max_ns; /* each I/O takes a time between the two */
	char serial[21];
	char model[41];
	char firmware[9];
	char faults[EMU_FAULTS_MAX][EMU_FAULT_TEXT_MAX]; /* in force from the start */
	unsigned int nr_faults;
};

/* One namespace of 1 GiB in memory with blocks of 512 bytes, 64 queue pairs of 1,024 entries, MDTS
 * 7 and so on. */
void nvio_emu_opts_default(struct emu_opts *opts);

/*
 * Changes @opts by "key=value,key=value": size, lba, md, extended, pi, guard, null, file (of the
 * first namespace, or of the one begun last with "ns"), and mdts, queues, entries, mpsmin, mpsmax,
 * dstrd, to, kato, media, states, vectors, hmb, core, vwc, shadow, mmap, wrr, latency, serial,
 * model, fw, fault.
 * "" changes nothing. Returns 0, or -EINVAL with a sentence that names the key and the value.
 */
int nvio_emu_opts_parse(struct emu_opts *opts, const char *text, struct emu_error *error);

/* Adds a namespace by its keys alone, as nvme_emu's --ns does; the first one replaces the default
 * namespace. */
int nvio_emu_opts_add_ns(struct emu_opts *opts, const char *text, struct emu_error *error);

/* Adds a fault, as the key "fault" and nvme_emu's --fault do; fault.h has the text. Returns 0, or
 * -EINVAL with a sentence that names the word. */
int nvio_emu_opts_add_fault(struct emu_opts *opts, const char *text, struct emu_error *error);

/* number.c */
/* A size in units of 1024: "4k". */
bool nvio_emu_parse_size(const char *text, uint64_t *out);
/* A time with its unit, nanoseconds without: "10us". */
bool nvio_emu_parse_time(const char *text, uint64_t *out);
/* "on", "off" and the like; "" is on. */
bool nvio_emu_parse_bool(const char *text, bool *out);

#endif
