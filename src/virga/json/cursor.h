#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "virga/base/result.h"

namespace virga::json {

// Walks over a JSON text (RFC 8259, strict) without making a tree of it. After the first thing that is wrong, every
// call answers false (or Kind::Bad) and `error` says what and where. The text outlives the cursor.
//
//   json::Cursor cursor(text);
//   std::string key;
//   for (bool more = cursor.enter_object(); more && cursor.next_member(key);) { ... exactly one read or skip ... }
//   if (cursor.finish()) ...
class Cursor {
 public:
  static constexpr int kMaxDepth = 512;
  enum class Kind { Object, Array, String, Number, True, False, Null, Bad };

  explicit Cursor(std::string_view text) : text_(text) {}

  // What the next value is; nothing of it is consumed.
  Kind peek();

  bool enter_object();
  // Reads the next key and its colon; false at the end of the object, which is consumed.
  bool next_member(std::string& key);
  bool enter_array();
  bool next_element();  // false at the end of the array, which is consumed

  bool read_string(std::string& value);  // decoded; a lone surrogate becomes U+FFFD
  bool read_bool(bool& value);
  bool read_null();
  bool read_number(std::string_view& text);  // as it is written
  // Checks and passes over one value; `raw` is its text.
  bool skip_value(std::string_view& raw);
  bool skip_value() {
    std::string_view raw;
    return skip_value(raw);
  }

  // True if nothing was wrong and only white space is left.
  bool finish();
  bool failed() const { return problem_ != nullptr; }
  // "a comma or the end of the object was expected at byte 17"
  std::string error() const;
  // The byte that is looked at next; behind peek(), the first one of the value.
  std::size_t position() const { return position_; }

 private:
  void skip_space();
  bool fail(const char* problem);
  bool at(char c) const { return position_ < text_.size() && text_[position_] == c; }
  bool literal(std::string_view word);
  bool scan_string(bool& plain);  // from the opening quote to behind the closing one
  bool scan_escape();
  bool scan_number();
  bool enter(char opening);

  std::string_view text_;
  std::size_t position_ = 0;
  int depth_ = 0;
  bool first_ = false;  // right behind an opening brace or bracket
  const char* problem_ = nullptr;
  std::size_t problem_position_ = 0;
};

// Success if `text` is one valid JSON value.
Result<> validate(std::string_view text);

}  // namespace virga::json
