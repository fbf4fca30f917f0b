#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "virga/base/result.h"

namespace virga::json {

// One JSON value as a tree, for those who have to look at many of its members in an order of their own. Every part
// knows its text in the whole, so that a part is handed on byte for byte as it came. The text outlives the tree.
struct Value {
  enum class Kind { Null, Bool, Number, String, Array, Object };

  // Out of line, because a vector of what holds a Value needs a whole one for these.
  Value();
  ~Value();
  Value(const Value&);
  Value(Value&&) noexcept;
  Value& operator=(const Value&);
  Value& operator=(Value&&) noexcept;

  Kind kind = Kind::Null;
  bool flag = false;            // Bool
  double number = 0;            // Number, as near as a double comes
  std::string text;             // String, decoded
  std::string_view raw;         // how it is written
  std::vector<Value> elements;  // Array
  std::vector<std::pair<std::string, Value>>
      members;  // Object, as they are written; of two with one name the last counts

  bool is(Kind wanted) const { return kind == wanted; }
  // The member of this name; null if there is none or this is no object.
  const Value* find(std::string_view name) const;
};

// InvalidArgument says what is wrong with the text, and where.
Result<Value> parse(std::string_view text);

// Whether two numbers are the same, by value: 1, 1.0 and 10e-1 are. Whole numbers beyond 2^53 are told apart.
bool same_number(const Value& a, const Value& b);

}  // namespace virga::json
