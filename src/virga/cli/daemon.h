#pragma once

#include <memory>

#include "virga/base/result.h"
#include "virga/io/loop.h"
#include "virga/io/signals.h"
#include "virga/io/task.h"
#include "virga/server/server.h"

namespace virga::cli {

// Builds and starts the server. A start that fails is never Unavailable: that is for who looks for a server.
Result<std::unique_ptr<server::Server>> start(io::Loop& loop, server::Options options);

// Stops the server and returns when nothing of it is left. A signal that comes meanwhile ends the process at once, with
// 128 + its number; the sandboxes then end with it.
io::Task<void> stop(io::Loop& loop, io::Signals& signals, server::Server& server);

}  // namespace virga::cli
