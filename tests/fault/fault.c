/* fault: a file system that fails once. Loaded with LD_PRELOAD, it counts the calls that change files (and
 * opens and closes), writes them to a log, and makes one of them fail or ends the process there.
 *
 *   FAULT_LOG=FILE     a line for each call: its number, its name, and the paths it is about, between tabs
 *   FAULT_AT=N         the N-th call (from 1) is the one; 0 or unset: none
 *   FAULT_HOW=EIO|ENOSPC   it fails so, and nothing was done (of a close: the descriptor is gone all the same)
 *             HALF     a write writes half of what it should, then it fails with ENOSPC; else like ENOSPC
 *             KILL     the process dies before it
 *             KILLED   the process dies behind it
 *
 * The order of the log is that of the calls, so a test can ask what was fsynced before a rename. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long count;
static long at = -1;
static const char *how = "";
static int log_fd = -1;

static void begin(void) {
  if (at >= 0) return;
  const char *n = getenv("FAULT_AT");
  const char *h = getenv("FAULT_HOW");
  const char *file = getenv("FAULT_LOG");
  if (h) how = h;
  if (file) log_fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  at = n ? atol(n) : 0;
}

/* The path of a descriptor, as the kernel knows it. */
static void path_of(int fd, char *out, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t n = fd == AT_FDCWD ? -1 : readlink(link, out, size - 1);
  out[n < 0 ? 0 : n] = 0;
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

/* What is to become of this call. */
enum fate { goes_on, fails, half, dies_behind };

static enum fate enter(const char *call, int fd, const char *name, int to_fd, const char *to) {
  const int saved = errno;
  enum fate fate = goes_on;
  pthread_mutex_lock(&mutex);
  begin();
  ++count;
  if (log_fd >= 0) {
    char line[9000], a[4096], b[4096];
    path_of(fd, a, sizeof a);
    path_of(to_fd, b, sizeof b);
    const int n = snprintf(line, sizeof line, "%ld\t%s\t%s%s%s\t%s%s%s\n", count, call, a, a[0] && name[0] ? "/" : "",
                           name, b, b[0] && to[0] ? "/" : "", to);
    syscall(SYS_write, log_fd, line, (size_t)(n < (int)sizeof line ? n : (int)sizeof line - 1));
  }
  if (count == at) {
    if (!strcmp(how, "KILL")) die();
    fate = !strcmp(how, "KILLED") ? dies_behind : !strcmp(how, "HALF") ? half : fails;
  }
  pthread_mutex_unlock(&mutex);
  errno = saved;
  return fate;
}

static int failure(void) { return !strcmp(how, "EIO") ? EIO : ENOSPC; }

#define REAL(type, name, ...)                               \
  static type (*real)(__VA_ARGS__);                         \
  if (!real) *(void **)&real = dlsym(RTLD_NEXT, name)

#define RUN(fate, call)          \
  do {                           \
    if (fate == fails || fate == half) { \
      errno = failure();         \
      return -1;                 \
    }                            \
    const __typeof__(call) result = call; \
    if (fate == dies_behind) die();       \
    return result;               \
  } while (0)

ssize_t write(int fd, const void *data, size_t size) {
  REAL(ssize_t, "write", int, const void *, size_t);
  const enum fate fate = enter("write", fd, "", AT_FDCWD, "");
  if (fate == half) {
    (void)!real(fd, data, size / 2);
    errno = ENOSPC;
    return -1;
  }
  RUN(fate, real(fd, data, size));
}

ssize_t writev(int fd, const struct iovec *parts, int n) {
  REAL(ssize_t, "writev", int, const struct iovec *, int);
  const enum fate fate = enter("writev", fd, "", AT_FDCWD, "");
  RUN(fate, real(fd, parts, n));
}

#define PWRITE(symbol)                                                      \
  ssize_t symbol(int fd, const void *data, size_t size, off_t offset) {     \
    REAL(ssize_t, #symbol, int, const void *, size_t, off_t);               \
    const enum fate fate = enter("pwrite", fd, "", AT_FDCWD, "");           \
    RUN(fate, real(fd, data, size, offset));                                \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

#define TRUNCATE(symbol)                                              \
  int symbol(int fd, off_t size) {                                    \
    REAL(int, #symbol, int, off_t);                                   \
    const enum fate fate = enter("ftruncate", fd, "", AT_FDCWD, "");  \
    RUN(fate, real(fd, size));                                        \
  }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

#define SYNC(symbol)                                               \
  int symbol(int fd) {                                             \
    REAL(int, #symbol, int);                                       \
    const enum fate fate = enter("fsync", fd, "", AT_FDCWD, "");   \
    RUN(fate, real(fd));                                           \
  }
SYNC(fsync)
SYNC(fdatasync)

int close(int fd) {
  REAL(int, "close", int);
  const enum fate fate = enter("close", fd, "", AT_FDCWD, "");
  if (fate == fails || fate == half) real(fd); /* Linux has released it even when it reports a failure */
  RUN(fate, real(fd));
}

#define OPENAT(symbol)                                                \
  int symbol(int dir, const char *name, int flags, ...) {             \
    mode_t mode = 0;                                                  \
    if (flags & (O_CREAT | O_TMPFILE)) {                              \
      va_list more;                                                   \
      va_start(more, flags);                                          \
      mode = va_arg(more, mode_t);                                    \
      va_end(more);                                                   \
    }                                                                 \
    REAL(int, #symbol, int, const char *, int, ...);                  \
    const enum fate fate = enter("open", dir, name, AT_FDCWD, "");    \
    RUN(fate, real(dir, name, flags, mode));                          \
  }
OPENAT(openat)
OPENAT(openat64)

int mkdirat(int dir, const char *name, mode_t mode) {
  REAL(int, "mkdirat", int, const char *, mode_t);
  const enum fate fate = enter("mkdir", dir, name, AT_FDCWD, "");
  RUN(fate, real(dir, name, mode));
}

int linkat(int from, const char *old, int to, const char *name, int flags) {
  REAL(int, "linkat", int, const char *, int, const char *, int);
  char source[4096];
  const ssize_t n = readlink(old, source, sizeof source - 1);
  source[n < 0 ? 0 : n] = 0;
  const enum fate fate = enter("link", AT_FDCWD, n < 0 ? old : source, to, name);
  RUN(fate, real(from, old, to, name, flags));
}

int renameat(int from, const char *old, int to, const char *name) {
  REAL(int, "renameat", int, const char *, int, const char *);
  const enum fate fate = enter("rename", from, old, to, name);
  RUN(fate, real(from, old, to, name));
}

int renameat2(int from, const char *old, int to, const char *name, unsigned flags) {
  REAL(int, "renameat2", int, const char *, int, const char *, unsigned);
  const enum fate fate = enter("rename", from, old, to, name);
  RUN(fate, real(from, old, to, name, flags));
}

int unlinkat(int dir, const char *name, int flags) {
  REAL(int, "unlinkat", int, const char *, int);
  const enum fate fate = enter("unlink", dir, name, AT_FDCWD, "");
  RUN(fate, real(dir, name, flags));
}

int fchmod(int fd, mode_t mode) {
  REAL(int, "fchmod", int, mode_t);
  const enum fate fate = enter("chmod", fd, "", AT_FDCWD, "");
  RUN(fate, real(fd, mode));
}
