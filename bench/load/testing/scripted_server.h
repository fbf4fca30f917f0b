#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "virga/base/result.h"
#include "virga/os/descriptor.h"

namespace virga::load {

// A server on a free loopback port that does what a test says with each request. Its own thread; ended by the
// destructor.
class ScriptedServer {
 public:
  enum class Then { KeepOpen, Close };
  struct Reply {
    std::string bytes;  // empty: no answer
    Then then = Then::KeepOpen;
  };
  // Called with the number of the request (from 0) and its bytes. It may block: then all connections wait, as when a
  // server stalls.
  using Script = std::function<Reply(std::uint64_t number, const std::string& request)>;

  static Reply ok();

  static Result<std::unique_ptr<ScriptedServer>> start(Script script);
  ~ScriptedServer();

  std::uint16_t port() const { return port_; }
  std::string url(const std::string& path = "/") const;

 private:
  ScriptedServer(os::Descriptor listener, std::uint16_t port, Script script);
  void serve();

  os::Descriptor listener_;
  std::uint16_t port_;
  Script script_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace virga::load
