#include "virga/http/internal/characters.h"

#include <algorithm>

#include "virga/base/encoding.h"

namespace virga::http::internal {
namespace {

constexpr bool is_one_of(int c, std::string_view set) {
  return set.find(static_cast<char>(c)) != std::string_view::npos;
}

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  for (int c = 0; c < 256; ++c) {
    bool digit = c >= '0' && c <= '9';
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    bool visible = c > 0x20 && c < 0x7f;
    std::uint8_t bits = 0;
    if (digit || letter || (visible && is_one_of(c, "!#$%&'*+-.^_`|~"))) bits |= kToken;
    if (visible || c >= 0x80 || c == ' ' || c == '\t') bits |= kValue;
    if (visible && !is_one_of(c, "\"<>#\\")) bits |= kPath;
    if (visible && !is_one_of(c, "\"<>#")) bits |= kQuery;
    if (digit || letter || is_one_of(c, "-._~")) bits |= kHost;
    if (digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) bits |= kHex;
    if ((c >= 'A' && c <= 'Z') || c == '-') bits |= kMethod;
    classes[static_cast<std::size_t>(c)] = bits;
  }
  return classes;
}

}  // namespace

const std::array<std::uint8_t, 256> kClasses = make_classes();

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return (c | 0x20) - 'a' + 10;
}

std::optional<Field> split_field(std::string_view line, std::string_view& reason) {
  auto colon = line.find(':');
  if (colon == std::string_view::npos) {
    reason = "a header line has no colon";
    return {};
  }
  auto name = line.substr(0, colon);
  if (name.empty() || !all_of(name, kToken)) {
    reason = "a header name holds a character that may not be there";
    return {};
  }
  auto value = trim(line.substr(colon + 1));
  if (!all_of(value, kValue)) {
    reason = "a header value holds a control character";
    return {};
  }
  return Field{name, value};
}

bool is_host(std::string_view host) {
  std::string_view port;
  std::string_view name = host;
  if (host.starts_with('[')) {
    auto end = host.find(']');
    if (end == std::string_view::npos) return false;
    name = host.substr(1, end - 1);
    auto is_address = [](char c) { return is(c, kHex) || c == ':' || c == '.'; };
    if (name.size() < 2 || !std::ranges::all_of(name, is_address)) return false;
    port = host.substr(end + 1);
    if (port.empty()) return true;
    if (port.front() != ':') return false;
    port.remove_prefix(1);
  } else {
    auto colon = host.find(':');
    name = host.substr(0, colon);
    if (name.empty() || !all_of(name, kHost)) return false;
    if (colon == std::string_view::npos) return true;
    port = host.substr(colon + 1);
  }
  return port.size() <= 5 && std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace virga::http::internal
