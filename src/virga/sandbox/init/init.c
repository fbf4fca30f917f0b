// virga-init: process 1 of every sandbox. It starts nothing; the program is its child already when it begins (process 2).
// It reaps whatever becomes an orphan, tells the helper how the program ended, and ends, whereupon the kernel ends
// everything else in the sandbox.
//
// Freestanding on purpose: one page of code, no libc, no heap, so that a sandbox costs little and a hostile neighbour finds
// nothing here. Descriptor 3 is the socket to the helper.

#include <asm/unistd.h>

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

enum { kProgram = 2, kInterrupted = -4, kSocket = 3 };

__attribute__((noreturn, used)) void virga_init(void) {
  for (;;) {
    int status = 0;
    long pid = call(__NR_wait4, -1, (long)&status, 0, 0);
    if (pid == kInterrupted) continue;
    if (pid < 0) status = 0xff00;  // cannot happen: the program is a child until it is reaped
    if (pid > 0 && pid != kProgram) continue;
    (void)call(__NR_write, kSocket, (long)&status, sizeof(status), 0);
    for (;;) (void)call(__NR_exit_group, 0, 0, 0, 0);
  }
}
