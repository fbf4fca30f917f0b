// The smallest program that shows it has started: what `runc run` and a bare process start are measured with.

#include <unistd.h>

int main(void) {
  return write(1, "hello\n", 6) == 6 ? 0 : 1;
}
