#include "virga/cli/endpoint.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <charconv>
#include <memory>

#include "virga/base/problems.h"
#include "virga/cli/options.h"

namespace virga::cli {

namespace {

std::unexpected<Error> refuse(std::string_view url, std::string_view why) {
  return fail(problem::kEndpointWrong,
              fmt::format("the endpoint '{}' {}. Give one such as http://127.0.0.1:{}", url, why, kDefaultPort));
}

Result<std::string> look_up(const std::string& host, std::string_view url) {
  if (host == "localhost") return "127.0.0.1";
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  int failure = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (failure != 0) {
    return fail(problem::kNotReached, fmt::format("cannot reach Virga at {}: the host '{}' is not known ({})", url,
                                                  host, gai_strerror(failure)));
  }
  std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
  char text[NI_MAXHOST] = "";
  ::getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof(text), nullptr, 0, NI_NUMERICHOST);
  return std::string(text);
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  if (url.starts_with("https://")) return refuse(url, "asks for TLS, which Virga leaves to a proxy in front of it");
  if (!url.starts_with(kScheme)) return refuse(url, "does not begin with http://");
  auto rest = url.substr(kScheme.size());
  while (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find_first_of("/?#@ ") != std::string_view::npos) return refuse(url, "holds more than a host and a port");

  Endpoint endpoint;
  endpoint.port = 80;
  auto colon = rest.rfind(':');
  auto bracket = rest.rfind(']');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    auto digits = rest.substr(colon + 1);
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), endpoint.port);
    if (error != std::errc() || end != digits.data() + digits.size() || endpoint.port == 0) {
      return refuse(url, fmt::format("has no port number behind the colon, but '{}'", digits));
    }
  } else {
    colon = rest.size();
  }
  auto host = rest.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) return refuse(url, "names no host");
  endpoint.url = std::string(kScheme).append(rest);
  endpoint.host = std::string(rest);
  VIRGA_TRY_ASSIGN(endpoint.address, look_up(std::string(host), url));
  return endpoint;
}

Result<Endpoint> find_endpoint(const std::string& given) {
  if (!given.empty()) return parse_endpoint(given);
  for (const auto* name : {"VIRGA_ENDPOINT", "AWS_ENDPOINT_URL"}) {
    auto value = environment(name);
    if (!value.empty()) return parse_endpoint(value);
  }
  return parse_endpoint(fmt::format("http://127.0.0.1:{}", kDefaultPort));
}

}  // namespace virga::cli
