#include "virga/services/object/internal/key_locks.h"

#include <utility>

namespace virga::services::object::internal {

io::Task<KeyLocks::Held> KeyLocks::take(std::string name) {
  auto [place, is_free] = waiting_.try_emplace(name);
  if (!is_free) {
    io::Event mine(loop_);
    place->second.push_back(&mine);
    (void)co_await mine.wait();
  }
  co_return Held(*this, std::move(name));
}

void KeyLocks::Held::release() {
  auto* locks = std::exchange(locks_, nullptr);
  if (locks == nullptr) return;
  auto found = locks->waiting_.find(name_);
  if (found->second.empty()) {
    locks->waiting_.erase(found);
    return;
  }
  // It stays held, by the next one.
  auto* next = found->second.front();
  found->second.pop_front();
  next->set();
}

}  // namespace virga::services::object::internal
