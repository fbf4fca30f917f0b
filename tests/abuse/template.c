// A template in bare C, for tests: what runs in its forks is another program. Follows docs/forks.md, or breaks it.
//
//   template HOW PROGRAM [ARGUMENT]...     HOW: honest, or one of the ways below not to be
//
// Each fork finds its number in the environment as N. With BARE there, a fork has descriptors 0 to 2 only.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kForkSocket = 4, kFork = 1, kForked = 2, kFailed = 3, kEnded = 4, kMost = 4096 };
enum { kInput, kOutput, kErrors, kFrames, kHandshake, kRules, kPassed };

struct word {
  uint32_t kind;
  int32_t value;
  uint64_t number;
};

static const char* how;
static pid_t forks[kMost];  // by number

static int is(const char* name) {
  return strcmp(how, name) == 0;
}

static int receive(int socket, void* bytes, size_t size, int* descriptors, int most) {
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE(16 * sizeof(int))];
  } control;
  struct iovec part = {bytes, size};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
  ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (got <= 0) _exit(1);
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == NULL) return 0;
  int count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
  memcpy(descriptors, CMSG_DATA(header), sizeof(int) * (size_t)(count < most ? count : most));
  return count;
}

static void say(uint32_t kind, int32_t value, uint64_t number) {
  struct word word = {kind, value, number};
  (void)!write(kForkSocket, &word, sizeof(word));
}

static void* idle(void* unused) {
  for (;;) pause();
  return unused;
}

static void start_thread(void* (*body)(void*)) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, body, NULL) != 0) _exit(9);
}

// Enters the groups and the rules of this fork.
static void join(int handshake, int rules) {
  char byte = 'h';
  int files[16];
  if (is("threads")) start_thread(idle);
  if (send(handshake, &byte, 1, MSG_NOSIGNAL) != 1) _exit(1);
  int count = receive(handshake, &byte, 1, files, 16);
  if (is("dies")) _exit(5);
  if (is("waits")) pause();
  for (int i = 0; i < count; ++i) {
    if (!is("stays") && write(files[i], "0", 1) != 1) _exit(1);
    close(files[i]);
  }
  if (send(handshake, &byte, 1, MSG_NOSIGNAL) != 1) _exit(1);
  if (recv(handshake, &byte, 1, 0) != 1) _exit(1);
  close(handshake);
  if (syscall(446 /* landlock_restrict_self */, rules, 0) != 0) _exit(2);
  close(rules);
}

static void become(char** program, uint64_t number, const int* passed) {
  char text[32];
  snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
  setenv("N", text, 1);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setsid();
  int handshake = fcntl(passed[kHandshake], F_DUPFD_CLOEXEC, 32);
  int rules = fcntl(passed[kRules], F_DUPFD_CLOEXEC, 32);
  int channels[4];
  for (int i = 0; i < 4; ++i) channels[i] = fcntl(passed[i], F_DUPFD_CLOEXEC, 32);
  for (int i = 0; i < 4; ++i) dup2(channels[i], i);
  if (getenv("BARE") != NULL) close(3);
  close_range(4, 31, is("keeps-root") ? CLOSE_RANGE_CLOEXEC : 0);
  join(handshake, rules);
  if (is("keeps-root")) {  // tries the template's /tmp by a descriptor from before
    int fd = openat(20, "tmp/of-template", O_RDONLY);
    dprintf(1, "%s\n", fd < 0 ? strerror(errno) : "read");
    fd = openat(20, "tmp/made", O_WRONLY | O_CREAT, 0600);
    dprintf(1, "%s\n", fd < 0 ? strerror(errno) : "written");
  }
  close_range(4, ~0u, 0);
  execv(program[0], program);
  _exit(127);
}

static void fork_one(char** program) {
  struct word asked;
  int passed[16];
  int count = receive(kForkSocket, &asked, sizeof(asked), passed, 16);
  if (asked.kind != kFork || count != kPassed || asked.number >= kMost) _exit(3);
  if (is("nonsense")) say(77, 0, asked.number);
  if (is("short")) (void)!write(kForkSocket, "abc", 3);
  if (is("mute")) return;
  if (is("refuses")) {
    for (int i = 0; i < kPassed; ++i) close(passed[i]);
    return say(kFailed, EAGAIN, asked.number);
  }
  if (is("ends") || (is("ends-after-two") && asked.number == 3)) _exit(4);
  if (is("closes")) {
    close(kForkSocket);
    for (;;) pause();
  }
  if (is("itself")) {
    (void)!write(passed[kHandshake], "h", 1);
    return say(kForked, 0, asked.number);
  }
  if (is("doubly")) {
    say(kForked, 0, asked.number);
    say(kForked, 0, asked.number + 1);
    say(kEnded, 0, asked.number);
    say(kEnded, 0, 12345);
    if (fork() == 0) become(program, asked.number, passed);
  }
  pid_t child = fork();
  if (child == 0) {
    if (is("grandchild") && fork() != 0) {
      pause();
      _exit(0);
    }
    become(program, asked.number, passed);
  }
  for (int i = 0; i < kPassed; ++i) close(passed[i]);
  if (child < 0) return say(kFailed, errno, asked.number);
  forks[asked.number] = child;
  say(kForked, 0, asked.number);
}

static void reap(void) {
  int status = 0;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    for (uint64_t number = 0; number < kMost; ++number) {
      if (forks[number] != pid) continue;
      forks[number] = 0;
      if (!is("tells-nothing")) say(kEnded, status, number);
    }
  }
}

static void* change_folders(void* unused) {
  for (;;) {
    (void)!chdir("/tmp");
    (void)!chdir("/usr");
    (void)!chdir("/proc/self");
  }
  return unused;
}

int main(int count, char** values) {
  if (count < 3) return 2;
  how = values[1];
  if (getenv("BARE") == NULL) close(open("/tmp/of-template", O_WRONLY | O_CREAT, 0600));
  const char* heap = getenv("HEAP_MIB");
  if (heap != NULL) {
    size_t size = (size_t)atoi(heap) << 20;
    char* memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t at = 0; at < size; at += 4096) memory[at] = 1;
  }
  if (is("keeps-root")) dup2(open("/", O_RDONLY | O_DIRECTORY), 20);
  if (is("chdirs")) start_thread(change_folders);
  if (is("early")) {
    say(kForked, 0, 0);
    say(kEnded, 0, 1);
    say(kFailed, 1, 1);
  }
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  sigprocmask(SIG_BLOCK, &children, NULL);
  puts("ready");
  fflush(stdout);
  int signals = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
  for (;;) {
    struct pollfd waiting[2] = {{kForkSocket, POLLIN, 0}, {signals, POLLIN, 0}};
    if (poll(waiting, 2, -1) < 0) continue;
    struct signalfd_siginfo info;
    if (waiting[1].revents != 0 && read(signals, &info, sizeof(info)) > 0) reap();
    if (waiting[0].revents != 0) fork_one(values + 2);
  }
}
