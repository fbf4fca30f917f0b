/* What the parts of disk_watch share; watch.c says what it is. All but is_inside() and kind_of() need the lock. */
#pragma once
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* The daemon has names of its own. */
#pragma GCC visibility push(hidden)

enum Kind {
  kCreate = 1,
  kWrite,
  kTruncate,
  kSyncBegin,
  kSyncEnd,
  kDirectorySyncBegin,
  kDirectorySyncEnd,
  kRename,
  kLink,
  kUnlink,
  kMkdir,
  kRmdir,
  kFolderSyncBegin, /* syncfs */
  kFolderFile,      /* what it found: a file of the tree */
  kFolderSyncEnd,
  kSend,
  kAllocate,
  kMode, /* offset: the mode */
};

/* Behind it: path, second path, data. */
struct Entry {
  uint32_t magic;
  uint16_t kind;
  uint16_t failed;
  uint64_t number; /* 0: it is not one of the numbered calls, but belongs to one */
  uint64_t inode;
  uint64_t offset; /* of writes; of syncs: which one, so that end and begin find each other; of truncations: the size */
  uint32_t path_size;
  uint32_t other_size;
  uint64_t data_size;
};

enum { kMagic = 0x44575431, kMostFiles = 1 << 16, kSendHead = 1024 };
enum Watched { kNothing = 0, kFile, kDirectory, kClient };

struct Open {
  enum Watched what;
  uint64_t inode;
  char* path;
};

extern struct Open files[kMostFiles];
extern pthread_mutex_t lock;
extern int journal;    /* -1: there is none */
extern uint64_t syncs; /* how many there were */

/* The function of this name that comes next, which is the C library's. */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int is_watched(void);
/* Whether a path lies below the folder; `out` (PATH_MAX) is the whole path. */
int is_inside(int directory, const char* path, char* out);
enum Watched kind_of(int file);
void watch(int file, enum Watched what, const char* path);
void end_here(void);

/* Into the journal. */
void enter(enum Kind kind, uint64_t number, int failed, uint64_t inode, uint64_t offset, const char* path,
           const char* other);
void enter_parts(enum Kind kind, uint64_t number, int failed, uint64_t inode, uint64_t offset, const char* path,
                 const char* other, const struct iovec* parts, int part_count, size_t data_size);

struct Call {
  uint64_t number;
  int error; /* the call is to fail with it */
  int is_short;
  int ends_after;
};
/* Numbers a call, and gives up the lock when it is done. */
struct Call number(const char* name);
void finish(struct Call call);

#pragma GCC visibility pop
