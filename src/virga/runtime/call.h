#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "virga/base/error.h"
#include "virga/io/event.h"
#include "virga/io/loop.h"
#include "virga/model/invocation.h"

namespace virga::runtime {

// An invocation on its way: lent to an instance, given back with its outcome. Owned by the coroutine that waits for
// `done` and stays where it is until then. One loop.
struct Call {
  Call(io::Loop& loop, model::Invocation what, std::chrono::milliseconds limit)
      : invocation(std::move(what)), timeout(limit), arrived(loop.clock().steady()), done(loop) {}

  model::Invocation invocation;
  std::chrono::milliseconds timeout;
  SteadyTime arrived;
  bool is_fresh = false;  // it has arrived this very moment
  SteadyTime started;     // when an instance began to run it
  std::string log;        // what the code wrote: whole lines
  model::Outcome outcome;
  std::optional<Error> refusal;  // it was not run, and why; instead of `outcome`
  io::Event done;                // set when `outcome` or `refusal` is complete
};

}  // namespace virga::runtime
