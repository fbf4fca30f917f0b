#include "virga/http/internal/read_buffer.h"

#include <algorithm>
#include <cstring>

namespace virga::http::internal {

void ReadBuffer::use(std::size_t count) {
  begin_ += count;
  if (begin_ == end_) begin_ = end_ = 0;
}

bool ReadBuffer::make_room() {
  if (end_ < capacity_) return false;
  if (begin_ > 0) {
    std::memmove(bytes_.get(), bytes_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    return true;
  }
  auto larger = std::min(std::max(capacity_ * 4, kFirst), max_);
  auto bytes = std::make_unique_for_overwrite<char[]>(larger);
  if (end_ > 0) std::memcpy(bytes.get(), bytes_.get(), end_);
  bytes_ = std::move(bytes);
  capacity_ = larger;
  return end_ > 0;
}

}  // namespace virga::http::internal
