#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "virga/base/result.h"
#include "virga/sandbox/spec.h"

namespace virga::sandbox::wire {

// The daemon's half of the conversation: one message of a SOCK_SEQPACKET pair is one request.
inline constexpr std::size_t kMaxRequestBytes = 160 << 10;  // below the default socket buffer of 208 KiB
inline constexpr std::size_t kMaxTextBytes = 128 << 10;     // one argument or variable, as in execve(2)
inline constexpr std::size_t kMaxPathBytes = 4095;
inline constexpr std::size_t kMaxArguments = 512;
inline constexpr std::size_t kMaxVariables = 2048;
inline constexpr std::size_t kMaxLayers = 5;

enum class RequestKind : std::uint32_t { Start = 1, Kill, EndInit, Freeze, Thaw, Query, Bind, Fork };

// The only word of the daemon's other conversation, with the keeper: start a helper (again). The answer is a
// HelperStarted with the daemon's end of the helper's socket, or an Unable.
inline constexpr std::string_view kStartHelper{"VRGA", 4};

// Which descriptors come with a Start or a Fork, in this order.
inline constexpr std::uint32_t kHasFrames = 1;
inline constexpr std::uint32_t kHasOutput = 2;
inline constexpr std::uint32_t kHasErrors = 4;
inline constexpr std::uint32_t kHasInput = 8;

struct Request {
  RequestKind kind = RequestKind::Start;
  Spec spec;  // of a Bind: what Binding has; of a Fork: id and limits; of the others but Start: only id
  std::uint32_t channels = 0;  // kHas... bits; only for Start and Fork
  std::uint64_t of = 0;        // the template of a Fork
};

// What the helper would refuse: checked by the daemon for the message, and again by decode() because the helper trusts
// nobody.
Result<> validate(const Spec& spec);

Result<> validate_binding(const Spec& spec);
Result<> validate_fork(const Fork& fork);

std::string encode(const Request& request);
// A pure function over hostile bytes: every length is checked, nothing may follow the last field.
Result<Request> decode_request(std::string_view bytes);

}  // namespace virga::sandbox::wire
