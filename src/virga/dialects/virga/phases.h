#pragma once

#include <string>
#include <string_view>

#include "virga/model/invocation.h"

namespace virga::dialects {

// The header in which Virga tells where the time of a call went; on answers of Invoke, and on those of function URLs
// when the call waited for a start: "queue=0.012,start=1.204,attach=0,boot=35,init=0.53,run=0.05", in
// milliseconds.
inline constexpr std::string_view kPhasesField = "X-Virga-Phases";
std::string format_phases(const model::Phases& phases);

// The header that says what the call found when it had to wait for a start: "fork", "fork; none was waiting", "stem",
// or "cold; REASON" with why it was no stem. Behind the latter two, where its version is forked or would be if it
// could: "; no fork: REASON".
inline constexpr std::string_view kStartField = "X-Virga-Start";
std::string format_start(const model::Outcome& outcome);  // "": it did not have to

}  // namespace virga::dialects
