#include "virga/server/service_user.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "virga/os/descriptor.h"
#include "virga/os/errno.h"
#include "virga/os/file.h"
#include "virga/server/data_folder.h"
#include "virga/telemetry/log.h"

namespace virga::server {
namespace {

namespace fs = std::filesystem;

std::optional<ServiceUser> find_user(const std::string& name) {
  std::vector<char> buffer(16384);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
  return ServiceUser{found->pw_uid, found->pw_gid, found->pw_name};
}

ServiceUser user_of(uid_t user, gid_t group) {
  std::vector<char> buffer(16384);
  passwd entry{};
  passwd* found = nullptr;
  bool known = ::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr;
  return {user, group, known ? std::string(found->pw_name) : std::to_string(user)};
}

// The folder itself or the nearest one above it that exists.
std::string nearest(const std::string& path) {
  std::error_code error;
  auto place = fs::absolute(path, error).lexically_normal();
  while (place.has_relative_path() && !fs::exists(place, error)) place = place.parent_path();
  return place.string();
}

// Asks the kernel, as that user: file accesses are judged by the file system ids, which come and go without a trace.
bool may_reach(const ServiceUser& user, const std::string& data_directory) {
  // Of a folder that is there the way to it counts: it is handed over. Else the one that it will be made in is on the
  // way.
  std::error_code error;
  auto place = nearest(data_directory);
  if (!fs::exists(data_directory, error)) place += "/.";
  int group = ::setfsgid(user.group);
  int before = ::setfsuid(user.user);
  bool entered = ::faccessat(AT_FDCWD, place.c_str(), F_OK, AT_EACCESS) == 0;
  ::setfsuid(static_cast<uid_t>(before));
  ::setfsgid(static_cast<gid_t>(group));
  return entered;
}

struct Owner {
  uid_t from;
  ServiceUser to;
  dev_t device;
  std::uint64_t count = 0;
};

// Children first, so that whoever gets a folder cannot change what is still to be walked. What is changed is what was
// looked at: both go by the same descriptor. A file with a second name is left alone, for that may be anywhere.
Result<> give(int parent, const char* name, const std::string& path, Owner& owner) {
  os::Descriptor entry(::openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!entry.valid()) return os::fail_errno("open", path);
  struct stat status{};
  if (::fstat(entry.get(), &status) != 0) return os::fail_errno("look at", path);
  if (status.st_dev != owner.device) return {};
  if (S_ISDIR(status.st_mode)) {
    int listed = ::openat(entry.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (listed < 0) return os::fail_errno("open", path);
    std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(listed), &::closedir);
    while (dirent* child = entries ? ::readdir(entries.get()) : nullptr) {
      std::string_view text(child->d_name);
      if (text == "." || text == "..") continue;
      VIRGA_TRY(give(entry.get(), child->d_name, path + "/" + child->d_name, owner));
    }
  } else if (status.st_nlink > 1) {
    return {};
  }
  if (status.st_uid != owner.from) return {};
  if (::fchownat(entry.get(), "", owner.to.user, owner.to.group, AT_EMPTY_PATH) != 0) {
    return os::fail_errno("chown", path);
  }
  ++owner.count;
  return {};
}

}  // namespace

Result<ServiceUser> choose_user(const std::string& asked, const std::string& usual, const std::string& data_directory) {
  if (::geteuid() != 0) {
    auto self = user_of(::geteuid(), ::getegid());
    if (asked.empty() || asked == self.name) return self;
    return fail(ErrorCode::InvalidArgument, "--user " + asked + ": only root can become another user, and this is " +
                                                self.name + ". Leave --user out, or start Virga as root");
  }
  auto place = nearest(data_directory);
  if (!asked.empty()) {
    auto user = find_user(asked);
    if (!user) return fail(ErrorCode::InvalidArgument, "--user " + asked + ": there is no such user on this machine");
    if (may_reach(*user, data_directory)) return *user;
    return fail(ErrorCode::InvalidArgument, "--user " + asked + ": this user cannot reach " + place +
                                                ". Choose a data folder elsewhere with --data DIR");
  }
  if (!usual.empty()) {
    if (auto user = find_user(usual)) {
      if (may_reach(*user, data_directory)) return *user;
      log::info("the data folder is out of reach for the usual user", {{"user", usual}, {"folder", place}});
    }
  }
  struct stat status{};
  if (::stat(place.c_str(), &status) != 0) return os::fail_errno("look at", place);
  return user_of(status.st_uid, status.st_uid == 0 ? ::getegid() : status.st_gid);
}

Result<std::string> make_data_directory(const std::string& data_directory, const ServiceUser& user) {
  std::error_code error;
  bool is_new = !fs::exists(data_directory, error);
  VIRGA_TRY(prepare_data_folder(data_directory));
  auto path = fs::canonical(data_directory, error).string();
  if (error) return fail(ErrorCode::Internal, data_directory + ": " + error.message());
  if (is_new && ::geteuid() == 0 && ::lchown(path.c_str(), user.user, user.group) != 0) {
    return os::fail_errno("chown", path);
  }
  // So that power loss does not take the folder with its name. Who may not read the one above goes on without it.
  if (is_new) (void)os::sync_directory(fs::path(path).parent_path().string());
  return path;
}

Result<> hand_over(const std::string& data_directory, const ServiceUser& user) {
  if (::geteuid() != 0) return {};
  struct stat status{};
  if (::lstat(data_directory.c_str(), &status) != 0) return os::fail_errno("look at", data_directory);
  if (status.st_uid != user.user && status.st_uid != 0) {
    auto owner = user_of(status.st_uid, status.st_gid);
    return fail(ErrorCode::Conflict, "the data folder " + data_directory + " belongs to " + owner.name + ", not to " +
                                         user.name + ": start Virga with --user " + owner.name +
                                         ", or give the folder with chown -R " + user.name);
  }
  // The lock is the first file that a daemon makes in a folder: whose it is tells who served there last.
  struct stat lock{};
  bool is_served = ::lstat((data_directory + "/virga.lock").c_str(), &lock) == 0 && lock.st_uid == user.user;
  if (status.st_uid == user.user && is_served) return {};
  Owner owner{0, user, status.st_dev};
  VIRGA_TRY(give(AT_FDCWD, data_directory.c_str(), data_directory, owner));
  // The lock alone is nothing to speak of: this start has made it.
  if (owner.count > 1) {
    log::info("data folder handed over",
              {{"folder", data_directory}, {"from", "root"}, {"to", user.name}, {"entries", owner.count}});
  }
  return {};
}

Result<> become_owner(const std::string& data_directory) {
  struct stat status{};
  if (::geteuid() != 0 || ::stat(data_directory.c_str(), &status) != 0 || status.st_uid == 0) return {};
  if (::setgroups(0, nullptr) != 0) return os::fail_errno("setgroups");
  if (::setresgid(status.st_gid, status.st_gid, status.st_gid) != 0) return os::fail_errno("setresgid");
  if (::setresuid(status.st_uid, status.st_uid, status.st_uid) != 0) return os::fail_errno("setresuid");
  return {};
}

}  // namespace virga::server
