#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "virga/http/internal/head_parser.h"

namespace virga::http::internal {

// Classes of bytes, one bit each.
inline constexpr std::uint8_t kToken = 1;  // RFC 9110 §5.6.2
inline constexpr std::uint8_t kValue = 2;  // of a field: HTAB, SP, visible ASCII and obs-text (RFC 9110 §5.5)
// What the path and the query of a target may hold: wider than RFC 3986, because browsers and SDKs send | ^ { } [ ]
// as they are; without controls, space, '#', quotes, angle brackets and anything beyond ASCII, and in a path without
// the backslash, which some servers take for a slash.
inline constexpr std::uint8_t kPath = 4;
inline constexpr std::uint8_t kQuery = 8;
inline constexpr std::uint8_t kHost = 16;  // a name, an address, or an IPv6 address in brackets, and a port
inline constexpr std::uint8_t kHex = 32;
// Of a method: upper-case letters and '-', as all that are registered. RFC 9110 §9.1 allows every token, but then what
// is left of a body whose length one server saw and another did not ("helloGET / HTTP/1.1") is a request.
inline constexpr std::uint8_t kMethod = 64;

extern const std::array<std::uint8_t, 256> kClasses;

inline bool is(char c, std::uint8_t classes) {
  return (kClasses[static_cast<unsigned char>(c)] & classes) != 0;
}
inline bool all_of(std::string_view text, std::uint8_t classes) {
  std::uint8_t seen = classes;
  for (char c : text) seen &= kClasses[static_cast<unsigned char>(c)];
  return (seen & classes) != 0;
}
int hex_value(char c);  // of a kHex character

// "name: value" without its CRLF; nothing when it is no field line, with the reason.
std::optional<Field> split_field(std::string_view line, std::string_view& reason);

// A uri-host with an optional port, and not empty.
bool is_host(std::string_view host);

}  // namespace virga::http::internal
