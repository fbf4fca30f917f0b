#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace virga::services::object::internal {

// Names of small files that nothing refers to any more, not in a durable record either, for who is about to write one:
// a load of puts that replace objects or follow deletions neither makes files nor removes them. One loop.
class SpareFiles {
 public:
  static constexpr std::uint64_t kLargest = 1 << 20;  // bytes of one
  static constexpr std::size_t kMost = 64;

  // From then on it takes files. Before, the cleaning of a start may still remove what nothing refers to.
  void open() { is_open_ = true; }
  // From then on it takes none; the names that it had.
  std::vector<std::string> close() {
    is_open_ = false;
    return std::exchange(ids_, {});
  }
  bool offer(const std::string& id, std::uint64_t size) {
    if (!is_open_ || size > kLargest || ids_.size() >= kMost) return false;
    ids_.push_back(id);
    return true;
  }
  std::string take() {  // "": there is none
    if (ids_.empty()) return {};
    auto id = std::move(ids_.back());
    ids_.pop_back();
    return id;
  }
  std::size_t count() const { return ids_.size(); }

 private:
  bool is_open_ = false;
  std::vector<std::string> ids_;
};

}  // namespace virga::services::object::internal
