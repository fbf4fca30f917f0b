#include "virga/sandbox/spawn/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "virga/os/errno.h"
#include "virga/os/file.h"
#include "virga/sandbox/internal/cgroup_files.h"

namespace virga::sandbox::spawn {

Result<> write_control(int directory, const char* file, std::string_view value) {
  os::Descriptor fd(::openat(directory, file, O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return os::fail_errno("open", file);
  if (::write(fd.get(), value.data(), value.size()) < 0) return os::fail_errno("write", file);
  return {};
}

std::string read_control(int directory, const char* file) {
  os::Descriptor fd(::openat(directory, file, O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return {};
  std::string text;
  char buffer[4096];
  ssize_t size = 0;
  while ((size = ::read(fd.get(), buffer, sizeof(buffer))) > 0) text.append(buffer, static_cast<std::size_t>(size));
  return text;
}

std::vector<pid_t> members_of(int directory) {
  std::vector<pid_t> members;
  std::string text = read_control(directory, "cgroup.procs");
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    pid_t pid = 0;
    auto [next, error] = std::from_chars(at, end, pid);
    if (error == std::errc()) members.push_back(pid);
    at = next + 1;
  }
  return members;
}

namespace {

// Sends SIGKILL to all members of one group. Only used on leftovers: a running sandbox is ended through its pidfd.
void kill_members(int directory) {
  if (write_control(directory, "cgroup.kill", "1")) return;
  (void)write_control(directory, "freezer.state", "THAWED");
  for (pid_t pid : members_of(directory)) {
    if (pid > 1) ::kill(pid, SIGKILL);
  }
}

// One round over the tree: kills members, removes what is empty. True: the folder itself is gone.
bool sweep(const std::string& path) {
  os::Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return errno == ENOENT;
  kill_members(directory.get());
  DIR* stream = ::fdopendir(::dup(directory.get()));
  if (stream != nullptr) {
    while (dirent* entry = ::readdir(stream)) {
      std::string_view name(entry->d_name);
      if (entry->d_type == DT_DIR && name != "." && name != "..") sweep(path + "/" + entry->d_name);
    }
    ::closedir(stream);
  }
  return ::rmdir(path.c_str()) == 0 || errno == ENOENT;
}

}  // namespace

Result<> remove_leftovers(const std::string& directory) {
  for (int round = 0; round < 100; ++round) {
    if (sweep(directory)) return {};
    ::poll(nullptr, 0, 10);
  }
  return os::fail_errno("rmdir", directory);
}

Result<std::unique_ptr<Cgroups>> Cgroups::open(std::string_view state_directory) {
  VIRGA_TRY_ASSIGN(std::string mountinfo, os::read_file("/proc/self/mountinfo"));
  VIRGA_TRY_ASSIGN(std::string own, os::read_file("/proc/self/cgroup"));
  std::string name = cgroup_name_for(state_directory);
  auto v2 = open_cgroups_v2(mountinfo, own, name);
  if (v2) return v2;
  auto v1 = open_cgroups_v1(mountinfo, own, name);
  if (v1) return v1;
  return fail(ErrorCode::NotFound, v2.error().message() + "; " + v1.error().message());
}

}  // namespace virga::sandbox::spawn
