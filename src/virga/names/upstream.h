#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "virga/base/random.h"
#include "virga/base/result.h"
#include "virga/io/loop.h"
#include "virga/io/readiness.h"
#include "virga/io/task.h"
#include "virga/names/message.h"

namespace virga::names {

struct Server {
  std::string address;  // an IPv4 or IPv6 literal
  std::uint16_t port = 53;
  bool operator==(const Server&) const = default;
};

// The name servers in a resolv.conf(5), at most three; 127.0.0.1 when it names none.
std::vector<Server> parse_resolv_conf(std::string_view text);

// Asks the host's name servers, one after the other. Each question has an id from `random` and a socket, and so a port,
// of its own, so that an answer from elsewhere would have to guess both. One loop.
class Upstream {
 public:
  struct Options {
    std::vector<Server> servers;  // empty: from `resolv_conf`, read again when it changed
    std::string resolv_conf = "/etc/resolv.conf";
    std::chrono::milliseconds try_time{1500};    // for one server
    std::chrono::milliseconds whole_time{4500};  // for all; a C library waits 5 seconds
  };
  struct Reply {
    std::string bytes;  // as the server sent it
    Answer answer;
  };

  Upstream(io::Loop& loop, Random& random, Options options);
  // The first answer that says yes or no. DeadlineExceeded or Unavailable: no server gave one.
  io::Task<Result<Reply>> ask(Query query);
  // Ends the waits of questions under way, and asks nothing more.
  void close();

 private:
  void refresh();
  io::Task<Result<Reply>> ask_by_datagram(Server server, Query query, io::Deadline deadline);
  io::Task<Result<Reply>> ask_by_stream(Server server, Query query, io::Deadline deadline);

  io::Loop& loop_;
  Random& random_;
  Options options_;
  std::vector<Server> servers_;
  SteadyTime next_look_{};
  std::unordered_set<io::Readiness*> waiting_;  // the sockets of questions under way
  bool is_closed_ = false;
  bool is_stale_ = false;  // the list could not be read again
};

}  // namespace virga::names
