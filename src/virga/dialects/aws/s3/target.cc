#include "virga/dialects/aws/s3/target.h"

#include <algorithm>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/s3/errors.h"

namespace virga::dialects::aws::s3 {
namespace {

std::string decoded(std::string_view text) {
  auto plain = percent_decode(text);
  return plain ? *plain : std::string(text);
}

bool looks_like_an_address(std::string_view name) {
  int dots = 0;
  for (char c : name) {
    if (c == '.') {
      ++dots;
    } else if (c < '0' || c > '9') {
      return false;
    }
  }
  return dots == 3;
}

}  // namespace

std::string_view bucket_in_host(std::string_view host, bool& is_website) {
  is_website = false;
  host = host.substr(0, host.find(':'));
  for (std::string_view suffix : {".website.localhost", ".s3.localhost", ".localhost"}) {
    if (host.size() <= suffix.size()) continue;
    auto at = host.size() - suffix.size();
    if (!equals_ignoring_case(host.substr(at), suffix)) continue;
    auto name = host.substr(0, at);
    if (name == "s3") return {};
    is_website = suffix.starts_with(".website");
    return name;
  }
  return {};
}

Target target_of(const http::Request& request) {
  Target target;
  auto path = request.path;
  if (path.starts_with('/')) path.remove_prefix(1);
  target.bucket = to_lower(bucket_in_host(request.field("host"), target.is_website));
  target.in_host = !target.bucket.empty();
  if (target.in_host) {
    target.key = decoded(path);
    return target;
  }
  auto slash = path.find('/');
  target.bucket = decoded(path.substr(0, slash));
  if (slash != std::string_view::npos) target.key = decoded(path.substr(slash + 1));
  return target;
}

Answer<bool> check_bucket_name(std::string_view name) {
  auto is_end = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  bool is_good = name.size() >= 3 && name.size() <= 63 && is_end(name.front()) && is_end(name.back()) &&
                 std::ranges::all_of(name, [&](char c) { return is_end(c) || c == '-' || c == '.'; }) &&
                 name.find("..") == std::string_view::npos && name.find(".-") == std::string_view::npos &&
                 name.find("-.") == std::string_view::npos && !looks_like_an_address(name) &&
                 !name.starts_with("xn--") && !name.ends_with("-s3alias");
  if (!is_good) {
    return refuse(400, "InvalidBucketName",
                  "The specified bucket is not valid: '" + std::string(name) +
                      "'. A name has 3 to 63 of a-z, 0-9, '-' and '.', and begins and ends with a letter or digit.");
  }
  for (std::string_view own : {"healthz", "readyz", "metrics", "virga", "console", "website"}) {
    if (name == own) {
      return refuse(400, "InvalidBucketName",
                    "'" + std::string(name) + "' is a path of Virga itself; choose another name for the bucket.");
    }
  }
  return true;
}

}  // namespace virga::dialects::aws::s3
