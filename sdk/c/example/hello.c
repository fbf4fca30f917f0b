/* The smallest native function: answers every event with the same JSON. Build it as `bootstrap`:
 *
 *     cc -std=gnu99 -O2 -static -I.. -o bootstrap hello.c && zip hello.zip bootstrap
 */
#include "virga.h"

static void hello(const virga_invocation *invocation, virga_answer *answer, void *user) {
  static const char response[] = "{\"statusCode\":200,\"body\":\"hello\"}";
  (void)invocation;
  (void)user;
  virga_succeed(answer, response, sizeof response - 1);
}

int main(void) {
  return virga_run(hello, NULL);
}
