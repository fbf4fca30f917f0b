#include "virga/services/object/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <mutex>
#include <unordered_map>

#include "virga/base/encoding.h"
#include "virga/base/problems.h"
#include "virga/os/errno.h"
#include "virga/os/file.h"

namespace virga::services::object {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kRunDigits = 8;
constexpr std::size_t kDigits = 32;

std::string random_digits(Random& random, std::size_t count) {
  std::string bytes((count + 1) / 2, '\0');
  random.fill({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
  return to_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}).substr(0, count);
}

}  // namespace

Error disk_error(std::string_view operation, std::string_view subject) {
  int number = errno;
  auto error = os::errno_error(number, operation, subject);
  if (number != ENOSPC && number != EDQUOT) return error;
  return problem_error(problem::kDiskFull, error.message() + "; make room on it and try again");
}

struct Files::OpenFiles {
  static constexpr std::size_t kMost = 64;

  std::mutex mutex;
  std::unordered_map<std::string, std::shared_ptr<const os::Descriptor>> files;

  std::shared_ptr<const os::Descriptor> find(const std::string& id) {
    std::lock_guard lock(mutex);
    auto found = files.find(id);
    return found == files.end() ? nullptr : found->second;
  }
  void keep(const std::string& id, std::shared_ptr<const os::Descriptor> file) {
    std::lock_guard lock(mutex);
    // What is read often is there again at once.
    if (files.size() >= kMost) files.clear();
    files.insert_or_assign(id, std::move(file));
  }
  void forget(const std::string& id) {
    std::lock_guard lock(mutex);
    files.erase(id);
  }
};

Files::Files(std::string directory, Random& random)
    : directory_(std::move(directory)),
      random_(&random),
      open_(std::make_shared<OpenFiles>()),
      run_(random_digits(random, kRunDigits)) {}

Result<Files> Files::open(std::string directory, Random& random) {
  VIRGA_TRY(os::make_directories(directory, 0700));
  Files files(std::move(directory), random);
  for (unsigned folder = 0; folder < kFolders; ++folder) {
    auto path = fmt::format("{}/{:02x}", files.directory_, folder);
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail(disk_error("create folder", path));
  }
  VIRGA_TRY(os::sync_directory(files.directory_));
  return files;
}

std::string Files::make_id() {
  auto digits = random_digits(*random_, kDigits - kRunDigits);
  return digits.substr(0, 2) + run_ + digits.substr(2);
}

std::string Files::folder_path(std::string_view id) const {
  return fmt::format("{}/{}", directory_, id.substr(0, 2));
}

std::string Files::path(std::string_view id) const {
  return fmt::format("{}/{}/{}", directory_, id.substr(0, 2), id);
}

bool Files::is_of_this_run(std::string_view id) const {
  return id.size() == kDigits && id.substr(2, kRunDigits) == run_;
}

Result<os::Descriptor> Files::create(std::string_view id) {
  auto place = path(id);
  os::Descriptor file(::open(place.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
  if (!file.valid()) return fail(disk_error("create", place));
  return file;
}

os::Descriptor Files::reuse(std::string_view id) {
  auto place = path(id);
  os::Descriptor file(::open(place.c_str(), O_RDWR | O_CLOEXEC));
  struct stat about{};
  if (file.valid() && ::fstat(file.get(), &about) == 0 && about.st_nlink == 1) return file;
  (void)remove(id);  // else a start does
  return {};
}

Result<> Files::sync(const os::Descriptor& file, std::string_view id, std::uint64_t size, Name name) {
  auto place = path(id);
  if (name == Name::Synced) {
    struct stat about{};
    bool is_longer = ::fstat(file.get(), &about) == 0 && static_cast<std::uint64_t>(about.st_size) > size;
    if (is_longer && ::ftruncate(file.get(), static_cast<off_t>(size)) != 0) return fail(disk_error("truncate", place));
    if (::fdatasync(file.get()) != 0) return fail(disk_error("fdatasync", place));
    return {};
  }
  if (::fsync(file.get()) != 0) return fail(disk_error("fsync", place));
  return os::sync_directory(folder_path(id));
}

Result<> Files::link(std::string_view existing, std::string_view id) {
  auto place = path(id);
  if (::link(path(existing).c_str(), place.c_str()) != 0) {
    if (errno == EMLINK || errno == EPERM) {
      return fail(ErrorCode::Unavailable, "the file " + std::string(existing) + " can have no more names");
    }
    return fail(disk_error("link", place));
  }
  return os::sync_directory(folder_path(id));
}

Result<os::Descriptor> Files::open_file(std::string_view id) const {
  auto place = path(id);
  os::Descriptor file(::open(place.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.valid()) return file;
  if (errno == ENOENT) return fail(ErrorCode::NotFound, "the file " + place + " of an object is not there");
  return fail(disk_error("open", place));
}

std::shared_ptr<const os::Descriptor> Files::open_now(std::string_view id) const {
  std::string name(id);
  if (auto known = open_->find(name)) return known;
  struct open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC;
  how.resolve = RESOLVE_CACHED;
  auto place = path(id);
  os::Descriptor file(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, place.c_str(), &how, sizeof(how))));
  if (!file.valid()) return nullptr;
  auto shared = std::make_shared<const os::Descriptor>(std::move(file));
  open_->keep(name, shared);
  return shared;
}

Result<> Files::remove(std::string_view id) {
  auto place = path(id);
  // Not synced: a name that comes back is rubbish, which the next start removes.
  bool is_gone = ::unlink(place.c_str()) == 0 || errno == ENOENT;
  auto failure = is_gone ? Result<>() : fail(disk_error("remove", place));
  open_->forget(std::string(id));  // its space is not free before
  return failure;
}

Result<std::vector<std::string>> Files::list(unsigned folder) const {
  auto place = fmt::format("{}/{:02x}", directory_, folder);
  std::vector<std::string> ids;
  std::error_code error;
  for (fs::directory_iterator walk(place, error), end; !error && walk != end; walk.increment(error)) {
    auto name = walk->path().filename().string();
    if (name.size() == kDigits) ids.push_back(std::move(name));
  }
  if (error) return fail(os::errno_error(error.value(), "list folder", place));
  std::ranges::sort(ids);
  return ids;
}

}  // namespace virga::services::object
