#pragma once

#include <cstdint>

#include "virga/base/result.h"
#include "virga/os/descriptor.h"

namespace virga::sandbox::spawn {

// A disk of a sandbox's own, to be its /tmp: ext4 without a journal in a sparse file, on a loop device. The file has no
// name and the device lets go of it with its last user, so whoever is killed, nothing of it remains. These calls block
// for milliseconds to tens of them (the kernel waits for its own readers there), hence `Disks`, which makes them in
// processes beside the helper.

// The blocks of an empty file system of one size, as mkfs.ext4 wrote them, in a memory file: what a disk begins with.
// Copied, because that costs a tenth of a millisecond and mkfs ten.
using DiskForm = os::Descriptor;

struct MadeDisk {
  os::Descriptor mount;  // mounted nowhere yet; nosuid, nodev; its root is open to everybody
  DiskForm form;         // valid if `form` was not
};
// `folder`: where the file lies. `bytes`: what fits, to within a percent. Needs root.
Result<MadeDisk> make_disk(const os::Descriptor& folder, std::uint64_t bytes, const DiskForm& form);

// Gives a disk up. What is still to be written to it is not written any more.
void end_disk(os::Descriptor mount);

// Whether this machine has what make_disk() needs, without making one; the error says what is missing.
Result<> probe_disks();

}  // namespace virga::sandbox::spawn
