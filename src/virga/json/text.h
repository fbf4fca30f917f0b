#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace virga::json {

// Appends `text` as a JSON string, quotes included. What is not UTF-8 becomes U+FFFD, so the result is always valid.
void append_string(std::string& out, std::string_view text);
// The same without the quotes, for a string made of several parts. A part must not end inside a UTF-8 sequence.
void append_escaped(std::string& out, std::string_view text);
void append_number(std::string& out, std::int64_t number);
void append_number(std::string& out, std::uint64_t number);
void append_number(std::string& out, double number);  // finite; shortest form that reads back the same
// Appends the Base64 of `bytes` as a JSON string.
void append_base64_string(std::string& out, std::string_view bytes);

class Array;

// Writes one JSON object at the end of a string; the closing brace comes with the destructor. Members are written in
// the order of the calls; while an inner object or array is open, only that one is written to.
class Object {
 public:
  explicit Object(std::string& out) : out_(out) { out_ += '{'; }
  ~Object() { out_ += '}'; }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  Object& add(std::string_view key, std::string_view value) {
    append_string(open(key), value);
    return *this;
  }
  Object& add(std::string_view key, const char* value) { return add(key, std::string_view(value)); }
  Object& add(std::string_view key, bool value) {
    open(key) += value ? "true" : "false";
    return *this;
  }
  Object& add(std::string_view key, double value) {
    append_number(open(key), value);
    return *this;
  }
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Object& add(std::string_view key, T value) {
    if constexpr (std::is_signed_v<T>) {
      append_number(open(key), static_cast<std::int64_t>(value));
    } else {
      append_number(open(key), static_cast<std::uint64_t>(value));
    }
    return *this;
  }
  // `json` is a whole JSON value.
  Object& add_raw(std::string_view key, std::string_view json) {
    open(key) += json;
    return *this;
  }
  // Where the value of this member is to be appended.
  std::string& open(std::string_view key) {
    if (!first_) out_ += ',';
    first_ = false;
    append_string(out_, key);
    out_ += ':';
    return out_;
  }

 private:
  std::string& out_;
  bool first_ = true;
};

// The same for an array.
class Array {
 public:
  explicit Array(std::string& out) : out_(out) { out_ += '['; }
  ~Array() { out_ += ']'; }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  Array& add(std::string_view value) {
    append_string(open(), value);
    return *this;
  }
  // Where the next element is to be appended.
  std::string& open() {
    if (!first_) out_ += ',';
    first_ = false;
    return out_;
  }

 private:
  std::string& out_;
  bool first_ = true;
};

}  // namespace virga::json
