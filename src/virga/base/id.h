#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "virga/base/clock.h"
#include "virga/base/random.h"

namespace virga {

// A string with an identity of its own: an InvocationId is never taken for an InstanceId.
template <typename Tag>
class Id {
 public:
  Id() = default;
  explicit Id(std::string text) : text_(std::move(text)) {}
  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }
  auto operator<=>(const Id&) const = default;

 private:
  std::string text_;
};

// A random UUID (version 4), lower case.
std::string make_uuid(Random& random = system_random());
// A UUID that begins with the time in milliseconds (version 7, RFC 9562), lower case: ids lie in the order in which
// they were made, as far as milliseconds tell.
std::string make_ordered_uuid(WallTime time, Random& random = system_random());
// `length` characters of [a-z0-9], evenly spread.
std::string make_token(std::size_t length, Random& random = system_random());

}  // namespace virga

template <typename Tag>
struct std::hash<virga::Id<Tag>> {
  std::size_t operator()(const virga::Id<Tag>& id) const { return std::hash<std::string>()(id.text()); }
};
