#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "virga/base/result.h"
#include "virga/catalog/catalog.h"
#include "virga/io/task.h"
#include "virga/model/function.h"
#include "virga/model/package.h"

namespace virga::deploy {

// How the dialects change what is deployed: through the Deployer, or a fake in their tests. One loop.
class Deployments {
 public:
  virtual ~Deployments() = default;

  // Keeps the archive and unpacks it, if that was not done before. Errors: InvalidArgument (what the archive breaks, as
  // AWS's InvalidZipFileException says it), TooLarge (which limit), ResourceExhausted (the disk is full).
  virtual io::Task<Result<model::Package>> add_package(std::string archive) = 0;

  // Makes the derived files (compiled code, class archives) that this version's runtime wants and that are not there
  // yet. Only runtime, handler, package and layers of `version` count. Ends in about 20 s at most and never fails: what
  // could not be prepared starts slower, and the log says why.
  virtual io::Task<void> prepare(model::Version version) = 0;

  // For what blocks in the catalog: runs it on a worker and resumes on the loop.
  virtual io::Task<void> run(std::function<void(catalog::Catalog&)> work) = 0;

  // A mutation of the catalog:
  //   std::function<Result<T>(catalog::Catalog&)> change = [=](catalog::Catalog& catalog) { return ...; };
  //   auto version = co_await deployments.mutate<T>(std::move(change));
  template <typename T>
  io::Task<Result<T>> mutate(std::function<Result<T>(catalog::Catalog&)> change) {
    std::optional<Result<T>> result;
    std::function<void(catalog::Catalog&)> work = [&result, &change](catalog::Catalog& catalog) {
      result.emplace(change(catalog));
    };
    co_await run(std::move(work));
    co_return std::move(*result);
  }
};

}  // namespace virga::deploy
