#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "virga/base/result.h"
#include "virga/os/descriptor.h"
#include "virga/sandbox/spawn/roots.h"
#include "virga/sandbox/spec.h"

namespace virga::sandbox::spawn {

// ---- The helper's side: trees are prepared once, and a sandbox gets clones of them (open_tree, OPEN_TREE_CLONE).

// The folder where the helper prepares what every sandbox sees: the root with /usr and a small /etc, the part of
// /proc/sys that is shown, and the files that stand in for the machine's own in /proc. It lies on a tmpfs in the
// helper's own mount namespace, so nobody else sees it and it goes with the helper.
class Workshop {
 public:
  // `place` is an existing folder to mount the tmpfs on.
  static Result<Workshop> create(const std::string& place);

  Result<os::Descriptor> clone_root() const;  // read-only, /usr and /dev below it
  // The /proc/meminfo of a machine with this much memory.
  Result<os::Descriptor> clone_meminfo(std::uint64_t memory_bytes);
  // The /etc/resolv.conf of a sandbox with a way out; see kResolvConf.
  Result<os::Descriptor> clone_resolver() const;

  // An empty folder of the helper's that one sandbox gets a read-only clone of; what is made in it later shows there.
  Result<std::string> make_folder(std::uint64_t serial) const;
  Result<os::Descriptor> clone_made_folder(const std::string& folder) const;

  // Entries of /proc to hide: all but those on a short list.
  const std::vector<std::string>& hidden_files() const { return hidden_files_; }
  const std::vector<std::string>& hidden_folders() const { return hidden_folders_; }

 private:
  explicit Workshop(std::string place) : place_(std::move(place)) {}
  Result<> make_root();
  Result<> make_etc();
  Result<> make_devices();
  Result<> make_proc();
  Result<> put(const std::string& file, std::string_view content) const;
  Result<> folder(const std::string& path) const;
  Result<> bind(const std::string& source, const std::string& target, std::uint64_t attributes) const;

  std::string place_;
  std::vector<std::string> hidden_files_;
  std::vector<std::string> hidden_folders_;
  std::map<std::uint64_t, std::string> meminfo_;  // by memory size
};

// What is seen in place of hidden entries of /proc: empty, and on a read-only mount, where not even root opens it to
// write as it could /dev/null.
inline constexpr const char* kHidingFile = "/var/nothing";
inline constexpr const char* kHidingFolder = "/var/empty";

// A host folder as a tree of its own: read-only unless told. It lies below one of the roots; no part of its path is a
// symlink.
Result<os::Descriptor> clone_folder(const Roots& roots, const std::string& path, Access access);
// The same of a file.
Result<os::Descriptor> clone_file(const Roots& roots, const std::string& path);
// Layers as one tree; the later of two files with one name is seen.
Result<os::Descriptor> clone_layers(const Roots& roots, std::span<const std::string> paths);

// A folder that changed hands for one sandbox, because its file system cannot map ids.
struct LentFolder {
  os::Descriptor folder;
  std::uint32_t owner = 0;  // whose it was
  std::uint32_t group = 0;
  std::uint32_t host_id = 0;  // the sandbox's
};
// Lets the sandbox with this host id write into a folder of `owner`, so that what it writes there belongs to that
// owner: at once where ids can be mapped, otherwise (a LentFolder comes back) by take_back(). Another owner's folder is
// refused: the daemon, whose `owner` is, must not make files of others.
Result<std::optional<LentFolder>> lend_folder(const std::string& path, os::Descriptor& tree, std::uint32_t owner,
                                              std::uint32_t host_id);
// Gives everything below that still belongs to the sandbox to the owner. After the sandbox's last process has ended.
void take_back(const LentFolder& lent);

// What goes over /tmp and /dev/shm, mounted nowhere yet. `owner`: whose it is; nullopt: the caller's.
Result<os::Descriptor> make_tmp(std::uint64_t bytes, std::optional<std::uint32_t> owner = {});
Result<os::Descriptor> make_shared_memory(std::optional<std::uint32_t> owner = {});

// ---- The sandbox's side: called by its first process.

// Makes `tree` the root; what was the root is gone.
Result<> enter_root(const os::Descriptor& tree);
// A new /proc of this pid namespace, mounted nowhere yet. Before enter_root().
Result<os::Descriptor> make_proc();
// Mounts it, with everything hidden that is not about the sandbox, and /dev/shm.
Result<> mount_own_file_systems(const Workshop& workshop, const os::Descriptor& proc);
// Its root as it is, in a tree of its own.
Result<os::Descriptor> clone_own_root();
Result<> mount_tmp(std::uint64_t bytes);
Result<> resize_tmp(std::uint64_t bytes);
Result<> attach(const os::Descriptor& tree, const char* path);

}  // namespace virga::sandbox::spawn
