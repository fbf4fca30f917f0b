#include "bench/clients/signer.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>

#include "virga/base/encoding.h"

namespace virga::load {
namespace {

std::string format_time(WallTime now) {
  std::time_t seconds = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace

Signer::Signer(const Target& target, std::string service, std::string access_key, std::string secret)
    : target_(target), service_(std::move(service)), access_key_(std::move(access_key)), secret_(std::move(secret)) {}

std::string Signer::head(const Draft& draft, WallTime now) {
  auto fields = draft.fields;
  std::string authorization;
  if (!service_.empty()) {
    auto hash = to_hex(sha256(draft.body));
    auto time = format_time(now);
    auto day = time.substr(0, 8);
    fields.emplace_back("host", target_.host);
    fields.emplace_back("x-amz-date", time);
    if (service_ == "s3") fields.emplace_back("x-amz-content-sha256", hash);
    std::ranges::sort(fields);
    std::string names;
    std::string canonical = fmt::format("{}\n{}\n\n", draft.method, draft.path);
    for (const auto& [name, value] : fields) {
      canonical.append(name).append(":").append(value).append("\n");
      names.append(names.empty() ? "" : ";").append(name);
    }
    canonical.append("\n").append(names).append("\n").append(hash);
    auto scope = fmt::format("{}/{}/{}/aws4_request", day, kRegion, service_);
    if (day_ != day) {
      key_ = hmac_sha256("AWS4" + secret_, day);
      for (std::string_view part : {kRegion, std::string_view(service_), std::string_view("aws4_request")}) {
        key_ = hmac_sha256(as_view(key_), part);
      }
      day_ = day;
    }
    auto text = fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", time, scope, to_hex(sha256(canonical)));
    authorization = fmt::format("authorization: AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}\r\n",
                                access_key_, scope, names, to_hex(hmac_sha256(as_view(key_), text)));
  } else {
    fields.emplace_back("host", target_.host);
  }
  std::string head = fmt::format("{} {} HTTP/1.1\r\n", draft.method, draft.path);
  for (const auto& [name, value] : fields) head.append(name).append(": ").append(value).append("\r\n");
  head.append(authorization);
  if (draft.method != "GET") head.append(fmt::format("content-length: {}\r\n", draft.body.size()));
  head.append("\r\n");
  return head;
}

}  // namespace virga::load
