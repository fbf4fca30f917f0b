#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace virga::sandbox::wire {

// Both ends of the socket are the same program on the same machine, so numbers travel in the machine's own order.
class Writer {
 public:
  template <typename T>
    requires std::is_arithmetic_v<T>
  void put(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void put(std::string_view text) {
    put(static_cast<std::uint32_t>(text.size()));
    bytes_ += text;
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads what Writer wrote. After the first value that is not there, everything reads as zero and ok() is false, so a
// decoder checks once at the end. Never reads beyond the bytes it was given.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <typename T>
    requires std::is_arithmetic_v<T>
  T get() {
    T value{};
    if (bytes_.size() < sizeof(T)) {
      refuse();
      return value;
    }
    bytes_.copy(reinterpret_cast<char*>(&value), sizeof(T));
    bytes_.remove_prefix(sizeof(T));
    return value;
  }
  std::string text(std::size_t limit) {
    auto size = get<std::uint32_t>();
    if (size > limit || size > bytes_.size()) {
      refuse();
      return {};
    }
    std::string value(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return value;
  }
  void refuse() {
    ok_ = false;
    bytes_ = {};
  }
  bool ok() const { return ok_; }
  bool at_end() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

}  // namespace virga::sandbox::wire
