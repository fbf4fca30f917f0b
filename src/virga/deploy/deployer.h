#pragma once

#include <memory>
#include <string>

#include "virga/base/result.h"
#include "virga/catalog/catalog.h"
#include "virga/deploy/deployments.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/io/workers.h"
#include "virga/runtime/sandboxes.h"

namespace virga::deploy {

// Turns archives into packages that instances can run from: kept as a blob, unpacked inside a sandbox, put in place
// read-only. One loop; what blocks runs on the workers.
class Deployer final : public Deployments {
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

  io::Task<Result<model::Package>> add_package(std::string archive) override;

  io::Task<void> run(std::function<void(catalog::Catalog&)> work) override {
    catalog::Catalog& catalog = parts_.catalog;
    std::function<bool()> job = [&catalog, &work] {
      work(catalog);
      return true;
    };
    co_await parts_.workers.run<bool>(parts_.loop, std::move(job));
  }

 private:
  io::Task<Result<>> unpack(model::PackageId id, std::string archive);
  Parts parts_;
};

}  // namespace virga::deploy
