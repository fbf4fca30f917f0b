#include "virga/catalog/internal/keys.h"

#include <fmt/format.h>

namespace virga::catalog::internal {

std::string function_key(const model::FunctionName& name) {
  return fmt::format("{}function/{}", kRoot, name.text());
}

std::string version_key(const model::FunctionName& name, model::VersionNumber number) {
  if (number.is_latest()) return fmt::format("{}version/{}/$LATEST", kRoot, name.text());
  return fmt::format("{}version/{}/{:020}", kRoot, name.text(), number.number());
}

std::string previous_key(const model::FunctionName& name) {
  return fmt::format("{}previous/{}", kRoot, name.text());
}

std::string alias_key(const model::FunctionName& name, const model::AliasName& alias) {
  return fmt::format("{}alias/{}/{}", kRoot, name.text(), alias.text());
}

std::string url_key(const model::FunctionName& name, const std::optional<model::AliasName>& alias) {
  return fmt::format("{}url/{}/{}", kRoot, name.text(), alias ? alias->text() : "$LATEST");
}

std::string attachment_key(const model::FunctionName& name, const AttachmentKey& key) {
  return fmt::format("{}attachment/{}/{}/{}", kRoot, name.text(), key.kind, key.qualifier);
}

std::string retired_key(const model::FunctionName& name) {
  return fmt::format("{}retired/{}", kRoot, name.text());
}

std::string layer_key(const model::LayerName& name) {
  return fmt::format("{}layer/{}", kRoot, name.text());
}

std::string layer_version_key(const model::LayerName& name, std::uint64_t version) {
  return fmt::format("{}layer-version/{}/{:020}", kRoot, name.text(), version);
}

std::string package_key(const model::PackageId& id) {
  return fmt::format("{}package/{}", kRoot, id.text());
}

std::vector<std::string_view> split_key(std::string_view key) {
  std::vector<std::string_view> parts;
  key.remove_prefix(std::min(key.size(), kRoot.size()));
  while (true) {
    std::size_t slash = key.find('/');
    parts.push_back(key.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    key.remove_prefix(slash + 1);
  }
}

}  // namespace virga::catalog::internal
