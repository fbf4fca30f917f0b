#pragma once

#include <sys/types.h>

#include <span>
#include <string>
#include <vector>

#include "virga/base/result.h"
#include "virga/os/descriptor.h"

namespace virga::sandbox::spawn {

enum class Access { ReadOnly, ReadWrite };

// The only host folders of which a request may name something. They are given when the helper is started, by a daemon
// that still has the privilege it is about to give up; what it says later, as an ordinary user, reaches nothing else:
// names are resolved by the kernel below the descriptor of a root and through no symlink (openat2(2)). One thread.
class Roots {
 public:
  struct Folder {
    std::string path;  // absolute, without symlinks
    Access access = Access::ReadOnly;
    bool operator==(const Folder&) const = default;
  };

  static Result<Roots> open(std::span<const Folder> folders);
  // The same folders as seen from this process's mount namespace, whose mounts alone it may clone. Conflict if another
  // folder has one of the names now.
  Result<Roots> open_again() const;

  // A descriptor (O_PATH) of the folder `path`, which is a root or lies below one that allows this access.
  // PermissionDenied: it does not. InvalidArgument: a part of it is a symlink, or leads out.
  Result<os::Descriptor> open_folder(const std::string& path, Access access) const;
  // The same of a file to be read.
  Result<os::Descriptor> open_file(const std::string& path) const;

 private:
  struct Root {
    Folder folder;
    os::Descriptor descriptor;
    dev_t device = 0;
    ino_t inode = 0;
  };
  Result<os::Descriptor> open_below(const std::string& path, Access access, int kind) const;

  std::vector<Root> roots_;
};

}  // namespace virga::sandbox::spawn
