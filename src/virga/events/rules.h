#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "virga/base/clock.h"
#include "virga/catalog/entries.h"

namespace virga::events {

// What PutFunctionEventInvokeConfig sets for a function, a version or an alias (botocore lambda/2015-03-31). The
// catalog keeps it as an attachment of this kind; the qualifier of a function as a whole is "$LATEST".
inline constexpr std::string_view kInvokeConfigKind = "event-invoke-config";
struct InvokeConfig {
  std::optional<std::uint32_t> retries;         // 0 to 2
  std::optional<std::chrono::seconds> max_age;  // 60 s to 6 h
  std::string on_success;                       // ARN; "": none
  std::string on_failure;                       // ARN; "": none
  WallTime modified;

  std::string encode() const;                         // JSON
  static InvokeConfig decode(std::string_view json);  // of what encode() made; all else reads as nothing set
  bool operator==(const InvokeConfig&) const = default;
};

// How long a failed call waits before its second and its third attempt, if not as Lambda does: "MS,MS" or one of them
// for both, in milliseconds. A tag of the function, for tests and for those who want it faster.
inline constexpr std::string_view kRetryDelaysTag = "virga:retry-delays";

// The rules by which calls of one qualifier of a function are tried. A value.
struct Rules {
  std::uint32_t retries = 2;
  std::chrono::seconds max_age = std::chrono::hours(6);
  std::array<std::chrono::milliseconds, 2> delays = {std::chrono::minutes(1), std::chrono::minutes(2)};
  std::string on_success;  // ARNs; "": none
  std::string on_failure;
  std::string dead_letters;  // the function's DeadLetterConfig

  // Before the attempt that follows `attempts` failed ones.
  std::chrono::milliseconds delay_after(std::uint32_t attempts) const { return delays[attempts <= 1 ? 0 : 1]; }
};
Rules rules_of(const catalog::FunctionEntry& function, std::string_view qualifier);

// What the tag's value says; nullopt if it says nothing that can be meant.
std::optional<std::array<std::chrono::milliseconds, 2>> parse_retry_delays(std::string_view value);

}  // namespace virga::events
