/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * UNIX sockets by their paths; see listener.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "emu/listener.h"

/* Clients that may wait for the one that is served. */
#define BACKLOG 16

/* How long another nvme_emu could need the directory at most, and how often it is asked for. */
#define LOCK_MS  2000
#define RETRY_MS 10

int socket_address(const char *path, struct sockaddr_un *address, struct emu_error *error)
{
	size_t max = sizeof(address->sun_path) - 1;

	if (!*path || strlen(path) > max)
		return nvio_emu_fail(error, -EINVAL,
				     "'%s': a path of %zu bytes; a socket's has 1 to %zu", path,
				     strlen(path), max);
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	strcpy(address->sun_path, path);
	return 0;
}

static int new_socket(struct emu_error *error)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return nvio_emu_fail(error, -errno, "cannot make a socket: %s", strerror(errno));
	return fd;
}

/*
 * Whether the path is free, after a socket on which nobody listens any more was removed from it.
 * To be asked with the directory locked.
 */
static int make_way(const struct sockaddr_un *address, struct emu_error *error)
{
	const char *path = address->sun_path;
	struct stat st;
	int fd, err;

	if (lstat(path, &st))
		return errno == ENOENT
			       ? 0
			       : nvio_emu_fail(error, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return nvio_emu_fail(error, -EEXIST, "%s: exists and is no socket", path);
	fd = new_socket(error);
	if (fd < 0)
		return fd;
	err = connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? errno : 0;
	close(fd);
	/* EAGAIN: somebody does, and so many wait already. */
	if (!err || err == EAGAIN)
		return nvio_emu_fail(error, -EADDRINUSE, "%s: somebody listens on it already",
				     path);
	if (err != ECONNREFUSED)
		return nvio_emu_fail(error, -err, "%s: %s", path, strerror(err));
	if (unlink(path) && errno != ENOENT)
		return nvio_emu_fail(error, -errno, "cannot remove the old socket %s: %s", path,
				     strerror(errno));
	return 0;
}

static int bind_and_listen(struct listener *listener, const struct sockaddr_un *address,
			   struct emu_error *error)
{
	int err = make_way(address, error);

	if (err)
		return err;
	listener->fd = new_socket(error);
	if (listener->fd < 0)
		return listener->fd;
	if (bind(listener->fd, (const struct sockaddr *)address, sizeof(*address))) {
		err = nvio_emu_fail(error, -errno, "cannot bind to %s: %s", listener->path,
				    strerror(errno));
		goto close_socket;
	}
	if (listen(listener->fd, BACKLOG) || lstat(listener->path, &listener->st)) {
		err = nvio_emu_fail(error, -errno, "cannot listen on %s: %s", listener->path,
				    strerror(errno));
		goto remove_socket;
	}
	return 0;
remove_socket:
	unlink(listener->path);
close_socket:
	close(listener->fd);
	return err;
}

/* Anybody may lock a directory, for as long as it pleases them. */
static int lock_directory(int fd, const char *directory, struct emu_error *error)
{
	for (int ms = 0; flock(fd, LOCK_EX | LOCK_NB); ms += RETRY_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return nvio_emu_fail(error, -errno, "cannot lock the directory %s: %s",
					     directory, strerror(errno));
		if (ms >= LOCK_MS)
			return nvio_emu_fail(error, -EBUSY,
					     "the directory %s is locked by another process, which "
					     "fuser(1) names",
					     directory);
		usleep(RETRY_MS * 1000);
	}
	return 0;
}

/* The directory is locked meanwhile: of two that find the same old socket one is to take over. */
int listener_open(struct listener *listener, const char *path, struct emu_error *error)
{
	struct sockaddr_un address;
	char copy[sizeof(address.sun_path)];
	const char *directory;
	int err = socket_address(path, &address, error);
	int lock;

	if (err)
		return err;
	strcpy(copy, path);
	directory = dirname(copy);
	listener->path = path;
	lock = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0)
		return nvio_emu_fail(error, -errno, "cannot open the directory %s: %s", directory,
				     strerror(errno));
	err = lock_directory(lock, directory, error);
	if (!err)
		err = bind_and_listen(listener, &address, error);
	close(lock);
	return err;
}

void listener_close(const struct listener *listener)
{
	struct stat st;

	if (!lstat(listener->path, &st) && st.st_dev == listener->st.st_dev &&
	    st.st_ino == listener->st.st_ino)
		unlink(listener->path);
	close(listener->fd);
}
