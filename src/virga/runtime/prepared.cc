#include "virga/runtime/prepared.h"

#include "virga/base/encoding.h"
#include "virga/base/hash.h"

namespace virga::runtime {

std::string prepared_folder(const model::Version& version, const Runtime& runtime) {
  if (runtime.prepare.empty()) return {};
  auto folder = std::string(kPreparedFolder) + "/" + runtime.name + "-" + runtime.identity;
  if (runtime.prepared_scope == PreparedScope::Package) return folder;
  std::string text = version.config.handler;
  for (const auto& layer : version.layer_packages) text += "\n" + layer.id.text();
  return folder + "-" + to_hex(sha256(text)).substr(0, 16);
}

bool is_outdated(std::string_view name, const Runtime& runtime) {
  auto prefix = runtime.name + "-";
  return !runtime.prepare.empty() && name.starts_with(prefix) &&
         !name.substr(prefix.size()).starts_with(runtime.identity);
}

}  // namespace virga::runtime
