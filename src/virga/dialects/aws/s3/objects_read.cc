#include <charconv>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/s3/checksums.h"
#include "virga/dialects/aws/s3/conditions.h"
#include "virga/dialects/aws/s3/description.h"
#include "virga/dialects/aws/s3/object_body.h"
#include "virga/dialects/aws/s3/operations.h"
#include "virga/dialects/aws/xml.h"

// Reading objects: their bytes, what is known of them, their tags.
namespace virga::dialects::aws::s3 {
namespace {

// What is sent of an object.
struct Extent {
  ByteRange range;
  bool is_part = false;
  bool is_named_part = false;  // by its number
  object::Checksum checksum;   // of that part
};

std::string range_text(const ByteRange& range, std::uint64_t size) {
  return "bytes " + std::to_string(range.offset) + "-" + std::to_string(range.offset + range.size - 1) + "/" +
         std::to_string(size);
}

// An error that says that what is there is a delete marker.
http::Response marker_response(const Call& call, const Error& error) {
  auto fault = object::read_fault(error);
  auto response = error_response(as_refusal(error), call.request().path, call.request_id());
  response.add("x-amz-delete-marker", "true");
  response.add("x-amz-version-id", fault.text);
  if (fault.fault == object::Fault::MarkerNamed) response.add("Allow", "DELETE");
  return response;
}

bool is_marker(const Error& error) {
  auto fault = object::read_fault(error).fault;
  return fault == object::Fault::DeleteMarker || fault == object::Fault::MarkerNamed;
}

// The query may say how the response's fields are to be, of requests that somebody signed.
void override_fields(http::Response& response, const Call& call) {
  static constexpr std::pair<std::string_view, std::string_view> kOverrides[] = {
      {"response-content-type", "content-type"},
      {"response-cache-control", "cache-control"},
      {"response-content-disposition", "content-disposition"},
      {"response-content-encoding", "content-encoding"},
      {"response-content-language", "content-language"},
      {"response-expires", "expires"}};
  for (const auto& [parameter, name] : kOverrides) {
    auto value = call.parameter(parameter);
    if (!value) continue;
    // The line that is there is replaced.
    std::string line = std::string(name) + ": ";
    auto at = response.fields.starts_with(line) ? 0 : response.fields.find("\r\n" + line);
    if (at != std::string::npos) {
      auto begin = at == 0 ? 0 : at + 2;
      response.fields.erase(begin, response.fields.find("\r\n", begin) + 2 - begin);
    }
    response.add(name, *value);
  }
}

io::Task<Answer<Extent>> extent_of(Call call, object::Version version) {
  Extent extent;
  extent.range = {0, version.size};
  auto number = call.parameter("partNumber");
  if (!number) {
    auto verdict = read_range(call.field("range"), version.size, extent.range);
    if (verdict == RangeVerdict::Unsatisfiable) {
      co_return refuse(416, "InvalidRange", "The requested range is not satisfiable");
    }
    extent.is_part = verdict == RangeVerdict::Part;
    co_return extent;
  }
  VIRGA_S3_TRY_ASSIGN(auto wanted, call.number_parameter("partNumber", 0, 10'000));
  if (wanted < 1) co_return invalid_argument("Part number must be an integer between 1 and 10000, inclusive");
  auto out_of_range = refuse(416, "InvalidPartNumber", "The requested partnumber is not satisfiable");
  extent.is_named_part = version.parts > 0;
  extent.is_part = version.size > 0;
  if (version.parts == 0) {
    if (wanted > 1) co_return out_of_range;
    co_return extent;
  }
  VIRGA_S3_TRY_ASSIGN(auto parts, co_await call.objects().parts(std::move(version)));
  if (wanted > parts.size()) co_return out_of_range;
  extent.range = {0, parts[wanted - 1].size};
  for (std::size_t i = 0; i + 1 < wanted; ++i) extent.range.offset += parts[i].size;
  extent.checksum = parts[wanted - 1].checksum;
  co_return extent;
}

std::uint32_t number_of(std::string_view text) {
  std::uint32_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

io::Task<Answer<http::Response>> get_object(Call call) {
  auto found = co_await call.objects().find(call.bucket(), call.key(), call.version());
  if (!found && is_marker(found.error())) co_return marker_response(call, found.error());
  VIRGA_S3_TRY_ASSIGN(auto version, std::move(found));
  auto shows = shows_versions(call);
  auto verdict = check_conditions(call.request(), {}, version.etag, version.modified);
  if (verdict == Verdict::Failed) {
    co_return refuse(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
  }
  http::Response response;
  describe(response, version, shows);
  if (verdict == Verdict::NotModified) {
    response.status = 304;
    co_return response;
  }
  VIRGA_S3_TRY_ASSIGN(auto extent, co_await extent_of(call, version));
  if (extent.is_part) {
    response.status = 206;
    response.add("Content-Range", range_text(extent.range, version.size));
  }
  bool wants_checksum = equals_ignoring_case(call.field("x-amz-checksum-mode"), "enabled");
  const auto* checksum = find_checksum(extent.checksum.algorithm);
  if (wants_checksum && !extent.is_part) add_checksum(response, version);
  if (wants_checksum && checksum != nullptr && extent.checksum.algorithm == version.checksum.algorithm) {
    response.add(checksum->field, to_base64(extent.checksum.bytes));
    response.add("x-amz-checksum-type", type_name(version.checksum.type));
  }
  if (extent.is_named_part) response.add("x-amz-mp-parts-count", std::to_string(version.parts));
  override_fields(response, call);
  if (call.request().method == "HEAD") {
    response.length = extent.range.size;
    co_return response;
  }
  VIRGA_S3_TRY_ASSIGN(auto reader,
                      co_await call.objects().read(std::move(version), extent.range.offset, extent.range.size));
  VIRGA_S3_TRY_ASSIGN(auto whole, co_await with_body(std::move(response), std::move(reader)));
  co_return std::move(whole);
}

io::Task<Answer<http::Response>> get_attributes(Call call) {
  auto found = co_await call.objects().find(call.bucket(), call.key(), call.version());
  if (!found && is_marker(found.error())) co_return marker_response(call, found.error());
  VIRGA_S3_TRY_ASSIGN(auto version, std::move(found));
  auto wanted = std::string(call.field("x-amz-object-attributes"));
  if (wanted.empty()) co_return invalid_argument("x-amz-object-attributes must name at least one attribute.");
  auto wants = [&](std::string_view name) { return wanted.find(name) != std::string::npos; };
  std::vector<object::Part> parts;
  if (wants("ObjectParts") && version.parts > 0) {
    VIRGA_S3_TRY_ASSIGN(parts, co_await call.objects().parts(version));
  }
  std::string document;
  {
    XmlElement result(document, "GetObjectAttributesResponse", kNamespace);
    if (wants("ETag")) result.add("ETag", version.etag);
    const auto* checksum = find_checksum(version.checksum.algorithm);
    if (wants("Checksum") && checksum != nullptr) {
      XmlElement element(result, "Checksum");
      element.add(checksum->element, write_checksum(version.checksum, version.parts));
      element.add("ChecksumType", type_name(version.checksum.type));
    }
    if (!parts.empty()) {
      auto after = number_of(call.field("x-amz-part-number-marker"));
      auto most = call.field("x-amz-max-parts").empty() ? 1000 : number_of(call.field("x-amz-max-parts"));
      XmlElement list(result, "ObjectParts");
      list.add("PartsCount", std::to_string(parts.size())).add("PartNumberMarker", std::to_string(after));
      list.add("MaxParts", std::to_string(most));
      std::uint32_t shown = 0;
      std::uint32_t last = after;
      for (const auto& part : parts) {
        if (part.number <= after || shown == most) continue;
        ++shown;
        last = part.number;
        XmlElement element(list, "Part");
        element.add("PartNumber", std::to_string(part.number)).add("Size", std::to_string(part.size));
        if (checksum != nullptr && part.checksum.algorithm == version.checksum.algorithm) {
          element.add(checksum->element, to_base64(part.checksum.bytes));
        }
      }
      list.add("NextPartNumberMarker", std::to_string(last));
      list.add("IsTruncated", last < parts.back().number ? "true" : "false");
    }
    if (wants("StorageClass")) result.add("StorageClass", "STANDARD");
    if (wants("ObjectSize")) result.add("ObjectSize", std::to_string(version.size));
  }
  auto response = xml_response(200, std::move(document));
  response.add("Last-Modified", format_http_date(version.modified));
  if (shows_versions(call) == ShowVersion::Yes) response.add("x-amz-version-id", version.id);
  co_return response;
}

io::Task<Answer<http::Response>> get_tagging(Call call) {
  VIRGA_S3_TRY_ASSIGN(auto version, co_await call.objects().find(call.bucket(), call.key(), call.version()));
  auto response = xml_response(200, write_tagging(version.tags));
  if (shows_versions(call) == ShowVersion::Yes) response.add("x-amz-version-id", version.id);
  co_return response;
}

}  // namespace virga::dialects::aws::s3
