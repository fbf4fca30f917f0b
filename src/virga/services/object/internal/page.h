#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace virga::services::object::internal {

// Decides which keys of an ordered walk are on one page of a list, and what is only told as a group: the keys that have
// the same text between the prefix and the first delimiter behind it. No I/O; a value.
class Page {
 public:
  struct Wanted {
    std::string prefix;
    std::string delimiter;  // "": no groups
    std::string after;      // a key, or a group of the page before; "": from the first one
    std::size_t most = 1000;
  };
  explicit Page(Wanted wanted) : wanted_(std::move(wanted)) {}

  enum class Verdict {
    Item,   // on the page
    Group,  // it begins the group `group()`, which is on the page
    Known,  // of a group that was told already
    Full    // of the next page: the walk ends
  };
  // Keys in ascending order; one may be offered several times.
  Verdict offer(std::string_view key);

  const std::string& group() const { return group_; }
  const std::string& last() const { return last_; }  // on the page; where the next one begins
  bool is_truncated() const { return is_truncated_; }
  // Whether a group of the page before is `after`: the walk begins behind all of it.
  bool begins_behind_group() const;

 private:
  // "": it is in none.
  std::string group_of(std::string_view key) const;

  Wanted wanted_;
  std::size_t count_ = 0;
  std::string group_;
  std::string last_;
  bool is_truncated_ = false;
};

}  // namespace virga::services::object::internal
