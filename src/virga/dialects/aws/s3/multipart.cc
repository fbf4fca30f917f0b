#include <charconv>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/s3/body.h"
#include "virga/dialects/aws/s3/conditions.h"
#include "virga/dialects/aws/s3/copy_source.h"
#include "virga/dialects/aws/s3/description.h"
#include "virga/dialects/aws/s3/operations.h"
#include "virga/dialects/aws/xml.h"

// Uploads in parts.
namespace virga::dialects::aws::s3 {
namespace {

using object::ChecksumAlgorithm;
using object::ChecksumType;

constexpr std::size_t kMostParts = 1000;  // on a page

std::string hex(std::string_view bytes) {
  return to_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

// "x-amz-checksum-algorithm" and "x-amz-checksum-type" of the begin of an upload.
Answer<object::Upload> read_checksum_of_upload(const http::Request& request, object::Upload upload) {
  auto algorithm = request.field("x-amz-checksum-algorithm");
  auto type = request.field("x-amz-checksum-type");
  if (algorithm.empty() && !type.empty()) {
    return invalid_request("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.");
  }
  if (algorithm.empty()) return upload;
  const auto* name = find_checksum(algorithm);
  if (name == nullptr) return invalid_request("Checksum algorithm provided is unsupported.");
  upload.algorithm = name->algorithm;
  bool is_nvme = upload.algorithm == ChecksumAlgorithm::Crc64Nvme;
  upload.type = is_nvme ? ChecksumType::FullObject : ChecksumType::Composite;
  if (type == "FULL_OBJECT") upload.type = ChecksumType::FullObject;
  if (type == "COMPOSITE") upload.type = ChecksumType::Composite;
  bool is_known = type.empty() || type == "FULL_OBJECT" || type == "COMPOSITE";
  bool fits = upload.type == ChecksumType::FullObject ? object::is_crc(upload.algorithm) : !is_nvme;
  if (!is_known || !fits) {
    return invalid_request("The " + std::string(type) + " checksum type cannot be used with the " +
                           std::string(name->name) + " checksum algorithm.");
  }
  return upload;
}

Answer<std::uint32_t> part_number(const Call& call) {
  VIRGA_OR_REFUSE(auto number, call.number_parameter("partNumber", 0, 0x7FFFFFFF));
  if (number >= 1 && number <= 10'000) return static_cast<std::uint32_t>(number);
  return invalid_argument("Part number must be an integer between 1 and 10000, inclusive");
}

struct Chosen {
  std::vector<object::Objects::ChosenPart> parts;
};

Answer<Chosen> read_chosen(const XmlNode& request) {
  Chosen chosen;
  for (const auto& node : request.children) {
    if (node.name != "Part") continue;
    object::Objects::ChosenPart part;
    auto number = node.text_of("PartNumber");
    std::from_chars(number.data(), number.data() + number.size(), part.number);
    part.etag = node.text_of("ETag");
    if (part.number == 0 || part.etag.empty()) return malformed_xml("a Part has no PartNumber or no ETag");
    for (const auto& name : checksum_names()) {
      auto text = node.text_of(name.element);
      if (text.empty()) continue;
      auto bytes = read_checksum(name.algorithm, text);
      if (!bytes) return malformed_xml("a Part's checksum is none");
      part.checksum = std::move(*bytes);
    }
    chosen.parts.push_back(std::move(part));
  }
  if (chosen.parts.empty()) return malformed_xml("You must specify at least one part");
  return chosen;
}

// Of the whole object, in the head of the request that completes it.
Answer<object::Checksum> expected_checksum(const http::Request& request) {
  for (const auto& name : checksum_names()) {
    auto text = request.field(name.field);
    if (text.empty()) continue;
    // "-PARTS" stands behind composite ones.
    auto bytes = read_checksum(name.algorithm, text.substr(0, text.find('-')));
    if (!bytes) return refuse(400, "BadDigest", "The value of " + std::string(name.field) + " is no such checksum.");
    return object::Checksum{name.algorithm, ChecksumType::FullObject, std::move(*bytes)};
  }
  return object::Checksum();
}

}  // namespace

io::Task<Answer<http::Response>> create_upload(Call call) {
  VIRGA_S3_TRY(check_unbuilt(call.request()));
  object::Upload upload;
  VIRGA_S3_TRY_ASSIGN(upload, read_checksum_of_upload(call.request(), std::move(upload)));
  VIRGA_S3_TRY_ASSIGN(upload.fields, described_fields(call.request()));
  VIRGA_S3_TRY_ASSIGN(upload.tags, described_tags(call.request()));
  VIRGA_S3_TRY_ASSIGN(auto begun, co_await call.objects().begin_upload(call.bucket(), call.key(), std::move(upload)));
  std::string document;
  {
    XmlElement result(document, "InitiateMultipartUploadResult", kNamespace);
    result.add("Bucket", call.bucket()).add("Key", call.key()).add("UploadId", begun.id);
  }
  auto response = xml_response(200, std::move(document));
  if (const auto* name = find_checksum(begun.algorithm)) {
    response.add("x-amz-checksum-algorithm", name->name);
    response.add("x-amz-checksum-type", type_name(begun.type));
  }
  co_return response;
}

io::Task<Answer<http::Response>> upload_part(Call call) {
  VIRGA_S3_TRY_ASSIGN(auto number, part_number(call));
  auto id = call.text_parameter("uploadId");
  VIRGA_S3_TRY_ASSIGN(auto upload, co_await call.objects().upload(call.bucket(), call.key(), id));
  VIRGA_S3_TRY_ASSIGN(auto received, co_await receive_file(call, upload.algorithm));
  auto response = empty_response(200);
  response.add("ETag", quoted(hex(received.file.md5)));
  if (const auto* name = find_checksum(received.checksum.algorithm)) {
    response.add(name->field, to_base64(received.checksum.bytes));
  }
  VIRGA_S3_TRY(co_await call.objects().put_part(call.bucket(), call.key(), std::move(id), number,
                                                std::move(received.file), std::move(received.checksum)));
  co_return response;
}

io::Task<Answer<http::Response>> upload_part_copy(Call call) {
  VIRGA_S3_TRY_ASSIGN(auto number, part_number(call));
  auto id = call.text_parameter("uploadId");
  VIRGA_S3_TRY_ASSIGN(auto upload, co_await call.objects().upload(call.bucket(), call.key(), id));
  VIRGA_S3_TRY_ASSIGN(auto source, read_copy_source(call.request()));
  VIRGA_S3_TRY_ASSIGN(auto original, co_await find_copy_source(call, source));
  ByteRange range{0, original.size};
  auto text = call.field("x-amz-copy-source-range");
  if (!text.empty() && read_range(text, original.size, range) != RangeVerdict::Part) {
    co_return invalid_argument(
        "The x-amz-copy-source-range value must be of the form bytes=first-last where first "
        "and last are the zero-based offsets of the first and last bytes to copy");
  }
  // A range that reaches behind the end is none here.
  if (auto dash = text.find('-'); dash != std::string_view::npos) {
    auto last = std::to_string(range.offset + range.size - 1);
    if (text.substr(dash + 1) != last) {
      co_return refuse(416, "InvalidRange", "The range reaches behind the end of the source object");
    }
  }
  auto source_version = original.id;
  std::vector<ChecksumAlgorithm> algorithms{upload.algorithm};
  object::StoredFile file;
  if (range.size == original.size) {
    VIRGA_S3_TRY_ASSIGN(file, co_await call.objects().duplicate(std::move(original), std::move(algorithms)));
  } else {
    VIRGA_S3_TRY_ASSIGN(auto reader, co_await call.objects().read(std::move(original), range.offset, range.size));
    auto writer = call.objects().write(std::move(algorithms));
    while (true) {
      VIRGA_S3_TRY_ASSIGN(auto bytes, co_await reader->next());
      if (bytes.empty()) break;
      VIRGA_S3_TRY(co_await writer->write(bytes));
    }
    VIRGA_S3_TRY_ASSIGN(file, co_await writer->finish());
  }
  object::Checksum checksum;
  if (upload.algorithm != ChecksumAlgorithm::None) {
    checksum = {upload.algorithm, ChecksumType::FullObject, std::string(file.digest(upload.algorithm))};
  }
  auto response =
      xml_response(200, copy_result("CopyPartResult", hex(file.md5), call.services().clock.wall(), checksum));
  if (source_version != object::kNullVersion) response.add("x-amz-copy-source-version-id", source_version);
  VIRGA_S3_TRY(co_await call.objects().put_part(call.bucket(), call.key(), std::move(id), number, std::move(file),
                                                std::move(checksum)));
  co_return response;
}

io::Task<Answer<http::Response>> complete_upload(Call call) {
  // Its checksum header is that of the object, and not of this body.
  VIRGA_S3_TRY_ASSIGN(auto expected, expected_checksum(call.request()));
  VIRGA_S3_TRY_ASSIGN(auto request, co_await read_document_xml(call, "CompleteMultipartUpload"));
  VIRGA_S3_TRY_ASSIGN(auto chosen, read_chosen(request));
  VIRGA_S3_TRY_ASSIGN(
      auto version, co_await call.objects().complete_upload(call.bucket(), call.key(), call.text_parameter("uploadId"),
                                                            std::move(chosen.parts), std::move(expected),
                                                            write_condition(call.request()), call.origin()));
  std::string document;
  {
    XmlElement result(document, "CompleteMultipartUploadResult", kNamespace);
    result.add("Location",
               call.services().account.base_url + "/" + call.bucket() + "/" + percent_encode(call.key(), Slash::Keep));
    result.add("Bucket", call.bucket()).add("Key", call.key()).add("ETag", quoted(version.etag));
    if (const auto* name = find_checksum(version.checksum.algorithm)) {
      result.add(name->element, write_checksum(version.checksum, version.parts));
      result.add("ChecksumType", type_name(version.checksum.type));
    }
  }
  auto response = xml_response(200, std::move(document));
  if (version.id != object::kNullVersion) response.add("x-amz-version-id", version.id);
  co_return response;
}

io::Task<Answer<http::Response>> abort_upload(Call call) {
  VIRGA_S3_TRY(co_await call.objects().abort_upload(call.bucket(), call.key(), call.text_parameter("uploadId")));
  co_return empty_response(204);
}

io::Task<Answer<http::Response>> list_parts(Call call) {
  auto id = call.text_parameter("uploadId");
  VIRGA_S3_TRY_ASSIGN(auto after, call.number_parameter("part-number-marker", 0, 10'000));
  VIRGA_S3_TRY_ASSIGN(auto most, call.number_parameter("max-parts", kMostParts, kMostParts));
  VIRGA_S3_TRY_ASSIGN(auto page, co_await call.objects().list_parts(call.bucket(), call.key(), id,
                                                                    static_cast<std::uint32_t>(after), most));
  std::string document;
  {
    XmlElement result(document, "ListPartsResult", kNamespace);
    result.add("Bucket", call.bucket()).add("Key", call.key()).add("UploadId", id);
    result.add("PartNumberMarker", std::to_string(after)).add("MaxParts", std::to_string(most));
    result.add("IsTruncated", page.is_truncated ? "true" : "false").add("StorageClass", "STANDARD");
    auto last = page.parts.empty() ? static_cast<std::uint32_t>(after) : page.parts.back().number;
    result.add("NextPartNumberMarker", std::to_string(last));
    if (const auto* name = find_checksum(page.upload.algorithm)) {
      result.add("ChecksumAlgorithm", name->name).add("ChecksumType", type_name(page.upload.type));
    }
    for (const auto& part : page.parts) {
      XmlElement item(result, "Part");
      item.add("PartNumber", std::to_string(part.number)).add("LastModified", format_rfc3339(part.modified));
      item.add("ETag", quoted(hex(part.md5))).add("Size", std::to_string(part.size));
      if (const auto* name = find_checksum(part.checksum.algorithm)) {
        item.add(name->element, to_base64(part.checksum.bytes));
      }
    }
    for (std::string_view who : {"Initiator", "Owner"}) {
      XmlElement owner(result, who);
      owner.add("ID", call.services().account.id).add("DisplayName", "virga");
    }
  }
  co_return xml_response(200, std::move(document));
}

}  // namespace virga::dialects::aws::s3
