#include "virga/runtime/service_doors.h"

#include "virga/io/network.h"

namespace virga::runtime {

namespace {

// An SDK's client keeps up to 50 connections unless it is told otherwise, and a function has a client for each service.
constexpr std::size_t kMostConnections = 256;

}  // namespace

ServiceDoors::ServiceDoors(io::Loop& loop, http::Handler& handler, http::Limits limits)
    : loop_(loop), handler_(handler), limits_(limits), tasks_(loop) {}

ServiceDoors::~ServiceDoors() = default;

http::Limits ServiceDoors::limits_of_one() {
  http::Limits limits;
  limits.connections = kMostConnections;
  return limits;
}

Result<> ServiceDoors::open(std::uint64_t id, os::Descriptor listener) {
  if (has_stopped_) return {};
  VIRGA_TRY_ASSIGN(auto adopted, io::Listener::adopt(loop_, std::move(listener)));
  auto door = std::make_unique<http::Server>(loop_, handler_, limits_);
  door->serve(std::move(adopted));
  doors_.insert_or_assign(id, std::move(door));
  return {};
}

void ServiceDoors::close(std::uint64_t id) {
  auto found = doors_.find(id);
  if (found == doors_.end()) return;
  auto door = std::move(found->second);
  doors_.erase(found);
  tasks_.add(bury(std::move(door)));
}

io::Task<void> ServiceDoors::bury(std::unique_ptr<http::Server> door) {
  // Whoever asked is gone: nothing is to be waited for.
  co_await door->stop(std::chrono::milliseconds(0));
  buried_requests_ += door->counters().requests;
}

io::Task<void> ServiceDoors::stop() {
  has_stopped_ = true;
  while (!doors_.empty()) close(doors_.begin()->first);
  auto joined = co_await tasks_.join();
  (void)joined;
}

std::uint64_t ServiceDoors::requests() const {
  auto total = buried_requests_;
  for (const auto& [id, door] : doors_) total += door->counters().requests;
  return total;
}

}  // namespace virga::runtime
