#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/result.h"
#include "virga/json/value.h"

namespace virga::events::internal {

// One entry of a pattern's list: what a single text, number, boolean or null has to be. A value.
class Matcher {
 public:
  // InvalidArgument says why this is no such entry; the text stands behind "Reason: ".
  static Result<Matcher> compile(const json::Value& entry);

  // Of those that ask whether there is anything: true for exists, false for its absence.
  bool asks_presence() const { return kind_ == Kind::Present; }
  bool asks_absence() const { return kind_ == Kind::Absent; }
  // `value` is neither an object nor an array.
  bool matches(const json::Value& value) const;

  // Whether this is the name of a way to match, such as "prefix".
  static bool is_operator(std::string_view name);

 private:
  enum class Kind {
    Null,
    True,
    False,
    Text,
    Number,
    Numeric,
    Prefix,
    Suffix,
    Equal,
    Wildcard,
    Cidr,
    Present,
    Absent,
    AnythingBut
  };
  struct Bound {
    bool is_upper = false;
    bool is_inclusive = false;
    double number = 0;
  };
  struct Network {
    int family = 0;
    std::array<std::uint8_t, 16> address{};
    unsigned bits = 0;
  };

  static Result<Matcher> compile_operator(std::string_view name, const json::Value& value);
  static Result<Matcher> compile_text(Kind kind, std::string_view name, const json::Value& value);
  static Result<Matcher> compile_numeric(const json::Value& value);
  static Result<Matcher> compile_wildcard(const json::Value& value);
  static Result<Matcher> compile_cidr(const json::Value& value);
  static Result<Matcher> compile_anything_but(const json::Value& value);
  bool matches_text(std::string_view text) const;
  bool matches_wildcard(std::string_view text) const;
  bool matches_cidr(std::string_view text) const;

  Kind kind_ = Kind::Null;
  bool ignores_case_ = false;        // Prefix, Suffix, Equal; text_ is in lower case then
  std::string text_;                 // Text, Prefix, Suffix, Equal
  double number_ = 0;                // Number
  std::string written_;              // Number
  std::vector<Bound> bounds_;        // Numeric
  std::vector<std::string> pieces_;  // Wildcard: what stands between the stars, first and last included
  Network network_;                  // Cidr
  std::vector<Matcher> forbidden_;   // AnythingBut
};

}  // namespace virga::events::internal
