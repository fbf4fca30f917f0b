#pragma once

#include <string>
#include <vector>

#include "virga/base/random.h"
#include "virga/base/result.h"
#include "virga/model/names.h"

namespace virga::catalog {

// A folder to unpack one package into. Removed with its content when this ends, unless Packages::keep took it.
class [[nodiscard]] Staging {
 public:
  Staging(Staging&& other) noexcept;
  Staging& operator=(Staging&&) = delete;
  ~Staging();
  const model::PackageId& package() const { return package_; }
  const std::string& path() const { return path_; }  // exists, is empty, mode 0700

 private:
  friend class Packages;
  Staging(model::PackageId package, std::string path) : package_(std::move(package)), path_(std::move(path)) {}
  model::PackageId package_;
  std::string path_;
};

// The unpacked trees: DIRECTORY/SHA256/. A tree is made somewhere aside and renamed into place when it is whole and
// fsynced, so one that is in place is whole, whatever crashed. Any thread; every call blocks on the disk, briefly but
// for `keep`, `remove` and `clear_unfinished`.
class Packages {
 public:
  // Makes the folder if need be and clears what a crash left.
  static Result<Packages> open(std::string directory, Random& random);

  // Where the tree of this package is or would be.
  std::string path(const model::PackageId& id) const;
  bool is_unpacked(const model::PackageId& id) const;
  Result<Staging> stage(const model::PackageId& id);
  // Puts a finished tree in place and returns its path. If another one came first, that one stays and this one goes.
  Result<std::string> keep(Staging staging);
  // Puts finished derived files at `place` ("/FOLDER/NAME") in the package's tree, where nothing may be yet but FOLDER.
  // If others came first, those stay and these go.
  Result<> keep_derived(Staging staging, const std::string& place);
  Result<> remove(const model::PackageId& id);  // no error if it is not there
  Result<std::vector<model::PackageId>> list() const;

 private:
  Packages(std::string directory, Random& random) : directory_(std::move(directory)), random_(&random) {}
  Result<> clear_unfinished();

  std::string directory_;
  Random* random_;
};

}  // namespace virga::catalog
