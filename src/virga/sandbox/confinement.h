#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "virga/base/result.h"

namespace virga::sandbox {

// What the daemon needs for the rest of its life; confine() takes everything else away.
struct Confinement {
  struct Identity {
    uid_t user = 0;
    gid_t group = 0;
  };
  std::optional<Identity> identity;           // only as root: who to become; nullopt: stay who one is
  std::string writable_folder;                // absolute, without symlinks: the only place to write
  std::vector<std::string> readable_folders;  // beside what every program reads (libraries, time zones, name servers)
};

// What a machine could not take away, each as part of a sentence: "signals to other processes (…)".
using Gaps = std::vector<std::string>;

// Takes everything a serving process does not need from this process, for good: as root its ids and groups, every
// capability in every set, and writable mounts other than the folder's (in a mount namespace of its own, so a process
// that stays user 0 cannot change files that root owns either); for everybody paths beyond the folders (Landlock),
// programs and sockets of other families (seccomp), new privileges, and being traced or dumped.
//
// Before there are threads: each of these holds for the calling thread and those it starts. After an error the process
// is neither here nor there, and must end.
Result<Gaps> confine(const Confinement& confinement);

}  // namespace virga::sandbox
