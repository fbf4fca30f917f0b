#include <fmt/format.h>

#include <set>

#include "virga/archive/zip.h"
#include "virga/base/encoding.h"
#include "virga/base/hash.h"
#include "virga/catalog/internal/codec.h"
#include "virga/catalog/internal/keys.h"
#include "virga/catalog/internal/state.h"

namespace virga::catalog {

Result<model::Package> Catalog::package(const model::PackageId& id) const {
  std::lock_guard lock(state_->index_mutex);
  auto found = state_->package_records.find(id);
  if (found != state_->package_records.end()) return found->second;
  return fail(ErrorCode::NotFound, fmt::format("package not found: '{}'", id.text()));
}

Result<model::Package> Catalog::add_package(std::string_view archive) {
  // Judging and hashing need no lock.
  VIRGA_TRY_ASSIGN(archive::Listing listing, archive::inspect(archive, state_->limits.archive));

  std::lock_guard lock(state_->mutation_mutex);
  VIRGA_TRY_ASSIGN(std::string sha256, state_->parts.blobs.write(archive));
  model::PackageId id(std::move(sha256));
  state_->uploaded[id] = state_->now();
  if (auto found = state_->package_records.find(id); found != state_->package_records.end()) return found->second;
  model::Package package{.ref = {.id = id, .archive_size = model::Bytes{archive.size()}},
                         .unpacked_size = model::Bytes{listing.unpacked_bytes},
                         .entries = listing.entries.size(),
                         .created = state_->now()};
  VIRGA_TRY_ASSIGN(std::string record, internal::encode(package));
  store::Batch batch;
  batch.put(internal::package_key(id), record);
  VIRGA_TRY(state_->parts.store.commit(std::move(batch)));
  std::lock_guard index_lock(state_->index_mutex);
  state_->package_records[id] = package;
  return package;
}

Result<std::string> Catalog::read_package(const model::PackageId& id) const {
  VIRGA_TRY(package(id));
  return state_->parts.blobs.read(id.text());
}

Result<std::size_t> Catalog::collect_packages(WallTime before,
                                              const std::function<bool(const model::PackageId&)>& in_use) {
  std::lock_guard lock(state_->mutation_mutex);
  std::set<model::PackageId> used;
  auto use_version = [&](const model::Version& version) {
    used.insert(version.package.id);
    for (const model::PackageRef& layer : version.layer_packages) used.insert(layer.id);
  };
  for (const auto& [name, entry] : state_->functions) {
    use_version(*entry->latest);
    if (entry->previous) use_version(*entry->previous);
    for (const auto& [number, version] : entry->published) use_version(*version);
  }
  for (const auto& [name, layer] : state_->layers) {
    for (const auto& [number, version] : layer->versions) used.insert(version.package.id);
  }

  std::vector<model::PackageId> forgotten;
  store::Batch batch;
  for (const auto& [id, package] : state_->package_records) {
    auto uploaded = state_->uploaded.find(id);
    WallTime touched = uploaded == state_->uploaded.end() ? package.created : uploaded->second;
    if (used.contains(id) || touched >= before || in_use(id)) continue;
    forgotten.push_back(id);
    batch.remove(internal::package_key(id));
  }
  if (!forgotten.empty()) {
    // The record goes first: a crash then leaves files without a record, which go below, not a record without files.
    VIRGA_TRY(state_->parts.store.commit(std::move(batch)));
    std::lock_guard index_lock(state_->index_mutex);
    for (const model::PackageId& id : forgotten) {
      state_->package_records.erase(id);
      state_->uploaded.erase(id);
    }
  }
  VIRGA_TRY_ASSIGN(std::vector<std::string> blobs, state_->parts.blobs.list());
  for (const std::string& blob : blobs) {
    if (!state_->package_records.contains(model::PackageId(blob))) VIRGA_TRY(state_->parts.blobs.remove(blob));
  }
  VIRGA_TRY_ASSIGN(std::vector<model::PackageId> trees, state_->packages.list());
  for (const model::PackageId& tree : trees) {
    if (!state_->package_records.contains(tree) && !in_use(tree)) VIRGA_TRY(state_->packages.remove(tree));
  }
  return forgotten.size();
}

}  // namespace virga::catalog
