#include "virga/dialects/aws/s3/copy_source.h"

#include "virga/base/encoding.h"
#include "virga/dialects/aws/s3/checksums.h"
#include "virga/dialects/aws/s3/conditions.h"
#include "virga/dialects/aws/s3/description.h"
#include "virga/dialects/aws/xml.h"

namespace virga::dialects::aws::s3 {

Answer<CopySource> read_copy_source(const http::Request& request) {
  CopySource source;
  auto text = request.field("x-amz-copy-source");
  constexpr std::string_view kVersion = "?versionId=";
  if (auto at = text.rfind(kVersion); at != std::string_view::npos) {
    source.version = decode_form(text.substr(at + kVersion.size()));
    text = text.substr(0, at);
  }
  // A whole text that is encoded, slashes too, is understood as well.
  auto plain = percent_decode(text).value_or(std::string(text));
  std::string_view rest = plain;
  if (rest.starts_with('/')) rest.remove_prefix(1);
  auto slash = rest.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == rest.size()) {
    return invalid_argument("Copy Source must mention the source bucket and key: sourcebucket/sourcekey");
  }
  source.bucket = rest.substr(0, slash);
  source.key = rest.substr(slash + 1);
  return source;
}

io::Task<Answer<object::Version>> find_copy_source(Call call, CopySource source) {
  auto found = co_await call.objects().find(source.bucket, source.key, source.version);
  if (!found && object::read_fault(found.error()).fault == object::Fault::MarkerNamed) {
    co_return invalid_request(
        "The source of a copy request may not specifically refer to a delete marker by version "
        "id.");
  }
  VIRGA_S3_TRY_ASSIGN(auto version, std::move(found));
  if (check_conditions(call.request(), kCopySource, version.etag, version.modified) != Verdict::Send) {
    co_return refuse(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
  }
  co_return version;
}

std::string copy_result(std::string_view root, std::string_view etag, WallTime modified,
                        const object::Checksum& checksum) {
  std::string document;
  {
    XmlElement result(document, root, kNamespace);
    result.add("ETag", quoted(etag)).add("LastModified", format_rfc3339(modified));
    if (const auto* name = find_checksum(checksum.algorithm)) {
      result.add(name->element, to_base64(checksum.bytes));
      if (root == "CopyObjectResult") result.add("ChecksumType", type_name(checksum.type));
    }
  }
  return document;
}

}  // namespace virga::dialects::aws::s3
