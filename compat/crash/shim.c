/* Makes the n-th call of the operating system on a file below FAULT_PATH fail; loaded with LD_PRELOAD.
 *
 * FAULT_NTH: which call, from 1 on (0: none, only count). FAULT_ERRNO: with what. FAULT_AFTER=1: all later
 * calls fail too, as on a full disk, but for those that give room back; 2: those as well, as on a disk that died.
 * FAULT_REPORT: a file that gets one line for each call that failed, and at the end of the process the number of calls.
 *
 * FAULT_LIE: syncs of files whose names end so (an empty text: of all, folders too) are answered and not done, and
 * nothing of these files goes past the page cache: it stands for the cache of a disk, which loses what is not synced.
 *
 * A write that fails writes half before, as a torn one does. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;
static long nth = -1;
static int code, after, report = -1;
static const char *below, *lie;

__attribute__((constructor)) static void begin(void) {
    const char *text;
    below = getenv("FAULT_PATH");
    lie = getenv("FAULT_LIE");
    nth = (text = getenv("FAULT_NTH")) ? atol(text) : 0;
    code = (text = getenv("FAULT_ERRNO")) ? atoi(text) : EIO;
    after = (text = getenv("FAULT_AFTER")) ? atoi(text) : 0;
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    text = getenv("FAULT_REPORT");
    if (text) report = real(text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static void say(const char *what, const char *path, long number) {
    char line[512];
    int len = snprintf(line, sizeof line, "%s %ld %s\n", what, number, path);
    ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    if (report >= 0 && real(report, line, len) < 0) return;
}

__attribute__((destructor)) static void end(void) { say("calls", "", atomic_load(&calls)); }

static int is_below(const char *path) {
    return below && path && strncmp(path, below, strlen(below)) == 0;
}

static int due_at(const char *doing, const char *path, int gives_room) {
    if (!is_below(path)) return 0;
    long number = atomic_fetch_add(&calls, 1) + 1;
    int due = nth > 0 && (number == nth || (after && number > nth && (after > 1 || !gives_room)));
    if (!due) return 0;
    char what[64];
    snprintf(what, sizeof what, "%s fails", doing);
    say(what, path, number);
    errno = code;
    return 1;
}

static int due_fd(const char *doing, int fd, int gives_room) {
    if (!below) return 0;
    char link[64], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len < 0) return 0;
    path[len] = 0;
    return due_at(doing, path, gives_room);
}

static int is_lie(int fd) {
    char link[64], path[512];
    if (!lie || !below) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len < (ssize_t)strlen(lie)) return 0;
    path[len] = 0;
    return is_below(path) && strcmp(path + len - strlen(lie), lie) == 0;
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *bytes, size_t len) {
    REAL(ssize_t, write, int, const void *, size_t);
    if (due_fd("write", fd, 0)) return -1;
    return real(fd, bytes, len);
}

static ssize_t half(int fd, const struct iovec *parts, off_t at) {
    ssize_t (*real)(int, const void *, size_t, off_t) =
        (ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");
    int kept = errno;
    ssize_t done = real(fd, parts[0].iov_base, parts[0].iov_len / 2, at);
    errno = kept;
    (void)done;
    return -1;
}

#define PWRITE(name) \
    ssize_t name(int fd, const void *bytes, size_t len, off_t at) { \
        REAL(ssize_t, name, int, const void *, size_t, off_t); \
        struct iovec part = {(void *)bytes, len}; \
        if (due_fd(#name, fd, 0)) return half(fd, &part, at); \
        return real(fd, bytes, len, at); \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

#define PWRITEV(name) \
    ssize_t name(int fd, const struct iovec *parts, int count, off_t at) { \
        REAL(ssize_t, name, int, const struct iovec *, int, off_t); \
        if (due_fd(#name, fd, 0)) return half(fd, parts, at); \
        return real(fd, parts, count, at); \
    }
PWRITEV(pwritev)
PWRITEV(pwritev64)

#define SYNC(name) \
    int name(int fd) { \
        REAL(int, name, int); \
        if (due_fd(#name, fd, 1)) return -1; \
        return is_lie(fd) ? 0 : real(fd); \
    }
SYNC(fsync)
SYNC(fdatasync)
SYNC(syncfs)

#define FCNTL(name) \
    int name(int fd, int command, ...) { \
        REAL(int, name, int, int, ...); \
        va_list rest; \
        va_start(rest, command); \
        void *argument = va_arg(rest, void *); \
        va_end(rest); \
        if (command == F_SETFL && ((long)argument & O_DIRECT) && is_lie(fd)) { \
            errno = EINVAL; \
            return -1; \
        } \
        return real(fd, command, argument); \
    }
FCNTL(fcntl)
FCNTL(fcntl64)

#define TRUNCATE(name) \
    int name(int fd, off_t len) { \
        REAL(int, name, int, off_t); \
        if (due_fd(#name, fd, 1)) return -1; \
        return real(fd, len); \
    }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

#define FALLOCATE(name) \
    int name(int fd, int mode, off_t at, off_t len) { \
        REAL(int, name, int, int, off_t, off_t); \
        if (due_fd(#name, fd, 0)) return -1; \
        return real(fd, mode, at, len); \
    }
FALLOCATE(fallocate)
FALLOCATE(fallocate64)

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(int, name, const char *, int, ...); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        if (due_at(#name, path, !(flags & O_CREAT))) return -1; \
        return real(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *);
    if (due_at("rename", from, 1)) return -1;
    return real(from, to);
}

int mkdir(const char *path, mode_t mode) {
    REAL(int, mkdir, const char *, mode_t);
    if (due_at("mkdir", path, 0)) return -1;
    return real(path, mode);
}

int unlink(const char *path) {
    REAL(int, unlink, const char *);
    if (due_at("unlink", path, 1)) return -1;
    return real(path);
}

int unlinkat(int dir, const char *path, int flags) {
    REAL(int, unlinkat, int, const char *, int);
    if (dir == AT_FDCWD ? due_at("unlinkat", path, 1) : due_fd("unlinkat", dir, 1)) return -1;
    return real(dir, path, flags);
}
