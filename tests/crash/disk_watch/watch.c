/* Preloaded into a daemon under test: watches and breaks what it does with its data folder.
 *
 * Every change of a file below $DISK_WATCH_FOLDER, every sync, and every piece of an answer to a client goes through
 * here. They are numbered from 1 in the order in which they happen.
 *
 * DISK_WATCH_JOURNAL: a file that all of them are written to (watch.h: struct Entry), with what was written.
 *
 * DISK_WATCH_AT: the number of the one at which something happens, counted among those that DISK_WATCH_CALLS names
 * ("write,fsync"; all if it is not given). DISK_WATCH_DO: what happens. `before` and `after`: the process is killed
 * then; `eio`, `enospc`, `emfile`: the call fails; `short`: half of it is written. DISK_WATCH_ALWAYS: and to all from
 * there on.
 *
 * Only the process that was started is watched, not what it forks. The order in the journal is the order of effects: a
 * change is entered when it is made, under a lock; a sync is entered when it begins and when it has ended, since it
 * vouches for no more than what was written before it began; an answer is entered before it is sent. What another
 * process puts into the folder is not seen, but for a tree that is renamed after syncfs(), whose files are then entered
 * whole.
 */
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct Open files[kMostFiles];
pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static size_t folder_size;
int journal = -1;
static pid_t self;
uint64_t syncs;
static uint64_t count, matching, fail_at;
static const char* action = "";
static const char* calls;
static int always;

__attribute__((constructor)) static void begin(void) {
  const char* place = getenv("DISK_WATCH_FOLDER");
  if (place == NULL || strlen(place) >= sizeof(folder)) return;
  strcpy(folder, place);
  folder_size = strlen(folder);
  const char* file = getenv("DISK_WATCH_JOURNAL");
  if (file != NULL) journal = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const char* at = getenv("DISK_WATCH_AT");
  fail_at = at != NULL ? strtoull(at, NULL, 10) : 0;
  if (getenv("DISK_WATCH_DO") != NULL) action = getenv("DISK_WATCH_DO");
  calls = getenv("DISK_WATCH_CALLS");
  always = getenv("DISK_WATCH_ALWAYS") != NULL;
  self = getpid();
  /* Not for what the daemon starts. */
  unsetenv("LD_PRELOAD");
}

int is_watched(void) {
  return self != 0 && getpid() == self;
}

int is_inside(int directory, const char* path, char* out) {
  if (!is_watched() || path == NULL) return 0;
  if (path[0] == '/') {
    if (strlen(path) >= PATH_MAX) return 0;
    strcpy(out, path);
  } else {
    if (directory < 0 || directory >= kMostFiles || files[directory].what != kDirectory) return 0;
    int size = snprintf(out, PATH_MAX, "%s/%s", files[directory].path, path);
    if (size < 0 || size >= PATH_MAX) return 0;
  }
  return strncmp(out, folder, folder_size) == 0 && (out[folder_size] == '/' || out[folder_size] == '\0');
}

static int is_named(const char* name) {
  if (calls == NULL || calls[0] == '\0') return 1;
  size_t size = strlen(name);
  for (const char* at = calls; (at = strstr(at, name)) != NULL; at += size) {
    if ((at == calls || at[-1] == ',') && (at[size] == ',' || at[size] == '\0')) return 1;
  }
  return 0;
}

void end_here(void) {
  syscall(SYS_kill, self, SIGKILL);
  for (;;) pause();
}

static void put(const void* bytes, size_t size) {
  const char* at = bytes;
  while (size > 0) {
    ssize_t written = syscall(SYS_write, journal, at, size);
    if (written <= 0) end_here();
    at += written;
    size -= (size_t)written;
  }
}

void enter_parts(enum Kind kind, uint64_t number, int failed, uint64_t inode, uint64_t offset, const char* path,
                 const char* other, const struct iovec* parts, int part_count, size_t data_size) {
  if (journal < 0) return;
  struct Entry entry = {kMagic,
                        (uint16_t)kind,
                        (uint16_t)(failed != 0),
                        number,
                        inode,
                        offset,
                        path == NULL ? 0 : (uint32_t)strlen(path),
                        other == NULL ? 0 : (uint32_t)strlen(other),
                        data_size};
  put(&entry, sizeof(entry));
  put(path, entry.path_size);
  put(other, entry.other_size);
  for (int i = 0; i < part_count && data_size > 0; ++i) {
    size_t size = parts[i].iov_len < data_size ? parts[i].iov_len : data_size;
    put(parts[i].iov_base, size);
    data_size -= size;
  }
}

void enter(enum Kind kind, uint64_t number, int failed, uint64_t inode, uint64_t offset, const char* path,
           const char* other) {
  enter_parts(kind, number, failed, inode, offset, path, other, NULL, 0, 0);
}

struct Call number(const char* name) {
  struct Call call = {++count, 0, 0, 0};
  if (fail_at == 0 || !is_named(name)) return call;
  ++matching;
  if (matching != fail_at && !(always && matching > fail_at)) return call;
  if (strcmp(action, "before") == 0) end_here();
  if (strcmp(action, "after") == 0) call.ends_after = 1;
  if (strcmp(action, "eio") == 0) call.error = EIO;
  if (strcmp(action, "enospc") == 0) call.error = ENOSPC;
  if (strcmp(action, "emfile") == 0) call.error = EMFILE;
  if (strcmp(action, "short") == 0) call.is_short = 1;
  return call;
}

void finish(struct Call call) {
  if (call.ends_after) end_here();
  pthread_mutex_unlock(&lock);
}

void watch(int file, enum Watched what, const char* path) {
  if (file < 0 || file >= kMostFiles) return;
  struct stat status;
  memset(&status, 0, sizeof(status));
  if (what != kClient && fstat(file, &status) != 0) return;
  if (what == kFile && S_ISDIR(status.st_mode)) what = kDirectory;
  free(files[file].path);
  files[file].path = path == NULL ? NULL : strdup(path);
  files[file].inode = status.st_ino;
  files[file].what = what;
}

enum Watched kind_of(int file) {
  return file >= 0 && file < kMostFiles && is_watched() ? files[file].what : kNothing;
}
