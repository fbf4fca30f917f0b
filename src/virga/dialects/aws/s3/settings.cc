#include "virga/dialects/aws/s3/settings.h"

#include <fmt/format.h>

#include <set>

#include "virga/dialects/aws/s3/conditions.h"
#include "virga/dialects/aws/s3/cors.h"
#include "virga/dialects/aws/s3/description.h"
#include "virga/dialects/aws/s3/notifications.h"
#include "virga/dialects/aws/s3/operations.h"
#include "virga/dialects/aws/s3/website.h"
#include "virga/dialects/aws/xml.h"

// The settings of a bucket, kept as documents.
namespace virga::dialects::aws::s3 {
namespace {

constexpr std::size_t kMostBucketTags = 50;

// A document as it was read, without what is not kept of XML: attributes, comments, white space between elements.
void write_node(std::string& out, const XmlNode& node, std::string_view xml_namespace) {
  XmlElement element(out, node.name, xml_namespace);
  if (node.children.empty()) element.text(node.text);
  for (const auto& child : node.children) write_node(out, child, {});
}

std::string write_document(const XmlNode& root) {
  std::string document;
  write_node(document, root, kNamespace);
  return document;
}

io::Task<Answer<http::Response>> get_setting(Call call, std::string kind, Refusal missing) {
  VIRGA_S3_TRY_ASSIGN(auto bucket, co_await call.objects().bucket(call.bucket()));
  auto document = bucket->setting(kind);
  if (document.empty()) co_return std::unexpected(std::move(missing));
  co_return xml_response(200, std::move(document));
}

io::Task<Answer<http::Response>> put_setting(Call call, std::string kind, std::string document, int status,
                                             store::Batch batch = {}) {
  std::function<void(object::Bucket&)> change = [kind, document](object::Bucket& bucket) {
    if (document.empty()) {
      bucket.settings.erase(kind);
    } else {
      bucket.settings.insert_or_assign(kind, document);
    }
  };
  VIRGA_S3_TRY(co_await call.objects().change_bucket(call.bucket(), std::move(change), std::move(batch)));
  co_return empty_response(status);
}

// What is at a date is so from its beginning in UTC.
Answer<bool> check_dates(const XmlNode& rule) {
  for (const auto& action : rule.children) {
    auto text = action.text_of("Date");
    if (text.empty()) continue;
    auto date = parse_http_date(text);
    if (!date || std::chrono::floor<std::chrono::days>(*date) != *date) {
      return invalid_argument("'Date' must be at midnight GMT");
    }
  }
  return true;
}

// Each rule of a lifecycle has a name of its own in the end.
Answer<bool> name_rules(XmlNode& lifecycle) {
  std::set<std::string> names;
  for (auto& rule : lifecycle.children) {
    auto status = rule.text_of("Status");
    if (rule.name != "Rule" || (status != "Enabled" && status != "Disabled")) {
      return malformed_xml("a Rule has the Status Enabled or Disabled");
    }
    VIRGA_OR_REFUSE([[maybe_unused]] bool good, check_dates(rule));
    if (rule.text_of("ID").size() > 255) return invalid_argument("ID length should not exceed allowed limit of 255");
    if (rule.child("ID") == nullptr) {
      rule.children.insert(rule.children.begin(), XmlNode{"ID", fmt::format("rule-{}", names.size() + 1), {}});
    }
    if (!names.emplace(rule.text_of("ID")).second) return invalid_argument("Rule ID must be unique");
  }
  if (names.empty()) return malformed_xml("there is no Rule");
  return true;
}

Refusal missing(std::string_view code, std::string message) {
  return refuse(404, code, std::move(message)).error();
}

}  // namespace

io::Task<Answer<http::Response>> get_bucket_tagging(Call call) {
  co_return co_await get_setting(std::move(call), kTagging, missing("NoSuchTagSet", "The TagSet does not exist"));
}
io::Task<Answer<http::Response>> put_bucket_tagging(Call call) {
  VIRGA_S3_TRY_ASSIGN(auto tagging, co_await read_document_xml(call, "Tagging"));
  VIRGA_S3_TRY_ASSIGN(auto tags, read_tagging(tagging, kMostBucketTags));
  co_return co_await put_setting(std::move(call), kTagging, write_tagging(tags), 204);
}
io::Task<Answer<http::Response>> delete_bucket_tagging(Call call) {
  co_return co_await put_setting(std::move(call), kTagging, "", 204);
}

io::Task<Answer<http::Response>> get_bucket_cors(Call call) {
  co_return co_await get_setting(std::move(call), kCors,
                                 missing("NoSuchCORSConfiguration", "The CORS configuration does not exist"));
}
io::Task<Answer<http::Response>> put_bucket_cors(Call call) {
  VIRGA_S3_TRY_ASSIGN(auto configuration, co_await read_document_xml(call, "CORSConfiguration"));
  VIRGA_S3_TRY_ASSIGN(auto rules, read_cors(configuration));
  co_return co_await put_setting(std::move(call), kCors, write_cors(rules), 200);
}
io::Task<Answer<http::Response>> delete_bucket_cors(Call call) {
  co_return co_await put_setting(std::move(call), kCors, "", 204);
}

// Kept and given back; nothing expires by it.
io::Task<Answer<http::Response>> get_lifecycle(Call call) {
  co_return co_await get_setting(std::move(call), kLifecycle,
                                 missing("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"));
}
io::Task<Answer<http::Response>> put_lifecycle(Call call) {
  VIRGA_S3_TRY_ASSIGN(auto configuration, co_await read_document_xml(call, "LifecycleConfiguration"));
  VIRGA_S3_TRY(name_rules(configuration));
  co_return co_await put_setting(std::move(call), kLifecycle, write_document(configuration), 200);
}
io::Task<Answer<http::Response>> delete_lifecycle(Call call) {
  co_return co_await put_setting(std::move(call), kLifecycle, "", 204);
}

io::Task<Answer<http::Response>> get_website(Call call) {
  co_return co_await get_setting(
      std::move(call), kWebsite,
      missing("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"));
}
io::Task<Answer<http::Response>> put_website(Call call) {
  VIRGA_S3_TRY_ASSIGN(auto configuration, co_await read_document_xml(call, "WebsiteConfiguration"));
  VIRGA_S3_TRY(read_website(configuration));
  co_return co_await put_setting(std::move(call), kWebsite, write_document(configuration), 200);
}
io::Task<Answer<http::Response>> delete_website(Call call) {
  co_return co_await put_setting(std::move(call), kWebsite, "", 204);
}

io::Task<Answer<http::Response>> get_notification(Call call) {
  VIRGA_S3_TRY_ASSIGN(auto bucket, co_await call.objects().bucket(call.bucket()));
  auto document = bucket->setting(kNotification);
  if (document.empty()) {
    XmlElement nothing(document, "NotificationConfiguration", kNamespace);
  }
  co_return xml_response(200, std::move(document));
}
io::Task<Answer<http::Response>> put_notification(Call call) {
  VIRGA_S3_TRY_ASSIGN(auto configuration, co_await read_document_xml(call, "NotificationConfiguration"));
  VIRGA_S3_TRY_ASSIGN(auto rules, read_notifications(configuration));
  bool is_checked = call.field("x-amz-skip-destination-validation") != "true";
  for (const auto& rule : rules) {
    auto good = is_checked ? call.services().targets.check(rule.target) : Result<>();
    if (!good) {
      co_return invalid_argument("Unable to validate the following destination configurations: " +
                                 good.error().message());
    }
  }
  // Queues and topics are told at once that they will be told, unless they are not to be looked at.
  store::Batch batch;
  std::vector<std::function<void()>> afterwards;
  for (const auto& rule : rules) {
    if (!is_checked || rule.kind == NotificationRule::Kind::Function) continue;
    events::Parcel parcel;
    parcel.body = test_event_body(call.bucket(), call.request_id(), call.services().clock.wall());
    parcel.source = "arn:aws:s3:::" + call.bucket();
    VIRGA_S3_TRY_ASSIGN(auto sent, call.services().targets.send(rule.target, std::move(parcel), batch));
    afterwards.push_back(std::move(sent));
  }
  auto document = rules.empty() ? std::string() : write_notifications(rules);
  auto answer = co_await put_setting(std::move(call), kNotification, std::move(document), 200, std::move(batch));
  if (!answer) co_return std::unexpected(std::move(answer).error());
  for (auto& work : afterwards) work();
  co_return std::move(*answer);
}

}  // namespace virga::dialects::aws::s3
