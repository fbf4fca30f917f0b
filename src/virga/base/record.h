#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "virga/base/clock.h"

namespace virga {

// Fields of a durable record, one after the other: numbers little-endian with eight bytes, texts behind their size,
// pairs of them behind their count, times as numbers of milliseconds since 1970. What the fields mean is its owner's;
// the first byte is the owner's format number, so that an older record can be told.
class RecordWriter {
 public:
  explicit RecordWriter(std::uint8_t format) : bytes_(1, static_cast<char>(format)) {}

  RecordWriter& number(std::uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) bytes_ += static_cast<char>(value >> shift);
    return *this;
  }
  RecordWriter& time(WallTime value) { return number(static_cast<std::uint64_t>(unix_milliseconds(value))); }
  RecordWriter& text(std::string_view value) {
    number(value.size());
    bytes_ += value;
    return *this;
  }
  // Of a map or a vector of pairs of texts.
  template <typename Pairs>
  RecordWriter& pairs(const Pairs& values) {
    number(values.size());
    for (const auto& [name, value] : values) text(name).text(value);
    return *this;
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads what RecordWriter wrote. After the first field that is not there everything reads as zero and empty, so a
// decoder checks once, with is_whole(), at the end. Never reads beyond the bytes it was given, which outlive it.
class RecordReader {
 public:
  explicit RecordReader(std::string_view bytes) : rest_(bytes) {
    if (rest_.empty()) {
      refuse();
      return;
    }
    format_ = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
  }

  std::uint8_t format() const { return format_; }  // 0: there were no bytes
  std::uint64_t number() {
    std::uint64_t value = 0;
    if (rest_.size() < sizeof(value)) {
      refuse();
      return 0;
    }
    for (std::size_t i = 0; i < sizeof(value); ++i) {
      value |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(rest_[i])) << (8 * i);
    }
    rest_.remove_prefix(sizeof(value));
    return value;
  }
  WallTime time() {
    using Milliseconds = std::chrono::milliseconds;
    constexpr auto kFarthest = std::chrono::duration_cast<Milliseconds>(WallTime::duration::max()).count();
    auto value = static_cast<std::int64_t>(number());
    if (value > kFarthest || value < -kFarthest) {
      refuse();
      return {};
    }
    return WallTime(Milliseconds(value));
  }
  std::string_view view() {
    auto size = number();
    if (size > rest_.size()) {
      refuse();
      return {};
    }
    auto value = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(static_cast<std::size_t>(size));
    return value;
  }
  std::string text() { return std::string(view()); }
  template <typename Pairs>
  Pairs pairs() {
    Pairs values;
    for (auto count = number(); count > 0 && is_good_; --count) {
      auto name = text();
      values.insert(values.end(), typename Pairs::value_type(std::move(name), text()));
    }
    return values;
  }
  void refuse() {
    is_good_ = false;
    rest_ = {};
  }
  bool is_good() const { return is_good_; }
  // Every field was there, and nothing is left.
  bool is_whole() const { return is_good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  std::uint8_t format_ = 0;
  bool is_good_ = true;
};

}  // namespace virga
