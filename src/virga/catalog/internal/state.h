#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "virga/catalog/catalog.h"

namespace virga::catalog {

// What is read from the store at the start and kept in step with it.
struct Index {
  std::map<model::FunctionName, FunctionPointer> functions;
  std::unordered_map<model::UrlId, model::FunctionName> urls;
  std::map<model::LayerName, LayerPointer> layers;
  std::map<model::PackageId, model::Package> package_records;
  std::map<model::FunctionName, std::uint64_t> retired;  // deleted functions: the number of the next version
};

// What the catalog holds. `index_mutex` guards the maps and is held for look-ups and swaps only; `mutation_mutex` is
// held by the one mutation under way, over its fsync, and is always taken first. A mutation reads the maps without the
// index lock, for nobody else writes them.
struct Catalog::State : Index {
  State(Parts parts_in, Limits limits_in, Packages packages_in)
      : parts(std::move(parts_in)), limits(limits_in), packages(std::move(packages_in)) {}

  // ---- mutation.cc ----
  // Writes what differs between the two as one batch, puts `after` in the place of `before` and tells the watchers.
  // Either may be null, not both.
  Result<> replace(FunctionPointer before, FunctionPointer after);
  Result<> replace(const LayerPointer& before, LayerPointer after);

  // The entry to change, and a copy of it that may be changed.
  struct Edit {
    FunctionPointer before;
    std::shared_ptr<FunctionEntry> after;
  };
  Result<Edit> edit(const model::FunctionName& name) const;
  model::RevisionId new_revision() const { return model::RevisionId(make_uuid(parts.random)); }
  // Milliseconds, as records keep it.
  WallTime now() const { return std::chrono::floor<std::chrono::milliseconds>(parts.clock.wall()); }

  Parts parts;
  Limits limits;
  Packages packages;

  std::mutex mutation_mutex;
  mutable std::mutex index_mutex;
  // When a package was last uploaded, even if it was known already: the function that is to use it may yet come.
  std::map<model::PackageId, WallTime> uploaded;

  std::mutex watch_mutex;  // held while callbacks run, so that a watch that has ended is not called any more
  std::list<std::function<void(const Change&)>> watchers;
};

namespace internal {

// ---- load.cc ----
Result<> load(const store::Store& store, Index& index);

inline std::unexpected<Error> no_function(const model::FunctionName& name) {
  return fail(ErrorCode::NotFound, "function not found: '" + name.text() + "'");
}

}  // namespace internal
}  // namespace virga::catalog
