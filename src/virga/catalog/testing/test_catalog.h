#pragma once

#include <memory>
#include <optional>
#include <string>

#include "virga/archive/zip_writer.h"
#include "virga/base/assert.h"
#include "virga/catalog/catalog.h"
#include "virga/os/file.h"
#include "virga/store/testing/memory_store.h"

namespace virga::catalog::testing {

// A clock that stands still until it is turned.
class HandClock : public Clock {
 public:
  SteadyTime steady() const override { return SteadyTime(time_); }
  WallTime wall() const override { return WallTime(std::chrono::seconds(1'700'000'000) + time_); }
  void turn(std::chrono::milliseconds by) { time_ += by; }

 private:
  std::chrono::milliseconds time_{};
};

// A catalog on a store in memory and a temporary folder, for tests of what is built on catalogs.
class TestCatalog {
 public:
  // `random` is where its ids come from, and outlives it.
  explicit TestCatalog(Limits limits_in = {}, Random& random_in = system_random())
      : limits(limits_in), random(random_in) {
    Result<os::TemporaryDirectory> made = os::TemporaryDirectory::create();
    VIRGA_ASSERT(made);
    directory.emplace(std::move(*made));
    Result<store::BlobStore> opened = store::BlobStore::open(directory->path() + "/blobs");
    VIRGA_ASSERT(opened);
    blobs.emplace(std::move(*opened));
    Result<> ready = open();
    VIRGA_ASSERT(ready);
  }

  // Forgets what is in memory and reads the records again.
  Result<> open() {
    catalog.reset();
    VIRGA_TRY_ASSIGN(catalog, Catalog::open({store, *blobs, clock, random, directory->path() + "/packages"}, limits));
    return {};
  }

  // A package with one file of this content, added.
  model::PackageId package(const std::string& content = "exports.handler = async () => 1") {
    archive::ZipWriter writer;
    VIRGA_ASSERT(writer.add_file("index.js", content));
    Result<std::string> zip = std::move(writer).finish();
    VIRGA_ASSERT(zip);
    Result<model::Package> package = catalog->add_package(*zip);
    VIRGA_ASSERT(package);
    return package->ref.id;
  }

  // What a function needs at least.
  CreateFunction request(const std::string& name) {
    CreateFunction request;
    request.name = model::FunctionName(name);
    request.config.runtime = "nodejs20.x";
    request.config.handler = "index.handler";
    request.package = package();
    return request;
  }
  VersionPointer create(const std::string& name) {
    Result<VersionPointer> version = catalog->create_function(request(name));
    VIRGA_ASSERT(version);
    return *version;
  }

  Limits limits;
  Random& random;
  HandClock clock;
  std::optional<os::TemporaryDirectory> directory;
  store::testing::MemoryStore store;
  std::optional<store::BlobStore> blobs;
  std::unique_ptr<Catalog> catalog;
};

}  // namespace virga::catalog::testing
