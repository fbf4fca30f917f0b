#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "virga/base/result.h"
#include "virga/sandbox/helper.h"

namespace virga::sandbox::wire {

// The helper's half of the conversation: one message is one report. A Started brings the descriptors it
// has: the listener, then the two for names.
inline constexpr std::size_t kMaxReportBytes = 8192;

// The first report: the helper is ready.
struct Hello {
  bool is_root = false;
  bool has_cgroups = false;
};
// Or it could not begin, and ends.
struct Unable {
  Error error{ErrorCode::Internal, ""};
};

// The keeper's answer; the daemon's end of the helper's socket comes along.
struct HelperStarted {
  std::int32_t pid = 0;
};

using Report =
    std::variant<Started, StartFailed, Ended, Usage, Hello, Unable, HelperStarted, Bound, BindFailed, Notice>;

std::string encode(const Report& report);
Result<Report> decode_report(std::string_view bytes);

}  // namespace virga::sandbox::wire
