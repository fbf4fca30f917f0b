#pragma once

#include <string>
#include <string_view>

#include "virga/base/result.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/runtime/sandboxes.h"

namespace virga::deploy {

// Unpacks archives in sandboxes of their own: an archive is the first thing of a stranger's that anything reads at
// length. One loop.
class Unpacker {
 public:
  // Puts the program that unpacks into the folder, where sandboxes find it. Blocks.
  static Result<Unpacker> create(io::Loop& loop, runtime::Sandboxes& sandboxes, const std::string& folder);

  // Unpacks into `output`, an empty folder. InvalidArgument with what the archive breaks; Unavailable when no sandbox
  // could be made; DeadlineExceeded after kTimeLimit.
  io::Task<Result<>> unpack(std::string archive, std::string output);

 private:
  Unpacker(io::Loop& loop, runtime::Sandboxes& sandboxes, std::string folder)
      : loop_(loop), sandboxes_(sandboxes), folder_(std::move(folder)) {}

  io::Loop& loop_;
  runtime::Sandboxes& sandboxes_;
  std::string folder_;
};

}  // namespace virga::deploy
