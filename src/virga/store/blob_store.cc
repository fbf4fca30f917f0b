#include "virga/store/blob_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>

#include "virga/base/encoding.h"
#include "virga/base/hash.h"
#include "virga/base/problems.h"
#include "virga/os/descriptor.h"
#include "virga/os/errno.h"
#include "virga/os/file.h"

namespace virga::store {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kAside = "aside";

bool is_id(std::string_view id) {
  return id.size() == 64 && id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<> check_id(std::string_view id) {
  if (is_id(id)) return {};
  return fail(ErrorCode::InvalidArgument,
              fmt::format("blob: '{}' is no id; an id is 64 lower-case hexadecimal digits", id));
}

Error disk_error(std::string_view operation, std::string_view path) {
  int number = errno;
  if (number != ENOSPC && number != EDQUOT) return os::errno_error(number, operation, path);
  return problem_error(problem::kDiskFull,
                       fmt::format("{} {}: the disk is full; make room on it and try again", operation, path));
}

Result<> each_part(const std::string& path, std::string_view id, const std::function<void(std::string_view)>& use) {
  os::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) {
    if (errno == ENOENT) return fail(ErrorCode::NotFound, fmt::format("blob {} is not there", id));
    return os::fail_errno("open", path);
  }
  char buffer[65536];
  while (true) {
    ssize_t count = ::read(file.get(), buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return os::fail_errno("read", path);
    if (count == 0) return {};
    use(std::string_view(buffer, static_cast<std::size_t>(count)));
  }
}

Result<> check_digest(Sha256& hash, const std::string& path, std::string_view id) {
  Sha256Digest digest = hash.finish();
  if (to_hex(digest) == id) return {};
  return fail(problem::kPackageDamaged,
              fmt::format("the file {} is damaged (its SHA-256 is {}); restore it from a backup or upload it again",
                          path, to_hex(digest)));
}

}  // namespace

Result<BlobStore> BlobStore::open(std::string directory) {
  VIRGA_TRY(os::make_directories(directory, 0700));
  std::string aside = fmt::format("{}/{}", directory, kAside);
  // What lies there was never linked into place, so nobody refers to it.
  VIRGA_TRY(os::remove_tree(aside));
  VIRGA_TRY(os::make_directories(aside, 0700));
  VIRGA_TRY(os::sync_directory(directory));
  return BlobStore(std::move(directory));
}

std::string BlobStore::path(std::string_view id) const {
  return fmt::format("{}/{}/{}", directory_, id.substr(0, 2), id);
}

Result<std::string> BlobStore::write(std::string_view bytes) {
  Sha256Digest digest = sha256(bytes);
  std::string id = to_hex(digest);
  std::string place = path(id);
  std::string folder = place.substr(0, place.rfind('/'));
  // A damaged one is written anew. A whole one may be there without its folder's fsync, if a crash came in between.
  if (verify(id)) {
    VIRGA_TRY(os::sync_directory(folder));
    return id;
  }

  if (::mkdir(folder.c_str(), 0700) == 0) {
    VIRGA_TRY(os::sync_directory(directory_));
  } else if (errno != EEXIST) {
    return fail(disk_error("create folder", folder));
  }
  std::string aside = fmt::format("{}/{}/{}.XXXXXX", directory_, kAside, id);
  os::Descriptor file(::mkostemp(aside.data(), O_CLOEXEC));
  if (!file.valid()) return fail(disk_error("create", aside));
  auto give_up = [&](std::string_view operation) {
    Error error = disk_error(operation, aside);
    ::unlink(aside.c_str());
    return fail(std::move(error));
  };
  if (!os::write_all(file, bytes)) return give_up("write");
  if (::fchmod(file.get(), 0400) != 0) return give_up("chmod");
  if (::fsync(file.get()) != 0) return give_up("fsync");
  if (::rename(aside.c_str(), place.c_str()) != 0) return give_up("rename");
  VIRGA_TRY(os::sync_directory(folder));
  return id;
}

Result<std::string> BlobStore::read(std::string_view id) const {
  VIRGA_TRY(check_id(id));
  std::string bytes;
  Sha256 hash;
  VIRGA_TRY(each_part(path(id), id, [&](std::string_view part) {
    bytes += part;
    hash.update(part);
  }));
  VIRGA_TRY(check_digest(hash, path(id), id));
  return bytes;
}

Result<> BlobStore::verify(std::string_view id) const {
  VIRGA_TRY(check_id(id));
  Sha256 hash;
  VIRGA_TRY(each_part(path(id), id, [&](std::string_view part) { hash.update(part); }));
  return check_digest(hash, path(id), id);
}

bool BlobStore::contains(std::string_view id) const {
  return is_id(id) && ::access(path(id).c_str(), F_OK) == 0;
}

Result<std::uint64_t> BlobStore::size(std::string_view id) const {
  VIRGA_TRY(check_id(id));
  struct stat status{};
  if (::stat(path(id).c_str(), &status) == 0) return static_cast<std::uint64_t>(status.st_size);
  if (errno == ENOENT) return fail(ErrorCode::NotFound, fmt::format("blob {} is not there", id));
  return os::fail_errno("look at", path(id));
}

Result<> BlobStore::remove(std::string_view id) {
  VIRGA_TRY(check_id(id));
  std::string place = path(id);
  if (::unlink(place.c_str()) == 0) return os::sync_directory(place.substr(0, place.rfind('/')));
  if (errno == ENOENT) return {};
  return os::fail_errno("remove", place);
}

Result<std::vector<std::string>> BlobStore::list() const {
  std::vector<std::string> ids;
  std::error_code error;
  for (fs::recursive_directory_iterator walk(directory_, error), end; !error && walk != end; walk.increment(error)) {
    std::string name = walk->path().filename().string();
    if (walk.depth() == 1 && is_id(name)) ids.push_back(std::move(name));
  }
  if (error) return fail(os::errno_error(error.value(), "list folder", directory_));
  std::ranges::sort(ids);
  return ids;
}

}  // namespace virga::store
