#include "virga/sandbox/spawn/yard.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "virga/os/errno.h"
#include "virga/sandbox/spawn/mount.h"

namespace virga::sandbox::spawn {
namespace {

constexpr std::uint64_t kSizeOfNothing = 1u << 20;  // the yard's own root has empty folders only

std::string path_of(std::uint64_t serial) {
  return "/" + std::to_string(serial);
}

}  // namespace

Result<Yard> Yard::create(const Home& home) {
  VIRGA_TRY_ASSIGN(auto ground, make_tmp(kSizeOfNothing));
  Home::Visit visit(home, Home::Visit::NewMounts{});
  if (!visit.is_there()) return os::fail_errno("make a mount namespace for forks");
  os::Descriptor space(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
  if (!space.valid()) return os::fail_errno("open", "/proc/self/ns/mnt");
  VIRGA_TRY(enter_root(ground));
  return Yard(home, std::move(space));
}

Result<> Yard::add(std::uint64_t serial, const os::Descriptor& root) const {
  Home::Visit visit(home_, space_, CLONE_NEWNS);
  if (!visit.is_there()) return os::fail_errno("enter the mount namespace for forks");
  std::string path = path_of(serial);
  if (::mkdir(path.c_str(), 0700) != 0) return os::fail_errno("mkdir", path);
  return attach(root, path.c_str());
}

void Yard::remove(std::uint64_t serial) const {
  Home::Visit visit(home_, space_, CLONE_NEWNS);
  if (!visit.is_there()) return;
  (void)::umount2(path_of(serial).c_str(), MNT_DETACH);
  (void)::rmdir(path_of(serial).c_str());
}

// Nothing can be mounted into a tree that is mounted nowhere (before Linux 6.15), so what belongs to the fork lies over
// the template's root for the moment in which that is copied.
Result<os::Descriptor> Yard::make_tree(std::uint64_t serial, std::span<const Cover> covers) const {
  Home::Visit visit(home_, space_, CLONE_NEWNS);
  if (!visit.is_there()) return os::fail_errno("enter the mount namespace for forks");
  std::string root = path_of(serial);
  Result<> covered{};
  std::size_t done = 0;
  for (; done < covers.size() && covered; ++done)
    covered = attach(covers[done].tree, (root + covers[done].path).c_str());
  if (!covered) --done;
  os::Descriptor tree;
  if (covered) {
    tree = os::Descriptor(::open_tree(AT_FDCWD, root.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
    if (!tree.valid()) covered = os::fail_errno("open_tree", root);
  }
  while (done > 0) (void)::umount2((root + covers[--done].path).c_str(), MNT_DETACH);
  if (!covered) return std::unexpected(covered.error());
  return tree;
}

}  // namespace virga::sandbox::spawn
