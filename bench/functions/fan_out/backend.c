// Back ends that take 20 ms: answers every GET on a free loopback port so long after it came, and prints the port. Ends when
// its standard input does, that is with the process that started it.
//
// All answers take equally long, so those that wait are a queue and need no heap of timers.

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { kDelayMs = 20, kMaxConnections = 8192, kMaxWaiting = 1 << 15, kEvents = 256, kBacklog = 4096, kMaxHead = 2048 };

static const char kAnswer[] =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 31\r\n\r\n{\"value\":7,\"unit\":\"of account\"}";

struct connection {
  uint32_t generation;  // of the descriptor's number: an answer for an earlier one is dropped
  size_t matched;       // bytes of the empty line that ends a head
};

struct waiting {
  int64_t due_ms;
  int fd;
  uint32_t generation;
};

static struct connection connections[kMaxConnections];
static struct waiting queue[kMaxWaiting];
static size_t first, count;

static void fail(const char* what) {
  fprintf(stderr, "backend: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int64_t now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void watch(int epoll, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0 && errno != EPERM) {
    fail("epoll_ctl");
  }
}

static int listen_anywhere(void) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  if (fd < 0 || bind(fd, (struct sockaddr*)&address, size) != 0 || listen(fd, kBacklog) != 0 ||
      getsockname(fd, (struct sockaddr*)&address, &size) != 0) {
    fail("cannot listen");
  }
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

static void accept_all(int epoll, int listener) {
  for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
    if (fd >= kMaxConnections) {
      close(fd);
      continue;
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connections[fd].matched = 0;
    watch(epoll, fd);
  }
}

static void drop(int fd) {
  ++connections[fd].generation;
  close(fd);
}

static void read_requests(int fd) {
  static const char end[] = "\r\n\r\n";
  char buffer[kMaxHead];
  const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
  if (got <= 0) {
    if (got == 0 || errno != EAGAIN) {
      drop(fd);
    }
    return;
  }
  struct connection* connection = &connections[fd];
  for (ssize_t index = 0; index < got; ++index) {
    if (buffer[index] != end[connection->matched]) {
      connection->matched = buffer[index] == end[0];
      continue;
    }
    if (++connection->matched < sizeof end - 1) {
      continue;
    }
    connection->matched = 0;
    if (count == kMaxWaiting) {
      drop(fd);
      return;
    }
    queue[(first + count++) % kMaxWaiting] = (struct waiting){now_ms() + kDelayMs, fd, connection->generation};
  }
}

// Returns how many ms the next answer waits; -1: none does.
static int answer_due(void) {
  const int64_t now = now_ms();
  while (count > 0) {
    const struct waiting next = queue[first];
    if (next.due_ms > now) {
      return (int)(next.due_ms - now);
    }
    first = (first + 1) % kMaxWaiting;
    --count;
    if (connections[next.fd].generation == next.generation &&
        send(next.fd, kAnswer, sizeof kAnswer - 1, MSG_NOSIGNAL) != (ssize_t)(sizeof kAnswer - 1)) {
      drop(next.fd);
    }
  }
  return -1;
}

int main(void) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  const int listener = listen_anywhere();
  watch(epoll, listener);
  watch(epoll, STDIN_FILENO);
  while (1) {
    struct epoll_event events[kEvents];
    const int ready = epoll_wait(epoll, events, kEvents, answer_due());
    for (int index = 0; index < ready; ++index) {
      const int fd = events[index].data.fd;
      if (fd == STDIN_FILENO) {
        return 0;
      }
      if (fd == listener) {
        accept_all(epoll, listener);
      } else {
        read_requests(fd);
      }
    }
  }
}
