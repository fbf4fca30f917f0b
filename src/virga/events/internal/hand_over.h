#pragma once

#include <string>
#include <string_view>

#include "virga/events/schedule/scheduler.h"
#include "virga/events/targets.h"

namespace virga::events::internal {

// Sends the parcel to `arn`, or, when that takes nothing, to `dead_letters` ("": none) with the reason in the
// attributes that EventBridge writes: ERROR_CODE, ERROR_MESSAGE, RULE_ARN, TARGET_ARN. What became of it is good only
// if the target itself got it.
Handled hand_over(const Targets& targets, std::string_view arn, Parcel parcel, std::string_view dead_letters,
                  store::Batch& batch);

}  // namespace virga::events::internal
