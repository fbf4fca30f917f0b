#include "virga/dialects/aws/s3/website.h"

#include <algorithm>
#include <array>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/s3/conditions.h"
#include "virga/dialects/aws/s3/description.h"
#include "virga/dialects/aws/s3/object_body.h"
#include "virga/dialects/aws/s3/settings.h"

namespace virga::dialects::aws::s3 {
namespace {

struct Variant {
  std::string_view coding;
  std::string_view suffix;  // of the key that has the bytes in this coding
};
constexpr std::array kVariants = {Variant{"br", ".br"}, Variant{"gzip", ".gz"}};

http::Response page(int status, std::string_view text) {
  std::string body = "<html>\n<head><title>" + std::string(text) + "</title></head>\n<body><h1>" + std::string(text) +
                     "</h1></body>\n</html>\n";
  return http::Response::make(status, "text/html; charset=utf-8", std::move(body));
}

http::Response redirect(int status, const std::string& location) {
  auto response = page(status, std::to_string(status) + " " + std::string(http::reason_phrase(status)));
  response.add("Location", location);
  return response;
}

// Of a path that is no whole object: what is sent, and as what.
struct Shown {
  object::Version version;
  int status = 200;
  std::string_view coding;   // of the variant that is sent
  std::string content_type;  // of what it is a variant of
};

std::string type_of(const object::Version& version) {
  for (const auto& [name, value] : version.fields) {
    if (name == "content-type") return value;
  }
  return std::string(kDefaultType);
}

io::Task<Result<Shown>> choose(Call call, std::string key) {
  Shown shown;
  VIRGA_CO_TRY_ASSIGN(shown.version, co_await call.objects().find(call.bucket(), key, ""));
  shown.content_type = type_of(shown.version);
  for (const auto& variant : kVariants) {
    if (!accepts_coding(call.field("accept-encoding"), variant.coding)) continue;
    auto packed = co_await call.objects().find(call.bucket(), key + std::string(variant.suffix), "");
    if (!packed) continue;
    shown.version = std::move(*packed);
    shown.coding = variant.coding;
    break;
  }
  co_return shown;
}

io::Task<Answer<http::Response>> send(Call call, Shown shown) {
  auto& version = shown.version;
  std::erase_if(version.fields, [&](const auto& field) {
    return field.first == "content-type" || (!shown.coding.empty() && field.first == "content-encoding") ||
           field.first.starts_with("x-amz-");
  });
  version.fields.emplace_back("content-type", shown.content_type);
  http::Response response;
  response.status = shown.status;
  version.tags.clear();
  describe(response, version, ShowVersion::No);
  response.add("Vary", "Accept-Encoding");
  if (!shown.coding.empty()) response.add("Content-Encoding", shown.coding);
  ByteRange range{0, version.size};
  if (shown.status == 200) {
    auto verdict = check_conditions(call.request(), {}, version.etag, version.modified);
    if (verdict == Verdict::Failed) co_return page(412, "412 Precondition Failed");
    if (verdict == Verdict::NotModified) {
      response.status = 304;
      co_return response;
    }
    auto part = read_range(call.field("range"), version.size, range);
    if (part == RangeVerdict::Unsatisfiable) co_return page(416, "416 Requested Range Not Satisfiable");
    if (part == RangeVerdict::Part) {
      response.status = 206;
      response.add("Content-Range", "bytes " + std::to_string(range.offset) + "-" +
                                        std::to_string(range.offset + range.size - 1) + "/" +
                                        std::to_string(version.size));
    }
  }
  if (call.request().method == "HEAD") {
    response.length = range.size;
    co_return response;
  }
  VIRGA_S3_TRY_ASSIGN(auto reader, co_await call.objects().read(std::move(version), range.offset, range.size));
  VIRGA_S3_TRY_ASSIGN(auto whole, co_await with_body(std::move(response), std::move(reader)));
  co_return std::move(whole);
}

bool is_missing(const Error& error) {
  return error.code() == ErrorCode::NotFound;
}

io::Task<Answer<http::Response>> answer(Call call, Website website) {
  if (call.request().method != "GET" && call.request().method != "HEAD") co_return page(405, "405 Method Not Allowed");
  if (!website.redirect_host.empty()) {
    auto protocol = website.redirect_protocol.empty() ? "http" : website.redirect_protocol;
    co_return redirect(301, protocol + "://" + website.redirect_host + std::string(call.request().target));
  }
  auto key = call.key();
  if (const auto* rule = find_routing(website.routing, key, 0)) {
    co_return redirect(rule->status, location_of(*rule, key, call.field("host")));
  }
  bool is_folder = key.empty() || key.ends_with('/');
  auto shown = co_await choose(call, is_folder ? key + website.index : key);
  if (!shown && !is_missing(shown.error())) co_return std::unexpected(as_refusal(shown.error()));
  if (shown) {
    for (const auto& [name, value] : shown->version.fields) {
      if (name == "x-amz-website-redirect-location") co_return redirect(301, value);
    }
    co_return co_await send(std::move(call), std::move(*shown));
  }
  if (!is_folder) {
    auto index = co_await call.objects().find(call.bucket(), key + "/" + website.index, "");
    if (index) co_return redirect(302, std::string(call.request().path) + "/");
  }
  if (const auto* rule = find_routing(website.routing, key, 404)) {
    co_return redirect(rule->status, location_of(*rule, key, call.field("host")));
  }
  if (website.error.empty()) co_return page(404, "404 Not Found");
  auto error = co_await choose(call, website.error);
  if (!error) co_return page(404, "404 Not Found");
  error->status = 404;
  co_return co_await send(std::move(call), std::move(*error));
}

}  // namespace

bool accepts_coding(std::string_view accepted, std::string_view coding) {
  while (!accepted.empty()) {
    auto comma = accepted.find(',');
    auto one = accepted.substr(0, comma);
    accepted = comma == std::string_view::npos ? std::string_view() : accepted.substr(comma + 1);
    auto semicolon = std::min(one.find(';'), one.size());
    auto weight = trim(one.substr(std::min(semicolon + 1, one.size())));
    if (!equals_ignoring_case(trim(one.substr(0, semicolon)), coding)) continue;
    bool is_zero = weight.starts_with("q=0") && weight.find_first_not_of("0.", 2) == std::string_view::npos;
    return !is_zero;
  }
  return false;
}

Answer<Website> read_website(const XmlNode& configuration) {
  Website website;
  if (const auto* all = configuration.child("RedirectAllRequestsTo")) {
    website.redirect_host = all->text_of("HostName");
    website.redirect_protocol = all->text_of("Protocol");
    if (website.redirect_host.empty()) return malformed_xml("RedirectAllRequestsTo has no HostName");
    return website;
  }
  const auto* index = configuration.child("IndexDocument");
  if (index != nullptr) website.index = index->text_of("Suffix");
  if (website.index.empty() || website.index.find('/') != std::string::npos) {
    return invalid_argument("The IndexDocument Suffix is not well formed");
  }
  if (const auto* error = configuration.child("ErrorDocument")) website.error = error->text_of("Key");
  if (const auto* routing = configuration.child("RoutingRules")) {
    VIRGA_OR_REFUSE(website.routing, read_routing(*routing));
  }
  return website;
}

io::Task<http::Response> answer_website(Call call) {
  auto bucket = call.objects().find_bucket(call.bucket());
  auto text = bucket == nullptr ? std::string() : bucket->setting(kWebsite);
  if (text.empty()) co_return page(404, "404 Not Found");
  auto configuration = read_xml(text);
  auto website = configuration ? read_website(*configuration) : Answer<Website>();
  if (!website) co_return page(500, "500 Internal Server Error");
  auto response = co_await answer(std::move(call), std::move(*website));
  if (!response) {
    co_return page(response.error().status, std::to_string(response.error().status) + " " +
                                                std::string(http::reason_phrase(response.error().status)));
  }
  co_return std::move(*response);
}

}  // namespace virga::dialects::aws::s3
