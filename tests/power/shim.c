/* Sits between the program and the C library, sees every file operation below POWER_ROOT and every
 * byte sent or received, numbers them over all threads, and at a chosen number kills the process,
 * sends it a signal, moves its clock, or lets the disk be full, read-only or broken, from there on
 * or for that one call. What only reads is numbered apart. Linux with glibc; built by the harness.
 *
 *   POWER_ROOT      operations on paths below it are counted
 *   POWER_LOG       a line for each operation: number, kind, path, second path, offset, bytes in hex
 *   POWER_KILL_AT   SIGKILL instead of that operation
 *   POWER_HALF      that operation, if it is a write, is done by half before
 *   POWER_FAIL_FROM, POWER_FAIL_ERRNO   operations from there on fail: 28 those that need space,
 *                   30 all that change something, 5 fsync
 *   POWER_FAIL_AT, POWER_FAIL_ERRNO     that operation alone fails: 28 if it needs space, else any
 *   POWER_READ_AT   reads are told in the log too, and that one alone fails with EIO (0: none does)
 *   POWER_BAD_INODE the bytes of that file cannot be read: EIO
 *   POWER_SIGNAL_AT, POWER_SIGNAL       a signal before that operation
 *   POWER_CLOCK_AT, POWER_CLOCK_BY      from that operation on the clock is off by so many seconds
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define FDS 1024
#define PATH 1024

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char paths[FDS][PATH];
static const char *root;
static int log_fd = -2;
static long count, kill_at, fail_from, fail_at, signal_at, clock_at, clock_by;
static long reads, read_at, bad_inode;
static int half, fail_errno, reads_told, signal_sent;

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static long number(const char *name) {
    const char *text = getenv(name);
    return text ? atol(text) : 0;
}

static void begin(void) {
    if (log_fd != -2) return;
    log_fd = -1;
    root = getenv("POWER_ROOT");
    kill_at = number("POWER_KILL_AT");
    half = number("POWER_HALF") != 0;
    fail_from = number("POWER_FAIL_FROM");
    fail_at = number("POWER_FAIL_AT");
    signal_at = number("POWER_SIGNAL_AT");
    signal_sent = (int)number("POWER_SIGNAL");
    clock_at = number("POWER_CLOCK_AT");
    clock_by = number("POWER_CLOCK_BY");
    reads_told = getenv("POWER_READ_AT") != NULL;
    read_at = number("POWER_READ_AT");
    bad_inode = number("POWER_BAD_INODE");
    fail_errno = (int)number("POWER_FAIL_ERRNO");
    const char *path = getenv("POWER_LOG");
    int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    if (path && root) log_fd = real_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int ours(const char *path) {
    begin();
    return root && path && strncmp(path, root, strlen(root)) == 0;
}

static const char *path_of(int fd) {
    return fd >= 0 && fd < FDS && paths[fd][0] ? paths[fd] : NULL;
}

static void all(const char *bytes, size_t size) {
    ssize_t (*real_write)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    while (size > 0) {
        ssize_t done = real_write(log_fd, bytes, size);
        if (done <= 0) return;
        bytes += done;
        size -= (size_t)done;
    }
}

static void told(const char *kind, const char *one, const char *two, long offset,
                 const unsigned char *bytes, size_t size) {
    static const char digits[] = "0123456789abcdef";
    char head[3 * PATH];
    if (log_fd < 0) return;
    int length = snprintf(head, sizeof head, "%ld\t%s\t%s\t%s\t%ld\t", count, kind, one, two, offset);
    char *line = malloc((size_t)length + 2 * size + 1);
    if (!line) return;
    memcpy(line, head, (size_t)length);
    for (size_t i = 0; i < size; i++) {
        line[(size_t)length + 2 * i] = digits[bytes[i] >> 4];
        line[(size_t)length + 2 * i + 1] = digits[bytes[i] & 15];
    }
    line[(size_t)length + 2 * size] = '\n';
    all(line, (size_t)length + 2 * size + 1);
    free(line);
}

/* A harness that runs in the background has SIGINT ignored, and its children after it. */
__attribute__((constructor)) static void listen_again(void) {
    if (number("POWER_SIGNAL_AT")) signal((int)number("POWER_SIGNAL"), SIG_DFL);
}

enum { SPACE = 1, CHANGE = 2, SYNC = 4 };

static int refuses(int needs) {
    if (fail_at && count == fail_at) return fail_errno != ENOSPC || (needs & SPACE);
    if (!fail_from || count < fail_from) return 0;
    return (fail_errno == ENOSPC && (needs & SPACE)) || (fail_errno == EROFS && (needs & CHANGE)) ||
           (fail_errno == EIO && (needs & SYNC));
}

/* Numbers an operation; true when it is to fail. Never returns from the one to be killed at. */
static int next(int needs, const char *path) {
    count++;
    if (count == kill_at && !half) kill(getpid(), SIGKILL);
    if (count == signal_at) kill(getpid(), signal_sent);
    if (!needs || !refuses(needs)) return 0;
    told("refused", path, "", fail_errno, NULL, 0);
    return 1;
}

static int refuse(void) {
    pthread_mutex_unlock(&lock);
    errno = fail_errno;
    return -1;
}

/* Numbers what only reads; true when it is to fail. */
static int fails_to_read(const char *path) {
    if (!reads_told) return 0;
    pthread_mutex_lock(&lock);
    reads++;
    int fails = reads == read_at;
    told(fails ? "refused" : "reading", path, "", reads, NULL, 0);
    pthread_mutex_unlock(&lock);
    if (fails) errno = EIO;
    return fails;
}

static int is_bad(int fd) {
    struct stat about;
    int (*real_stat)(int, struct stat *) = dlsym(RTLD_NEXT, "fstat");
    return bad_inode && real_stat(fd, &about) == 0 && (long)about.st_ino == bad_inode;
}

/* Where a name is, seen from an open folder. */
static const char *at(int fd, const char *path, char *whole) {
    if (!path) return NULL;
    const char *folder = path[0] == '/' ? NULL : path_of(fd);
    if (!folder) return path;
    int room = snprintf(whole, PATH, path[0] ? "%s/%s" : "%s", folder, path);
    return room < PATH ? whole : NULL;
}

static void opens(int fd, const char *path, int flags, int makes) {
    if (fd >= 0 && fd < FDS) snprintf(paths[fd], PATH, "%s", path);
    if (fd >= 0 && (flags & O_TRUNC)) told("truncate", path, "", 0, NULL, 0);
    told(fd >= 0 && makes ? "create" : "open", path, "", 0, NULL, 0);
}

static int opened(int dir, const char *name, int flags, mode_t mode) {
    char whole[PATH];
    REAL(openat);
    const char *path = at(dir, name, whole);
    if (!ours(path)) return real(dir, name, flags, mode);
    int makes = (flags & O_CREAT) && access(path, F_OK) != 0;
    int writes = (flags & O_ACCMODE) != O_RDONLY;
    if (!makes && !writes && fails_to_read(path)) return -1;
    pthread_mutex_lock(&lock);
    if (next(makes ? SPACE | CHANGE : writes ? CHANGE : 0, path)) return refuse();
    int fd = real(dir, name, flags, mode);
    int saved = errno;
    opens(fd, path, flags, makes);
    pthread_mutex_unlock(&lock);
    errno = saved;
    return fd;
}

#define MODE(flags, mode) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list list; \
        va_start(list, flags); \
        mode = (mode_t)va_arg(list, unsigned); \
        va_end(list); \
    }

int open(const char *path, int flags, ...) {
    MODE(flags, mode)
    return opened(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    MODE(flags, mode)
    return opened(AT_FDCWD, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...) {
    MODE(flags, mode)
    return opened(dir, path, flags, mode);
}

int openat64(int dir, const char *path, int flags, ...) {
    MODE(flags, mode)
    return opened(dir, path, flags, mode);
}

DIR *opendir(const char *path) {
    REAL(opendir);
    if (!ours(path)) return real(path);
    if (fails_to_read(path)) return NULL;
    DIR *folder = real(path);
    int fd = folder ? dirfd(folder) : -1;
    if (fd >= 0 && fd < FDS) snprintf(paths[fd], PATH, "%s", path);
    return folder;
}

struct dirent64 *readdir64(DIR *folder) {
    REAL(readdir64);
    const char *path = path_of(dirfd(folder));
    if (path && fails_to_read(path)) return NULL;
    return real(folder);
}

int closedir(DIR *folder) {
    REAL(closedir);
    int fd = dirfd(folder);
    pthread_mutex_lock(&lock);
    if (fd >= 0 && fd < FDS) paths[fd][0] = 0;
    int done = real(folder);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t read(int fd, void *bytes, size_t size) {
    REAL(read);
    const char *path = path_of(fd);
    if (!path) return real(fd, bytes, size);
    if (is_bad(fd)) {
        errno = EIO;
        return -1;
    }
    return fails_to_read(path) ? -1 : real(fd, bytes, size);
}

int statx(int dir, const char *restrict name, int flags, unsigned mask,
          struct statx *restrict about) {
    char whole[PATH];
    REAL(statx);
    const char *path = at(dir, name, whole);
    if (ours(path) && fails_to_read(path)) return -1;
    return real(dir, name, flags, mask, about);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(clock_gettime);
    int done = real(clock, now);
    if (clock == CLOCK_REALTIME && clock_at && count >= clock_at) now->tv_sec += clock_by;
    return done;
}

int close(int fd) {
    REAL(close);
    pthread_mutex_lock(&lock);
    if (fd >= 0 && fd < FDS) paths[fd][0] = 0;
    int done = real(fd);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t write(int fd, const void *bytes, size_t size) {
    REAL(write);
    const char *path = path_of(fd);
    if (!path) return real(fd, bytes, size);
    pthread_mutex_lock(&lock);
    if (next(SPACE | CHANGE, path)) return refuse();
    int cut = half && count == kill_at;
    long offset = (long)lseek(fd, 0, SEEK_CUR);
    ssize_t done = real(fd, bytes, cut ? size / 2 : size);
    int saved = errno;
    if (done > 0) told("write", path, "", offset, bytes, (size_t)done);
    if (cut) kill(getpid(), SIGKILL);
    pthread_mutex_unlock(&lock);
    errno = saved;
    return done;
}

static int truncated(int (*real)(int, off64_t), int fd, off64_t length) {
    const char *path = path_of(fd);
    if (!path) return real(fd, length);
    pthread_mutex_lock(&lock);
    if (next(CHANGE, path)) return refuse();
    int done = real(fd, length);
    if (done == 0) told("truncate", path, "", (long)length, NULL, 0);
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate(int fd, off_t length) {
    return truncated(dlsym(RTLD_NEXT, "ftruncate64"), fd, length);
}

int ftruncate64(int fd, off64_t length) {
    return truncated(dlsym(RTLD_NEXT, "ftruncate64"), fd, length);
}

int fsync(int fd) {
    REAL(fsync);
    const char *path = path_of(fd);
    if (!path) return real(fd);
    pthread_mutex_lock(&lock);
    if (next(SYNC, path)) return refuse();
    /* The test's own disk need not work for it. */
    told("fsync", path, "", 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return 0;
}

int rename(const char *from, const char *to) {
    REAL(rename);
    if (!ours(to)) return real(from, to);
    pthread_mutex_lock(&lock);
    if (next(CHANGE, to)) return refuse();
    int done = real(from, to);
    if (done == 0) told("rename", from, to, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return done;
}

static int removed(int dir, const char *name, int flags) {
    char whole[PATH];
    REAL(unlinkat);
    const char *path = at(dir, name, whole);
    if (!ours(path)) return real(dir, name, flags);
    pthread_mutex_lock(&lock);
    if (next(CHANGE, path)) return refuse();
    int done = real(dir, name, flags);
    int saved = errno;
    told(done == 0 ? "unlink" : "nothing", path, "", 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    errno = saved;
    return done;
}

int unlink(const char *path) {
    return removed(AT_FDCWD, path, 0);
}

int rmdir(const char *path) {
    return removed(AT_FDCWD, path, AT_REMOVEDIR);
}

int unlinkat(int dir, const char *path, int flags) {
    return removed(dir, path, flags);
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    if (!ours(path)) return real(path, mode);
    pthread_mutex_lock(&lock);
    if (next(SPACE | CHANGE, path)) return refuse();
    int done = real(path, mode);
    int saved = errno;
    if (done == 0) told("mkdir", path, "", 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    errno = saved;
    return done;
}

static void met(const char *kind) {
    pthread_mutex_lock(&lock);
    begin();
    if (root) {
        next(0, "");
        told(kind, "", "", 0, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
}

ssize_t send(int fd, const void *bytes, size_t size, int flags) {
    REAL(send);
    met("send");
    return real(fd, bytes, size, flags);
}

ssize_t recv(int fd, void *bytes, size_t size, int flags) {
    REAL(recv);
    met("receive");
    return real(fd, bytes, size, flags);
}
