#pragma once

#include "virga/os/descriptor.h"
#include "virga/sandbox/spawn/blank.h"

namespace virga::sandbox::spawn {

// The life of a sandbox's process 1, from the fork off the helper to the exec of virga-init: makes the blank, waits for
// an order, carries it out by starting the program as process 2.
[[noreturn]] void run_first_process(const Ground& ground, const Cgroup* cgroup, os::Descriptor socket,
                                    os::Descriptor tree);

}  // namespace virga::sandbox::spawn
