#pragma once

#include <string>
#include <vector>

namespace virga::sandbox {

// One thing the sandbox needs or would gain from, as this machine has it. For `virga doctor`.
struct Check {
  enum class State {
    Ok,
    Limited,  // Virga works, with less: `detail` says what is lost
    Missing,  // no sandbox can be made
  };
  std::string name;
  State state = State::Ok;
  std::string detail;  // what was found, measured costs included
  std::string fix;     // what to do; "" if nothing
};

// Looks at the kernel and starts empty sandboxes to measure them. Blocks for up to some seconds.
std::vector<Check> examine();

}  // namespace virga::sandbox
