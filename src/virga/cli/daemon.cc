#include "virga/cli/daemon.h"

#include <unistd.h>

#include "virga/io/task_group.h"

namespace virga::cli {

namespace {

io::Task<void> end_at_second_signal(io::Signals& signals) {
  auto signal = co_await signals.next();
  if (signal) ::_exit(128 + *signal);
}

}  // namespace

Result<std::unique_ptr<server::Server>> start(io::Loop& loop, server::Options options) {
  auto server = server::Server::create(loop, std::move(options));
  if (server || server.error().code() != ErrorCode::Unavailable) return server;
  return fail(ErrorCode::Conflict, server.error().message());
}

io::Task<void> stop(io::Loop& loop, io::Signals& signals, server::Server& server) {
  io::TaskGroup group(loop);
  group.add(end_at_second_signal(signals));
  co_await server.stop();
  signals.close();
  (void)co_await group.join();
}

}  // namespace virga::cli
