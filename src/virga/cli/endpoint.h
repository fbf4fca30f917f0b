#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "virga/base/result.h"

namespace virga::cli {

// Where Virga answers.
struct Endpoint {
  std::string url;      // as it is shown; no slash at the end
  std::string host;     // for the Host field: "localhost:4600"
  std::string address;  // an IPv4 or IPv6 literal
  std::uint16_t port = 0;
};

// Parses "http://HOST[:PORT][/]" and looks the host up (blocks for a name other than localhost). InvalidArgument for
// anything else, https included: Virga speaks plain HTTP. Unavailable when the name is not known.
Result<Endpoint> parse_endpoint(std::string_view url);

// `given`, else $VIRGA_ENDPOINT, else $AWS_ENDPOINT_URL, else http://127.0.0.1:4600.
Result<Endpoint> find_endpoint(const std::string& given);

}  // namespace virga::cli
