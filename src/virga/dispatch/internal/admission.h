#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "virga/base/clock.h"
#include "virga/base/result.h"
#include "virga/dispatch/internal/guard.h"
#include "virga/dispatch/internal/scaling.h"
#include "virga/model/names.h"

namespace virga::dispatch {

// How many calls run at once: in all, and of each function. Whoever holds a Place is counted. One loop.
//
// While there is room a function may have all of it. Once at most a tenth of the account's concurrency is free and
// other functions were called in the last minute, none gets more than its share: the limit / the functions that are
// active. So one that takes all it can leaves the others room, and one alone has everything. A reserved concurrency is
// a share of its own.
class Admission {
 public:
  // What is known of one function. Shared by its pools and this.
  struct OfFunction {
    explicit OfFunction(model::FunctionName function) : name(std::move(function)) {}
    model::FunctionName name;
    std::uint32_t running = 0;
    MeanTime run_time;  // of its calls, for how long a refused one should wait
    Guard guard;

   private:
    friend class Admission;
    SteadyTime seen_{};  // called last, to the second
    std::optional<std::list<OfFunction*>::iterator> active_;
  };

  // The right to run one call. Outlived by the admission.
  class [[nodiscard]] Place {
   public:
    Place(Admission& admission, OfFunction& function);
    Place(Place&& other) noexcept
        : admission_(std::exchange(other.admission_, nullptr)), function_(std::exchange(other.function_, nullptr)) {}
    Place& operator=(Place&&) = delete;
    ~Place();

   private:
    Admission* admission_;
    OfFunction* function_;
  };

  explicit Admission(std::uint32_t account_limit) : account_limit_(account_limit) {}
  ~Admission();
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  std::shared_ptr<OfFunction> of(const model::FunctionName& name);
  // `reserved`: how many calls the function alone may have running; none: it shares the account's.
  // ResourceExhausted: as refusals.h has it.
  Result<Place> admit(OfFunction& function, std::optional<std::uint32_t> reserved, SteadyTime now);
  // At most a tenth is free: what nobody waits for should wait.
  bool is_nearly_full() const { return std::uint64_t{account_limit_ - running_} * 10 <= account_limit_; }
  // Drops what is counted of functions that neither run nor have a pool.
  void sweep(SteadyTime now);

  std::uint32_t running() const { return running_; }
  // Functions that run or were called in the last minute.
  std::size_t active(SteadyTime now);

 private:
  void touch(OfFunction& function, SteadyTime now);

  std::uint32_t account_limit_;
  std::uint32_t running_ = 0;
  std::unordered_map<std::string, std::shared_ptr<OfFunction>> functions_;
  std::list<OfFunction*> active_;  // by `seen`, oldest first
};

}  // namespace virga::dispatch
