/* Shows all of virga.h: the event's text chooses what to do with it. */
#include "virga.h"

static int is(virga_text text, const char *word) {
  return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

static void shapes(const virga_invocation *invocation, virga_answer *answer, void *user) {
  int *count = (int *)user;
  char text[512];
  ++*count;
  if (is(invocation->payload, "\"nothing\"")) return;
  if (is(invocation->payload, "\"fail\"")) {
    virga_succeed(answer, "0", 1);
    virga_fail(answer, "Order.Refused", "no \"stock\"\n");
    return;
  }
  if (is(invocation->payload, "\"log\"")) {
    virga_log(answer, "first");
    virga_succeed(answer, "1", 1);
    virga_log(answer, "second");
    return;
  }
  if (is(invocation->payload, "\"exit\"")) exit(3);
  if (is(invocation->payload, "\"context\"")) {
    int size = snprintf(text, sizeof text, "[\"%s\",\"%s\",\"%s\",\"%s\",%d,%d,%s,%s]", invocation->request_id.data,
                        invocation->arn.data, invocation->trace_id.data, invocation->tenant_id.data,
                        virga_remaining_ms(invocation) > 0, *count,
                        invocation->client_context.size > 0 ? invocation->client_context.data : "null",
                        virga_binding(answer).size > 0 ? "true" : "false");
    virga_succeed(answer, text, (size_t)size);
    return;
  }
  virga_succeed(answer, invocation->payload.data, invocation->payload.size);
}

int main(void) {
  int count = 0;
  return virga_run(shapes, &count);
}
