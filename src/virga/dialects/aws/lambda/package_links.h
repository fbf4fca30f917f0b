#pragma once

#include <string>
#include <string_view>

#include "virga/base/clock.h"
#include "virga/base/random.h"
#include "virga/catalog/catalog.h"
#include "virga/deploy/deployments.h"
#include "virga/http/message.h"
#include "virga/io/task.h"

namespace virga::dialects::aws {

// Addresses from which a package's archive can be fetched for ten minutes without a signature, as GetFunction gives
// them out: BASE_URL/_virga/packages/SHA256?expires=SECONDS&token=HMAC. They end with this object, whose key is random.
class PackageLinks {
 public:
  PackageLinks(deploy::Deployments& deployments, const Clock& clock, Random& random, std::string base_url);

  std::string make(const model::PackageId& id) const;

  // GET /_virga/packages/...: the archive, or 403 {"message": ...}.
  static constexpr std::string_view kPrefix = "/_virga/packages/";
  io::Task<http::Response> handle(const http::Request& request);

 private:
  std::string token(std::string_view id, std::string_view expires) const;

  deploy::Deployments& deployments_;
  const Clock& clock_;
  std::string base_url_;
  std::string key_;
};

}  // namespace virga::dialects::aws
