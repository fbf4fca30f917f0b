#include "virga/sandbox/spawn/disk.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include "virga/os/errno.h"

namespace virga::sandbox::spawn {
namespace {

constexpr const char* kMkfs = "/sbin/mkfs.ext4";
constexpr const char* kLoopControl = "/dev/loop-control";
constexpr std::int64_t kBlock = 4096;
constexpr std::uint64_t kMebibyte = 1u << 20;

// One file for each 32 KiB, and never fewer than a tmpfs of ours has.
std::uint64_t inodes_of(std::uint64_t bytes) {
  return std::max<std::uint64_t>(16384, bytes >> 15);
}

// The size of the file: what was asked for, and beside it inodes (256 bytes each), bitmaps, extents, and what ext4
// keeps for itself of the whole: a fiftieth, at most 4096 blocks.
std::uint64_t file_size(std::uint64_t bytes) {
  std::uint64_t all = bytes + inodes_of(bytes) * 256 + bytes / 256 + 2 * kMebibyte;
  all += std::min(all / 49, std::uint64_t(4096 * kBlock));
  return (all + kMebibyte - 1) / kMebibyte * kMebibyte;
}

struct Record {
  std::uint64_t offset;
  std::array<char, std::size_t(kBlock)> content;
};

Result<> run_mkfs(const os::Descriptor& file, std::uint64_t bytes) {
  std::string path = "/proc/self/fd/" + std::to_string(file.get());
  std::string inodes = std::to_string(inodes_of(bytes));
  // Every feature is named, so that it does not matter what this machine's mke2fs.conf adds. No journal and no
  // checksums of blocks: nothing of it is ever read after a crash. No blocks are kept for root.
  constexpr const char* kFeatures =
      "none,extent,flex_bg,dir_index,filetype,sparse_super,large_file,huge_file,dir_nlink,extra_isize,uninit_bg";
  const char* arguments[] = {kMkfs,          "-q",   "-F",      "-b", "4096",
                             "-I",           "256",  "-m",      "0",  "-N",
                             inodes.c_str(), "-O",   kFeatures, "-E", "lazy_itable_init=1,nodiscard",
                             path.c_str(),   nullptr};
  char* const environment[] = {nullptr};
  pid_t child = ::fork();
  if (child == 0) {
    ::fcntl(file.get(), F_SETFD, 0);  // of this process's table only
    int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
    ::execve(kMkfs, const_cast<char* const*>(arguments), environment);
    ::_exit(127);
  }
  if (child < 0) return os::fail_errno("fork");
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fail(ErrorCode::Internal, std::string(kMkfs) + " ended with status " + std::to_string(WEXITSTATUS(status)));
}

Result<DiskForm> read_form(const os::Descriptor& file) {
  DiskForm form(::memfd_create("virga-disk-form", MFD_CLOEXEC));
  if (!form.valid()) return os::fail_errno("memfd_create");
  static constexpr std::array<char, std::size_t(kBlock)> kZeroes{};
  Record record{};
  off_t at = 0;
  while ((at = ::lseek(file.get(), at, SEEK_DATA)) >= 0) {
    off_t hole = ::lseek(file.get(), at, SEEK_HOLE);
    for (at = at / kBlock * kBlock; at < hole; at += kBlock) {
      if (::pread(file.get(), record.content.data(), kBlock, at) != kBlock) {
        return os::fail_errno("read", "an empty file system");
      }
      if (record.content == kZeroes) continue;
      record.offset = static_cast<std::uint64_t>(at);
      if (::write(form.get(), &record, sizeof(record)) != static_cast<ssize_t>(sizeof(record))) {
        return os::fail_errno("write", "an empty file system");
      }
    }
  }
  return form;
}

Result<> apply_form(const DiskForm& form, const os::Descriptor& file) {
  Record record{};
  // The memory file is shared with others who read it, so no position is kept in it.
  for (off_t at = 0; ::pread(form.get(), &record, sizeof(record), at) == static_cast<ssize_t>(sizeof(record));
       at += static_cast<off_t>(sizeof(record))) {
    if (::pwrite(file.get(), record.content.data(), kBlock, static_cast<off_t>(record.offset)) != kBlock) {
      return os::fail_errno("write", "a disk for /tmp");
    }
  }
  return {};
}

struct Loop {
  std::string path;
  os::Descriptor device;  // the device lives as long as this or a mount of it
};

Result<Loop> attach_loop(const os::Descriptor& file) {
  constexpr int kTries = 64;  // others take devices at the same time
  os::Descriptor control(::open(kLoopControl, O_RDWR | O_CLOEXEC));
  if (!control.valid()) return os::fail_errno("open", kLoopControl);
  loop_config config{};
  config.fd = static_cast<std::uint32_t>(file.get());
  config.block_size = kBlock;
  // Direct I/O: otherwise every page would be in memory twice.
  config.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) return os::fail_errno("find a free loop device");
    Loop loop{"/dev/loop" + std::to_string(number), {}};
    loop.device = os::Descriptor(::open(loop.path.c_str(), O_RDWR | O_CLOEXEC));
    if (!loop.device.valid()) return os::fail_errno("open", loop.path);
    if (::ioctl(loop.device.get(), LOOP_CONFIGURE, &config) == 0) return loop;
    if (errno == EINVAL && (config.info.lo_flags & LO_FLAGS_DIRECT_IO) != 0) {
      config.info.lo_flags = LO_FLAGS_AUTOCLEAR;  // a file system below that has no direct I/O
    } else if (errno != EBUSY) {
      return os::fail_errno("configure", loop.path);
    }
  }
  return fail(ErrorCode::Unavailable, "no loop device was free");
}

Result<os::Descriptor> mount_ext4(const std::string& device) {
  os::Descriptor context(::fsopen("ext4", FSOPEN_CLOEXEC));
  if (!context.valid()) return os::fail_errno("fsopen", "ext4");
  if (::fsconfig(context.get(), FSCONFIG_SET_STRING, "source", device.c_str(), 0) != 0) {
    return os::fail_errno("set the source of ext4", device);
  }
  // Nothing here has to survive anything: no flushes to the host's disk, no zeroing of inode tables in the background.
  for (const char* flag : {"nobarrier", "noinit_itable", "noauto_da_alloc"}) {
    if (::fsconfig(context.get(), FSCONFIG_SET_FLAG, flag, nullptr, 0) != 0) return os::fail_errno("set", flag);
  }
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return os::fail_errno("mount", device);
  os::Descriptor mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
  if (!mount.valid()) return os::fail_errno("fsmount", device);
  return mount;
}

}  // namespace

Result<MadeDisk> make_disk(const os::Descriptor& folder, std::uint64_t bytes, const DiskForm& form) {
  os::Descriptor file(::openat(folder.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file.valid()) return os::fail_errno("make a file without a name", "the state folder");
  if (::ftruncate(file.get(), static_cast<off_t>(file_size(bytes))) != 0) return os::fail_errno("size a disk for /tmp");
  MadeDisk made;
  if (form.valid()) {
    VIRGA_TRY(apply_form(form, file));
  } else {
    VIRGA_TRY(run_mkfs(file, bytes));
    VIRGA_TRY_ASSIGN(made.form, read_form(file));
  }
  VIRGA_TRY_ASSIGN(auto loop, attach_loop(file));
  VIRGA_TRY_ASSIGN(made.mount, mount_ext4(loop.path));
  os::Descriptor root(::openat(made.mount.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid() || ::fchmod(root.get(), 01777) != 0) return os::fail_errno("open the root of", loop.path);
  if (::unlinkat(root.get(), "lost+found", AT_REMOVEDIR) != 0) return os::fail_errno("remove lost+found of", loop.path);
  return made;
}

void end_disk(os::Descriptor mount) {
  // EXT4_IOC_SHUTDOWN (fs/ext4/ext4.h; the kernel's headers for programs do not have it). Without it, unmounting would
  // first write all that the sandbox left in memory to a file that goes the next moment.
  constexpr unsigned long kShutDown = _IOR('X', 125, std::uint32_t);
  std::uint32_t without_flushing = 2;
  os::Descriptor root(::openat(mount.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (root.valid()) (void)::ioctl(root.get(), kShutDown, &without_flushing);
}

Result<> probe_disks() {
  if (::access(kMkfs, X_OK) != 0) {
    return fail(ErrorCode::NotFound, std::string(kMkfs) + " is missing (install the package e2fsprogs)");
  }
  // Opening it makes the kernel load the module, if there is one.
  os::Descriptor control(::open(kLoopControl, O_RDWR | O_CLOEXEC));
  if (!control.valid()) {
    return fail(os::errno_error("open", kLoopControl).with_context("there are no loop devices"));
  }
  return {};
}

}  // namespace virga::sandbox::spawn
