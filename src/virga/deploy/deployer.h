#pragma once

#include <memory>
#include <string>

#include "virga/base/result.h"
#include "virga/catalog/catalog.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/io/workers.h"
#include "virga/runtime/sandboxes.h"

namespace virga::deploy {

// Turns archives into packages that instances can run from: kept as a blob, unpacked inside a sandbox, put in place
// read-only. One loop; what blocks runs on the workers.
class Deployer {
 public:
  // All of these outlive the deployer. `unpacker` is the program that unpacks, as a file that sandboxes can be given.
  struct Parts {
    io::Loop& loop;
    io::Workers& workers;
    catalog::Catalog& catalog;
    runtime::Sandboxes& sandboxes;
    std::string unpacker_directory;
  };
  explicit Deployer(Parts parts) : parts_(std::move(parts)) {}

  // Keeps the archive and unpacks it, if that was not done before. Errors: InvalidArgument (what the archive breaks, as
  // AWS's InvalidZipFileException says it), TooLarge (which limit), ResourceExhausted (the disk is full).
  io::Task<Result<model::Package>> add_package(std::string archive);

  // For mutations of the catalog, which block: runs one on a worker, in the order of the calls.
  //   auto version = co_await deployer.mutate<catalog::VersionPointer>([=](catalog::Catalog& catalog) { return ...; });
  template <typename T>
  io::Task<Result<T>> mutate(std::function<Result<T>(catalog::Catalog&)> change) {
    catalog::Catalog& catalog = parts_.catalog;
    std::function<Result<T>()> work = [&catalog, change = std::move(change)] { return change(catalog); };
    auto result = co_await parts_.workers.run<Result<T>>(parts_.loop, std::move(work));
    co_return result;
  }

 private:
  io::Task<Result<>> unpack(model::PackageId id, std::string archive);
  Parts parts_;
};

}  // namespace virga::deploy
