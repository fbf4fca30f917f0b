#include "virga/store/testing/memory_store.h"

#include "virga/store/internal/bounds.h"

namespace virga::store::testing {

Result<std::optional<std::string>> MemoryStore::get(std::string_view key) const {
  std::lock_guard lock(mutex_);
  auto found = records_.find(key);
  if (found == records_.end()) return std::nullopt;
  return found->second;
}

Result<std::vector<Record>> MemoryStore::scan(const Range& range) const {
  std::lock_guard lock(mutex_);
  internal::Bounds bounds = internal::bounds_of(range);
  std::vector<Record> records;
  if (bounds.upper && *bounds.upper <= bounds.lower) return records;
  auto first = records_.lower_bound(bounds.lower);
  auto last = bounds.upper ? records_.lower_bound(*bounds.upper) : records_.end();
  if (range.order == Order::Ascending) {
    for (; first != last && records.size() < range.limit; ++first) records.push_back({first->first, first->second});
  } else {
    while (first != last && records.size() < range.limit) {
      --last;
      records.push_back({last->first, last->second});
    }
  }
  return records;
}

Result<> MemoryStore::commit(Batch batch, Durability) {
  std::lock_guard lock(mutex_);
  if (error_) return fail(*error_);
  for (const Batch::Precondition& precondition : batch.preconditions()) {
    auto found = records_.find(precondition.key);
    bool holds =
        precondition.value ? found != records_.end() && found->second == *precondition.value : found == records_.end();
    if (!holds) return internal::precondition_failed(precondition.key);
  }
  for (const Batch::Operation& operation : batch.operations()) {
    switch (operation.kind) {
      case Batch::Operation::Kind::Put:
        records_[operation.key] = operation.value;
        break;
      case Batch::Operation::Kind::Remove:
        records_.erase(operation.key);
        break;
      case Batch::Operation::Kind::RemoveRange:
        if (operation.key < operation.value) {
          records_.erase(records_.lower_bound(operation.key), records_.lower_bound(operation.value));
        }
        break;
    }
  }
  return {};
}

void MemoryStore::fail_commits(std::optional<Error> error) {
  std::lock_guard lock(mutex_);
  error_ = std::move(error);
}

}  // namespace virga::store::testing
