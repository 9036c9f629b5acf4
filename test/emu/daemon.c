/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An nvme_emu of this build's, and the conversation with its control socket; see stack.h.
 */
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stack.h"

#define ANSWER_MAX 8192

/* BUILD/test/emu/test_x is this program, BUILD/nvme_emu the other. */
static void find_program(char path[PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	CU_ASSERT_FATAL(len > 0);
	self[len] = '\0';
	snprintf(path, PATH_MAX, "%s", dirname(dirname(dirname(self))));
	strncat(path, "/nvme_emu", PATH_MAX - strlen(path) - 1);
}

static void run_program(const struct daemon *d, const char *fault, int out)
{
	char path[PATH_MAX], socket[64];
	const char *argv[] = { "nvme_emu",
			       "--socket",
			       socket,
			       "--control",
			       d->control,
			       "--ns",
			       "size=16M,lba=4096",
			       fault ? "--fault" : NULL,
			       fault,
			       NULL };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(socket, sizeof(socket), "%s/s", d->dir);
	dup2(out, STDOUT_FILENO);
	find_program(path);
	execv(path, (char *const *)argv);
	_exit(127);
}

void daemon_start(struct daemon *d, const char *fault)
{
	struct pollfd ready;
	char line[128];
	int ends[2];

	strcpy(d->dir, "/tmp/nvio-emu-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(d->dir));
	snprintf(d->name, sizeof(d->name), "vfio-user:%s/s", d->dir);
	snprintf(d->control, sizeof(d->control), "%s/c", d->dir);
	CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
	d->pid = fork();
	if (!d->pid)
		run_program(d, fault, ends[1]);
	CU_ASSERT_FATAL(d->pid > 0);
	close(ends[1]);
	/* It says so when both sockets are there. */
	ready = (struct pollfd){ .fd = ends[0], .events = POLLIN };
	CU_ASSERT_EQUAL_FATAL(poll(&ready, 1, 20000), 1);
	CU_ASSERT_FATAL(read(ends[0], line, sizeof(line)) > 0);
	close(ends[0]);
}

/* Its exit status, or -1 when it had to be killed. */
static int wait_for_end(struct daemon *d)
{
	int status;

	for (int i = 0; i < 2000; i++) {
		if (waitpid(d->pid, &status, WNOHANG) == d->pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		usleep(5000);
	}
	kill(d->pid, SIGKILL);
	waitpid(d->pid, &status, 0);
	return -1;
}

void daemon_stop(struct daemon *d)
{
	kill(d->pid, SIGTERM);
	CU_ASSERT_EQUAL(wait_for_end(d), 0);
	/* Both sockets are gone, or the directory would not be empty. */
	CU_ASSERT_EQUAL(rmdir(d->dir), 0);
}

void daemon_kill(struct daemon *d)
{
	char path[80];

	kill(d->pid, SIGKILL);
	wait_for_end(d);
	snprintf(path, sizeof(path), "%s/s", d->dir);
	unlink(path);
	unlink(d->control);
	rmdir(d->dir);
}

static int connect_control(const struct daemon *d)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", d->control);
	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

const char *daemon_ask(const struct daemon *d, const char *line)
{
	static char answer[ANSWER_MAX];
	size_t len = 0;
	int fd = connect_control(d);
	ssize_t got = 1;

	CU_ASSERT_EQUAL(send(fd, line, strlen(line), MSG_NOSIGNAL), (ssize_t)strlen(line));
	CU_ASSERT_EQUAL(send(fd, "\n", 1, MSG_NOSIGNAL), 1);
	while (got > 0 && len < sizeof(answer) - 1) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };

		CU_ASSERT_EQUAL_FATAL(poll(&ready, 1, 10000), 1);
		got = recv(fd, answer + len, sizeof(answer) - 1 - len, 0);
		len += got > 0 ? (size_t)got : 0;
	}
	close(fd);
	CU_ASSERT_FATAL(len > 0 && answer[len - 1] == '\n');
	answer[len - 1] = '\0';
	return answer;
}

void daemon_do(const struct daemon *d, const char *line)
{
	CU_ASSERT_STRING_EQUAL(daemon_ask(d, line), "ok");
}
