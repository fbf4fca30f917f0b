#include "virga/cli/folder_watch.h"

#include <fmt/format.h>
#include <sys/inotify.h>

#include <cerrno>
#include <filesystem>

#include "virga/base/problems.h"
#include "virga/os/errno.h"

namespace virga::cli {

namespace {

namespace fs = std::filesystem;

// IN_ATTRIB: a bootstrap becomes executable. IN_MODIFY keeps a long write from looking quiet.
constexpr std::uint32_t kWanted =
    IN_CREATE | IN_DELETE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR;

}  // namespace

Result<std::unique_ptr<FolderWatch>> FolderWatch::create(io::Loop& loop, Skip skip) {
  os::Descriptor descriptor(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!descriptor.valid()) return os::fail_errno("inotify_init1");
  VIRGA_TRY_ASSIGN(auto readiness, io::Readiness::create(loop, std::move(descriptor)));
  return std::unique_ptr<FolderWatch>(new FolderWatch(std::move(readiness), std::move(skip)));
}

Result<> FolderWatch::add(const std::string& folder, Depth depth) {
  int number = ::inotify_add_watch(readiness_->descriptor().get(), folder.c_str(), kWanted);
  if (number < 0 && errno == ENOSPC) {
    return fail(problem::kTooManyWatches,
                fmt::format("changes in {} cannot be watched: the limit of watched folders is reached; raise it with "
                            "sysctl fs.inotify.max_user_watches=524288",
                            folder));
  }
  if (number < 0) return os::fail_errno("watch", folder);
  auto [place, fresh] = folders_.try_emplace(number, Folder{folder, depth});
  if (depth == Depth::Folder) return {};
  place->second.depth = Depth::Tree;
  return add_below(folder);
}

Result<> FolderWatch::add_below(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (!entry.is_directory(error) || entry.is_symlink(error)) continue;
    if (skip_(entry.path().native())) continue;
    auto added = add(entry.path().native(), Depth::Tree);
    // Gone again since it was listed.
    if (!added && added.error().code() != ErrorCode::NotFound) return added;
  }
  return {};
}

Result<> FolderWatch::read(std::set<std::string>& changed) {
  alignas(inotify_event) char buffer[16384];
  while (true) {
    ssize_t size = ::read(readiness_->descriptor().get(), buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return {};
    if (size < 0) return os::fail_errno("read inotify");
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      if ((event->mask & IN_Q_OVERFLOW) != 0) {
        for (const auto& [number, folder] : folders_) changed.insert(folder.path);
        continue;
      }
      auto found = folders_.find(event->wd);
      if (found == folders_.end()) continue;
      if ((event->mask & IN_IGNORED) != 0) {
        folders_.erase(found);
        continue;
      }
      std::string_view name = event->len > 0 ? event->name : "";
      bool is_folder = (event->mask & IN_ISDIR) != 0;
      const Folder folder = found->second;  // not a reference: add() changes the map
      std::string path = folder.path + "/" + std::string(name);
      if (is_folder && skip_(path)) continue;
      changed.insert(folder.path);
      bool appeared = (event->mask & (IN_CREATE | IN_MOVED_TO)) != 0;
      if (!is_folder || !appeared || folder.depth == Depth::Folder) continue;
      auto added = add(path, Depth::Tree);
      if (!added && added.error().code() != ErrorCode::NotFound) return added;
    }
  }
}

io::Task<Result<std::set<std::string>>> FolderWatch::changes(std::chrono::milliseconds quiet) {
  std::set<std::string> changed;
  while (true) {
    if (!readiness_->descriptor().valid()) co_return fail(ErrorCode::Cancelled, "the folders are no longer watched");
    VIRGA_CO_TRY(read(changed));
    readiness_->drained();
    auto deadline = changed.empty() ? io::Deadline::never() : io::Deadline::in(readiness_->loop(), quiet);
    auto ready = co_await readiness_->readable(deadline);
    if (ready) continue;
    if (ready.error().code() == ErrorCode::DeadlineExceeded) co_return std::move(changed);
    co_return fail(std::move(ready).error());
  }
}

}  // namespace virga::cli
