#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/clock.h"
#include "virga/model/invocation.h"
#include "virga/model/names.h"

// Where the events module keeps what in the store. Ids are kept as 16 bytes; those that Virga makes begin with the
// time, so that calls lie in the order in which they came.
namespace virga::events::internal {

using CallId = std::array<std::uint8_t, 16>;

// The 16 bytes of a UUID; nullopt if it is none.
std::optional<CallId> parse_call_id(std::string_view uuid);
std::string uuid_of(const CallId& id);

inline constexpr std::string_view kCalls = "events/call/";         // + id: AcceptedCall
inline constexpr std::string_view kWaiting = "events/waiting/";    // + id: Waiting, until the call has ended
inline constexpr std::string_view kHistories = "events/history/";  // + id: History, from the first attempt on
inline constexpr std::string_view kFailed = "events/failed/";      // + function + '/' + id: empty
inline constexpr std::string_view kExpiry = "events/expiry/";      // + time + id: the keys that are forgotten then
inline constexpr std::string_view kRepeats = "events/repeat/";     // + SHA-256 of function and idempotency key: id

std::string key_of(std::string_view prefix, const CallId& id);
std::string failed_prefix(const model::FunctionName& function);
std::string failed_key(const model::FunctionName& function, const CallId& id);
std::string expiry_key(WallTime time, const CallId& id);
std::string repeat_key(const model::FunctionName& function, std::string_view key);

// The id at the end of a key of one of these kinds; nullopt if the key is too short.
std::optional<CallId> id_in(std::string_view key);
std::optional<WallTime> time_in_expiry_key(std::string_view key);

// What has to be known of a waiting call without reading it.
struct Waiting {
  std::string lane;  // "function:qualifier"
  WallTime accepted;
  WallTime due;              // not before
  std::uint32_t spent = 0;   // attempts that count
  bool has_history = false;  // it was attempted before

  std::string encode() const;
  static std::optional<Waiting> decode(std::string_view bytes);
};

// The keys of what is forgotten together.
std::string encode_keys(const std::vector<std::string>& keys);
std::vector<std::string> decode_keys(std::string_view bytes);  // none, if the bytes are damaged

}  // namespace virga::events::internal
