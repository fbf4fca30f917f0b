// Starts a program several times, one after the other, and measures each from just before the fork to the first byte
// of its standard output and to its end.
//
//   spawn COUNT PROGRAM [ARGUMENT…]  ->  one line "FIRST_BYTE END" for each, in microseconds
//
// Ends with 1 and one line of reason when a run says nothing or fails.

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int fail(const char* what) {
  fprintf(stderr, "spawn: %s\n", what);
  return 1;
}

int main(int argc, char** argv) {
  if (argc < 3) {
    return fail("usage: spawn COUNT PROGRAM [ARGUMENT…]");
  }
  for (int left = atoi(argv[1]); left > 0; --left) {
    int output[2];
    if (pipe2(output, O_CLOEXEC) != 0) {
      return fail(strerror(errno));
    }
    const int64_t start = now_ns();
    const pid_t child = vfork();
    if (child == 0) {
      dup2(output[1], 1);
      execvp(argv[2], argv + 2);
      _exit(127);
    }
    if (child < 0) {
      return fail(strerror(errno));
    }
    close(output[1]);
    char buffer[4096];
    const ssize_t got = read(output[0], buffer, sizeof buffer);
    const int64_t first = now_ns();
    int status = 0;
    waitpid(child, &status, 0);
    const int64_t end = now_ns();
    close(output[0]);
    if (got <= 0 || status != 0) {
      return fail(got <= 0 ? "the program wrote nothing" : "the program failed");
    }
    printf("%.2f %.2f\n", (double)(first - start) / 1e3, (double)(end - start) / 1e3);
  }
  return 0;
}
