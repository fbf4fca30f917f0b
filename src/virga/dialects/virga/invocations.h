#pragma once

#include <string>

#include "virga/events/async_calls.h"

namespace virga::dialects {

// An asynchronous call as Virga's API shows it: who, when, every attempt, what came of it. Payloads that are JSON stand
// in it as JSON, others as texts.
std::string write_invocation(const events::AsyncCalls::Status& status);

}  // namespace virga::dialects
