#include "virga/os/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "virga/os/errno.h"

namespace virga::os {

namespace fs = std::filesystem;

Result<std::string> read_file(const std::string& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return fail_errno("open", path);
  std::string bytes;
  char buffer[16384];
  while (true) {
    ssize_t count = ::read(file.get(), buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("read", path);
    if (count == 0) return bytes;
    bytes.append(buffer, static_cast<std::size_t>(count));
  }
}

Result<> sync_directory(const std::string& path) {
  Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return fail_errno("open", path);
  if (::fsync(directory.get()) != 0) return fail_errno("fsync", path);
  return {};
}

bool write_all(const Descriptor& file, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t count = ::write(file.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

Result<> write_file_durably(const std::string& path, std::string_view bytes, unsigned mode) {
  std::string directory = fs::path(path).parent_path().string();
  if (directory.empty()) directory = ".";
  std::string aside = path + ".XXXXXX";
  Descriptor file(::mkostemp(aside.data(), O_CLOEXEC));
  if (!file.valid()) return fail_errno("create", aside);
  auto give_up = [&](std::string_view operation) {
    Error error = errno_error(operation, aside);
    ::unlink(aside.c_str());
    return fail(std::move(error));
  };
  if (!write_all(file, bytes)) return give_up("write");
  if (::fchmod(file.get(), mode) != 0) return give_up("chmod");
  if (::fsync(file.get()) != 0) return give_up("fsync");
  if (::rename(aside.c_str(), path.c_str()) != 0) return give_up("rename");
  return sync_directory(directory);
}

Result<> seal(const Descriptor& file, int seals, std::string_view name) {
  // The kernel refuses while it holds one of the pages itself, as when it moves them about on a busy machine. It waits
  // 0.15 s for that each time (mm/memfd.c), and not at all for a mapping, which does not go away.
  constexpr int kTries = 20;
  for (int tries = 1; ::fcntl(file.get(), F_ADD_SEALS, seals) != 0; ++tries) {
    if (errno != EBUSY || tries == kTries) return fail_errno("seal", name);
  }
  return {};
}

Result<> make_directories(const std::string& path, unsigned mode) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return fail(errno_error(error.value(), "create folder", path));
  if (::chmod(path.c_str(), mode) != 0) return fail_errno("chmod", path);
  return {};
}

Result<> remove_tree(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return fail(errno_error(error.value(), "remove", path));
  return {};
}

Result<TemporaryDirectory> TemporaryDirectory::create() {
  const char* root = std::getenv("TMPDIR");
  std::string path = std::string(root != nullptr ? root : "/tmp") + "/virga-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) return fail_errno("create folder", path);
  return TemporaryDirectory(std::move(path));
}

TemporaryDirectory::~TemporaryDirectory() {
  // Nobody is left to tell: what remains is a folder under $TMPDIR.
  if (!path_.empty()) (void)remove_tree(path_);
}

}  // namespace virga::os
