#pragma once

#include <netinet/in.h>

#include <string>
#include <string_view>
#include <vector>

#include "virga/base/result.h"

namespace virga::load {

// A server on this machine. Nothing else is ever loaded: an open loop against a stranger is an attack.
struct Target {
  sockaddr_storage address{};
  socklen_t address_size = 0;
  std::string host;  // for the Host field
  std::string path;  // with its leading slash
};

// http://127.0.0.1:4600/fn/hello/ ; localhost, 127.0.0.0/8 and [::1] are accepted.
Result<Target> parse_url(std::string_view url);

struct RequestOptions {
  std::string method = "GET";
  std::vector<std::string> headers;  // "Name: value"
  std::string body;
};

// The bytes of one HTTP/1.1 request.
Result<std::string> make_request(const Target& target, std::string_view path, const RequestOptions& options);

// One path a line; empty lines are skipped. Refuses a file that names none, and lines that are no path.
Result<std::vector<std::string>> read_paths(const std::string& file);

}  // namespace virga::load
