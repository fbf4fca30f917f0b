#include <algorithm>
#include <iterator>
#include <utility>

#include "virga/store/store.h"

namespace virga::store {

void Batch::put(std::string_view key, std::string_view value) {
  operations_.push_back({Operation::Kind::Put, std::string(key), std::string(value)});
}

void Batch::remove(std::string_view key) {
  operations_.push_back({Operation::Kind::Remove, std::string(key), {}});
}

void Batch::remove_range(std::string_view from, std::string_view to) {
  operations_.push_back({Operation::Kind::RemoveRange, std::string(from), std::string(to)});
}

void Batch::require(std::string_view key, std::optional<std::string_view> value) {
  preconditions_.push_back({std::string(key), value ? std::optional<std::string>(std::string(*value)) : std::nullopt});
}

void Batch::add(Operation operation) {
  operations_.push_back(std::move(operation));
}

void Batch::append(Batch other) {
  std::ranges::move(other.operations_, std::back_inserter(operations_));
  std::ranges::move(other.preconditions_, std::back_inserter(preconditions_));
}

}  // namespace virga::store
