#include "virga/dialects/aws/lambda/package_links.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "virga/base/encoding.h"
#include "virga/base/hash.h"
#include "virga/dialects/aws/query.h"
#include "virga/json/text.h"

namespace virga::dialects::aws {
namespace {

constexpr std::int64_t kLifetime = 600;  // seconds, as AWS's pre-signed address

http::Response refuse(int status, std::string_view message) {
  std::string body;
  json::Object(body).add("message", message);
  return http::Response::make(status, "application/json", std::move(body));
}

}  // namespace

PackageLinks::PackageLinks(deploy::Deployments& deployments, const Clock& clock, Random& random, std::string base_url)
    : deployments_(deployments), clock_(clock), base_url_(std::move(base_url)) {
  std::array<std::uint8_t, 32> key;
  random.fill(key);
  key_.assign(reinterpret_cast<const char*>(key.data()), key.size());
}

std::string PackageLinks::token(std::string_view id, std::string_view expires) const {
  return to_hex(hmac_sha256(key_, fmt::format("{} {}", id, expires)));
}

std::string PackageLinks::make(const model::PackageId& id) const {
  auto expires = std::to_string(unix_milliseconds(clock_.wall()) / 1000 + kLifetime);
  return fmt::format("{}{}{}?expires={}&token={}", base_url_, kPrefix, id.text(), expires, token(id.text(), expires));
}

io::Task<http::Response> PackageLinks::handle(const http::Request& request) {
  if (request.method != "GET") co_return refuse(405, "Only GET is possible here.");
  Query query(request.query);
  std::string_view id = request.path.starts_with(kPrefix) ? request.path.substr(kPrefix.size()) : std::string_view();
  std::string_view expires = query.find("expires").value_or("");
  std::string_view given = query.find("token").value_or("");
  std::int64_t until = 0;
  std::from_chars(expires.data(), expires.data() + expires.size(), until);
  if (!equals_in_constant_time(token(id, expires), given) || until < unix_milliseconds(clock_.wall()) / 1000) {
    co_return refuse(403, "This download address is not valid, or no longer. Call GetFunction again for a new one.");
  }
  model::PackageId package{std::string(id)};
  std::function<Result<std::string>(catalog::Catalog&)> read = [package](catalog::Catalog& catalog) {
    return catalog.read_package(package);
  };
  auto archive = co_await deployments_.mutate<std::string>(std::move(read));
  if (!archive) co_return refuse(archive.error().code() == ErrorCode::NotFound ? 404 : 500, archive.error().message());
  co_return http::Response::make(200, "application/zip", std::move(*archive));
}

}  // namespace virga::dialects::aws
