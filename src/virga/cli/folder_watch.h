#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "virga/base/result.h"
#include "virga/io/loop.h"
#include "virga/io/readiness.h"
#include "virga/io/task.h"

namespace virga::cli {

// Tells which folders something changed in (inotify(7)). One loop; whoever waits in changes() must have ended, or
// close() been called, before it is destroyed.
class FolderWatch {
 public:
  enum class Depth { Folder, Tree };
  // Told the path of each subfolder: true leaves it and what lies below it out.
  using Skip = std::function<bool(std::string_view)>;

  static Result<std::unique_ptr<FolderWatch>> create(io::Loop& loop, Skip skip);

  // Watches a folder from here on, with those that are below it or appear there if it is a Tree. Again is no error.
  // ResourceExhausted: the kernel's limit of watches is reached (fs.inotify.max_user_watches).
  Result<> add(const std::string& folder, Depth depth);

  // Waits for a change and then until nothing has changed for `quiet`. The folders in which something was made,
  // written, renamed or removed, by the names given to add(); every watched one if the kernel lost count. Cancelled:
  // closed.
  io::Task<Result<std::set<std::string>>> changes(std::chrono::milliseconds quiet);
  void close() { readiness_->close(); }

 private:
  struct Folder {
    std::string path;
    Depth depth = Depth::Folder;
  };

  FolderWatch(std::unique_ptr<io::Readiness> readiness, Skip skip)
      : readiness_(std::move(readiness)), skip_(std::move(skip)) {}
  // Reads what the kernel has to tell into `changed`.
  Result<> read(std::set<std::string>& changed);
  Result<> add_below(const std::string& folder);

  std::unique_ptr<io::Readiness> readiness_;
  Skip skip_;
  std::map<int, Folder> folders_;  // by the kernel's number
};

}  // namespace virga::cli
