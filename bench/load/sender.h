#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <vector>

#include "bench/load/generator.h"
#include "bench/load/response_reader.h"
#include "virga/os/descriptor.h"

namespace virga::load {

// One thread of a run: its share of the connections and of the plan. Made and connected on any thread, then run on one.
// The work outlives it.
//
// It never waits for an answer before it goes on: a request whose moment has come takes a free connection, or waits in
// a queue for one, and its time counts from that moment.
class Sender {
 public:
  Sender(const Work& work, unsigned share, unsigned shares);

  // Opens all connections and waits until they stand.
  Result<> connect();
  void run(std::chrono::steady_clock::time_point start);
  const Results& results() const { return results_; }

 private:
  using Time = std::chrono::steady_clock::time_point;

  struct Due {
    std::chrono::nanoseconds intended{0};  // since the start
    std::size_t request = 0;               // index into the requests
  };

  struct Connection {
    enum class State { Closed, Connecting, Idle, Busy };
    os::Descriptor socket;
    State state = State::Closed;
    std::uint32_t generation = 0;  // events of an earlier socket are told by it
    Due due;
    std::size_t sent = 0;
    ResponseReader reader;
  };

  enum class Failure { Broken, TimedOut, Malformed, Unsent };

  Result<> open(std::size_t index);
  void reopen(std::size_t index);
  void watch(Connection& connection, std::size_t index, std::uint32_t events, int operation);
  void release_due();
  void give(std::size_t index, const Due& due);
  void send_rest(std::size_t index);
  void become_free(std::size_t index);
  void wait();
  void handle_event(std::size_t index, std::uint32_t events);
  void read(std::size_t index);
  void complete(std::size_t index);
  void fail_request(const Due& due, Failure failure);
  void end_connection(std::size_t index, Failure failure);
  void sweep();
  bool is_measured(const Due& due) const { return due.intended >= work_.plan.ramp; }
  std::chrono::nanoseconds since_start() const { return std::chrono::steady_clock::now() - start_; }

  const Work& work_;
  Schedule schedule_;
  std::chrono::nanoseconds tick_;  // 0 while single requests are worth a wake-up each
  std::size_t next_request_;
  std::size_t request_step_;

  os::Descriptor epoll_;
  std::vector<Connection> connections_;
  std::deque<std::size_t> idle_;  // taken in turn, so that all of them are used
  std::deque<Due> queue_;
  std::size_t busy_ = 0;
  std::size_t connecting_ = 0;

  Time start_;
  std::chrono::nanoseconds last_wake_{0};
  std::chrono::nanoseconds next_sweep_{0};
  std::vector<char> buffer_;
  Results results_;
};

}  // namespace virga::load
