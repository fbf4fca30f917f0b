// Hostile attempts in native code. Each prints one line: NAME VERDICT ERRNO DETAIL. The verdict is what the attempt
// saw; run.py judges from outside and compares with the same attempts where nothing holds them.
//
//   attempts all          every attempt that returns
//   attempts NAME         one of those that hang, crash, flood or end
//
// SECRET: a host path the sandbox must not reach. VICTIM: a host pid. PORT, ABSTRACT: host sockets. EXTRA environment
// only.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "verdict.h"

static long clone_with(unsigned long flags) {
  long child = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, 0);
  if (child == 0) _exit(0);
  return child;
}

static long clone3_with(unsigned long flags) {
  struct {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
  } arguments = {.flags = flags, .exit_signal = SIGCHLD};
  long child = syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (child == 0) _exit(0);
  return child;
}

static long enter_own_network(void) {
  int fd = open("/proc/self/ns/net", O_RDONLY);
  return fd < 0 ? -1 : setns(fd, CLONE_NEWNET);
}

static long become_realtime(void) {
  struct sched_param parameter = {.sched_priority = 10};
  return sched_setscheduler(0, SCHED_FIFO, &parameter);
}

static long raise_files(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max = limit.rlim_max + 1000;
  return setrlimit(RLIMIT_NOFILE, &limit);
}

static long write_text(const char* path, const char* text) {
  int fd = open(path, O_WRONLY);
  return fd < 0 ? -1 : write(fd, text, strlen(text));
}

static long read_self(void) {
  static char source[16] = "abc", target[16];
  struct iovec to = {target, 16}, from = {source, 16};
  return process_vm_readv(getpid(), &to, 1, &from, 1, 0);
}

static long splice_file(void) {
  int ends[2], fd = open("/proc/self/exe", O_RDONLY);
  if (fd < 0 || pipe(ends) != 0) return -1;
  loff_t offset = 0;
  return splice(fd, &offset, ends[1], NULL, 64, 0);
}

static long vmsplice_memory(void) {
  int ends[2];
  static char memory[64];
  struct iovec part = {memory, 64};
  if (pipe(ends) != 0) return -1;
  return vmsplice(ends[1], &part, 1, 0);
}

static long name_handle(void) {
  struct {
    struct file_handle head;
    char room[128];
  } handle = {.head = {.handle_bytes = 128}};
  int mount;
  return name_to_handle_at(AT_FDCWD, "/", &handle.head, &mount, 0);
}

static long put_filter(void) {
  struct {
    uint16_t code;
    uint8_t jt, jf;
    uint32_t k;
  } allow = {0x06, 0, 0, SECCOMP_RET_ALLOW};
  struct {
    unsigned short length;
    void* filter;
  } program = {1, &allow};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

static long lower_loopback(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct ifreq request = {.ifr_name = "lo"};
  return ioctl(fd, SIOCSIFFLAGS, &request);
}

static long push_key(void) {
  char key = 'x';
  int fd = open("/dev/null", O_RDWR);
  long result = ioctl(fd, TIOCSTI, &key);
  return result < 0 && errno == ENOTTY ? 0 : result;  // ENOTTY: it got to the driver
}

#if defined(__x86_64__)
static long call_int80(void) {
  long result = 20;  // getpid of i386
  __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
  return result;
}
static long call_x32(void) {
  return syscall(0x40000000 | SYS_getpid);
}
#endif

static void links_and_roots(const char* secret) {
  struct stat status;
  char path[4200];
  reads("02.secret", secret);
  snprintf(path, sizeof(path), "../../../../../../../..%s", secret);
  reads("03.dotdot", path);
  unlink("/tmp/link");
  by_result("38.hardlink", link("/var/task/marker", "/tmp/link"));
  unlink("/tmp/link");
  symlink(secret, "/tmp/link");
  reads("38.symlink", "/tmp/link");
  unlink("/tmp/link");
  verdict("36.cgroupfs", stat("/sys/fs/cgroup", &status) == 0, errno, NULL);
  char text[4096] = "";
  int fd = open("/proc/self/cgroup", O_RDONLY);
  if (fd >= 0) (void)!read(fd, text, sizeof(text) - 1);
  int shows = 0;
  for (char* line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
    if (strcmp(strrchr(line, ':'), ":/") != 0) shows = 1;
  }
  verdict("36.cgroup-path", shows, 0, NULL);
  struct statvfs tmp;
  statvfs("/tmp", &tmp);
  verdict("30.setuid-file", (tmp.f_flag & ST_NOSUID) == 0, 0, NULL);
}

static void open_descriptors(void) {
  DIR* folder = opendir("/proc/self/fd");
  int extra = 0;
  struct dirent* entry;
  while (folder != NULL && (entry = readdir(folder)) != NULL) {
    int fd = atoi(entry->d_name);
    if (fd > 2 && fd != dirfd(folder)) extra = 1;
  }
  if (folder != NULL) closedir(folder);
  verdict("08.descriptors", extra, 0, NULL);
}

static void stand_ins(void) {
  // What the host shows differs from run to run of this; the sandbox's are constants.
  char text[4096] = "";
  int fd = open("/proc/loadavg", O_RDONLY);
  if (fd >= 0) (void)!read(fd, text, sizeof(text) - 1);
  verdict("51.loadavg", strcmp(text, "0.00 0.00 0.00 1/2 2\n") != 0, 0, NULL);
  memset(text, 0, sizeof(text));
  fd = open("/proc/stat", O_RDONLY);
  if (fd >= 0) (void)!read(fd, text, sizeof(text) - 1);
  verdict("51.stat", strncmp(text, "cpu 0 0 0 0", 11) != 0, 0, NULL);
  unsigned long total = 0;
  FILE* meminfo = fopen("/proc/meminfo", "r");
  if (meminfo != NULL && fscanf(meminfo, "MemTotal: %lu", &total) != 1) total = 0;
  const char* limit = getenv("MEMORY_KIB");
  verdict("51.meminfo", limit == NULL || total != strtoul(limit, NULL, 10), 0, NULL);
  reads("51.core-pattern", "/proc/sys/kernel/core_pattern");
}

static void host_sockets(void) {
  if (getenv("PORT")) connects("28.host-port", "127.0.0.1", atoi(getenv("PORT")));
  if (getenv("ABSTRACT")) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t length = strlen(getenv("ABSTRACT"));
    memcpy(to.sun_path + 1, getenv("ABSTRACT"), length);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    by_result("28.host-abstract",
              connect(fd, (struct sockaddr*)&to, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length)));
  }
}

static void kill_victim(void) {
  if (getenv("VICTIM")) by_result("18.kill-host", kill(atoi(getenv("VICTIM")), SIGKILL));
}

static void all(void) {
  const char* secret = getenv("SECRET") ? getenv("SECRET") : "/nonexistent";
  open_descriptors();  // first: some of the others leave theirs open
  reads("01.shadow", "/etc/shadow");
  links_and_roots(secret);
  creates("04.write-task", "/var/task/made");
  creates("04.write-usr", "/usr/made");
  creates("04.write-root", "/made");
  creates("04.write-etc", "/etc/made");
  opens_for_write("05.core-pattern", "/proc/sys/kernel/core_pattern");
  opens_for_write("06.sysrq", "/proc/sysrq-trigger");
  reads("06.kcore", "/proc/kcore");
  reads("06.kallsyms", "/proc/kallsyms");
  reads("06.keys", "/proc/keys");
  reads("06.key-users", "/proc/key-users");
  by_result("07.init-mem", open("/proc/1/mem", O_RDONLY));
  by_result("07.init-environ", open("/proc/1/environ", O_RDONLY));
  char link_target[64];
  by_result("07.init-root", readlink("/proc/1/root", link_target, sizeof(link_target)));
  opens_for_write("09.self-exe", "/proc/self/exe");
  by_result("10.dev-mem", open("/dev/mem", O_RDONLY));
  by_result("10.dev-kmsg", open("/dev/kmsg", O_RDONLY));
  by_result("10.mknod", mknod("/tmp/block", S_IFBLK | 0600, 0x700));
  unlink("/tmp/block");
  mkdir("/tmp/place", 0700);
  IN_CHILD("11.mount-tmpfs", mount("x", "/tmp/place", "tmpfs", 0, ""));
  if (getenv("CONTROL")) umount("/tmp/place");
  IN_CHILD("11.mount-proc", mount("x", "/tmp/place", "proc", 0, ""));
  if (getenv("CONTROL")) umount("/tmp/place");
  IN_CHILD("11.remount", mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL));
  IN_CHILD("11.umount", umount2("/proc", MNT_DETACH));
  if (getenv("CONTROL")) mount("x", "/proc", "proc", 0, "");
  by_reach("11.pivot-root", syscall(SYS_pivot_root, ".", "."));
  IN_CHILD("11.chroot", chroot("/tmp"));
  IN_CHILD("12.unshare-user", unshare(CLONE_NEWUSER));
  IN_CHILD("13.clone-user", clone_with(CLONE_NEWUSER));
  IN_CHILD("13.clone3-user", clone3_with(CLONE_NEWUSER));
  IN_CHILD("14.setns", enter_own_network());
  IN_CHILD("15.ptrace-init", ptrace(PTRACE_SEIZE, 1, 0, 0));
  IN_CHILD("16.traceme", ptrace(PTRACE_TRACEME, 0, 0, 0));
  by_result("17.process-vm", read_self());
  kill_victim();
  by_reach("19.add-key", syscall(SYS_add_key, "user", "x", "y", 1, -2));
  by_reach("19.keyctl", syscall(SYS_keyctl, 0, -3, 0));
  by_reach("20.bpf", syscall(SYS_bpf, 0, NULL, 0));
  by_reach("20.perf", syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
  by_reach("20.userfaultfd", syscall(SYS_userfaultfd, 0));
  by_reach("21.io-uring", syscall(SYS_io_uring_setup, 1, NULL));
  opens_socket("22.alg", 38, SOCK_SEQPACKET, 0);
  opens_socket("22.rxrpc", 33, SOCK_DGRAM, 2);
  opens_socket("23.packet", AF_PACKET, SOCK_RAW, 0);
  opens_socket("23.raw", AF_INET, SOCK_RAW, IPPROTO_ICMP);
  opens_socket("24.vsock", 40, SOCK_STREAM, 0);
  opens_socket("25.netfilter", AF_NETLINK, SOCK_RAW, 12);
  opens_socket("25.xfrm", AF_NETLINK, SOCK_RAW, 6);
  by_result("26.splice", splice_file());
  by_result("26.vmsplice", vmsplice_memory());
  connects("27.metadata", "169.254.169.254", 80);
  host_sockets();
  by_reach("29.reboot", syscall(SYS_reboot, 0, 0, 0, NULL));
  by_reach("29.swapon", syscall(SYS_swapon, "/nonexistent", 0));
  by_reach("29.kexec", syscall(SYS_kexec_load, 0, 1000, NULL, 0));
  by_reach("29.init-module", syscall(SYS_init_module, NULL, 0, NULL));
#if defined(SYS_iopl)
  IN_CHILD("29.iopl", syscall(SYS_iopl, 3));
#endif
  by_reach("29.clock", syscall(SYS_clock_settime, CLOCK_REALTIME, NULL));
  by_result("29.hostname", sethostname("owned", 5));
  IN_CHILD("30.setuid", setuid(0) != 0 ? -1 : (long)-(geteuid() != 0));
  IN_CHILD("31.files", raise_files());
  IN_CHILD("31.nice", setpriority(PRIO_PROCESS, 0, -20));
  IN_CHILD("31.realtime", become_realtime());
  IN_CHILD("31.oom-score", write_text("/proc/self/oom_score_adj", "-1000"));
  IN_CHILD("32.personality", personality(0x0040000));
  by_result("33.tiocsti", push_key());
  by_result("34.handle", name_handle());
#if defined(__x86_64__)
  IN_CHILD("35.int80", call_int80());
  IN_CHILD("35.x32", call_x32());
#endif
  IN_CHILD("39.seccomp", put_filter());
  stand_ins();
  IN_CHILD("37.lo-down", lower_loopback());
}

static int recurse(volatile char* above, long depth) {
  volatile char here[4096];
  here[0] = above ? above[0] : 1;
  return depth == 0 ? 0 : recurse(here, depth - 1) + here[0];
}

int main(int count, char** values) {
  const char* name = count > 1 ? values[1] : "all";
  if (strcmp(name, "all") == 0) {
    all();
    puts("end");
    return 0;
  }
  if (strcmp(name, "host") == 0) {  // those whose control needs the host's own processes and network
    host_sockets();
    kill_victim();
    puts("end");
    return 0;
  }
  if (strcmp(name, "fork-bomb") == 0) {
    signal(SIGTERM, SIG_IGN);
    for (;;) {
      if (fork() < 0) usleep(1000);
    }
  }
  if (strcmp(name, "forks") == 0) {  // counts how many it may have
    int made = 0;
    for (; made < 5000; ++made) {
      pid_t child = fork();
      if (child < 0) break;
      if (child == 0) {
        pause();
        _exit(0);
      }
    }
    printf("forks %d %d\n", made, errno);
    return 0;
  }
  if (strcmp(name, "hog") == 0) {
    for (;;) {
      char* block = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (block == MAP_FAILED) return 3;
      memset(block, 1, 1 << 20);
    }
  }
  if (strcmp(name, "hog-child") == 0) {
    pid_t child = fork();
    if (child == 0) {
      for (;;) {
        char* block = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (block == MAP_FAILED) _exit(3);
        memset(block, 1, 1 << 20);
      }
    }
    int status = 0;
    waitpid(child, &status, 0);
    printf("child %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    return 0;
  }
  if (strcmp(name, "fill") == 0) {  // /tmp, /dev/shm, a memfd: bytes until refused
    const char* places[] = {"/tmp/fill", "/dev/shm/fill", NULL};
    static char block[1 << 16];
    signal(SIGXFSZ, SIG_IGN);
    for (int i = 0; i < 3; ++i) {
      int fd = places[i] ? open(places[i], O_WRONLY | O_CREAT, 0600) : memfd_create("fill", 0);
      long total = 0, size;
      while (total < (1l << 30) && (size = write(fd, block, sizeof(block))) > 0) total += size;
      printf("fill %s %ld %d\n", places[i] ? places[i] : "memfd", total, errno);
      fflush(stdout);
      if (places[i]) unlink(places[i]);
      close(fd);
    }
    return 0;
  }
  if (strcmp(name, "inodes") == 0) {
    char path[64];
    int made = 0;
    for (; made < 100000; ++made) {
      snprintf(path, sizeof(path), "/tmp/f%d", made);
      int fd = open(path, O_WRONLY | O_CREAT, 0600);
      if (fd < 0) break;
      close(fd);
    }
    printf("inodes %d %d\n", made, errno);
    return 0;
  }
  if (strcmp(name, "files") == 0) {
    int made = 0;
    while (made < 100000 && dup(0) >= 0) ++made;
    printf("files %d %d\n", made, errno);
    return 0;
  }
  if (strcmp(name, "spin") == 0) {
    for (volatile unsigned long i = 0;; ++i) {
    }
  }
  if (strcmp(name, "daemons") == 0) {  // double forks in new sessions that ignore what can be ignored
    for (int i = 0; i < 20; ++i) {
      if (fork() == 0) {
        setsid();
        if (fork() == 0) {
          for (int number = 1; number < 32; ++number) signal(number, SIG_IGN);
          for (;;) pause();
        }
        _exit(0);
      }
    }
    usleep(100000);
    puts("daemons");
    return 0;
  }
  if (strcmp(name, "zombies") == 0) {  // orphans for init to reap
    int made = 0;
    // Init may be slower than this loop for a moment; if it never reaps, the limit of processes ends all progress.
    for (int failed = 0; made < 2000 && failed < 50000;) {
      pid_t child = fork();
      if (child == 0) {
        pid_t orphan = fork();
        _exit(orphan >= 0 ? 0 : 1);
      }
      int status = 1;
      if (child > 0) waitpid(child, &status, 0);
      if (child > 0 && status == 0) {
        ++made;
      } else {
        ++failed;
        usleep(100);
      }
    }
    printf("zombies %d\n", made);
    return 0;
  }
  if (strcmp(name, "recurse") == 0) return recurse(NULL, 1l << 40);
  if (strcmp(name, "segv") == 0) {
    raise(SIGSEGV);
    return 1;
  }
  if (strcmp(name, "kill-all") == 0) {
    kill(1, SIGKILL);
    kill(-1, SIGKILL);
    puts("alive");
    return 0;
  }
  if (strcmp(name, "flood") == 0) {
    static char line[4096];
    memset(line, 'x', sizeof(line));
    for (long i = 0; i < (count > 2 ? atol(values[2]) : 256); ++i) {
      if (write(1, line, sizeof(line)) < 0) return 1;
    }
    return 0;
  }
  if (strcmp(name, "sleep") == 0) {
    for (;;) pause();
  }
  if (strcmp(name, "exit") == 0) return count > 2 ? atoi(values[2]) : 0;
  return 2;
}
