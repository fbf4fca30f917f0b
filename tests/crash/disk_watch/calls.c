/* The calls that are watched. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "watch.h"

/* ---- Names. */

static int open_inside(int directory, const char* given, const char* path, int flags, mode_t mode) {
  pthread_mutex_lock(&lock);
  struct stat status;
  int is_new = (flags & O_CREAT) != 0 && lstat(path, &status) != 0;
  struct Call call = {0, 0, 0, 0};
  if (is_new) call = number("open");
  int file = -1;
  int error = call.error;
  if (error == 0) {
    file = REAL(openat)(directory, given, flags, mode);
    error = errno;
  }
  if (file >= 0) {
    watch(file, kFile, path);
    if (is_new) enter(kCreate, call.number, 0, files[file].inode, 0, path, NULL);
    if (!is_new && (flags & O_TRUNC) != 0) enter(kTruncate, 0, 0, files[file].inode, 0, NULL, NULL);
  }
  finish(call);
  errno = error;
  return file;
}

int openat(int directory, const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & (O_CREAT | O_TMPFILE)) != 0) {
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
  }
  char whole[PATH_MAX];
  if (!is_inside(directory, path, whole)) return REAL(openat)(directory, path, flags, mode);
  return open_inside(directory, path, whole, flags, mode);
}

int open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & (O_CREAT | O_TMPFILE)) != 0) {
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
  }
  return openat(AT_FDCWD, path, flags, mode);
}

int mkostemp(char* path, int flags) {
  char whole[PATH_MAX];
  if (!is_inside(AT_FDCWD, path, whole)) return REAL(mkostemp)(path, flags);
  pthread_mutex_lock(&lock);
  struct Call call = number("open");
  int file = -1;
  int error = call.error;
  if (error == 0) {
    file = REAL(mkostemp)(path, flags);
    error = errno;
  }
  if (file >= 0) {
    watch(file, kFile, path);
    enter(kCreate, call.number, 0, files[file].inode, 0, path, NULL);
  }
  finish(call);
  errno = error;
  return file;
}

int close(int file) {
  if (kind_of(file) != kNothing) files[file].what = kNothing;
  return REAL(close)(file);
}

/* A change of names: the call itself is `act`. */
#define CHANGE_NAMES(name, kind, first, second, act)                   \
  do {                                                                 \
    pthread_mutex_lock(&lock);                                         \
    struct Call call = number(name);                                   \
    int error = call.error;                                            \
    int result = -1;                                                   \
    if (error == 0) {                                                  \
      result = (act);                                                  \
      error = errno;                                                   \
    }                                                                  \
    if (result == 0) enter(kind, call.number, 0, 0, 0, first, second); \
    finish(call);                                                      \
    errno = error;                                                     \
    return result;                                                     \
  } while (0)

int rename(const char* from, const char* to) {
  char a[PATH_MAX], b[PATH_MAX];
  if (!is_inside(AT_FDCWD, from, a) || !is_inside(AT_FDCWD, to, b)) return REAL(rename)(from, to);
  CHANGE_NAMES("rename", kRename, a, b, REAL(rename)(from, to));
}

int link(const char* from, const char* to) {
  char a[PATH_MAX], b[PATH_MAX];
  if (!is_inside(AT_FDCWD, from, a) || !is_inside(AT_FDCWD, to, b)) return REAL(link)(from, to);
  CHANGE_NAMES("link", kLink, a, b, REAL(link)(from, to));
}

int unlink(const char* path) {
  char whole[PATH_MAX];
  if (!is_inside(AT_FDCWD, path, whole)) return REAL(unlink)(path);
  CHANGE_NAMES("unlink", kUnlink, whole, NULL, REAL(unlink)(path));
}

int unlinkat(int directory, const char* path, int flags) {
  char whole[PATH_MAX];
  if (!is_inside(directory, path, whole)) return REAL(unlinkat)(directory, path, flags);
  CHANGE_NAMES("unlink", (flags & AT_REMOVEDIR) != 0 ? kRmdir : kUnlink, whole, NULL,
               REAL(unlinkat)(directory, path, flags));
}

int remove(const char* path) {
  struct stat status;
  return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) ? rmdir(path) : unlink(path);
}

int rmdir(const char* path) {
  char whole[PATH_MAX];
  if (!is_inside(AT_FDCWD, path, whole)) return REAL(rmdir)(path);
  CHANGE_NAMES("unlink", kRmdir, whole, NULL, REAL(rmdir)(path));
}

int mkdir(const char* path, mode_t mode) {
  char whole[PATH_MAX];
  struct stat status;
  if (!is_inside(AT_FDCWD, path, whole) || lstat(whole, &status) == 0) return REAL(mkdir)(path, mode);
  CHANGE_NAMES("mkdir", kMkdir, whole, NULL, REAL(mkdir)(path, mode));
}

int fchmod(int file, mode_t mode) {
  int result = REAL(fchmod)(file, mode);
  enum Watched what = kind_of(file);
  if (result != 0 || (what != kFile && what != kDirectory) || files[file].path == NULL) return result;
  pthread_mutex_lock(&lock);
  enter(kMode, 0, 0, files[file].inode, mode, what == kDirectory ? files[file].path : NULL, NULL);
  pthread_mutex_unlock(&lock);
  return result;
}

int chmod(const char* path, mode_t mode) {
  char whole[PATH_MAX];
  int result = REAL(chmod)(path, mode);
  if (result != 0 || !is_inside(AT_FDCWD, path, whole)) return result;
  pthread_mutex_lock(&lock);
  enter(kMode, 0, 0, 0, mode, whole, NULL);
  pthread_mutex_unlock(&lock);
  return result;
}

/* ---- Bytes. */

static size_t size_of(const struct iovec* parts, int part_count) {
  size_t size = 0;
  for (int i = 0; i < part_count; ++i) size += parts[i].iov_len;
  return size;
}

/* `at` -1: where the file stands. */
static ssize_t write_file(int file, const struct iovec* parts, int part_count, off_t at) {
  pthread_mutex_lock(&lock);
  struct Call call = number("write");
  struct iovec half = parts[0];
  if (call.is_short) {
    half.iov_len = (half.iov_len + 1) / 2;
    parts = &half;
    part_count = 1;
  }
  ssize_t written = -1;
  int error = call.error;
  if (error == 0) {
    written = at < 0 ? REAL(writev)(file, parts, part_count) : REAL(pwritev)(file, parts, part_count, at);
    error = errno;
  }
  if (written > 0) {
    off_t begin = at >= 0 ? at : lseek(file, 0, SEEK_CUR) - written;
    enter_parts(kWrite, call.number, 0, files[file].inode, (uint64_t)begin, NULL, NULL, parts, part_count,
                (size_t)written);
  }
  finish(call);
  errno = error;
  return written;
}

/* An answer: nothing of it has left when it is entered. */
static struct Call answer(const struct iovec* parts, int part_count) {
  pthread_mutex_lock(&lock);
  struct Call call = number("send");
  size_t size = size_of(parts, part_count);
  enter_parts(kSend, call.number, 0, 0, 0, NULL, NULL, parts, part_count, size < kSendHead ? size : kSendHead);
  pthread_mutex_unlock(&lock);
  return call;
}

static ssize_t answered(struct Call call, ssize_t result) {
  if (call.ends_after) end_here();
  return result;
}

ssize_t write(int file, const void* bytes, size_t size) {
  struct iovec part = {(void*)bytes, size};
  enum Watched what = kind_of(file);
  if (what == kFile) return write_file(file, &part, 1, -1);
  if (what != kClient) return REAL(write)(file, bytes, size);
  struct Call call = answer(&part, 1);
  return answered(call, REAL(write)(file, bytes, size));
}

ssize_t writev(int file, const struct iovec* parts, int part_count) {
  enum Watched what = kind_of(file);
  if (what == kFile) return write_file(file, parts, part_count, -1);
  if (what != kClient) return REAL(writev)(file, parts, part_count);
  struct Call call = answer(parts, part_count);
  return answered(call, REAL(writev)(file, parts, part_count));
}

ssize_t pwrite(int file, const void* bytes, size_t size, off_t at) {
  struct iovec part = {(void*)bytes, size};
  return kind_of(file) == kFile ? write_file(file, &part, 1, at) : REAL(pwrite)(file, bytes, size, at);
}

ssize_t send(int file, const void* bytes, size_t size, int flags) {
  if (kind_of(file) != kClient) return REAL(send)(file, bytes, size, flags);
  struct iovec part = {(void*)bytes, size};
  struct Call call = answer(&part, 1);
  return answered(call, REAL(send)(file, bytes, size, flags));
}

ssize_t sendmsg(int file, const struct msghdr* message, int flags) {
  if (kind_of(file) != kClient) return REAL(sendmsg)(file, message, flags);
  struct Call call = answer(message->msg_iov, (int)message->msg_iovlen);
  return answered(call, REAL(sendmsg)(file, message, flags));
}

int accept4(int listener, struct sockaddr* address, socklen_t* size, int flags) {
  int file = REAL(accept4)(listener, address, size, flags);
  if (file >= 0 && is_watched()) watch(file, kClient, NULL);
  return file;
}

int ftruncate(int file, off_t size) {
  if (kind_of(file) != kFile) return REAL(ftruncate)(file, size);
  pthread_mutex_lock(&lock);
  struct Call call = number("truncate");
  int error = call.error;
  int result = -1;
  if (error == 0) {
    result = REAL(ftruncate)(file, size);
    error = errno;
  }
  if (result == 0) enter(kTruncate, call.number, 0, files[file].inode, (uint64_t)size, NULL, NULL);
  finish(call);
  errno = error;
  return result;
}

/* Room without bytes: nothing that could be lost. */
int fallocate(int file, int mode, off_t offset, off_t size) {
  if (kind_of(file) != kFile) return REAL(fallocate)(file, mode, offset, size);
  pthread_mutex_lock(&lock);
  struct Call call = number("allocate");
  int error = call.error;
  int result = -1;
  if (error == 0) {
    result = REAL(fallocate)(file, mode, offset, size);
    error = errno;
  }
  if (result == 0) enter(kAllocate, call.number, 0, files[file].inode, (uint64_t)offset, NULL, NULL);
  finish(call);
  errno = error;
  return result;
}

/* ---- Syncs. */

static int sync_file(int file, int (*act)(int)) {
  pthread_mutex_lock(&lock);
  struct Call call = number("fsync");
  struct Open open = files[file];
  char* path = open.path == NULL ? NULL : strdup(open.path);
  int is_directory = open.what == kDirectory;
  uint64_t sync = ++syncs;
  enter(is_directory ? kDirectorySyncBegin : kSyncBegin, call.number, 0, open.inode, sync, path, NULL);
  pthread_mutex_unlock(&lock);
  int error = call.error;
  int result = -1;
  if (error == 0) {
    result = act(file);
    error = errno;
  }
  pthread_mutex_lock(&lock);
  enter(is_directory ? kDirectorySyncEnd : kSyncEnd, 0, result != 0, open.inode, sync, path, NULL);
  free(path);
  finish(call);
  errno = error;
  return result;
}

int fsync(int file) {
  enum Watched what = kind_of(file);
  return what == kFile || what == kDirectory ? sync_file(file, REAL(fsync)) : REAL(fsync)(file);
}

int fdatasync(int file) {
  enum Watched what = kind_of(file);
  return what == kFile || what == kDirectory ? sync_file(file, REAL(fdatasync)) : REAL(fdatasync)(file);
}

static void enter_tree(const char* path) {
  DIR* open = opendir(path);
  if (open == NULL) return;
  struct dirent* one;
  while ((one = readdir(open)) != NULL) {
    if (strcmp(one->d_name, ".") == 0 || strcmp(one->d_name, "..") == 0) continue;
    char child[PATH_MAX];
    int size = snprintf(child, sizeof(child), "%s/%s", path, one->d_name);
    struct stat status;
    if (size < 0 || size >= PATH_MAX || lstat(child, &status) != 0) continue;
    if (S_ISDIR(status.st_mode)) {
      enter(kFolderFile, 0, 0, 0, status.st_mode, child, NULL);
      enter_tree(child);
    }
    if (!S_ISREG(status.st_mode)) continue;
    int file = (int)syscall(SYS_openat, AT_FDCWD, child, O_RDONLY | O_CLOEXEC);
    char* bytes = malloc((size_t)status.st_size + 1);
    ssize_t count_read = file < 0 || bytes == NULL ? -1 : syscall(SYS_read, file, bytes, status.st_size);
    struct iovec part = {bytes, count_read < 0 ? 0 : (size_t)count_read};
    enter_parts(kFolderFile, 0, 0, status.st_ino, status.st_mode, child, NULL, &part, 1, part.iov_len);
    free(bytes);
    if (file >= 0) syscall(SYS_close, file);
  }
  closedir(open);
}

int syncfs(int file) {
  if (kind_of(file) != kDirectory) return REAL(syncfs)(file);
  pthread_mutex_lock(&lock);
  struct Call call = number("fsync");
  uint64_t sync = ++syncs;
  char* path = strdup(files[file].path);
  enter(kFolderSyncBegin, call.number, 0, files[file].inode, sync, path, NULL);
  if (journal >= 0) enter_tree(path);
  pthread_mutex_unlock(&lock);
  int error = call.error;
  int result = -1;
  if (error == 0) {
    result = REAL(syncfs)(file);
    error = errno;
  }
  pthread_mutex_lock(&lock);
  enter(kFolderSyncEnd, 0, result != 0, 0, sync, path, NULL);
  free(path);
  finish(call);
  errno = error;
  return result;
}
