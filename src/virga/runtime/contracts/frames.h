#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "virga/base/result.h"
#include "virga/model/invocation.h"

namespace virga::runtime {

// The frames contract (docs/frames.md): its encoding, without any descriptor.

enum class FrameType : std::uint8_t {
  Bind = 1,
  Invoke = 2,
  End = 3,
  Rehearse = 4,
  Form = 5,
  Ready = 16,
  InitError = 17,
  Result = 18,
  Error = 19,
  Log = 20,
  Booted = 21,
};

inline constexpr std::size_t kFrameHeaderSize = 16;
inline constexpr std::size_t kMaxFrameBody = 16u << 20;
inline constexpr std::uint32_t kForms = 64;  // that a process keeps

struct Frame {
  FrameType type;
  std::uint64_t invocation = 0;
  bool is_last = false;      // Result and Error: the process begins no other invocation
  bool takes_forms = false;  // Ready: it takes FORM and what refers to it
  std::string_view body;     // into the buffer that was decoded
};

void append_frame(std::string& out, FrameType type, std::uint64_t invocation, std::string_view body);
// INVOKE; the deadline is in Unix milliseconds. Strings longer than 65535 bytes are cut off at that length.
void append_invoke(std::string& out, std::uint64_t number, const model::Invocation& invocation,
                   std::int64_t deadline_unix_ms);
// The same for an invocation with a form that the process was told under the number `form`.
void append_invoke_with_form(std::string& out, std::uint64_t number, const model::Invocation& invocation,
                             std::int64_t deadline_unix_ms, std::uint32_t form);

// How many invocations a process runs at a time, out of the body of its READY; nullopt: it is malformed.
std::optional<std::uint32_t> ready_concurrency(std::string_view body);

// The first frame of `bytes` and how many bytes it took: nullopt while it is not whole. Errors: a size above
// kMaxFrameBody, a type a process may not send, reserved bits that are set.
struct Decoded {
  Frame frame;
  std::size_t size = 0;
};
Result<std::optional<Decoded>> decode_frame(std::string_view bytes);

}  // namespace virga::runtime
