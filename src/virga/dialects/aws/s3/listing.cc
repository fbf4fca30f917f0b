#include "virga/base/encoding.h"
#include "virga/dialects/aws/s3/checksums.h"
#include "virga/dialects/aws/s3/description.h"
#include "virga/dialects/aws/s3/operations.h"
#include "virga/dialects/aws/xml.h"

// The lists of a bucket: objects in two forms, versions, uploads.
namespace virga::dialects::aws::s3 {
namespace {

constexpr std::size_t kMost = 1000;

// How keys are written: as they are, or percent-encoded for those that XML cannot hold.
class KeyText {
 public:
  explicit KeyText(bool is_url) : is_url_(is_url) {}
  std::string operator()(std::string_view key) const {
    return is_url_ ? percent_encode(key, Slash::Keep) : std::string(key);
  }
  bool is_url() const { return is_url_; }

 private:
  bool is_url_;
};

Answer<KeyText> key_text(const Call& call) {
  auto encoding = call.parameter("encoding-type");
  if (encoding && *encoding != "url") return invalid_argument("Invalid Encoding Method specified in Request");
  return KeyText(encoding.has_value());
}

Answer<object::ListWanted> wanted_of(const Call& call, std::string_view most_name) {
  object::ListWanted wanted;
  wanted.prefix = call.text_parameter("prefix");
  wanted.delimiter = call.text_parameter("delimiter");
  VIRGA_OR_REFUSE(wanted.most, call.number_parameter(most_name, kMost, kMost));
  return wanted;
}

void write_owner(XmlElement& outer, const Account& account, std::string_view name = "Owner") {
  XmlElement owner(outer, name);
  owner.add("ID", account.id).add("DisplayName", "virga");
}

std::string storage_class(const object::Version& version) {
  for (const auto& [name, value] : version.fields) {
    if (name == "x-amz-storage-class") return value;
  }
  return "STANDARD";
}

void write_version(XmlElement& item, const object::Version& version) {
  item.add("LastModified", format_rfc3339(version.modified));
  if (version.is_marker) return;
  item.add("ETag", quoted(version.etag));
  if (const auto* name = find_checksum(version.checksum.algorithm)) {
    item.add("ChecksumAlgorithm", name->name).add("ChecksumType", type_name(version.checksum.type));
  }
  item.add("Size", std::to_string(version.size)).add("StorageClass", storage_class(version));
}

void write_groups(XmlElement& result, const std::vector<std::string>& groups, const KeyText& text) {
  for (const auto& group : groups) {
    XmlElement prefix(result, "CommonPrefixes");
    prefix.add("Prefix", text(group));
  }
}

std::string_view truth(bool value) {
  return value ? "true" : "false";
}

enum class ShowOwner { No, Yes };

void write_page(XmlElement& result, const Call& call, const object::ListWanted& wanted, const object::ListPage& page,
                const KeyText& text, ShowOwner owner) {
  result.add("Name", call.bucket());
  result.add("MaxKeys", std::to_string(wanted.most)).add("IsTruncated", truth(page.is_truncated));
  if (!wanted.delimiter.empty()) result.add("Delimiter", text(wanted.delimiter));
  if (text.is_url()) result.add("EncodingType", "url");
  for (const auto& listed : page.items) {
    XmlElement item(result, "Contents");
    item.add("Key", text(listed.key));
    write_version(item, listed.version);
    if (owner == ShowOwner::Yes) write_owner(item, call.services().account);
  }
  write_groups(result, page.groups, text);
}

}  // namespace

io::Task<Answer<http::Response>> list_objects(Call call) {
  VIRGA_S3_TRY_ASSIGN(auto text, key_text(call));
  VIRGA_S3_TRY_ASSIGN(auto wanted, wanted_of(call, "max-keys"));
  wanted.after = call.text_parameter("marker");
  VIRGA_S3_TRY_ASSIGN(auto page, co_await call.objects().list(call.bucket(), wanted));
  std::string document;
  {
    XmlElement result(document, "ListBucketResult", kNamespace);
    // Clients decode every key of the first form's answer but this one.
    result.add("Prefix", wanted.prefix).add("Marker", text(wanted.after));
    if (page.is_truncated && !wanted.delimiter.empty()) result.add("NextMarker", text(page.last));
    write_page(result, call, wanted, page, text, ShowOwner::Yes);
  }
  co_return xml_response(200, std::move(document));
}

io::Task<Answer<http::Response>> list_objects_v2(Call call) {
  VIRGA_S3_TRY_ASSIGN(auto text, key_text(call));
  VIRGA_S3_TRY_ASSIGN(auto wanted, wanted_of(call, "max-keys"));
  if (call.text_parameter("list-type") != "2") co_return invalid_argument("list-type must be 2.");
  auto start = call.text_parameter("start-after");
  auto token = call.parameter("continuation-token");
  wanted.after = start;
  if (token && !token->empty()) {
    auto after = from_base64(*token);
    if (!after || after->empty()) co_return invalid_argument("The continuation token provided is incorrect");
    wanted.after = std::move(*after);
  }
  VIRGA_S3_TRY_ASSIGN(auto page, co_await call.objects().list(call.bucket(), wanted));
  auto owner = call.text_parameter("fetch-owner") == "true" ? ShowOwner::Yes : ShowOwner::No;
  std::string document;
  {
    XmlElement result(document, "ListBucketResult", kNamespace);
    result.add("Prefix", text(wanted.prefix)).add("KeyCount", std::to_string(page.items.size() + page.groups.size()));
    if (!start.empty()) result.add("StartAfter", text(start));
    if (token) result.add("ContinuationToken", *token);
    if (page.is_truncated) result.add("NextContinuationToken", to_base64(page.last));
    write_page(result, call, wanted, page, text, owner);
  }
  co_return xml_response(200, std::move(document));
}

io::Task<Answer<http::Response>> list_versions(Call call) {
  VIRGA_S3_TRY_ASSIGN(auto text, key_text(call));
  VIRGA_S3_TRY_ASSIGN(auto wanted, wanted_of(call, "max-keys"));
  wanted.after = call.text_parameter("key-marker");
  wanted.after_version = call.text_parameter("version-id-marker");
  if (wanted.after.empty() && !wanted.after_version.empty()) {
    co_return invalid_argument("A version-id marker cannot be specified without a key marker.");
  }
  VIRGA_S3_TRY_ASSIGN(auto page, co_await call.objects().list_versions(call.bucket(), wanted));
  std::string document;
  {
    XmlElement result(document, "ListVersionsResult", kNamespace);
    result.add("Name", call.bucket()).add("Prefix", text(wanted.prefix)).add("KeyMarker", text(wanted.after));
    result.add("VersionIdMarker", wanted.after_version).add("MaxKeys", std::to_string(wanted.most));
    result.add("IsTruncated", truth(page.is_truncated));
    if (!wanted.delimiter.empty()) result.add("Delimiter", text(wanted.delimiter));
    if (text.is_url()) result.add("EncodingType", "url");
    if (page.is_truncated) {
      result.add("NextKeyMarker", text(page.last));
      if (!page.last_version.empty()) result.add("NextVersionIdMarker", page.last_version);
    }
    for (const auto& listed : page.items) {
      XmlElement item(result, listed.version.is_marker ? "DeleteMarker" : "Version");
      item.add("Key", text(listed.key)).add("VersionId", listed.version.id).add("IsLatest", truth(listed.is_latest));
      write_version(item, listed.version);
      write_owner(item, call.services().account);
    }
    write_groups(result, page.groups, text);
  }
  co_return xml_response(200, std::move(document));
}

io::Task<Answer<http::Response>> list_uploads(Call call) {
  VIRGA_S3_TRY_ASSIGN(auto text, key_text(call));
  VIRGA_S3_TRY_ASSIGN(auto wanted, wanted_of(call, "max-uploads"));
  wanted.after = call.text_parameter("key-marker");
  if (!wanted.after.empty()) wanted.after_version = call.text_parameter("upload-id-marker");
  VIRGA_S3_TRY_ASSIGN(auto page, co_await call.objects().list_uploads(call.bucket(), wanted));
  std::string document;
  {
    XmlElement result(document, "ListMultipartUploadsResult", kNamespace);
    result.add("Bucket", call.bucket()).add("KeyMarker", text(wanted.after));
    result.add("UploadIdMarker", wanted.after_version).add("Prefix", text(wanted.prefix));
    if (!wanted.delimiter.empty()) result.add("Delimiter", text(wanted.delimiter));
    result.add("MaxUploads", std::to_string(wanted.most)).add("IsTruncated", truth(page.is_truncated));
    if (text.is_url()) result.add("EncodingType", "url");
    result.add("NextKeyMarker", page.is_truncated ? text(page.last) : std::string());
    result.add("NextUploadIdMarker", page.is_truncated ? page.last_upload : std::string());
    for (const auto& listed : page.items) {
      XmlElement item(result, "Upload");
      item.add("Key", text(listed.key)).add("UploadId", listed.upload.id);
      item.add("Initiated", format_rfc3339(listed.upload.started)).add("StorageClass", "STANDARD");
      if (const auto* name = find_checksum(listed.upload.algorithm)) {
        item.add("ChecksumAlgorithm", name->name).add("ChecksumType", type_name(listed.upload.type));
      }
      write_owner(item, call.services().account);
      write_owner(item, call.services().account, "Initiator");
    }
    write_groups(result, page.groups, text);
  }
  co_return xml_response(200, std::move(document));
}

}  // namespace virga::dialects::aws::s3
