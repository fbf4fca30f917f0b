#include "virga/sandbox/spawn/stem.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <charconv>
#include <string_view>

#include "virga/os/errno.h"
#include "virga/os/file.h"
#include "virga/sandbox/spawn/egress.h"
#include "virga/sandbox/spawn/mount.h"
#include "virga/sandbox/spawn/policy.h"

namespace virga::sandbox::spawn {
namespace {

constexpr int kLostInASandbox = 70;

}  // namespace

Result<pid_t> pid_of(const os::Descriptor& process) {
  VIRGA_TRY_ASSIGN(auto text, os::read_file("/proc/self/fdinfo/" + std::to_string(process.get())));
  constexpr std::string_view kName = "\nPid:\t";
  pid_t pid = -1;
  if (auto at = text.find(kName); at != text.npos) {
    std::from_chars(text.data() + at + kName.size(), text.data() + text.size(), pid);
  }
  if (pid <= 0) return fail(ErrorCode::Unavailable, "the program has ended");
  return pid;
}

Home::Visit::Visit(const Home& home, const os::Descriptor& space, int kind) : home_(home), kind_(kind) {
  is_there_ = ::setns(space.get(), kind) == 0;
}

Home::Visit::Visit(const Home& home, NewMounts) : home_(home), kind_(CLONE_NEWNS) {
  is_there_ = ::unshare(CLONE_NEWNS) == 0;
}

Home::Visit::~Visit() {
  if (!is_there_) return;
  const auto& back = kind_ == CLONE_NEWNS ? home_.mounts_ : home_.network_;
  bool is_back = ::setns(back.get(), kind_) == 0;
  // To enter a mount namespace is to stand at its root.
  if (kind_ == CLONE_NEWNS) {
    is_back = is_back && ::fchdir(home_.root_.get()) == 0 && ::chroot(".") == 0 && ::fchdir(home_.folder_.get()) == 0;
  }
  if (!is_back) ::_exit(kLostInASandbox);
}

Result<Home> Home::remember() {
  Home home;
  struct Place {
    os::Descriptor& descriptor;
    const char* path;
    int flags;
  };
  for (auto [descriptor, path, flags] :
       {Place{home.mounts_, "/proc/self/ns/mnt", O_RDONLY}, Place{home.network_, "/proc/self/ns/net", O_RDONLY},
        Place{home.root_, "/", O_PATH | O_DIRECTORY}, Place{home.folder_, ".", O_PATH | O_DIRECTORY}}) {
    descriptor = os::Descriptor(::open(path, flags | O_CLOEXEC));
    if (!descriptor.valid()) return os::fail_errno("open", path);
  }
  return home;
}

Result<> Home::limit(const StemHandles& stem, const Limits& limits, bool has_cgroups) const {
  VIRGA_TRY_ASSIGN(pid_t pid, pid_of(stem.program));
  return lower_process_limits(pid, limits, has_cgroups);
}

Result<> Home::furnish(const StemHandles& stem, const StemTrees& trees, std::uint64_t tmp_bytes) const {
  Visit visit(*this, stem.mounts, CLONE_NEWNS);
  if (!visit.is_there()) return os::fail_errno("enter a stem's mount namespace");
  if (tmp_bytes > 0) VIRGA_TRY(resize_tmp(tmp_bytes));
  struct Place {
    const os::Descriptor& tree;
    const char* path;
  };
  for (const auto& layer : trees.layers) VIRGA_TRY(attach(layer.tree, ("/opt/" + layer.name).c_str()));
  // The code comes last: whoever sees it finds everything else in place.
  for (const auto& [tree, path] : {Place{trees.meminfo, "/proc/meminfo"}, Place{trees.resolver, "/etc/resolv.conf"},
                                   Place{trees.runtime, "/var/runtime"}, Place{trees.code, "/var/task"}}) {
    if (tree.valid()) VIRGA_TRY(attach(tree, path));
  }
  return {};
}

Result<NameSockets> Home::connect(const StemHandles& stem, std::uint32_t slot) const {
  Visit visit(*this, stem.network, CLONE_NEWNET);
  if (!visit.is_there()) return os::fail_errno("enter a stem's network namespace");
  VIRGA_TRY(set_up_egress(slot));
  return open_name_sockets();
}

}  // namespace virga::sandbox::spawn
