#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "virga/base/random.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/io/task_group.h"
#include "virga/names/address.h"
#include "virga/names/upstream.h"
#include "virga/os/descriptor.h"

namespace virga::names {

// Resolves names for functions with a way out: each has sockets of its own inside its network, on which only it can ask
// (127.0.0.53, port 53). Questions go to the host's name servers; an answer with an address that a function may not
// reach goes no further, and the function is told that the name has no address. One loop; outlives what it serves.
class Resolver {
 public:
  struct Options {
    Upstream::Options upstream;
    AddressPolicy policy;
    std::size_t most_of_one = 32;  // questions of one sandbox under way; those beyond are refused
    std::size_t most = 1024;       // and of all together
  };
  struct Counters {
    std::uint64_t questions = 0;
    std::uint64_t withheld = 0;   // answers with an address that is closed
    std::uint64_t failed = 0;     // no name server answered
    std::uint64_t refused = 0;    // too many at once
    std::uint64_t malformed = 0;  // bytes that are no question
  };

  Resolver(io::Loop& loop, Random& random, Options options);
  ~Resolver();

  // Serves a sandbox until end(id). `datagrams` is a bound UDP socket, `listener` a listening TCP one; both
  // non-blocking.
  Result<> serve(std::uint64_t id, os::Descriptor datagrams, os::Descriptor listener);
  void end(std::uint64_t id);  // nothing if it is not served
  // Ends all, and returns when no question is under way.
  io::Task<void> stop();

  const Counters& counters() const { return counters_; }

 private:
  class Client;

  io::Task<std::string> answer(Query query);
  io::Task<void> bury(std::shared_ptr<Client> client);
  void refresh_host_addresses();

  io::Loop& loop_;
  Options options_;
  Upstream upstream_;
  Counters counters_;
  std::size_t under_way_ = 0;
  SteadyTime next_look_{};
  SteadyTime next_report_{};
  std::unordered_map<std::uint64_t, std::shared_ptr<Client>> clients_;  // shared with the task that waits for its end
  io::TaskGroup tasks_;
};

}  // namespace virga::names
