#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "virga/os/errno.h"
#include "virga/os/file.h"
#include "virga/sandbox/spawn/mount.h"
#include "virga/sandbox/spawn/net.h"

namespace virga::sandbox::spawn {
namespace {

// What a sandbox sees of the host's /etc: certificates and links that programs in /usr follow. Nothing about users.
constexpr std::array kEtcFolders = {"ssl",
                                    "pki",
                                    "ca-certificates",
                                    "crypto-policies",
                                    "alternatives",
                                    "java-11-openjdk",
                                    "java-17-openjdk",
                                    "java-21-openjdk"};

constexpr std::array kDevices = {"null", "zero", "full", "random", "urandom"};

// Entries of /proc that stay. The first five are files of our own.
constexpr std::array kShown = {"cpuinfo", "meminfo", "stat", "uptime", "loadavg", "version", "filesystems", "sys"};

// The files of /proc/sys that runtimes read. They are copies, so what the host changes later does not show.
constexpr std::array kSysFiles = {"kernel/cap_last_cap", "kernel/osrelease",   "kernel/pid_max",
                                  "kernel/threads-max",  "kernel/ngroups_max", "vm/overcommit_memory",
                                  "vm/max_map_count",    "vm/mmap_min_addr",   "net/core/somaxconn"};

constexpr std::string_view kPasswd =
    "root:x:0:0:root:/:/usr/sbin/nologin\nsandbox:x:1000:1000:sandbox:/tmp:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n";
constexpr std::string_view kGroup = "root:x:0:\nsandbox:x:1000:\nnogroup:x:65534:\n";
constexpr std::string_view kHosts =
    "127.0.0.1 localhost sandbox sandbox.localdomain\n::1 localhost ip6-localhost ip6-loopback\n";
constexpr std::string_view kNsswitch =
    "passwd: files\ngroup: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\n";

std::string read_or_empty(const std::string& path) {
  auto text = os::read_file(path);
  return text ? *text : std::string();
}

Result<os::Descriptor> clone_tree(const std::string& path, std::uint64_t attributes) {
  os::Descriptor tree(::open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
  if (!tree.valid()) return os::fail_errno("open_tree", path);
  mount_attr wanted{};
  wanted.attr_set = attributes;
  if (attributes != 0 && ::mount_setattr(tree.get(), "", AT_EMPTY_PATH, &wanted, sizeof(wanted)) != 0) {
    return os::fail_errno("mount_setattr", path);
  }
  return tree;
}

constexpr std::uint64_t kReadOnly = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

std::string meminfo_of(std::uint64_t memory_bytes) {
  std::string kib = std::to_string(memory_bytes / 1024);
  std::string text;
  for (const char* name : {"MemTotal:", "MemFree:", "MemAvailable:"}) text += std::string(name) + " " + kib + " kB\n";
  for (const char* name :
       {"Buffers:", "Cached:", "SwapCached:", "SwapTotal:", "SwapFree:", "Shmem:", "SReclaimable:"}) {
    text += std::string(name) + " 0 kB\n";
  }
  return text;
}

}  // namespace

Result<Workshop> Workshop::create(const std::string& place) {
  if (::mount("virga", place.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=16m") != 0) {
    return os::fail_errno("mount a tmpfs on", place);
  }
  Workshop workshop(place);
  VIRGA_TRY(workshop.make_root());
  VIRGA_TRY(workshop.make_etc());
  VIRGA_TRY(workshop.make_devices());
  VIRGA_TRY(workshop.make_proc());
  VIRGA_TRY(workshop.folder("own"));
  return workshop;
}

Result<> Workshop::put(const std::string& file, std::string_view content) const {
  std::string path = place_ + "/" + file;
  os::Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
  if (!fd.valid()) return os::fail_errno("create", path);
  ::fchmod(fd.get(), 0444);
  while (!content.empty()) {
    ssize_t size = ::write(fd.get(), content.data(), content.size());
    if (size <= 0) return os::fail_errno("write", path);
    content.remove_prefix(static_cast<std::size_t>(size));
  }
  return {};
}

Result<> Workshop::folder(const std::string& path) const {
  std::string full = place_ + "/" + path;
  if (::mkdir(full.c_str(), 0755) != 0 && errno != EEXIST) return os::fail_errno("mkdir", full);
  return {};
}

Result<> Workshop::bind(const std::string& source, const std::string& target, std::uint64_t attributes) const {
  std::string full = place_ + "/" + target;
  os::Descriptor tree(::open_tree(AT_FDCWD, source.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
  if (!tree.valid()) return os::fail_errno("open_tree", source);
  mount_attr wanted{};
  wanted.attr_set = attributes;
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &wanted, sizeof(wanted)) != 0) {
    return os::fail_errno("mount_setattr", source);
  }
  if (::move_mount(tree.get(), "", AT_FDCWD, full.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    return os::fail_errno("move_mount", full);
  }
  return {};
}

Result<> Workshop::make_root() {
  for (const char* path :
       {"root", "root/usr", "root/etc", "root/var", "root/var/task", "root/var/runtime", "root/var/output",
        "root/var/empty", "root/opt", "root/tmp", "root/dev", "root/dev/shm", "root/proc"}) {
    VIRGA_TRY(folder(path));
  }
  VIRGA_TRY(bind("/usr", "root/usr", kReadOnly));
  // "bin -> usr/bin" and its kin as the host has them; a host that still has real folders there shows those.
  for (const char* name : {"bin", "sbin", "lib", "lib32", "lib64", "libx32"}) {
    std::string host = std::string("/") + name;
    std::string ours = std::string("root/") + name;
    struct stat status{};
    if (::lstat(host.c_str(), &status) != 0) continue;
    if (S_ISLNK(status.st_mode)) {
      char target[256];
      ssize_t size = ::readlink(host.c_str(), target, sizeof(target) - 1);
      if (size <= 0) return os::fail_errno("readlink", host);
      target[size] = '\0';
      if (::symlink(target, (place_ + "/" + ours).c_str()) != 0) return os::fail_errno("symlink", ours);
    } else if (S_ISDIR(status.st_mode)) {
      VIRGA_TRY(folder(ours));
      VIRGA_TRY(bind(host, ours, kReadOnly));
    }
  }
  return {};
}

Result<> Workshop::make_etc() {
  VIRGA_TRY(put("root/etc/passwd", kPasswd));
  VIRGA_TRY(put("root/etc/group", kGroup));
  VIRGA_TRY(put("root/etc/hosts", kHosts));
  VIRGA_TRY(put("root/etc/nsswitch.conf", kNsswitch));
  VIRGA_TRY(put("root/etc/resolv.conf", ""));
  VIRGA_TRY(put("resolv.conf", kResolvConf));
  VIRGA_TRY(put("root/etc/hostname", "sandbox\n"));
  VIRGA_TRY(put("root/etc/ld.so.cache", read_or_empty("/etc/ld.so.cache")));
  for (const char* name : kEtcFolders) {
    std::string host = std::string("/etc/") + name;
    struct stat status{};
    if (::lstat(host.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) continue;
    VIRGA_TRY(folder("root/etc/" + std::string(name)));
    VIRGA_TRY(bind(host, "root/etc/" + std::string(name), kReadOnly | MOUNT_ATTR_NOEXEC));
  }
  return {};
}

Result<> Workshop::make_devices() {
  for (const char* name : kDevices) {
    VIRGA_TRY(put(std::string("root/dev/") + name, ""));
    VIRGA_TRY(
        bind(std::string("/dev/") + name, std::string("root/dev/") + name, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
  }
  struct Link {
    const char* target;
    const char* name;
  };
  for (auto [target, name] : {Link{"/proc/self/fd", "fd"}, Link{"/proc/self/fd/0", "stdin"},
                              Link{"/proc/self/fd/1", "stdout"}, Link{"/proc/self/fd/2", "stderr"}}) {
    if (::symlink(target, (place_ + "/root/dev/" + name).c_str()) != 0) return os::fail_errno("symlink", name);
  }
  return {};
}

Result<> Workshop::make_proc() {
  // Below the mount point of /proc: the sandbox takes clones of these before it mounts its /proc over them.
  VIRGA_TRY(folder("proc"));
  VIRGA_TRY(put("root" + std::string(kHidingFile), ""));
  VIRGA_TRY(put("root/proc/cpuinfo", read_or_empty("/proc/cpuinfo")));
  VIRGA_TRY(put("root/proc/uptime", "1.00 1.00\n"));
  VIRGA_TRY(put("root/proc/loadavg", "0.00 0.00 0.00 1/2 2\n"));
  std::string stat = "cpu 0 0 0 0 0 0 0 0 0 0\n";
  for (long cpu = 0; cpu < ::sysconf(_SC_NPROCESSORS_ONLN); ++cpu) {
    stat += "cpu" + std::to_string(cpu) + " 0 0 0 0 0 0 0 0 0 0\n";
  }
  stat +=
      "intr 0\nctxt 0\nbtime " + std::to_string(::time(nullptr)) + "\nprocesses 2\nprocs_running 1\nprocs_blocked 0\n";
  VIRGA_TRY(put("root/proc/stat", stat));

  for (const char* path : {"root/proc/sys", "root/proc/sys/kernel", "root/proc/sys/kernel/random", "root/proc/sys/vm",
                           "root/proc/sys/net", "root/proc/sys/net/core"}) {
    VIRGA_TRY(folder(path));
  }
  for (const char* name : kSysFiles) {
    VIRGA_TRY(put(std::string("root/proc/sys/") + name, read_or_empty(std::string("/proc/sys/") + name)));
  }
  VIRGA_TRY(put("root/proc/sys/kernel/hostname", "sandbox\n"));
  // The host's boot id would tell sandboxes of one machine that they are.
  VIRGA_TRY(put("root/proc/sys/kernel/random/boot_id", read_or_empty("/proc/sys/kernel/random/uuid")));
  VIRGA_TRY(put("root/proc/sys/kernel/random/uuid", ""));  // the sandbox mounts the real one here

  DIR* proc = ::opendir("/proc");
  if (proc == nullptr) return os::fail_errno("open", "/proc");
  while (dirent* entry = ::readdir(proc)) {
    std::string_view name(entry->d_name);
    if (name == "." || name == ".." || (name.front() >= '0' && name.front() <= '9')) continue;
    if (std::find(kShown.begin(), kShown.end(), name) != kShown.end()) continue;
    if (entry->d_type == DT_DIR) hidden_folders_.push_back("/proc/" + std::string(name));
    if (entry->d_type == DT_REG) hidden_files_.push_back("/proc/" + std::string(name));
  }
  ::closedir(proc);
  return {};
}

Result<os::Descriptor> Workshop::clone_root() const {
  return clone_tree(place_ + "/root", kReadOnly);
}

Result<os::Descriptor> Workshop::clone_resolver() const {
  return clone_tree(place_ + "/resolv.conf", kReadOnly | MOUNT_ATTR_NOEXEC);
}

Result<std::string> Workshop::make_folder(std::uint64_t serial) const {
  std::string path = place_ + "/own/" + std::to_string(serial);
  if (::mkdir(path.c_str(), 0755) != 0) return os::fail_errno("mkdir", path);
  return path;
}

Result<os::Descriptor> Workshop::clone_made_folder(const std::string& folder) const {
  return clone_tree(folder, kReadOnly);
}

Result<os::Descriptor> Workshop::clone_meminfo(std::uint64_t memory_bytes) {
  auto [known, added] = meminfo_.try_emplace(memory_bytes >> 20, "proc/meminfo." + std::to_string(memory_bytes >> 20));
  if (added) {
    if (auto written = put(known->second, meminfo_of(memory_bytes)); !written) {
      meminfo_.erase(known);
      return std::unexpected(written.error());
    }
  }
  return clone_tree(place_ + "/" + known->second, kReadOnly | MOUNT_ATTR_NOEXEC);
}

}  // namespace virga::sandbox::spawn
