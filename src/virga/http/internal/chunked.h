#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "virga/http/internal/head_parser.h"

namespace virga::http::internal {

// Joins a chunked body (RFC 9112 §7.1), strictly; trailers are checked like header fields and dropped. A pure function
// of the bytes, however they arrive.
class ChunkedDecoder {
 public:
  // At most `max_body` bytes in all (413) and `max_extra` bytes of extensions and trailers (431).
  ChunkedDecoder(std::uint64_t max_body, std::size_t max_extra) : room_(max_body), extra_(max_extra) {}

  // Appends to `out` what `bytes` holds of the body. `used` is how many of them belong to this body: all, unless Done.
  Progress feed(std::string_view bytes, std::string& out, std::size_t& used);
  const Refusal& refusal() const { return refusal_; }

 private:
  enum class State {
    SizeFirst,
    Size,
    Extension,  // behind a ';'
    ExtensionName,
    ExtensionValue,  // behind a '='
    ExtensionToken,
    ExtensionText,    // in quotes
    ExtensionEscape,  // behind a backslash in quotes
    ExtensionEnd,     // behind the closing quote
    SizeEnd,
    Data,
    DataReturn,
    DataEnd,
    Trailer,
    Done
  };
  Progress refuse(int status, std::string_view reason);
  bool take_digit(char c);
  bool take_extension_byte(char c);
  bool take_trailer_byte(char c);
  bool take_extra();

  State state_ = State::SizeFirst;
  std::uint64_t room_;
  std::size_t extra_;
  std::uint64_t chunk_ = 0;  // bytes of this chunk that are still to come
  int digits_ = 0;
  std::string line_;  // of the trailer
  Refusal refusal_;
};

}  // namespace virga::http::internal
