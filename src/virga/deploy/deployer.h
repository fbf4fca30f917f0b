#pragma once

#include <functional>
#include <string>

#include "virga/base/result.h"
#include "virga/catalog/catalog.h"
#include "virga/deploy/deployments.h"
#include "virga/deploy/preparer.h"
#include "virga/deploy/unpacker.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/io/workers.h"

namespace virga::deploy {

// Turns archives into packages that instances can run from: kept as a blob, unpacked inside a sandbox, put in place
// read-only, prepared for their runtime. One loop; what blocks runs on the workers.
class Deployer final : public Deployments {
 public:
  // All of these outlive the deployer.
  struct Parts {
    io::Loop& loop;
    io::Workers& workers;
    catalog::Catalog& catalog;
    Unpacker& unpacker;
    Preparer& preparer;
  };
  explicit Deployer(Parts parts) : parts_(parts) {}

  io::Task<Result<model::Package>> add_package(std::string archive) override;
  io::Task<void> prepare(model::Version version) override { return parts_.preparer.prepare(std::move(version)); }
  io::Task<void> run(std::function<void(catalog::Catalog&)> work) override;

 private:
  Parts parts_;
};

}  // namespace virga::deploy
