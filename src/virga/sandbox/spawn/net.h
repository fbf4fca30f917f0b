#pragma once

#include "virga/base/result.h"
#include "virga/os/descriptor.h"

namespace virga::sandbox::spawn {

// Called by the sandbox's first process, in its own network namespace.
enum class Link { Up, Down };
Result<> set_loopback(Link state);
// Listening on 127.0.0.1:9001, non-blocking.
Result<os::Descriptor> listen_for_runtime_api();

}  // namespace virga::sandbox::spawn
