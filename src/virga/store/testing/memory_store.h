#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "virga/store/store.h"

namespace virga::store::testing {

// A Store in memory, for tests of what is built on stores. Any thread.
class MemoryStore : public Store {
 public:
  Result<std::optional<std::string>> get(std::string_view key) const override;
  Result<std::vector<Record>> scan(const Range& range) const override;
  Result<> commit(Batch batch, Durability durability) override;

  // From now on every commit fails with this; nullopt: they work again.
  void fail_commits(std::optional<Error> error);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string, std::less<>> records_;
  std::optional<Error> error_;
};

}  // namespace virga::store::testing
