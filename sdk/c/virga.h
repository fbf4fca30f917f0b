/* virga.h: native functions for Virga, in one header. C99; also C++.
 *
 *     #include "virga.h"
 *
 *     static void hello(const virga_invocation *invocation, virga_answer *answer, void *user) {
 *       virga_succeed(answer, "\"hello\"", 7);
 *     }
 *
 *     int main(void) { return virga_run(hello, NULL); }
 *
 * Build it as `bootstrap`, zip it, and create a function of the runtime `provided.al2023`. The program speaks frames
 * (docs/frames.md) over the descriptor that VIRGA_FRAMES_FD names: invocations arrive many to a read, answers leave
 * many to a write. One thread, one invocation at a time. A handler calls one of virga_succeed and virga_fail once; the
 * last call counts, and without any the answer is `null`. Every pointer in a virga_invocation is valid until the
 * handler returns, and texts in it end with a NUL byte that their size does not count, except the payload's.
 */
#ifndef VIRGA_H
#define VIRGA_H

/* -std=c99 hides POSIX unless it is asked for before the first system header: include this header first there. */
#if defined(__STRICT_ANSI__) && !defined(_POSIX_C_SOURCE) && !defined(_DEFAULT_SOURCE) && !defined(_GNU_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VIRGA_MAX_BODY (16u * 1024u * 1024u) /* bytes, of a frame without its header */

typedef struct virga_text {
  const char *data;
  size_t size;
} virga_text;

/* What one invocation is given. */
typedef struct virga_invocation {
  uint64_t number;      /* Virga's number for it, unique in this process */
  uint64_t deadline_ms; /* Unix time in milliseconds */
  virga_text payload;   /* the event: bytes, JSON by convention; not NUL-terminated */
  virga_text request_id;
  virga_text arn;      /* the function as it was invoked */
  virga_text trace_id; /* empty: none, and so for the next three */
  virga_text tenant_id;
  virga_text client_context; /* JSON */
  virga_text identity;       /* JSON */
} virga_invocation;

typedef struct virga_answer virga_answer;

typedef void (*virga_handler)(const virga_invocation *invocation, virga_answer *answer, void *user);

/* Runs `handler` for every invocation until Virga ends this process. Returns the exit status for main: 0 after an
 * orderly end, 1 (with a line on standard error) if this process was not started by Virga, memory ran out or Virga
 * broke the protocol. */
static inline int virga_run(virga_handler handler, void *user);

/* Answers with `size` bytes of `data`. They are copied. */
static inline void virga_succeed(virga_answer *answer, const void *data, size_t size);

/* Answers with an error as the caller will see it; both texts are UTF-8 and end with NUL. */
static inline void virga_fail(virga_answer *answer, const char *error_type, const char *message);

/* Sends a log line (or several, separated by newlines) for this invocation, at once. */
static inline void virga_log(virga_answer *answer, const char *text);

/* Milliseconds until the deadline; negative when it has passed. */
static inline int64_t virga_remaining_ms(const virga_invocation *invocation);

/* The JSON object that Virga sent to bind this process: handler, environment, function_name and more (docs/frames.md).
 * Empty before the first invocation. Valid as long as the process lives. */
static inline virga_text virga_binding(const virga_answer *answer);

/* ---- implementation: nothing below is for use by functions ---- */

enum {
  virga_bind = 1,
  virga_invoke = 2,
  virga_end = 3,
  virga_ready = 16,
  virga_result = 18,
  virga_error = 19,
  virga_log_line = 20
};
enum { virga_header = 16, virga_invoke_head = 24, virga_read_size = 256 * 1024, virga_flush_size = 64 * 1024 };

typedef struct virga_buffer {
  unsigned char *data;
  size_t size, capacity;
} virga_buffer;

struct virga_answer {
  int descriptor;
  int failed; /* memory ran out or the socket broke: nothing more is written */
  int answered;
  uint64_t number;
  size_t frame; /* where this invocation's answer begins in `out` */
  virga_buffer in, out, texts;
  size_t begin;      /* the first byte of `in` that was not handed out */
  uint64_t first_ms; /* when the oldest answer in `out` was written */
  char *binding;
  size_t binding_size;
};

static inline uint64_t virga_number(const unsigned char *at, int bytes) {
  uint64_t value = 0;
  for (int i = bytes - 1; i >= 0; i--) value = value << 8 | at[i];
  return value;
}

static inline uint64_t virga_now_ms(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static inline int virga_reserve(virga_buffer *buffer, size_t capacity) {
  if (capacity <= buffer->capacity) return 1;
  if (capacity < buffer->capacity * 2) capacity = buffer->capacity * 2;
  unsigned char *larger = (unsigned char *)realloc(buffer->data, capacity);
  if (larger == NULL) return 0;
  buffer->data = larger;
  buffer->capacity = capacity;
  return 1;
}

static inline void virga_flush(virga_answer *self) {
  size_t at = 0;
  while (at < self->out.size && !self->failed) {
    ssize_t written = send(self->descriptor, self->out.data + at, self->out.size - at, MSG_NOSIGNAL);
    if (written >= 0)
      at += (size_t)written;
    else if (errno != EINTR)
      self->failed = 1;
  }
  self->out.size = 0;
}

static inline void virga_frame(virga_answer *self, int type, uint64_t number, const void *body, size_t size) {
  if (!virga_reserve(&self->out, self->out.size + virga_header + size)) {
    self->failed = 1;
    return;
  }
  unsigned char *at = self->out.data + self->out.size;
  for (int i = 0; i < 4; i++) at[i] = (unsigned char)(size >> (8 * i));
  at[4] = (unsigned char)type;
  at[5] = at[6] = at[7] = 0;
  for (int i = 0; i < 8; i++) at[8 + i] = (unsigned char)(number >> (8 * i));
  if (size > 0) memcpy(at + virga_header, body, size);
  self->out.size += virga_header + size;
}

static inline void virga_answer_with(virga_answer *self, int type, const void *body, size_t size) {
  if (self->answered) self->out.size = self->frame;
  self->frame = self->out.size;
  self->answered = 1;
  virga_frame(self, type, self->number, body, size);
}

static inline void virga_succeed(virga_answer *answer, const void *data, size_t size) {
  if (size > VIRGA_MAX_BODY) {
    virga_fail(answer, "Function.ResponseSizeTooLarge",
               "Response payload size exceeded maximum allowed payload size (6291556 bytes).");
  } else {
    virga_answer_with(answer, virga_result, data, size);
  }
}

static inline size_t virga_quote(char *to, const char *text, size_t limit) {
  static const char digits[] = "0123456789abcdef";
  size_t size = 0;
  to[size++] = '"';
  for (size_t i = 0; i < limit && text[i] != 0; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c == '"' || c == '\\') {
      to[size++] = '\\';
      to[size++] = (char)c;
    } else if (c < 0x20) {
      memcpy(to + size, "\\u00", 4);
      to[size + 4] = digits[c >> 4];
      to[size + 5] = digits[c & 15];
      size += 6;
    } else {
      to[size++] = (char)c;
    }
  }
  to[size++] = '"';
  return size;
}

static inline void virga_fail(virga_answer *answer, const char *error_type, const char *message) {
  static const char type_key[] = "{\"errorType\":", message_key[] = ",\"errorMessage\":", end[] = ",\"stackTrace\":[]}";
  size_t type_size = strlen(error_type), message_size = strlen(message);
  if (type_size > 1024) type_size = 1024;
  if (message_size > 256 * 1024) message_size = 256 * 1024;
  char *body = (char *)malloc(sizeof type_key + sizeof message_key + sizeof end + 6 * (type_size + message_size) + 4);
  if (body == NULL) {
    answer->failed = 1;
    return;
  }
  size_t size = sizeof type_key - 1;
  memcpy(body, type_key, size);
  size += virga_quote(body + size, error_type, type_size);
  memcpy(body + size, message_key, sizeof message_key - 1);
  size += sizeof message_key - 1;
  size += virga_quote(body + size, message, message_size);
  memcpy(body + size, end, sizeof end - 1);
  size += sizeof end - 1;
  virga_answer_with(answer, virga_error, body, size);
  free(body);
}

static inline void virga_log(virga_answer *answer, const char *text) {
  size_t size = strlen(text);
  if (size > VIRGA_MAX_BODY) size = VIRGA_MAX_BODY;
  /* The line must come before the answer, which may have been given and could still be replaced. */
  if (answer->answered) {
    virga_buffer kept = {NULL, 0, 0};
    size_t answer_size = answer->out.size - answer->frame;
    if (!virga_reserve(&kept, answer_size + 1)) {
      answer->failed = 1;
      return;
    }
    memcpy(kept.data, answer->out.data + answer->frame, answer_size);
    answer->out.size = answer->frame;
    virga_frame(answer, virga_log_line, answer->number, text, size);
    virga_flush(answer);
    answer->frame = 0;
    if (virga_reserve(&answer->out, answer_size)) memcpy(answer->out.data, kept.data, answer_size);
    answer->out.size = answer_size;
    free(kept.data);
    return;
  }
  virga_frame(answer, virga_log_line, answer->number, text, size);
  virga_flush(answer);
}

static inline int64_t virga_remaining_ms(const virga_invocation *invocation) {
  return (int64_t)(invocation->deadline_ms - virga_now_ms(CLOCK_REALTIME));
}

static inline virga_text virga_binding(const virga_answer *answer) {
  virga_text text = {answer->binding, answer->binding_size};
  return text;
}

static inline virga_text virga_copy_text(virga_buffer *texts, const unsigned char *data, size_t size) {
  virga_text text = {(const char *)texts->data + texts->size, size};
  memcpy(texts->data + texts->size, data, size);
  texts->data[texts->size + size] = 0;
  texts->size += size + 1;
  return text;
}

/* Runs the handler for the INVOKE frame with this body; 0 if its sizes are wrong or memory ran out. */
static inline int virga_handle(virga_answer *self, uint64_t number, const unsigned char *body, size_t size,
                               virga_handler handler, void *user) {
  if (size < virga_invoke_head) return 0;
  const size_t sizes[6] = {(size_t)virga_number(body + 8, 2),  (size_t)virga_number(body + 10, 2),
                           (size_t)virga_number(body + 12, 2), (size_t)virga_number(body + 14, 2),
                           (size_t)virga_number(body + 16, 4), (size_t)virga_number(body + 20, 4)};
  size_t left = size - virga_invoke_head, total = 0;
  for (int i = 0; i < 6; i++) {
    if (sizes[i] > left) return 0;
    left -= sizes[i];
    total += sizes[i] + 1;
  }
  if (!virga_reserve(&self->texts, total)) return 0;
  self->texts.size = 0;

  virga_invocation invocation;
  virga_text *fields[6] = {&invocation.request_id,     &invocation.arn,     &invocation.trace_id, &invocation.tenant_id,
                           &invocation.client_context, &invocation.identity};
  const unsigned char *at = body + virga_invoke_head;
  for (int i = 0; i < 6; i++) {
    *fields[i] = virga_copy_text(&self->texts, at, sizes[i]);
    at += sizes[i];
  }
  invocation.number = number;
  invocation.deadline_ms = virga_number(body, 8);
  invocation.payload.data = (const char *)at;
  invocation.payload.size = left;

  /* An answer must not wait long for slow invocations behind it. */
  uint64_t now = virga_now_ms(CLOCK_MONOTONIC);
  if (self->out.size > virga_flush_size || (self->out.size > 0 && now != self->first_ms)) virga_flush(self);
  if (self->out.size == 0) self->first_ms = now;
  self->number = number;
  self->answered = 0;
  handler(&invocation, self, user);
  if (!self->answered) virga_succeed(self, "null", 4);
  return !self->failed;
}

/* The variables in it are set already: Virga starts a native program for one function, in that function's environment.
 */
static inline int virga_keep_binding(virga_answer *self, const unsigned char *body, size_t size) {
  self->binding = (char *)malloc(size + 1);
  if (self->binding == NULL) return 0;
  memcpy(self->binding, body, size);
  self->binding[size] = 0;
  self->binding_size = size;
  virga_frame(self, virga_ready, 0, NULL, 0);
  return 1;
}

/* Receives more. 1: received, 0: Virga is gone, -1: memory ran out. */
static inline int virga_receive(virga_answer *self) {
  virga_flush(self);
  if (self->begin > 0) {
    memmove(self->in.data, self->in.data + self->begin, self->in.size - self->begin);
    self->in.size -= self->begin;
    self->begin = 0;
  }
  size_t frame = self->in.size >= virga_header ? virga_header + (size_t)virga_number(self->in.data, 4) : 0;
  if (!virga_reserve(&self->in, frame > (size_t)virga_read_size ? frame : (size_t)virga_read_size)) return -1;
  for (;;) {
    ssize_t got = recv(self->descriptor, self->in.data + self->in.size, self->in.capacity - self->in.size, 0);
    if (got > 0) {
      self->in.size += (size_t)got;
      return 1;
    }
    if (got == 0 || errno != EINTR) return 0;
  }
}

static inline int virga_serve(virga_answer *self, virga_handler handler, void *user) {
  for (;;) {
    while (self->in.size - self->begin >= virga_header) {
      const unsigned char *frame = self->in.data + self->begin;
      size_t size = (size_t)virga_number(frame, 4);
      if (size > VIRGA_MAX_BODY) return 1;
      if (self->in.size - self->begin < virga_header + size) break;
      self->begin += virga_header + size;
      if (frame[4] == virga_invoke) {
        if (!virga_handle(self, virga_number(frame + 8, 8), frame + virga_header, size, handler, user)) return 1;
      } else if (frame[4] == virga_bind) {
        if (!virga_keep_binding(self, frame + virga_header, size)) return 1;
      } else if (frame[4] == virga_end) {
        virga_flush(self);
        return 0;
      }
    }
    int received = virga_receive(self);
    if (received <= 0) return received == 0 ? 0 : 1;
  }
}

static inline int virga_run(virga_handler handler, void *user) {
  const char *name = getenv("VIRGA_FRAMES_FD");
  virga_answer self;
  memset(&self, 0, sizeof self);
  self.descriptor = name != NULL ? atoi(name) : -1;
  if (self.descriptor < 3) {
    fprintf(stderr, "This program is started by Virga, with VIRGA_FRAMES_FD naming a connected socket.\n");
    return 1;
  }
  unsetenv("VIRGA_FRAMES_FD");
  int status = virga_serve(&self, handler, user);
  if (status != 0) fprintf(stderr, "virga.h: memory ran out or Virga broke the frames protocol; the process ends.\n");
  free(self.in.data);
  free(self.out.data);
  free(self.texts.data);
  free(self.binding);
  return status;
}

#ifdef __cplusplus
}
#endif

#endif
