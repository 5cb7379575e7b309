/* Sits between the program and the C library, and lets calls on some files fail as a bad disk would.
 *
 *   FAULT_PATH   calls on files whose path ends so fail (of a folder it ends with a slash) ...
 *   FAULT_CALL   ... if they are of this name: read, list, fsync, rename, write
 *   FAULT_ERRNO  with this number
 *   FAULT_TIMES  so many fail, then the disk is well again; unset: all
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int seen;

static int fails(const char *call, const char *path) {
    const char *part = getenv("FAULT_PATH"), *name = getenv("FAULT_CALL");
    if (!part || !name || strcmp(name, call) != 0) return 0;
    size_t whole = strlen(path), end = strlen(part);
    if (whole < end || strcmp(path + whole - end, part) != 0) return 0;
    const char *times = getenv("FAULT_TIMES");
    int number = __sync_fetch_and_add(&seen, 1);
    if (times && number >= atoi(times)) return 0;
    errno = atoi(getenv("FAULT_ERRNO"));
    return 1;
}

static int fails_on(const char *call, int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    struct stat about;
    if (fstat(fd, &about) == 0 && S_ISDIR(about.st_mode) && (size_t)length + 1 < sizeof path)
        strcat(path, "/");
    return fails(call, path);
}

ssize_t read(int fd, void *bytes, size_t size) {
    ssize_t (*real)(int, void *, size_t) = dlsym(RTLD_NEXT, "read");
    return fails_on("read", fd) ? -1 : real(fd, bytes, size);
}

ssize_t write(int fd, const void *bytes, size_t size) {
    ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    return fails_on("write", fd) ? -1 : real(fd, bytes, size);
}

int fsync(int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    return fails_on("fsync", fd) ? -1 : real(fd);
}

int rename(const char *from, const char *to) {
    int (*real)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
    return fails("rename", to) ? -1 : real(from, to);
}

DIR *opendir(const char *path) {
    DIR *(*real)(const char *) = dlsym(RTLD_NEXT, "opendir");
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s/", path);
    return fails("list", folder) ? NULL : real(path);
}
