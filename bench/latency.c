// Measures the time of one request after another on one kept-alive HTTP/1.1 connection: from just before the request is
// written to just after the last byte of its response is read. It sleeps in recv(), as a client does; it does not spin.
//
//   latency HOST PORT PATH SECONDS  ->  {"n":…,"p50":…,"p99":…,"min":…,"mean":…}   (microseconds)
//   latency HOST PORT PATH first    ->  the microseconds of one request, then the head of its response
//
// Ends with 1 and one line of reason when a response is not 2xx or not understood.

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { kBufferSize = 1 << 16, kWarmUp = 200, kMaxSamples = 1 << 21, kSocketTimeoutSeconds = 10 };

static char buffer[kBufferSize + 1];

static void fail(const char* what) {
  fprintf(stderr, "latency: %s\n", what);
  exit(1);
}

static int64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

// The value of a header in the zero-terminated head, or NULL.
static const char* header(const char* head, const char* name) {
  const size_t size = strlen(name);
  for (const char* line = strstr(head, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n")) {
    if (strncasecmp(line + 2, name, size) == 0 && line[2 + size] == ':') {
      return line + 3 + size;
    }
  }
  return NULL;
}

static size_t read_more(int fd, size_t used) {
  if (used == kBufferSize) {
    fail("the response is larger than 64 KiB");
  }
  const ssize_t got = recv(fd, buffer + used, kBufferSize - used, 0);
  if (got <= 0) {
    fail(got == 0 ? "the server closed the connection" : strerror(errno));
  }
  buffer[used + (size_t)got] = '\0';
  return used + (size_t)got;
}

// Leaves the head in the buffer as text, without the empty line.
static void read_response(int fd) {
  size_t used = 0;
  char* end = NULL;
  buffer[0] = '\0';
  while (end == NULL) {
    used = read_more(fd, used);
    end = strstr(buffer, "\r\n\r\n");
  }
  if (used < 12 || strncmp(buffer, "HTTP/1.1 2", 10) != 0) {
    buffer[32] = '\0';
    fail(buffer);
  }
  const size_t body = (size_t)(end - buffer) + 4;
  end[2] = '\0';
  const char* length = header(buffer, "content-length");
  const size_t size = length != NULL ? strtoul(length, NULL, 10) : 0;
  const int chunked = header(buffer, "transfer-encoding") != NULL;
  if (length == NULL && !chunked) {
    fail("the response has neither Content-Length nor chunks");
  }
  if (chunked) {
    while (used - body < 5 || memcmp(buffer + used - 5, "0\r\n\r\n", 5) != 0) {
      used = read_more(fd, used);
    }
    return;
  }
  while (used - body < size) {
    used = read_more(fd, used);
  }
}

static int64_t exchange(int fd, const char* request, size_t size) {
  const int64_t start = now_ns();
  if (send(fd, request, size, MSG_NOSIGNAL) != (ssize_t)size) {
    fail("cannot send");
  }
  read_response(fd);
  return now_ns() - start;
}

static int by_value(const void* left, const void* right) {
  const uint32_t a = *(const uint32_t*)left;
  const uint32_t b = *(const uint32_t*)right;
  return (a > b) - (a < b);
}

int main(int argc, char** argv) {
  if (argc != 5) {
    fail("usage: latency HOST PORT PATH SECONDS|first");
  }
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
  if (fd < 0 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1 ||
      connect(fd, (struct sockaddr*)&address, sizeof address) != 0) {
    fail("cannot connect");
  }
  const int on = 1;
  const struct timeval timeout = {.tv_sec = kSocketTimeoutSeconds};
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);

  char request[1024];
  const int size =
      snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s:%s\r\n\r\n", argv[3], argv[1], argv[2]);
  if (size < 0 || (size_t)size >= sizeof request) {
    fail("the path is too long");
  }
  if (strcmp(argv[4], "first") == 0) {
    const int64_t took = exchange(fd, request, (size_t)size);
    printf("%.2f\n%s", (double)took / 1e3, buffer);
    return 0;
  }
  uint32_t* samples = malloc(sizeof(uint32_t) * kMaxSamples);
  if (samples == NULL) {
    fail("out of memory");
  }
  const int64_t stop = now_ns() + (int64_t)(atof(argv[4]) * 1e9);
  size_t count = 0;
  double sum = 0;
  for (size_t round = 0; count < kMaxSamples; ++round) {
    if (now_ns() > stop && count > 0) {
      break;
    }
    const int64_t took = exchange(fd, request, (size_t)size);
    if (round >= kWarmUp) {
      samples[count++] = (uint32_t)took;
      sum += (double)took;
    }
  }
  qsort(samples, count, sizeof *samples, by_value);
  printf("{\"n\":%zu,\"p50\":%.2f,\"p99\":%.2f,\"min\":%.2f,\"mean\":%.2f}\n", count, samples[count / 2] / 1e3,
         samples[count * 99 / 100] / 1e3, samples[0] / 1e3, sum / (double)count / 1e3);
  free(samples);
  close(fd);
  return 0;
}
