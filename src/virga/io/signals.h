#pragma once

#include <initializer_list>
#include <memory>

#include "virga/io/readiness.h"
#include "virga/io/task.h"

namespace virga::io {

// Signals as values. Blocks them for the calling thread and the threads it starts later: create it before there are
// any.
class Signals {
 public:
  static Result<Signals> create(Loop& loop, std::initializer_list<int> signals);
  Task<Result<int>> next();  // the number of the signal that came
  void close() { readiness_->close(); }

 private:
  explicit Signals(std::unique_ptr<Readiness> readiness) : readiness_(std::move(readiness)) {}
  std::unique_ptr<Readiness> readiness_;
};

}  // namespace virga::io
