#pragma once

#include <string>
#include <utility>

#include "virga/base/hash.h"

namespace virga {

// Text that must not be read in a log or a message: it cannot be printed, only revealed by name. A value; any thread.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}

  const std::string& reveal() const { return text_; }
  bool empty() const { return text_.empty(); }
  // Takes the same time wherever the two differ.
  bool operator==(const Secret& other) const { return equals_in_constant_time(text_, other.text_); }

 private:
  std::string text_;
};

}  // namespace virga
