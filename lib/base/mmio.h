/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The accesses that a device takes part in: registers, and memory that it reads and writes by DMA.
 *
 * The only place for volatile and for barriers. Each barrier's use says which two accesses it keeps
 * in order and who reads the other side.
 */
#ifndef NVIO_LIB_BASE_MMIO_H
#define NVIO_LIB_BASE_MMIO_H

#include <endian.h>
#include <stdint.h>

_Static_assert(__BYTE_ORDER == __LITTLE_ENDIAN, "registers and queue entries are little-endian");

static inline uint32_t nvio_mmio_read32(const void *addr)
{
	return *(const volatile uint32_t *)addr;
}

static inline void nvio_mmio_write32(void *addr, uint32_t value)
{
	*(volatile uint32_t *)addr = value;
}

/* Memory that the device writes while we look at it: one load, of just this width. */
static inline uint16_t nvio_dma_load16(const void *addr)
{
	return *(const volatile uint16_t *)addr;
}

static inline uint64_t nvio_dma_load64(const void *addr)
{
	return *(const volatile uint64_t *)addr;
}

static inline uint32_t nvio_dma_load32(const void *addr)
{
	return *(const volatile uint32_t *)addr;
}

/*
 * nvio_dma_mb: what this thread did to memory that the device reads or writes comes before the
 * store that lets the device at it. Stores: queue entries, before the doorbell that tells of them.
 * Loads, too: completions, before the head that gives their slots away, and data, before the
 * command that overwrites it. x86 keeps all of these in order, so only the compiler has to be held
 * back; POWER needs its heavy barrier before a register, whose page is not cached.
 */
static inline void nvio_dma_mb(void)
{
#if defined(__x86_64__)
	__asm__ volatile("" ::: "memory");
#elif defined(__aarch64__)
	__asm__ volatile("dmb osh" ::: "memory");
#elif defined(__powerpc64__)
	__asm__ volatile("sync" ::: "memory");
#else
	__sync_synchronize();
#endif
}

/* nvio_dma_rmb: a load that found the device's data there comes before the loads of that data. */
static inline void nvio_dma_rmb(void)
{
#if defined(__x86_64__)
	__asm__ volatile("" ::: "memory");
#elif defined(__aarch64__)
	__asm__ volatile("dmb oshld" ::: "memory");
#elif defined(__powerpc64__)
	__asm__ volatile("lwsync" ::: "memory");
#else
	__sync_synchronize();
#endif
}

/*
 * nvio_smp_mb: our stores before it come before our loads behind it, for threads and devices that
 * do the reverse. In assembler, because the sanitizer of threads does not know the builtin.
 */
static inline void nvio_smp_mb(void)
{
#if defined(__x86_64__)
	__asm__ volatile("mfence" ::: "memory");
#elif defined(__aarch64__)
	__asm__ volatile("dmb osh" ::: "memory");
#elif defined(__powerpc64__)
	__asm__ volatile("sync" ::: "memory");
#else
	__sync_synchronize();
#endif
}

/* A hint that this thread only waits. */
static inline void nvio_cpu_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield" ::: "memory");
#elif defined(__powerpc64__)
	/* A low priority among the threads of a core, and back. */
	__asm__ volatile("or 1,1,1; or 2,2,2" ::: "memory");
#endif
}

#endif
