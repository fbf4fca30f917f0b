/* Measures a program that speaks frames (docs/frames.md): how long one invocation takes, and the processor time it
 * costs.
 *
 *     cc -O2 -o /tmp/bench_frames tests/runtimes/bench_frames.c
 *     /tmp/bench_frames ROOT HANDLER BATCH COUNT [PAYLOAD] -- PROGRAM ARGUMENT…
 *
 * It keeps BATCH invocations in the socket: the next BATCH frames leave in one write when all answers of the last have
 * come.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_of(pid_t pid) {
  char path[64], text[1024];
  unsigned long user = 0, system = 0;
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  size_t size = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[size] = 0;
  char *after = strrchr(text, ')');
  if (after) sscanf(after + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
  return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static void put(unsigned char *at, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) at[i] = (unsigned char)(value >> (8 * i));
}

static size_t frame(unsigned char *at, int type, uint64_t number, size_t size) {
  memset(at, 0, 16);
  put(at, size, 4);
  at[4] = (unsigned char)type;
  put(at + 8, number, 8);
  return 16 + size;
}

static void write_all(int fd, const unsigned char *data, size_t size) {
  while (size > 0) {
    ssize_t n = write(fd, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      perror("write");
      exit(1);
    }
    data += n;
    size -= (size_t)n;
  }
}

static unsigned char in[1 << 20];
static size_t have;

/* Reads at least one frame; returns how many RESULT frames came. Other types but READY and LOG end the run. */
static int read_answers(int fd) {
  int results = 0;
  ssize_t n = read(fd, in + have, sizeof in - have);
  if (n <= 0) {
    fprintf(stderr, "the program closed its socket\n");
    exit(1);
  }
  have += (size_t)n;
  size_t at = 0;
  while (have - at >= 16) {
    uint32_t size;
    memcpy(&size, in + at, 4);
    if (have - at < 16 + size) break;
    int type = in[at + 4];
    if (type == 18 || type == 16)
      results++;
    else if (type != 20 && type != 21) { // LOG and BOOTED
      fprintf(stderr, "frame of type %d: %.*s\n", type, (int)size, (char *)in + at + 16);
      exit(1);
    }
    at += 16 + size;
  }
  memmove(in, in + at, have - at);
  have -= at;
  return results;
}

int main(int argc, char **argv) {
  int split = 1;
  while (split < argc && strcmp(argv[split], "--") != 0) split++;
  if (split < 5 || split + 1 >= argc) {
    fprintf(stderr, "usage: bench_frames ROOT HANDLER BATCH COUNT [PAYLOAD] -- PROGRAM ARGUMENT...\n");
    return 2;
  }
  const char *root = argv[1], *handler = argv[2], *payload = split > 5 ? argv[5] : "{\"key\":\"value\"}";
  int batch = atoi(argv[3]), count = atoi(argv[4]);
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) {
    perror("socketpair");
    return 1;
  }
  double begin = now();
  pid_t pid = fork();
  if (pid == 0) {
    int inside = pair[1];
    if (inside != 3) {
      dup2(inside, 3);
      close(inside);
    }
    setenv("VIRGA_FRAMES_FD", "3", 1);
    execv(argv[split + 1], argv + split + 1);
    perror(argv[split + 1]);
    _exit(127);
  }
  close(pair[1]);

  static unsigned char out[4 << 20];
  int n =
      snprintf((char *)out + 16, 4096,
               "{\"handler\":\"%s\",\"task_root\":\"%s\",\"environment\":{},\"function_name\":\"hello\",\"function_"
               "version\":\"$LATEST\","
               "\"memory_mb\":128,\"log_group\":\"g\",\"log_stream\":\"s\",\"runtime\":\"bench\",\"timeout_ms\":3000}",
               handler, root);
  write_all(pair[0], out, frame(out, 1, 0, (size_t)n));
  while (read_answers(pair[0]) == 0) {
  }
  double ready = now();

  const char *arn = "arn:aws:lambda:eu-central-1:000000000000:function:hello";
  const char *trace =
      getenv("BENCH_TRACE") ? "Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=0" : "";
  uint64_t number = 0, deadline = ((uint64_t)time(NULL) + 3600) * 1000;
  double cpu = 0, start = 0;
  int warm = count / 4 / batch * batch; /* not counted */
  for (int done = -warm; done < count; done += batch) {
    if (done >= 0 && start == 0) {
      start = now();
      cpu = cpu_of(pid);
    }
    size_t size = 0;
    for (int i = 0; i < batch; i++) {
      unsigned char *body = out + size + 16;
      char id[64], unique[128];
      number++;
      snprintf(id, sizeof id, "00000000-0000-4000-8000-%012llx", (unsigned long long)number);
      snprintf(unique, sizeof unique, "%s%s", trace, *trace ? id + 24 : "");
      size_t a = strlen(id), b = strlen(arn), c = strlen(unique), p = strlen(payload);
      memset(body, 0, 24);
      put(body, deadline, 8);
      put(body + 8, a, 2);
      put(body + 10, b, 2);
      put(body + 12, c, 2);
      memcpy(body + 24, id, a);
      memcpy(body + 24 + a, arn, b);
      memcpy(body + 24 + a + b, unique, c);
      memcpy(body + 24 + a + b + c, payload, p);
      size += frame(out + size, 2, number, 24 + a + b + c + p);
    }
    write_all(pair[0], out, size);
    for (int answered = 0; answered < batch;) answered += read_answers(pair[0]);
  }
  double wall = now() - start;
  cpu = cpu_of(pid) - cpu;
  printf("start %.1f ms | batch %d | %.0f/s | %.2f us wall, %.2f us cpu each\n", (ready - begin) * 1e3, batch,
         count / wall, wall / count * 1e6, cpu / count * 1e6);
  write_all(pair[0], out, frame(out, 3, 0, 0));
  int status = 0;
  waitpid(pid, &status, 0);
  return 0;
}
