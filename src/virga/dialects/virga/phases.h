#pragma once

#include <string>
#include <string_view>

#include "virga/model/invocation.h"

namespace virga::dialects {

// The header in which Virga tells where the time of a call went; on answers of Invoke, and on those of function URLs
// when the call waited for a start: "queue=0.012,start=1.204,boot=0,init=0.53,run=0.05", in milliseconds.
inline constexpr std::string_view kPhasesField = "X-Virga-Phases";
std::string format_phases(const model::Phases& phases);

}  // namespace virga::dialects
