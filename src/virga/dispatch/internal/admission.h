#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "virga/base/result.h"
#include "virga/model/names.h"

namespace virga::dispatch {

// How many calls run at once: in all, and of each function. Whoever holds a Place is counted. One loop.
class Admission {
 public:
  // What is counted of one function. Shared by its pools and this.
  struct OfFunction {
    explicit OfFunction(model::FunctionName function) : name(std::move(function)) {}
    model::FunctionName name;
    std::uint32_t running = 0;
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

  std::shared_ptr<OfFunction> of(const model::FunctionName& name);
  // `reserved`: how many calls the function alone may have running; none: it shares the account's.
  // ResourceExhausted: the message begins with Lambda's reason and names the limit, its value and what changes it.
  Result<Place> admit(OfFunction& function, std::optional<std::uint32_t> reserved);
  // Drops what is counted of functions that neither run nor have a pool.
  void sweep();

  std::uint32_t running() const { return running_; }

 private:
  std::uint32_t account_limit_;
  std::uint32_t running_ = 0;
  std::unordered_map<std::string, std::shared_ptr<OfFunction>> functions_;
};

}  // namespace virga::dispatch
