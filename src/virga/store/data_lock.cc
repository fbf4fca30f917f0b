#include "virga/store/data_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "virga/base/encoding.h"
#include "virga/base/problems.h"
#include "virga/os/errno.h"
#include "virga/os/file.h"

namespace virga::store {

namespace {

std::string holder(const std::string& path) {
  Result<std::string> text = os::read_file(path);
  std::string pid(text ? trim(*text) : "");
  while (!pid.empty() && pid.back() == '\n') pid.pop_back();
  bool numeric = !pid.empty() && pid.size() < 12 && pid.find_first_not_of("0123456789") == std::string::npos;
  return numeric ? fmt::format(" (pid {})", pid) : "";
}

}  // namespace

Result<DataLock> DataLock::acquire(const std::string& folder) {
  std::error_code error;
  if (!std::filesystem::exists(folder, error)) VIRGA_TRY(os::make_directories(folder, 0700));
  std::string path = folder + "/virga.lock";
  os::Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return os::fail_errno("open", path);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return os::fail_errno("lock", path);
    return fail(
        problem::kDataFolderInUse,
        fmt::format("the data folder {} is in use by another virga{}; stop that one, or start this one with another "
                    "data folder",
                    folder, holder(path)));
  }
  // Only for the message above; the lock itself does not depend on it.
  std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(file.get(), 0) != 0 || ::pwrite(file.get(), pid.data(), pid.size(), 0) < 0) {
    return os::fail_errno("write", path);
  }
  return DataLock(std::move(file));
}

}  // namespace virga::store
