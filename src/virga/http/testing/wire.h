#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "virga/http/server.h"
#include "virga/io/task_group.h"

namespace virga::http::testing {

enum class HalfClose { No, Yes };

// What came back for raw bytes over one connection.
struct Answer {
  std::string bytes;
  bool closed = false;  // by the server, before the time was over
  int status() const;   // of the first response; 0 when there is none
  std::size_t responses() const;
};

// Lets the loop take the kernel's events once.
struct NextRound {
  io::Loop& loop;
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) { loop.resume_soon(handle); }
  void await_resume() {}
};

// Writes the pieces one by one, each in a round of the loop of its own or with `pause` in between, half-closes if
// asked, and reads until the end.
inline io::Task<void> exchange(io::Loop& loop, std::uint16_t port, std::vector<std::string> pieces,
                               HalfClose half_close, std::chrono::milliseconds pause, Answer& answer) {
  auto deadline = io::Deadline::in(loop, std::chrono::seconds(8));
  auto connected = co_await io::connect(loop, "127.0.0.1", port, deadline);
  if (!connected) co_return;
  auto& stream = *connected;
  bool first = true;
  for (const auto& piece : pieces) {
    if (!first && pause.count() > 0) co_await io::sleep_until(loop, io::Deadline::in(loop, pause));
    if (!first && pause.count() == 0) {
      NextRound next{loop};
      co_await next;
    }
    first = false;
    if (!co_await stream.write(piece, deadline)) break;
  }
  if (half_close == HalfClose::Yes) stream.shutdown_write();
  std::string buffer(65536, '\0');
  while (true) {
    auto count = co_await stream.read_some(buffer, deadline);
    if (!count) co_return;
    if (*count == 0) break;
    answer.bytes.append(buffer, 0, *count);
  }
  answer.closed = true;
}

inline int Answer::status() const {
  return bytes.starts_with("HTTP/1.1 ") && bytes.size() > 12 ? std::stoi(bytes.substr(9, 3)) : 0;
}

inline std::size_t Answer::responses() const {
  std::size_t count = 0;
  for (auto at = bytes.find("HTTP/1.1 "); at != std::string::npos; at = bytes.find("HTTP/1.1 ", at + 1)) {
    if (at + 9 < bytes.size() && bytes[at + 9] >= '1' && bytes[at + 9] <= '5') ++count;
  }
  return count;
}

// A server on a free port of 127.0.0.1 with its own loop, run only while `run` or `talk` runs.
class LoopbackServer {
 public:
  explicit LoopbackServer(Handler& handler, Limits limits = {}) : server_(*loop_, handler, std::move(limits)) {
    auto listener = io::Listener::listen(*loop_, "127.0.0.1", 0).value();
    port_ = listener.port();
    server_.serve(std::move(listener));
  }
  ~LoopbackServer() { run(server_.stop(std::chrono::milliseconds(0))); }
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  io::Loop& loop() { return *loop_; }
  Server& server() { return server_; }
  std::uint16_t port() const { return port_; }
  void run(io::Task<void> task) { io::run_until_done(*loop_, std::move(task)); }
  Answer talk(std::vector<std::string> pieces, HalfClose half_close = HalfClose::No,
              std::chrono::milliseconds pause = std::chrono::milliseconds(0)) {
    Answer answer;
    run(exchange(*loop_, port_, std::move(pieces), half_close, pause, answer));
    return answer;
  }

 private:
  std::unique_ptr<io::Loop> loop_ = io::Loop::create().value();
  Server server_;
  std::uint16_t port_ = 0;
};

}  // namespace virga::http::testing
