#include "bench/keepalive/simulate.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <queue>
#include <vector>

#include "virga/dispatch/keepalive/keeper.h"

namespace virga::bench {
namespace {

using dispatch::Kept;

constexpr Time kCareTime = std::chrono::seconds(5);

double seconds(Time time) {
  return static_cast<double>(time.count()) * 1e-6;
}

class Simulation {
 public:
  Simulation(const Trace& trace, dispatch::KeepAlivePolicy& policy, std::uint64_t budget)
      : trace_(trace),
        keeper_(policy, {model::Bytes{budget}, static_cast<std::uint32_t>(-1)}),
        functions_(trace.functions.size()) {}

  Report run() {
    for (const auto& call : trace_.calls) {
      advance(call.arrival);
      arrive(call);
    }
    auto end = trace_.calls.empty() ? Time(1) : trace_.calls.back().arrival;
    report_.mean_memory = memory_seconds_ / seconds(end);
    while (!done_.empty()) advance(done_.top().at);
    return report_;
  }

 private:
  struct Function;
  struct Instance final : Kept {
    Function* function = nullptr;
  };
  struct Function {
    std::vector<Instance*> idle;           // the last one is used next
    std::deque<const TraceCall*> waiting;  // for memory or an instance
  };
  struct Done {
    Time at{};
    std::uint64_t order = 0;
    Instance* instance = nullptr;
    bool operator>(const Done& other) const { return at != other.at ? at > other.at : order > other.order; }
  };

  SteadyTime steady() const { return SteadyTime(now_); }

  void move_to(Time time) {
    memory_seconds_ += static_cast<double>(keeper_.memory().count) * seconds(time - now_);
    now_ = time;
  }

  // Everything that happens up to then.
  void advance(Time time) {
    while (true) {
      auto next = std::min(done_.empty() ? Time::max() : done_.top().at, care_);
      if (next > time) break;
      move_to(next);
      if (next == care_) {
        take_care();
      } else {
        auto* instance = done_.top().instance;
        done_.pop();
        finish(*instance);
      }
    }
    move_to(time);
  }

  void take_care() {
    care_ += kCareTime;
    keeper_.take_expired(steady(), victims_);
    report_.expirations += victims_.size();
    end_victims();
  }

  void arrive(const TraceCall& call) {
    auto& function = functions_[call.function];
    if (!function.idle.empty()) {
      auto& instance = *function.idle.back();
      function.idle.pop_back();
      run(instance, call, Time(0));
    } else if (!waiting_.empty() || !start(call)) {
      ++report_.waited_for_memory;
      function.waiting.push_back(&call);
      waiting_.push_back(&call);
    }
  }

  void run(Instance& instance, const TraceCall& call, Time start_cost) {
    auto waited = now_ - call.arrival;
    report_.room_waiting += seconds(waited);
    report_.start_waiting += seconds(start_cost);
    keeper_.lend(instance, steady());
    done_.push({now_ + start_cost + call.duration, ++order_, &instance});
  }

  bool start(const TraceCall& call) {
    const auto& described = trace_.functions[call.function];
    auto& function = functions_[call.function];
    auto instance = std::make_unique<Instance>();
    instance->function = &function;
    instance->memory = model::Bytes{described.memory};
    instance->start_cost = described.start_cost;
    if (!keeper_.admit(*instance, steady(), victims_)) return false;
    report_.evictions += victims_.size();
    end_victims();
    ++report_.cold_starts;
    report_.peak_memory = std::max(report_.peak_memory, static_cast<double>(keeper_.memory().count));
    run(*instance.release(), call, described.start_cost);
    return true;
  }

  void finish(Instance& instance) {
    auto& function = *instance.function;
    if (!function.waiting.empty()) {
      const auto& call = *function.waiting.front();
      function.waiting.pop_front();
      waiting_.erase(std::find(waiting_.begin(), waiting_.end(), &call));
      run(instance, call, Time(0));
    } else {
      function.idle.push_back(&instance);
      keeper_.set_idle(instance, steady());
    }
    while (!waiting_.empty() && start(*waiting_.front())) {
      auto& its = functions_[waiting_.front()->function].waiting;
      its.pop_front();
      waiting_.pop_front();
    }
  }

  void end_victims() {
    for (auto* victim : victims_) {
      std::unique_ptr<Instance> instance(static_cast<Instance*>(victim));
      std::erase(instance->function->idle, instance.get());
    }
    victims_.clear();
  }

  const Trace& trace_;
  dispatch::Keeper keeper_;
  std::vector<Function> functions_;
  std::priority_queue<Done, std::vector<Done>, std::greater<>> done_;
  std::deque<const TraceCall*> waiting_;
  std::vector<Kept*> victims_;
  Time now_{};
  Time care_ = kCareTime;
  std::uint64_t order_ = 0;
  double memory_seconds_ = 0;
  Report report_;
};

}  // namespace

Report simulate(const Trace& trace, dispatch::KeepAlivePolicy& policy, std::uint64_t budget) {
  return Simulation(trace, policy, budget).run();
}

}  // namespace virga::bench
