#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "virga/catalog/entries.h"
#include "virga/model/names.h"

namespace virga::catalog::internal {

// catalog/KIND/OWNER[/PART]. Owners and parts hold no '/', so a key is taken apart again without doubt. Numbers are
// padded, so that they order as numbers.
inline constexpr std::string_view kRoot = "catalog/";

std::string function_key(const model::FunctionName& name);
std::string version_key(const model::FunctionName& name, model::VersionNumber number);
// What $LATEST was before its last change.
std::string previous_key(const model::FunctionName& name);
std::string alias_key(const model::FunctionName& name, const model::AliasName& alias);
std::string url_key(const model::FunctionName& name, const std::optional<model::AliasName>& alias);
std::string attachment_key(const model::FunctionName& name, const AttachmentKey& key);
// What is left of a deleted function: the number its next version would get.
std::string retired_key(const model::FunctionName& name);
std::string layer_key(const model::LayerName& name);
std::string layer_version_key(const model::LayerName& name, std::uint64_t version);
std::string package_key(const model::PackageId& id);

// The components of a key behind kRoot.
std::vector<std::string_view> split_key(std::string_view key);

}  // namespace virga::catalog::internal
