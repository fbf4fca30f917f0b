#include <algorithm>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/s3/conditions.h"
#include "virga/dialects/aws/s3/operations.h"
#include "virga/dialects/aws/xml.h"
#include "virga/io/task_group.h"

namespace virga::dialects::aws::s3 {
namespace {

constexpr std::size_t kMostKeys = 1000;
constexpr std::size_t kAtOnce = 16;  // deletions of one request: they share the syncs of the disk

struct Deletion {
  std::string key;
  std::string version;
  object::Condition condition;
  Result<object::Deleted> outcome = object::Deleted();
};

// The deletions of one request, and which is next.
struct Deletions {
  std::vector<Deletion> all;
  std::size_t next = 0;
};

// Takes one after the other until none is left. The call and the deletions outlive it.
io::Task<void> delete_some(Call call, Deletions* deletions) {
  while (deletions->next < deletions->all.size()) {
    auto& one = deletions->all[deletions->next++];
    one.outcome = co_await call.objects().erase(call.bucket(), one.key, one.version, one.condition, call.origin());
  }
}

Answer<std::vector<Deletion>> read_deletions(const XmlNode& request) {
  std::vector<Deletion> all;
  for (const auto& node : request.children) {
    if (node.name != "Object") continue;
    Deletion one;
    one.key = node.text_of("Key");
    one.version = node.text_of("VersionId");
    one.condition = delete_condition(node.text_of("ETag"), node.text_of("Size"), node.text_of("LastModifiedTime"));
    if (one.key.empty()) return malformed_xml("an Object has no Key");
    all.push_back(std::move(one));
  }
  if (all.empty() || all.size() > kMostKeys) return malformed_xml("there are 1 to 1000 Objects");
  return all;
}

void write_outcome(XmlElement& result, const Deletion& one, bool is_quiet) {
  if (!one.outcome) {
    auto refusal = as_refusal(one.outcome.error());
    XmlElement error(result, "Error");
    error.add("Key", one.key);
    if (!one.version.empty()) error.add("VersionId", one.version);
    error.add("Code", refusal.code).add("Message", refusal.message);
    return;
  }
  if (is_quiet) return;
  XmlElement deleted(result, "Deleted");
  deleted.add("Key", one.key);
  if (!one.version.empty()) deleted.add("VersionId", one.version);
  if (!one.outcome->is_marker) return;
  deleted.add("DeleteMarker", "true").add("DeleteMarkerVersionId", one.outcome->version);
}

}  // namespace

io::Task<Answer<http::Response>> delete_object(Call call) {
  auto condition = delete_condition(call.field("if-match"), call.field("x-amz-if-match-size"),
                                    call.field("x-amz-if-match-last-modified-time"));
  auto deleted =
      co_await call.objects().erase(call.bucket(), call.key(), call.version(), std::move(condition), call.origin());
  VIRGA_S3_TRY_ASSIGN(auto outcome, std::move(deleted));
  auto response = empty_response(204);
  if (!outcome.version.empty()) response.add("x-amz-version-id", outcome.version);
  if (outcome.is_marker) response.add("x-amz-delete-marker", "true");
  co_return response;
}

io::Task<Answer<http::Response>> delete_objects(Call call) {
  VIRGA_S3_TRY_ASSIGN(auto request, co_await read_document_xml(call, "Delete"));
  VIRGA_S3_TRY(co_await call.objects().bucket(call.bucket()));
  Deletions deletions;
  VIRGA_S3_TRY_ASSIGN(deletions.all, read_deletions(request));
  {
    io::TaskGroup group(call.services().loop);
    for (std::size_t i = 0; i < std::min(kAtOnce, deletions.all.size()); ++i) group.add(delete_some(call, &deletions));
    (void)co_await group.join();
  }
  bool is_quiet = request.text_of("Quiet") == "true";
  std::string document;
  {
    XmlElement result(document, "DeleteResult", kNamespace);
    for (const auto& one : deletions.all) write_outcome(result, one, is_quiet);
  }
  co_return xml_response(200, std::move(document));
}

}  // namespace virga::dialects::aws::s3
