/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Watching for system calls and allocations; see quiet.h.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "quiet.h"

#define PATIENCE_S  60u
#define ALLOWED_MAX 8u

static struct quiet *watched;

#if QUIET_WATCHES
/* The one thread that is watched; others allocate as they like. */
static __thread bool counts_allocations;

void *__libc_malloc(size_t len);
void *__libc_calloc(size_t nr, size_t len);
void *__libc_realloc(void *p, size_t len);
void *__libc_memalign(size_t align, size_t len);
void __libc_free(void *p);

static void count_allocation(void)
{
	if (counts_allocations)
		watched->allocations++;
}

void *malloc(size_t len)
{
	count_allocation();
	return __libc_malloc(len);
}

void *calloc(size_t nr, size_t len)
{
	count_allocation();
	return __libc_calloc(nr, len);
}

void *realloc(void *p, size_t len)
{
	count_allocation();
	return __libc_realloc(p, len);
}

void *aligned_alloc(size_t align, size_t len)
{
	count_allocation();
	return __libc_memalign(align, len);
}

int posix_memalign(void **p, size_t align, size_t len)
{
	count_allocation();
	*p = __libc_memalign(align, len);
	return *p ? 0 : ENOMEM;
}

void free(void *p)
{
	if (p)
		count_allocation();
	__libc_free(p);
}

/* What the call that was stopped returns: -ENOSYS. */
static void refuse(mcontext_t *context)
{
#if defined(__x86_64__)
	context->gregs[REG_RAX] = -ENOSYS;
#elif defined(__aarch64__)
	context->regs[0] = (unsigned long long)-ENOSYS;
#elif defined(__powerpc64__)
	/* The error is positive and told by a bit of the condition register (PT_CCR). */
	context->gp_regs[3] = ENOSYS;
	context->gp_regs[38] |= 0x10000000;
#endif
}

static void on_call(int signum, siginfo_t *info, void *context)
{
	unsigned int number = (unsigned int)info->si_syscall;

	(void)signum;
	refuse(&((ucontext_t *)context)->uc_mcontext);
	watched->calls[number < QUIET_CALLS ? number : QUIET_CALLS - 1]++;
}

/* A filter for this thread alone: what is not allowed becomes a signal. */
static void install_filter(const int *allowed)
{
	struct sock_filter code[2 * ALLOWED_MAX + 8];
	struct sock_fprog program = { 0, code };
	unsigned short n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, nr));
	for (; *allowed >= 0; allowed++) {
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							 (unsigned int)*allowed, 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
	program.len = n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(2);
}
#endif

bool quiet_watches(void)
{
	const char *preload = getenv("LD_PRELOAD");

	if (watched)
		return watched->watches;
	/* No filters: this is a program of another architecture under qemu-user. */
	if (prctl(PR_GET_SECCOMP) < 0)
		return false;
	return QUIET_WATCHES && !(preload && strstr(preload, "vgpreload"));
}

void quiet_begin(struct quiet *quiet, const int *allowed)
{
	/* Asked once: it takes a call. */
	quiet->watches = quiet_watches();
	watched = quiet;
	if (!quiet->watches)
		return;
#if QUIET_WATCHES
	struct sigaction action = { .sa_sigaction = on_call, .sa_flags = SA_SIGINFO };
	int all[ALLOWED_MAX + 1] = { SYS_rt_sigreturn, SYS_exit_group };
	unsigned int n = 2;

	while (*allowed >= 0 && n < ALLOWED_MAX)
		all[n++] = *allowed++;
	all[n] = -1;
	sigaction(SIGSYS, &action, NULL);
	install_filter(all);
	counts_allocations = true;
#else
	(void)allowed;
#endif
}

unsigned int quiet_calls_but(const struct quiet *quiet, int number)
{
	unsigned int nr = 0;

	for (int i = 0; i < (int)QUIET_CALLS; i++)
		nr += i == number ? 0 : quiet->calls[i];
	return nr;
}

const struct quiet *quiet_run(void (*code)(struct quiet *quiet, void *arg), void *arg)
{
	struct quiet *quiet = mmap(NULL, sizeof(*quiet), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = -1;
	pid_t child;

	if (quiet == MAP_FAILED)
		return NULL;
	child = fork();
	if (!child) {
		alarm(PATIENCE_S);
		code(quiet, arg);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status || !quiet->done)
		return NULL;
	return quiet;
}
