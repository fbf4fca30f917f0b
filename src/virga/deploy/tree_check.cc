#include "virga/deploy/tree_check.h"

#include <optional>
#include <utility>

#include "virga/archive/compare.h"
#include "virga/telemetry/log.h"

namespace virga::deploy {

namespace {

constexpr std::size_t kPage = 100;

struct Found {
  std::optional<std::string> difference;
  std::string archive;  // if there is one
};

Result<Found> compare(catalog::Catalog& catalog, const model::PackageId& id) {
  VIRGA_TRY_ASSIGN(auto archive, catalog.read_package(id));
  VIRGA_TRY_ASSIGN(auto difference, archive::find_difference(archive, catalog.packages().path(id)));
  Found found;
  if (!difference) return found;
  // Gone before it is unpacked again: until then there is no code, which is better than another code.
  VIRGA_TRY(catalog.packages().remove(id));
  found.difference = std::move(difference);
  found.archive = std::move(archive);
  return found;
}

}  // namespace

std::set<model::PackageId> TreeCheck::used_packages() const {
  std::set<model::PackageId> used;
  auto use = [&](const model::Version& version) {
    used.insert(version.package.id);
    for (const auto& layer : version.layer_packages) used.insert(layer.id);
  };
  std::string marker;
  do {
    auto page = parts_.catalog.functions(marker, kPage);
    for (const auto& function : page.items) {
      use(*function->latest);
      if (function->previous) use(*function->previous);
      for (const auto& [number, version] : function->published) use(*version);
    }
    marker = page.next_marker;
  } while (!marker.empty());
  return used;
}

io::Task<void> TreeCheck::check(model::PackageId id) {
  std::function<Result<Found>()> work = [this, &id] { return compare(parts_.catalog, id); };
  auto found = co_await parts_.workers.run<Result<Found>>(parts_.loop, std::move(work));
  if (!found) {
    // Another one may have been deployed over it, or taken away, meanwhile.
    if (found.error().code() == ErrorCode::NotFound) co_return;
    log::error("a package cannot be compared with its archive", {{"package", id}, {"error", found.error()}});
    co_return;
  }
  if (!found->difference) co_return;
  log::error("the unpacked code of a package was damaged or missing; it is unpacked again",
             {{"package", id}, {"entry", *found->difference}});
  auto unpacked = co_await parts_.deployments.add_package(std::move(found->archive));
  if (unpacked || stopping_) co_return;
  log::error("a package cannot be unpacked again", {{"package", id}, {"error", unpacked.error()}});
}

io::Task<void> TreeCheck::check_all(std::function<void()> afterwards) {
  auto used = used_packages();
  for (const auto& id : used) {
    if (stopping_) break;
    co_await check(id);
  }
  log::debug("unpacked packages checked", {{"count", used.size()}});
  afterwards();
}

io::Task<void> TreeCheck::stop() {
  auto joined = co_await tasks_.join();
  (void)joined;
}

}  // namespace virga::deploy
