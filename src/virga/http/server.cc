#include "virga/http/server.h"

#include <sys/resource.h>

#include <list>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "virga/http/internal/connection.h"
#include "virga/io/task_group.h"

namespace virga::http {
namespace {

// How long to wait before accept is tried again after the kernel refused it, unless a connection ends before.
constexpr std::chrono::milliseconds kAcceptPause{100};

std::size_t default_connections() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return 800'000;
  return std::max<std::size_t>(static_cast<std::size_t>(limit.rlim_cur) / 5 * 4, 1);
}

bool is_loopback(std::string_view address) {
  return address.empty() || address == "::1" || address.starts_with("127.") || address.starts_with("::ffff:127.");
}

}  // namespace

struct Server::State {
  State(io::Loop& l, Handler& h, Limits given) : loop(l), handler(h), limits(given), date(l), place_free(l), tasks(l) {
    if (limits.connections == 0) limits.connections = default_connections();
  }

  io::Task<void> accept_from(io::Listener& listener);
  io::Task<void> serve_one(io::Stream stream, std::string address);
  bool take_place(const std::string& address);
  void give_place(const std::string& address);

  io::Loop& loop;
  Handler& handler;
  Limits limits;
  internal::DateLine date;
  Counters counters;
  io::Event place_free;  // a connection has ended
  io::TaskGroup tasks;
  std::list<io::Listener> listeners;
  std::unordered_set<internal::Connection*> connections;
  std::unordered_map<std::string, std::size_t> by_address;  // only those that are counted
  bool stopping = false;
};

bool Server::State::take_place(const std::string& address) {
  if (limits.loopback_exempt && is_loopback(address)) return true;
  auto& count = by_address[address];
  if (count >= limits.connections_per_address) return false;
  ++count;
  return true;
}

void Server::State::give_place(const std::string& address) {
  auto found = by_address.find(address);
  if (found != by_address.end() && --found->second == 0) by_address.erase(found);
}

io::Task<void> Server::State::accept_from(io::Listener& listener) {
  while (!stopping) {
    if (counters.open >= limits.connections) {
      ++counters.accept_pauses;
      place_free.reset();
      (void)co_await place_free.wait();
      continue;
    }
    auto stream = co_await listener.accept();
    if (stopping) break;
    if (!stream) {
      if (stream.error().code() == ErrorCode::Cancelled) break;
      // Out of descriptors, or a passing fault of the network: nothing that waiting does not mend.
      ++counters.accept_pauses;
      place_free.reset();
      (void)co_await place_free.wait(io::Deadline::in(loop, kAcceptPause));
      continue;
    }
    auto address = io::peer_address(*stream);
    ++counters.accepted;
    if (!take_place(address)) {
      ++counters.refused_by_address;
      continue;
    }
    ++counters.open;
    tasks.add(serve_one(std::move(*stream), std::move(address)));
  }
}

io::Task<void> Server::State::serve_one(io::Stream stream, std::string address) {
  {
    internal::Connection connection(std::move(stream), address, handler, limits, date, counters);
    connections.insert(&connection);
    co_await connection.run();
    connections.erase(&connection);
  }
  give_place(address);
  --counters.open;
  place_free.set();
}

Server::Server(io::Loop& loop, Handler& handler, Limits limits)
    : state_(std::make_unique<State>(loop, handler, limits)) {}
Server::~Server() = default;

void Server::serve(io::Listener listener) {
  auto& place = state_->listeners.emplace_back(std::move(listener));
  state_->tasks.add(state_->accept_from(place));
}

void Server::adopt(io::Stream stream) {
  ++state_->counters.accepted;
  ++state_->counters.open;
  // Whoever hands it over has decided that it may be served: it takes no place of its address.
  state_->tasks.add(state_->serve_one(std::move(stream), std::string()));
}

io::Task<void> Server::stop(std::chrono::milliseconds grace) {
  auto& state = *state_;
  state.stopping = true;
  for (auto& listener : state.listeners) listener.close();
  state.place_free.set();
  for (auto* connection : state.connections) connection->drain();
  auto ended = co_await state.tasks.join(io::Deadline::in(state.loop, grace));
  if (ended) co_return;
  for (auto* connection : state.connections) connection->cut();
  (void)co_await state.tasks.join();
}

const Counters& Server::counters() const {
  return state_->counters;
}

io::Task<void> serve_connection(io::Stream stream, Handler& handler, const Limits& limits) {
  internal::DateLine date(stream.loop());
  Counters counters;
  auto address = io::peer_address(stream);
  internal::Connection connection(std::move(stream), std::move(address), handler, limits, date, counters);
  co_await connection.run();
}

}  // namespace virga::http
