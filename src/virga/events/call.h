#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/clock.h"
#include "virga/base/result.h"
#include "virga/model/invocation.h"
#include "virga/model/names.h"

namespace virga::events {

// An asynchronous call as it was accepted: written once, before the acknowledgement, and never changed. A value.
struct AcceptedCall {
  model::FunctionName function;
  std::string qualifier;         // as it was asked for; "": $LATEST
  model::Invocation invocation;  // its id is the call's
  WallTime accepted;
  std::optional<std::uint32_t> retries;  // nullopt: as the function's rules say (rules.h)
  std::string idempotency_key;           // "": none
  // What a rule or schedule that sent it allows until it is begun for the first time (RetryPolicy, DeadLetterConfig).
  std::chrono::seconds max_age{0};  // 0: as long as the function does
  std::string undelivered_to;       // ARN of what gets it when it is too old; "": nothing
  std::string sender;               // ARN of the rule or schedule

  std::string encode() const;
  static Result<AcceptedCall> decode(std::string_view bytes);
  bool operator==(const AcceptedCall&) const;
};

// One time that a call was handed to its function and ran.
struct Attempt {
  WallTime begin;
  WallTime end;
  model::Fault fault = model::Fault::None;
  std::string version;  // that ran it
  std::string error;    // the function's error, JSON with errorType and errorMessage; "" if there was none
  std::string log;      // the last 4 KB of what it wrote
  bool operator==(const Attempt&) const = default;
};

enum class CallState {
  Waiting,  // for its first attempt or the next one
  Running,  // known to the daemon that runs it; after a restart it waits again
  Succeeded,
  Failed,
};
std::string_view name(CallState state);

// Why a call failed for good, as AWS Lambda names the condition (developer guide, "Asynchronous invocation").
enum class Condition { None, Success, RetriesExhausted, EventAgeExceeded, FunctionGone };
std::string_view name(Condition condition);

// What became of a call so far. Written after each attempt. A value.
struct History {
  CallState state = CallState::Waiting;
  Condition condition = Condition::None;
  std::vector<Attempt> attempts;
  std::uint32_t spent = 0;  // of the attempts, those since it was accepted or redriven: what retries are counted by
  WallTime due;             // Waiting: not before
  std::string result;       // Succeeded: the function's answer
  std::string reason;       // Failed: for people
  std::string handed_to;    // the destinations and dead-letter targets that got its record, ARNs, one a line
  WallTime ended;           // Succeeded, Failed

  std::string encode() const;
  static Result<History> decode(std::string_view bytes);
  bool operator==(const History&) const = default;
};

}  // namespace virga::events
