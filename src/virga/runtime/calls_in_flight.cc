#include "virga/runtime/calls_in_flight.h"

#include "virga/base/assert.h"

namespace virga::runtime {

std::uint64_t CallsInFlight::add(Call& call, SteadyTime now) {
  if (limit_ > 1 || open_ == 0) call.started = now;
  calls_.push_back(&call);
  ++open_;
  return first_number_ + calls_.size() - 1;
}

Call* CallsInFlight::running(std::uint64_t number) const {
  if (number < first_number_ || number - first_number_ >= calls_.size()) return nullptr;
  if (limit_ == 1 && number != first_number_) return nullptr;
  return calls_[number - first_number_];
}

void CallsInFlight::remove(std::uint64_t number, SteadyTime now) {
  VIRGA_ASSERT(running(number) != nullptr);
  calls_[number - first_number_] = nullptr;
  --open_;
  while (!calls_.empty() && calls_.front() == nullptr) {
    calls_.pop_front();
    ++first_number_;
  }
  if (limit_ == 1 && open_ > 0) calls_.front()->started = now;
}

std::vector<Call*> CallsInFlight::take_all() {
  std::vector<Call*> all;
  for (auto* call : calls_) {
    if (call != nullptr) all.push_back(call);
  }
  first_number_ += calls_.size();
  calls_.clear();
  open_ = 0;
  return all;
}

}  // namespace virga::runtime
