#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace virga::http::internal {

// Bytes that were read and not yet used. Its memory stays where it is until `make_room` is called.
class ReadBuffer {
 public:
  static constexpr std::size_t kFirst = 4096;  // bytes of the first allocation; `max` is not below it

  explicit ReadBuffer(std::size_t max) : max_(max) {}

  std::string_view unread() const { return {bytes_.get() + begin_, end_ - begin_}; }
  void use(std::size_t count);
  std::span<char> room() { return {bytes_.get() + end_, capacity_ - end_}; }
  void filled(std::size_t count) { end_ += count; }
  // Makes `room` non-empty; true when the unread bytes have moved.
  bool make_room();

 private:
  std::size_t max_;
  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace virga::http::internal
