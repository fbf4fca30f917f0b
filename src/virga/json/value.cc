#include "virga/json/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "virga/json/cursor.h"

namespace virga::json {
namespace {

constexpr double kExact = 9007199254740992.0;  // 2^53: from here on doubles leave whole numbers out

double number_of(std::string_view text) {
  double number = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  (void)end;
  // Out of range: what is too big is infinite, what is too small is nothing.
  if (problem == std::errc::result_out_of_range) {
    bool has_exponent = text.find_first_of("eE") != text.npos;
    bool is_small = text.find("e-") != text.npos || text.find("E-") != text.npos ||
                    (!has_exponent && (text.starts_with("0.") || text.starts_with("-0.")));
    return is_small ? 0 : (text.starts_with('-') ? -HUGE_VAL : HUGE_VAL);
  }
  return number;
}

bool is_whole(std::string_view text) {
  return text.find_first_not_of("-0123456789") == text.npos;
}

// Recursion ends at Cursor::kMaxDepth, beyond which the cursor fails.
bool read(Cursor& cursor, std::string_view text, Value& value) {
  auto kind = cursor.peek();
  auto begin = cursor.position();
  bool good = false;
  switch (kind) {
    case Cursor::Kind::Object: {
      value.kind = Value::Kind::Object;
      std::string key;
      for (bool more = cursor.enter_object(); more && cursor.next_member(key);) {
        value.members.emplace_back(key, Value());
        if (!read(cursor, text, value.members.back().second)) return false;
      }
      good = !cursor.failed();
      break;
    }
    case Cursor::Kind::Array:
      value.kind = Value::Kind::Array;
      for (bool more = cursor.enter_array(); more && cursor.next_element();) {
        value.elements.emplace_back();
        if (!read(cursor, text, value.elements.back())) return false;
      }
      good = !cursor.failed();
      break;
    case Cursor::Kind::String:
      value.kind = Value::Kind::String;
      good = cursor.read_string(value.text);
      break;
    case Cursor::Kind::Number: {
      std::string_view written;
      value.kind = Value::Kind::Number;
      good = cursor.read_number(written);
      if (good) value.number = number_of(written);
      break;
    }
    case Cursor::Kind::True:
    case Cursor::Kind::False:
      value.kind = Value::Kind::Bool;
      good = cursor.read_bool(value.flag);
      break;
    case Cursor::Kind::Null:
      good = cursor.read_null();
      break;
    case Cursor::Kind::Bad:
      break;
  }
  if (good) value.raw = text.substr(begin, cursor.position() - begin);
  return good;
}

}  // namespace

Value::Value() = default;
Value::~Value() = default;
Value::Value(const Value&) = default;
Value::Value(Value&&) noexcept = default;
Value& Value::operator=(const Value&) = default;
Value& Value::operator=(Value&&) noexcept = default;

const Value* Value::find(std::string_view name) const {
  auto found = std::find_if(members.rbegin(), members.rend(), [&](const auto& member) { return member.first == name; });
  return found == members.rend() ? nullptr : &found->second;
}

Result<Value> parse(std::string_view text) {
  Cursor cursor(text);
  Value value;
  if (!read(cursor, text, value) || !cursor.finish()) return fail(ErrorCode::InvalidArgument, cursor.error());
  return value;
}

bool same_number(const Value& a, const Value& b) {
  if (a.number != b.number) return false;
  if (std::abs(a.number) < kExact) return true;
  return !is_whole(a.raw) || !is_whole(b.raw) || a.raw == b.raw;
}

}  // namespace virga::json
