#include "virga/dialects/aws/s3/body.h"
#include "virga/dialects/aws/s3/conditions.h"
#include "virga/dialects/aws/s3/copy_source.h"
#include "virga/dialects/aws/s3/description.h"
#include "virga/dialects/aws/s3/operations.h"
#include "virga/dialects/aws/xml.h"

// Writing objects: from a request, from another object; their tags.
namespace virga::dialects::aws::s3 {
namespace {

constexpr std::size_t kMostObjectTags = 10;

}  // namespace

io::Task<Answer<http::Response>> put_object(Call call) {
  VIRGA_S3_TRY(check_unbuilt(call.request()));
  VIRGA_S3_TRY(co_await call.objects().bucket(call.bucket()));
  object::Description description;
  VIRGA_S3_TRY_ASSIGN(description.fields, described_fields(call.request()));
  VIRGA_S3_TRY_ASSIGN(description.tags, described_tags(call.request()));
  VIRGA_S3_TRY_ASSIGN(auto received, co_await receive_file(call, object::ChecksumAlgorithm::None));
  description.checksum = std::move(received.checksum);
  VIRGA_S3_TRY_ASSIGN(auto version, co_await call.objects().put(call.bucket(), call.key(), std::move(received.file),
                                                                std::move(description), write_condition(call.request()),
                                                                object::ChangeKind::Put, call.origin()));
  auto response = empty_response(200);
  response.add("ETag", quoted(version.etag));
  add_checksum(response, version);
  if (version.id != object::kNullVersion) response.add("x-amz-version-id", version.id);
  co_return response;
}

io::Task<Answer<http::Response>> copy_object(Call call) {
  VIRGA_S3_TRY(check_unbuilt(call.request()));
  VIRGA_S3_TRY_ASSIGN(auto source, read_copy_source(call.request()));
  VIRGA_S3_TRY(co_await call.objects().bucket(call.bucket()));
  VIRGA_S3_TRY_ASSIGN(auto original, co_await find_copy_source(call, source));
  auto directive = call.field("x-amz-metadata-directive");
  if (!directive.empty() && directive != "COPY" && directive != "REPLACE") {
    co_return invalid_argument("Unknown metadata directive.");
  }
  bool replaces = directive == "REPLACE";
  bool is_same = source.bucket == call.bucket() && source.key == call.key() && source.version.empty();
  bool changes =
      replaces || !call.field("x-amz-storage-class").empty() || !call.field("x-amz-website-redirect-location").empty();
  if (is_same && !changes) {
    co_return invalid_request(
        "This copy request is illegal because it is trying to copy an object to itself without "
        "changing the object's metadata, storage class, website redirect location or encryption "
        "attributes.");
  }
  object::Description description;
  description.fields = original.fields;
  description.tags = original.tags;
  if (replaces) {
    VIRGA_S3_TRY_ASSIGN(description.fields, described_fields(call.request()));
  }
  if (call.field("x-amz-tagging-directive") == "REPLACE") {
    VIRGA_S3_TRY_ASSIGN(description.tags, described_tags(call.request()));
  }
  auto algorithm = original.checksum.algorithm;
  if (auto wanted = call.field("x-amz-checksum-algorithm"); !wanted.empty()) {
    const auto* name = find_checksum(wanted);
    if (name == nullptr) co_return invalid_request("Checksum algorithm provided is unsupported.");
    algorithm = name->algorithm;
  }
  std::vector<object::ChecksumAlgorithm> algorithms{algorithm};
  VIRGA_S3_TRY_ASSIGN(auto file, co_await call.objects().duplicate(original, std::move(algorithms)));
  if (algorithm != object::ChecksumAlgorithm::None) {
    description.checksum = {algorithm, object::ChecksumType::FullObject, std::string(file.digest(algorithm))};
  }
  VIRGA_S3_TRY_ASSIGN(auto version, co_await call.objects().put(call.bucket(), call.key(), std::move(file),
                                                                std::move(description), write_condition(call.request()),
                                                                object::ChangeKind::Copy, call.origin()));
  auto response = xml_response(200, copy_result("CopyObjectResult", version.etag, version.modified, version.checksum));
  if (version.id != object::kNullVersion) response.add("x-amz-version-id", version.id);
  if (original.id != object::kNullVersion) response.add("x-amz-copy-source-version-id", original.id);
  co_return response;
}

io::Task<Answer<http::Response>> put_tagging(Call call) {
  VIRGA_S3_TRY_ASSIGN(auto tagging, co_await read_document_xml(call, "Tagging"));
  VIRGA_S3_TRY_ASSIGN(auto tags, read_tagging(tagging, kMostObjectTags));
  VIRGA_S3_TRY_ASSIGN(auto version,
                      co_await call.objects().set_tags(call.bucket(), call.key(), call.version(), std::move(tags),
                                                       object::ChangeKind::PutTags, call.origin()));
  auto response = empty_response(200);
  if (shows_versions(call) == ShowVersion::Yes) response.add("x-amz-version-id", version.id);
  co_return response;
}

io::Task<Answer<http::Response>> delete_tagging(Call call) {
  VIRGA_S3_TRY_ASSIGN(auto version, co_await call.objects().set_tags(call.bucket(), call.key(), call.version(), {},
                                                                     object::ChangeKind::DeleteTags, call.origin()));
  auto response = empty_response(204);
  if (shows_versions(call) == ShowVersion::Yes) response.add("x-amz-version-id", version.id);
  co_return response;
}

}  // namespace virga::dialects::aws::s3
