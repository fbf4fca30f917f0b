#pragma once

#include <array>
#include <string_view>

#include "virga/io/loop.h"

namespace virga::http::internal {

// "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", made anew once a second. One loop.
class DateLine {
 public:
  explicit DateLine(const io::Loop& loop) : loop_(loop) {}
  std::string_view text();

 private:
  const io::Loop& loop_;
  SteadyTime valid_until_ = SteadyTime::min();
  std::array<char, 40> text_{};
  std::size_t size_ = 0;
};

}  // namespace virga::http::internal
