#include "virga/catalog/packages.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "virga/base/id.h"
#include "virga/os/descriptor.h"
#include "virga/os/errno.h"
#include "virga/os/file.h"

namespace virga::catalog {

namespace {

namespace fs = std::filesystem;

// Folders that are being filled or emptied; no package id begins like this.
constexpr std::string_view kUnfinished = ".unfinished-";

bool is_id(std::string_view name) {
  return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<std::vector<std::string>> names_in(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator walk(directory, error), end; !error && walk != end; walk.increment(error)) {
    names.push_back(walk->path().filename().string());
  }
  if (error) return fail(os::errno_error(error.value(), "list folder", directory));
  std::ranges::sort(names);
  return names;
}

// The file system writes out everything, and so this tree, whose files nobody fsynced one by one.
Result<> sync_tree(const std::string& path) {
  os::Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!directory.valid()) return os::fail_errno("open", path);
  if (::syncfs(directory.get()) != 0) return os::fail_errno("sync", path);
  return {};
}

}  // namespace

Staging::Staging(Staging&& other) noexcept
    : package_(std::move(other.package_)), path_(std::exchange(other.path_, {})) {}

Staging::~Staging() {
  // What cannot be removed now is removed at the next start.
  if (!path_.empty()) (void)os::remove_tree(path_);
}

Result<Packages> Packages::open(std::string directory, Random& random) {
  VIRGA_TRY(os::make_directories(directory, 0755));
  Packages packages(std::move(directory), random);
  VIRGA_TRY(packages.clear_unfinished());
  return packages;
}

Result<> Packages::clear_unfinished() {
  VIRGA_TRY_ASSIGN(std::vector<std::string> names, names_in(directory_));
  for (const std::string& name : names) {
    if (name.starts_with(kUnfinished)) VIRGA_TRY(os::remove_tree(directory_ + "/" + name));
  }
  return {};
}

std::string Packages::path(const model::PackageId& id) const {
  return directory_ + "/" + id.text();
}

bool Packages::is_unpacked(const model::PackageId& id) const {
  return is_id(id.text()) && ::access(path(id).c_str(), F_OK) == 0;
}

Result<Staging> Packages::stage(const model::PackageId& id) {
  if (!is_id(id.text())) {
    return fail(ErrorCode::InvalidArgument,
                fmt::format("package: '{}' is no id; an id is 64 lower-case hexadecimal digits", id.text()));
  }
  std::string path = fmt::format("{}/{}{}", directory_, kUnfinished, make_token(16, *random_));
  if (::mkdir(path.c_str(), 0700) != 0) return os::fail_errno("create folder", path);
  return Staging(id, std::move(path));
}

Result<std::string> Packages::keep(Staging staging) {
  std::string place = path(staging.package());
  if (is_unpacked(staging.package())) return place;
  if (::chmod(staging.path().c_str(), 0755) != 0) return os::fail_errno("chmod", staging.path());
  VIRGA_TRY(sync_tree(staging.path()));
  if (::rename(staging.path().c_str(), place.c_str()) != 0) {
    // Another one of the same package is there, and holds files, so that it could not be replaced.
    if (errno == ENOTEMPTY || errno == EEXIST) return place;
    return os::fail_errno("rename", staging.path());
  }
  staging.path_.clear();
  VIRGA_TRY(os::sync_directory(directory_));
  return place;
}

Result<> Packages::keep_derived(Staging staging, const std::string& place) {
  std::string tree = path(staging.package());
  std::string target = tree + place;
  std::string folder = target.substr(0, target.rfind('/'));
  // An archive may have brought anything under this name.
  struct stat status{};
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return os::fail_errno("create folder", folder);
  bool is_folder = ::lstat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  // Whatever the umask: sandboxes read it.
  if (!is_folder || ::chmod(folder.c_str(), 0755) != 0) {
    return fail(ErrorCode::AlreadyExists,
                fmt::format("the package has something else at {}", folder.substr(tree.size())));
  }
  if (::chmod(staging.path().c_str(), 0755) != 0) return os::fail_errno("chmod", staging.path());
  VIRGA_TRY(sync_tree(staging.path()));
  if (::rename(staging.path().c_str(), target.c_str()) != 0) {
    if (errno == ENOTEMPTY || errno == EEXIST) return {};
    return os::fail_errno("rename", staging.path());
  }
  staging.path_.clear();
  return os::sync_directory(folder);
}

Result<> Packages::remove(const model::PackageId& id) {
  if (!is_unpacked(id)) return {};
  // Renamed first: a crash half-way leaves nothing that looks whole.
  std::string aside = fmt::format("{}/{}{}", directory_, kUnfinished, make_token(16, *random_));
  if (::rename(path(id).c_str(), aside.c_str()) != 0) return os::fail_errno("rename", path(id));
  VIRGA_TRY(os::sync_directory(directory_));
  return os::remove_tree(aside);
}

Result<std::vector<model::PackageId>> Packages::list() const {
  VIRGA_TRY_ASSIGN(std::vector<std::string> names, names_in(directory_));
  std::vector<model::PackageId> ids;
  for (std::string& name : names) {
    if (is_id(name)) ids.emplace_back(std::move(name));
  }
  return ids;
}

}  // namespace virga::catalog
