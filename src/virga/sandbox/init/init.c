// virga-init: process 1 of every sandbox. It starts nothing; the program is its child already when it begins (process
// 2). It reaps whatever becomes an orphan, tells the helper how the program ended, and ends, whereupon the kernel ends
// everything else in the sandbox.
//
// Of a template it also is the partner that shares root and working folder with the program (clone(2), CLONE_FS): it
// alone may change the root (CAP_SYS_CHROOT), and does so for the moment in which the program forks; see docs/forks.md.
// There it outlives the program, for the forks.
//
// Freestanding on purpose: one page of code, no libc, no heap, so that a sandbox costs little and a hostile neighbour
// finds nothing here. Descriptor 3 is the socket to the helper; of a template, 4 is its own root.

#include <asm/poll.h>
#include <asm/signal.h>
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/wait.h>

#include "door.h"

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n  xor %ebp, %ebp\n  and $-16, %rsp\n  call virga_init\n  hlt\n");
static long call(long number, long a, long b, long c, long d) {
  long result;
  register long r10 __asm__("r10") = d;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n  mov x29, #0\n  mov x30, #0\n  bl virga_init\n  brk #0\n");
static long call(long number, long a, long b, long c, long d) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}
#else
#error "virga-init knows x86-64 and arm64"
#endif

enum { kProgram = 2, kInterrupted = -4, kSocket = 3, kHome = 4, kElsewhere = 9, kChildren = 10 };

static void end(void) {
  for (;;) (void)call(__NR_exit_group, 0, 0, 0, 0);
}

static void say_ended(int status) {
  (void)call(__NR_write, kSocket, (long)&status, sizeof(status), 0);
}

// ---- The door of a template.

struct part {
  void* base;
  unsigned long length;
};
struct message {  // msghdr
  void* name;
  unsigned name_length;
  struct part* parts;
  unsigned long part_count;
  void* control;
  unsigned long control_length;
  int flags;
};
struct passed {  // cmsghdr, with one descriptor
  unsigned long length;
  int level;
  int type;
  int descriptor;
  int padding;
};
enum { kCloseReceivedOnExec = 0x40000000 };  // MSG_CMSG_CLOEXEC

static char folder[4096];   // the program's working folder, as it is called from its root
static int left_from = -1;  // the same, open, while the root is another

// By a path that the root alone decides: the working folder is the program's to change at any moment.
static long enter(const char* descriptor) {
  return call(__NR_chroot, (long)descriptor, 0, 0, 0);
}

static long leave_for(int tree) {
  if (left_from < 0) {
    if (call(__NR_getcwd, (long)folder, sizeof(folder), 0, 0) <= 0) folder[0] = 0;
    left_from = (int)call(__NR_openat, AT_FDCWD, (long)".", O_DIRECTORY | O_PATH | O_CLOEXEC, 0);
  }
  (void)call(__NR_dup3, tree, kElsewhere, O_CLOEXEC, 0);
  long result = enter("/proc/self/fd/9");
  (void)call(__NR_close, kElsewhere, 0, 0, 0);
  if (result < 0) return result;
  // Else ".." of the fork's working folder would lead into the template's root.
  if (folder[0] == '/' && call(__NR_chdir, (long)folder, 0, 0, 0) == 0) return 0;
  return call(__NR_chdir, (long)"/", 0, 0, 0);
}

static long go_home(void) {
  long result = enter("/proc/self/fd/4");
  (void)call(__NR_fchdir, left_from, 0, 0, 0);
  (void)call(__NR_close, left_from, 0, 0, 0);
  left_from = -1;
  return result;
}

static void obey(void) {
  unsigned order = 0;
  struct part part = {&order, sizeof(order)};
  struct passed passed = {0, 0, 0, -1, 0};
  struct message message = {0, 0, &part, 1, &passed, sizeof(passed), 0};
  long got = call(__NR_recvmsg, kSocket, (long)&message, kCloseReceivedOnExec, 0);
  if (got == kInterrupted) return;
  if (got <= 0) end();  // the helper is gone
  int tree = passed.descriptor;
  struct DoorAnswer answer = {order, 0};
  answer.error = (int)(order == DoorLeave ? leave_for(tree) : go_home());
  if (tree >= 0) (void)call(__NR_close, tree, 0, 0, 0);
  (void)call(__NR_write, kSocket, (long)&answer, sizeof(answer), 0);
}

static int reap_all(int program_ended) {
  for (;;) {
    int status = 0;
    long pid = call(__NR_wait4, -1, (long)&status, WNOHANG, 0);
    if (pid == kInterrupted) continue;
    if (pid <= 0) return program_ended;
    if (pid == kProgram) {
      program_ended = 1;
      say_ended(status);
    } else if (program_ended) {  // till then the program reaps its forks
      struct DoorReaped reaped = {DoorTellsReaped, (int)pid, status};
      (void)call(__NR_write, kSocket, (long)&reaped, sizeof(reaped), 0);
    }
  }
}

static void keep_door(void) {
  unsigned long signals = 1ul << (SIGCHLD - 1);
  (void)call(__NR_rt_sigprocmask, SIG_BLOCK, (long)&signals, 0, sizeof(signals));
  int children = (int)call(__NR_signalfd4, -1, (long)&signals, sizeof(signals), O_NONBLOCK | O_CLOEXEC);
  (void)call(__NR_dup3, children, kChildren, O_CLOEXEC, 0);
  (void)call(__NR_close, children, 0, 0, 0);
  int program_ended = 0;
  for (;;) {
    program_ended = reap_all(program_ended);
    struct pollfd waiting[2] = {{kSocket, POLLIN, 0}, {kChildren, POLLIN, 0}};
    if (call(__NR_ppoll, (long)waiting, 2, 0, 0) <= 0) continue;
    char ignored[128];
    if (waiting[1].revents) (void)call(__NR_read, waiting[1].fd, (long)ignored, sizeof(ignored), 0);
    if (waiting[0].revents) obey();
  }
}

// ---- Everybody's.

__attribute__((noreturn, used)) void virga_init(void) {
  if (call(__NR_fcntl, kHome, F_GETFD, 0, 0) >= 0) keep_door();
  for (;;) {
    int status = 0;
    long pid = call(__NR_wait4, -1, (long)&status, 0, 0);
    if (pid == kInterrupted) continue;
    if (pid < 0) status = 0xff00;  // cannot happen: the program is a child until it is reaped
    if (pid > 0 && pid != kProgram) continue;
    say_ended(status);
    end();
  }
}
