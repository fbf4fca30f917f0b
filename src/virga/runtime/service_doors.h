#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "virga/base/result.h"
#include "virga/http/server.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/io/task_group.h"
#include "virga/os/descriptor.h"

namespace virga::runtime {

// Where functions reach Virga's services: each sandbox has a listener on its own loopback, and behind it an HTTP server
// of its own, whose limits the functions of others do not feel. What may be asked there is the handler's to say. One
// loop; outlives what it serves.
class ServiceDoors {
 public:
  // `handler` outlives it.
  ServiceDoors(io::Loop& loop, http::Handler& handler, http::Limits limits);
  ~ServiceDoors();

  // What one sandbox may have: connections beyond wait until one ends.
  static http::Limits limits_of_one();

  // Serves a sandbox until close(id). `listener` listens and is non-blocking. Nothing once it has stopped: a sandbox
  // that begins so late has nobody's code.
  Result<> open(std::uint64_t id, os::Descriptor listener);
  void close(std::uint64_t id);  // cuts its connections; nothing if it is not served
  // Closes all, and returns when no request is under way.
  io::Task<void> stop();

  std::uint64_t requests() const;  // of all, also those that are gone
  std::size_t count() const { return doors_.size(); }

 private:
  io::Task<void> bury(std::unique_ptr<http::Server> door);

  io::Loop& loop_;
  http::Handler& handler_;
  http::Limits limits_;
  std::unordered_map<std::uint64_t, std::unique_ptr<http::Server>> doors_;
  std::uint64_t buried_requests_ = 0;
  bool has_stopped_ = false;
  io::TaskGroup tasks_;
};

}  // namespace virga::runtime
