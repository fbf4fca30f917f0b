// How the native attempts say what they saw: one line each, NAME VERDICT ERRNO DETAIL.
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void verdict(const char* name, int allowed, int error, const char* detail) {
  printf("%s %s %d %s\n", name, allowed ? "allowed" : "blocked", allowed ? 0 : error, detail ? detail : "");
  fflush(stdout);
}

// An attempt that succeeded, judged by a system call's result.
static void by_result(const char* name, long result) {
  verdict(name, result >= 0, errno, NULL);
}
// An attempt whose arguments the kernel would refuse anyway: anything but "you may not" means that it was let through.
static void by_reach(const char* name, long result) {
  int stopped = result < 0 && (errno == EPERM || errno == ENOSYS || errno == EACCES);
  verdict(name, !stopped, errno, result < 0 ? strerror(errno) : "");
}

static void reads(const char* name, const char* path) {
  char buffer[256];
  int fd = open(path, O_RDONLY);
  long size = fd < 0 ? -1 : read(fd, buffer, sizeof(buffer));
  verdict(name, size > 0, fd < 0 ? errno : 0, size == 0 ? "empty" : NULL);
  if (fd >= 0) close(fd);
}

static void opens_for_write(const char* name, const char* path) {
  int fd = open(path, O_WRONLY);
  verdict(name, fd >= 0 || errno == ETXTBSY, errno, NULL);  // ETXTBSY: permission was there, it only runs just now
  if (fd >= 0) close(fd);
}

static void creates(const char* name, const char* path) {
  int fd = open(path, O_WRONLY | O_CREAT, 0600);
  by_result(name, fd);
  if (fd >= 0) {
    close(fd);
    unlink(path);
  }
}

static void opens_socket(const char* name, int domain, int type, int protocol) {
  int fd = socket(domain, type, protocol);
  by_result(name, fd);
  if (fd >= 0) close(fd);
}

static void connects(const char* name, const char* address, int port) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  inet_pton(AF_INET, address, &to.sin_addr);
  struct timeval patience = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  by_result(name, connect(fd, (struct sockaddr*)&to, sizeof(to)));
  close(fd);
}

// In a child, because success changes the caller. 0: allowed; 1: blocked with the errno told through a pipe.
#define IN_CHILD(name, expression)                                        \
  do {                                                                    \
    fflush(stdout);                                                       \
    pid_t child = fork();                                                 \
    if (child == 0) {                                                     \
      errno = 0;                                                          \
      long result = (long)(expression);                                   \
      _exit(result >= 0 ? 0 : (errno == 0 || errno > 200 ? 250 : errno)); \
    }                                                                     \
    int status = 0;                                                       \
    waitpid(child, &status, 0);                                           \
    if (WIFSIGNALED(status))                                              \
      verdict(name, 0, WTERMSIG(status), "signal");                       \
    else                                                                  \
      verdict(name, WEXITSTATUS(status) == 0, WEXITSTATUS(status), NULL); \
  } while (0)
