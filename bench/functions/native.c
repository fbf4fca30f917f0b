// The native function: the answer of its siblings node.mjs and python.py.

#include "virga.h"

static void hello(const virga_invocation *invocation, virga_answer *answer, void *user) {
  static const char response[] =
      "{\"statusCode\":200,\"headers\":{\"content-type\":\"text/plain\"},\"body\":\"hello\"}";
  (void)invocation;
  (void)user;
  virga_succeed(answer, response, sizeof response - 1);
}

int main(void) {
  return virga_run(hello, NULL);
}
