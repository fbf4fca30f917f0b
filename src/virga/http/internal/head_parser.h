#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "virga/http/message.h"

namespace virga::http::internal {

// Why a message is not taken: the status a server answers with, and what to tell the peer.
struct Refusal {
  int status = 0;
  std::string_view reason;  // static text
};

enum class Progress { NeedMore, Done, Refused };
enum class Framing { None, Length, Chunked };

struct Bounds {
  std::size_t start_line = 8 << 10;
  std::size_t header = 16 << 10;
  std::size_t fields = 100;
};

// What a head says; all views lie in the bytes that were parsed (or in static text).
struct Head {
  std::string_view method, target, path, query, authority;  // of a request; authority of an absolute target
  bool has_query = false;
  int status = 0;             // of a response
  std::string_view reason;    // of a response
  int minor_version = 1;      // HTTP/1.x
  std::vector<Field> fields;  // keeps its memory from one message to the next
  std::string_view host;
  Framing framing = Framing::None;
  std::uint64_t content_length = 0;
  bool keep_alive = true;
  bool expects_continue = false;
};

// Reads the start line and the fields of one HTTP/1.x message (RFC 9112), strictly: whatever two parsers could read in
// two ways is refused, so that nobody in front of or behind Virga can be made to see another message. A pure function
// of the bytes, however they arrive.
class HeadParser {
 public:
  enum class Kind { Request, Response };
  HeadParser(Kind kind, Bounds bounds) : kind_(kind), bounds_(bounds) {}

  // `bytes` is the message from its first byte on: what the last call saw, at the same address, and more.
  Progress parse(std::string_view bytes);
  // For the next message, or when the bytes have moved.
  void restart();

  const Head& head() const { return head_; }
  std::size_t size() const { return line_start_; }  // of the head, when Done
  const Refusal& refusal() const { return refusal_; }

 private:
  Progress refuse(int status, std::string_view reason);
  bool parse_request_line(std::string_view line);
  bool parse_target(std::string_view target);
  bool parse_status_line(std::string_view line);
  bool parse_field(std::string_view line);
  bool note_field(const Field& field);
  bool note_content_length(std::string_view value);
  bool note_connection(std::string_view value);
  Progress finish();

  Kind kind_;
  Bounds bounds_;
  Head head_;
  Refusal refusal_;
  std::size_t line_start_ = 0;
  std::size_t scanned_ = 0;
  bool has_start_line_ = false;
  bool has_host_ = false;
  bool has_length_ = false;
  bool has_coding_ = false;
  bool says_close_ = false;
  bool says_keep_alive_ = false;
};

}  // namespace virga::http::internal
