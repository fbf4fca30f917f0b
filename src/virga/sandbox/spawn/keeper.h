#pragma once

#include <sys/types.h>

#include <functional>

#include "virga/base/result.h"
#include "virga/os/descriptor.h"

namespace virga::sandbox::spawn {

// The process above the helper. The daemon gives its privilege up and could never start a helper again; this process
// keeps it for that one purpose. It does nothing but wait for one fixed word on its socket, fork, and hand out the
// daemon's end of the new helper's socket. At most one helper lives at a time. One thread.
class Keeper {
 public:
  // What the helper is: called in the new process with its socket to the daemon, and never returns to the keeper.
  using Work = std::function<int(os::Descriptor daemon)>;

  // `control` is the socket to the daemon.
  Keeper(os::Descriptor control, Work work) : control_(std::move(control)), work_(std::move(work)) {}
  // Until the daemon closes its end; then waits for the helper's end.
  void run();

 private:
  Result<> start();
  void end();

  os::Descriptor control_;
  Work work_;
  pid_t helper_ = -1;
  os::Descriptor process_;  // its pidfd
};

}  // namespace virga::sandbox::spawn
