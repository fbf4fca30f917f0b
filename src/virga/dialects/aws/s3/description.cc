#include "virga/dialects/aws/s3/description.h"

#include <algorithm>
#include <array>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/s3/checksums.h"
#include "virga/dialects/aws/s3/conditions.h"
#include "virga/dialects/aws/xml.h"

namespace virga::dialects::aws::s3 {
namespace {

constexpr std::array<std::string_view, 8> kKept = {"content-type",
                                                   "cache-control",
                                                   "content-disposition",
                                                   "content-encoding",
                                                   "content-language",
                                                   "expires",
                                                   "x-amz-website-redirect-location",
                                                   "x-amz-storage-class"};
constexpr std::string_view kMetadata = "x-amz-meta-";
constexpr std::size_t kMostMetadata = 2048;  // bytes of names and values
constexpr std::size_t kMostTags = 10;

// Without the coding that only describes the transfer.
std::string without_chunked(std::string_view coding) {
  std::string kept;
  while (!coding.empty()) {
    auto comma = coding.find(',');
    auto one = trim(coding.substr(0, comma));
    coding = comma == std::string_view::npos ? std::string_view() : coding.substr(comma + 1);
    if (one.empty() || equals_ignoring_case(one, "aws-chunked")) continue;
    if (!kept.empty()) kept += ", ";
    kept += one;
  }
  return kept;
}

void keep(object::Fields& fields, std::string name, std::string value) {
  auto found = std::ranges::find(fields, name, &std::pair<std::string, std::string>::first);
  if (found == fields.end()) {
    fields.emplace_back(std::move(name), std::move(value));
  } else {
    found->second.append(",").append(value);
  }
}

}  // namespace

std::string quoted(std::string_view etag) {
  return "\"" + std::string(etag) + "\"";
}

Answer<bool> check_unbuilt(const http::Request& request) {
  for (std::string_view name :
       {"x-amz-server-side-encryption", "x-amz-server-side-encryption-customer-algorithm", "x-amz-object-lock-mode",
        "x-amz-object-lock-retain-until-date", "x-amz-object-lock-legal-hold", "x-amz-write-offset-bytes"}) {
    if (request.field(name).empty()) continue;
    return refuse(501, "NotImplemented", "Virga does not implement the header " + std::string(name) + " yet.");
  }
  return true;
}

Answer<object::Fields> described_fields(const http::Request& request) {
  object::Fields fields;
  std::size_t metadata = 0;
  for (const auto& [given, value] : request.fields) {
    auto name = to_lower(given);
    if (name.starts_with(kMetadata)) {
      metadata += name.size() - kMetadata.size() + value.size();
      keep(fields, std::move(name), std::string(value));
      continue;
    }
    if (std::ranges::find(kKept, name) == kKept.end()) continue;
    auto kept = name == "content-encoding" ? without_chunked(value) : std::string(value);
    bool is_usual = name == "x-amz-storage-class" && kept == "STANDARD";
    if (!kept.empty() && !is_usual) keep(fields, std::move(name), std::move(kept));
  }
  if (metadata > kMostMetadata) {
    return refuse(400, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size of 2 KB.");
  }
  return fields;
}

Answer<bool> check_tags(const object::Tags& tags, std::size_t most) {
  if (tags.size() > most) {
    return refuse(400, "InvalidTag", "Object tags cannot be greater than " + std::to_string(most));
  }
  for (const auto& [key, value] : tags) {
    if (key.empty() || key.size() > 128 || value.size() > 256) {
      return refuse(400, "InvalidTag",
                    "A tag's key has 1 to 128 characters and its value at most 256; '" + key + "' does not.");
    }
  }
  return true;
}

Answer<object::Tags> described_tags(const http::Request& request) {
  object::Tags tags;
  auto rest = request.field("x-amz-tagging");
  while (!rest.empty()) {
    auto end = rest.find('&');
    auto pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    auto equals = pair.find('=');
    auto value = equals == std::string_view::npos ? std::string() : decode_form(pair.substr(equals + 1));
    if (!tags.emplace(decode_form(pair.substr(0, equals)), std::move(value)).second) {
      return refuse(400, "InvalidTag", "Cannot provide multiple Tags with the same key");
    }
  }
  VIRGA_OR_REFUSE([[maybe_unused]] bool good, check_tags(tags, kMostTags));
  return tags;
}

Answer<object::Tags> read_tagging(const XmlNode& tagging, std::size_t most) {
  object::Tags tags;
  const auto* set = tagging.child("TagSet");
  if (set == nullptr) return malformed_xml("TagSet is missing");
  for (const auto& tag : set->children) {
    if (tag.name != "Tag" || tag.child("Key") == nullptr) return malformed_xml("a Tag has no Key");
    if (!tags.emplace(tag.text_of("Key"), tag.text_of("Value")).second) {
      return refuse(400, "InvalidTag", "Cannot provide multiple Tags with the same key");
    }
  }
  VIRGA_OR_REFUSE([[maybe_unused]] bool good, check_tags(tags, most));
  return tags;
}

std::string write_tagging(const object::Tags& tags) {
  std::string document;
  {
    XmlElement tagging(document, "Tagging", kNamespace);
    XmlElement set(tagging, "TagSet");
    for (const auto& [key, value] : tags) {
      XmlElement tag(set, "Tag");
      tag.add("Key", key).add("Value", value);
    }
  }
  return document;
}

ShowVersion shows_versions(const Call& call) {
  auto bucket = call.objects().find_bucket(call.bucket());
  bool shows = bucket != nullptr && bucket->versioning != object::Versioning::Never;
  return shows ? ShowVersion::Yes : ShowVersion::No;
}

void describe(http::Response& response, const object::Version& version, ShowVersion show_version) {
  response.add("Last-Modified", format_http_date(version.modified));
  response.add("ETag", quoted(version.etag));
  response.add("Accept-Ranges", "bytes");
  bool has_type = false;
  for (const auto& [name, value] : version.fields) {
    has_type = has_type || name == "content-type";
    response.add(name, value);
  }
  if (!has_type) response.add("content-type", kDefaultType);
  if (!version.tags.empty()) response.add("x-amz-tagging-count", std::to_string(version.tags.size()));
  if (show_version == ShowVersion::Yes) response.add("x-amz-version-id", version.id);
}

void add_checksum(http::Response& response, const object::Version& version) {
  const auto* name = find_checksum(version.checksum.algorithm);
  if (name == nullptr) return;
  response.add(name->field, write_checksum(version.checksum, version.parts));
  response.add("x-amz-checksum-type", type_name(version.checksum.type));
}

}  // namespace virga::dialects::aws::s3
