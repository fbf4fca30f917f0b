#include "virga/services/queue/internal/dedup.h"

#include "virga/base/encoding.h"
#include "virga/base/hash.h"

namespace virga::services::queue::internal {

std::string dedup_hash(const Message& message, const Settings& settings) {
  if (!settings.is_fifo) return {};
  std::string text;
  if (!message.deduplication.empty()) {
    text = "id:" + message.deduplication;
  } else if (settings.dedup_by_content) {
    text = "id:" + to_hex(sha256(message.body));
  } else {
    return {};
  }
  if (settings.dedup_by_group) text += '\0' + message.group;
  auto digest = sha256(text);
  return std::string(as_view(digest));
}

const Dedup::Known* Dedup::find(const std::string& hash, SteadyTime now) const {
  auto place = known_.find(hash);
  return place == known_.end() || place->second.expires <= now ? nullptr : &place->second;
}

void Dedup::add(const std::string& hash, Known known) {
  order_.emplace_back(known.expires, hash);
  known_[hash] = std::move(known);
}

std::vector<std::string> Dedup::forget(SteadyTime now) {
  std::vector<std::string> forgotten;
  while (!order_.empty() && order_.front().first <= now) {
    auto place = known_.find(order_.front().second);
    // It may have come again since, with a window of its own.
    if (place != known_.end() && place->second.expires <= now) {
      forgotten.push_back(place->first);
      known_.erase(place);
    }
    order_.pop_front();
  }
  return forgotten;
}

void Dedup::clear() {
  known_.clear();
  order_.clear();
}

}  // namespace virga::services::queue::internal
