#include "virga/dispatch/provisioned.h"

#include <charconv>

namespace virga::dispatch {
namespace {

constexpr std::string_view kRequested = "{\"requested\":";
constexpr std::string_view kModified = ",\"modified_ms\":";

template <typename T>
bool read_number(std::string_view& text, T& number) {
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool skip(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

std::string write_provisioned(const Provisioned& provisioned) {
  std::string json(kRequested);
  json.append(std::to_string(provisioned.requested)).append(kModified);
  json.append(std::to_string(unix_milliseconds(provisioned.modified))).append("}");
  return json;
}

Provisioned read_provisioned(std::string_view json) {
  Provisioned provisioned;
  std::int64_t modified = 0;
  if (!skip(json, kRequested) || !read_number(json, provisioned.requested) || !skip(json, kModified) ||
      !read_number(json, modified) || json != "}") {
    return {};
  }
  provisioned.modified = WallTime(std::chrono::milliseconds(modified));
  return provisioned;
}

std::optional<model::VersionNumber> provisioned_version(const catalog::FunctionEntry& entry,
                                                        std::string_view qualifier) {
  auto alias = entry.aliases.find(model::AliasName(std::string(qualifier)));
  if (alias != entry.aliases.end()) return alias->second.version;
  std::uint64_t number = 0;
  auto [end, problem] = std::from_chars(qualifier.data(), qualifier.data() + qualifier.size(), number);
  if (problem != std::errc() || end != qualifier.data() + qualifier.size() || number == 0) return std::nullopt;
  return model::VersionNumber(number);
}

}  // namespace virga::dispatch
