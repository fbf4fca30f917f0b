#include "virga/services/object/internal/page.h"

namespace virga::services::object::internal {

std::string Page::group_of(std::string_view key) const {
  if (wanted_.delimiter.empty()) return {};
  auto at = key.find(wanted_.delimiter, wanted_.prefix.size());
  return at == std::string_view::npos ? std::string() : std::string(key.substr(0, at + wanted_.delimiter.size()));
}

bool Page::begins_behind_group() const {
  return wanted_.after.starts_with(wanted_.prefix) && !wanted_.after.empty() &&
         group_of(wanted_.after) == wanted_.after;
}

Page::Verdict Page::offer(std::string_view key) {
  auto group = group_of(key);
  if (!group.empty() && (group == group_ || group == wanted_.after)) {
    group_ = std::move(group);
    return Verdict::Known;
  }
  if (count_ >= wanted_.most) {
    is_truncated_ = wanted_.most > 0;
    return Verdict::Full;
  }
  ++count_;
  if (group.empty()) {
    last_ = key;
    return Verdict::Item;
  }
  group_ = std::move(group);
  last_ = group_;
  return Verdict::Group;
}

}  // namespace virga::services::object::internal
