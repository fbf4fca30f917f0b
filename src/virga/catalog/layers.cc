#include <fmt/format.h>

#include "virga/catalog/internal/rules.h"
#include "virga/catalog/internal/state.h"

namespace virga::catalog {

Result<model::LayerVersion> Catalog::publish_layer(const PublishLayer& request) {
  std::lock_guard lock(state_->mutation_mutex);
  VIRGA_TRY(internal::check_layer_name(request.name));
  VIRGA_TRY(internal::check_description(request.description));
  auto refuse = [](std::string message) { return fail(ErrorCode::InvalidArgument, std::move(message)); };
  if (request.license.size() > 512) {
    return refuse(
        fmt::format("license: it is {} bytes long, allowed are 512; give a link to it", request.license.size()));
  }
  if (request.runtimes.size() > 15) {
    return refuse(
        fmt::format("compatible runtimes: {} are named, allowed are 15; name fewer", request.runtimes.size()));
  }
  auto package = state_->package_records.find(request.package);
  if (package == state_->package_records.end()) {
    return fail(ErrorCode::NotFound,
                fmt::format("package not found: '{}'; upload the archive first", request.package.text()));
  }
  auto found = state_->layers.find(request.name);
  LayerPointer before = found == state_->layers.end() ? nullptr : found->second;
  auto after =
      before ? std::make_shared<LayerEntry>(*before) : std::make_shared<LayerEntry>(LayerEntry{request.name, {}, 1});
  model::LayerVersion version{.layer = request.name,
                              .version = after->next_version++,
                              .description = request.description,
                              .license = request.license,
                              .runtimes = request.runtimes,
                              .architectures = request.architectures,
                              .package = package->second.ref,
                              .created = state_->now()};
  after->versions[version.version] = version;
  VIRGA_TRY(state_->replace(before, LayerPointer(std::move(after))));
  return version;
}

Result<> Catalog::delete_layer_version(const model::LayerName& name, std::uint64_t version) {
  std::lock_guard lock(state_->mutation_mutex);
  auto found = state_->layers.find(name);
  if (found == state_->layers.end() || !found->second->versions.contains(version)) {
    return fail(ErrorCode::NotFound, fmt::format("layer not found: '{}' has no version {}", name.text(), version));
  }
  LayerPointer before = found->second;
  auto after = std::make_shared<LayerEntry>(*before);
  after->versions.erase(version);
  return state_->replace(before, LayerPointer(std::move(after)));
}

}  // namespace virga::catalog
