#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "virga/events/schedule/scheduler.h"
#include "virga/events/targets.h"
#include "virga/json/value.h"

namespace virga::events::internal {

// Sends the parcel to `arn`, or, when that takes nothing, to `dead_letters` ("": none) with the reason in the
// attributes that EventBridge writes: ERROR_CODE, ERROR_MESSAGE, RULE_ARN, TARGET_ARN. What became of it is good only
// if the target itself got it. One that is `age` old already and may not be (Parcel::max_age) is a dead letter at once.
Handled hand_over(const Targets& targets, std::string_view arn, Parcel parcel, std::string_view dead_letters,
                  store::Batch& batch, std::chrono::seconds age = {});

// How long ago it was due.
inline std::chrono::seconds age_of(const Fire& fire, WallTime now) {
  return std::chrono::floor<std::chrono::seconds>(now) - fire.due;
}

// RetryPolicy of a target of a rule or schedule (botocore events/2015-10-07, RetryPolicy). InvalidArgument says which
// member is wrong. How often it may be retried is checked and counts nothing: a target gets its parcel in the batch
// that acknowledges the event, so there is no delivery that fails and could be tried again.
Result<std::chrono::seconds> read_max_age(const json::Value& target);  // 0: none given

}  // namespace virga::events::internal
