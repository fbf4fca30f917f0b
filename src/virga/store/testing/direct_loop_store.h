#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "virga/store/loop_store.h"

namespace virga::store::testing {

// A LoopStore without threads: everything is done when it is asked for. For tests and simulations; one thread.
class DirectLoopStore final : public LoopStore {
 public:
  explicit DirectLoopStore(Store& store) : store_(store) {}  // outlives it

  io::Task<Result<>> commit(Batch batch) override { return give(store_.commit(std::move(batch), Durability::Synced)); }
  io::Task<Result<std::optional<std::string>>> get(std::string key) override { return give(store_.get(key)); }
  io::Task<Result<std::vector<Record>>> scan(Range range) override { return give(store_.scan(range)); }

 private:
  template <typename T>
  static io::Task<T> give(T value) {
    co_return value;
  }

  Store& store_;
};

}  // namespace virga::store::testing
