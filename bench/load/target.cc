#include "bench/load/target.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "virga/os/file.h"

namespace virga::load {
namespace {

bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](char letter) { return letter > ' ' && letter < 0x7f; });
}

bool parse_loopback(const std::string& host, std::uint16_t port, Target& target) {
  if (host == "[::1]") {
    sockaddr_in6 address{.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    std::memcpy(&target.address, &address, sizeof address);
    target.address_size = sizeof address;
    return true;
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, host == "localhost" ? "127.0.0.1" : host.c_str(), &address.sin_addr) != 1) return false;
  if (ntohl(address.sin_addr.s_addr) >> 24 != 127) return false;
  std::memcpy(&target.address, &address, sizeof address);
  target.address_size = sizeof address;
  return true;
}

}  // namespace

Result<Target> parse_url(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::InvalidArgument,
                fmt::format("the URL '{}' {}; it looks like http://127.0.0.1:4600/path", url, why));
  };
  if (!url.starts_with(kScheme)) return refuse("does not begin with http://");
  std::string_view rest = url.substr(kScheme.size());
  std::size_t slash = std::min(rest.find('/'), rest.size());
  std::string_view authority = rest.substr(0, slash);
  Target target{.host = std::string(authority), .path = std::string(rest.substr(slash))};
  if (target.path.empty()) target.path = "/";
  if (!is_plain(target.path)) return refuse("has spaces or letters beyond ASCII in its path");

  std::uint16_t port = 80;
  std::size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos) {
    std::string_view digits = authority.substr(colon + 1);
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error != std::errc{} || end != digits.data() + digits.size() || port == 0)
      return refuse("has no port from 1 to 65535");
    authority = authority.substr(0, colon);
  }
  if (!parse_loopback(std::string(authority), port, target)) {
    return refuse("is not on this machine (127.0.0.0/8, [::1] or localhost), and nothing else is loaded");
  }
  return target;
}

Result<std::string> make_request(const Target& target, std::string_view path, const RequestOptions& options) {
  if (!is_plain(options.method) || options.method.empty() || options.method == "HEAD") {
    return fail(ErrorCode::InvalidArgument,
                fmt::format("the method '{}' cannot be sent: any word but HEAD can, whose answers end differently",
                            options.method));
  }
  std::string request = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n", options.method, path, target.host);
  for (const auto& header : options.headers) {
    if (header.find(':') == std::string::npos || header.find_first_of("\r\n") != std::string::npos) {
      return fail(ErrorCode::InvalidArgument, fmt::format("the header '{}' is not of the form 'Name: value'", header));
    }
    request += header + "\r\n";
  }
  if (!options.body.empty() || options.method == "POST" || options.method == "PUT") {
    request += fmt::format("Content-Length: {}\r\n", options.body.size());
  }
  return request + "\r\n" + options.body;
}

Result<std::vector<std::string>> read_paths(const std::string& file) {
  VIRGA_TRY_ASSIGN(std::string text, os::read_file(file));
  std::vector<std::string> paths;
  std::size_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    ++number;
    if (line.empty()) continue;
    if (line.front() != '/' || !is_plain(line)) {
      return fail(ErrorCode::InvalidArgument,
                  fmt::format("{}:{}: '{}' is no path: it begins with / and has no spaces", file, number, line));
    }
    paths.emplace_back(line);
  }
  if (paths.empty())
    return fail(ErrorCode::InvalidArgument, fmt::format("{} names no path: one a line is needed", file));
  return paths;
}

}  // namespace virga::load
