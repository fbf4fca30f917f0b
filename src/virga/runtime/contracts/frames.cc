#include "virga/runtime/contracts/frames.h"

#include <bit>
#include <charconv>
#include <cstring>

#include "virga/base/encoding.h"

namespace virga::runtime {
namespace {

static_assert(std::endian::native == std::endian::little, "frames are written in the machine's own byte order");

constexpr std::uint32_t kLast = 1;   // in the flags of an answer
constexpr std::uint32_t kAscii = 1;  // in the flags of an invocation
constexpr std::uint32_t kWithForm = 2;
constexpr std::uint32_t kTakesForms = 1;  // in the flags of READY

template <typename T>
void append_number(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

template <typename T>
T read_number(std::string_view bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

void append_header(std::string& out, std::size_t size, FrameType type, std::uint64_t invocation,
                   std::uint32_t flags = 0) {
  append_number(out, static_cast<std::uint32_t>(size));
  append_number(out, static_cast<std::uint32_t>(type) | flags << 8);
  append_number(out, invocation);
}

std::string_view cut(std::string_view text) {
  return text.substr(0, 0xFFFF);
}

// Everything before the event, with `flags` as far as the texts here allow. Gives where the frame begins.
std::size_t begin_invoke(std::string& out, std::uint64_t number, const model::Invocation& invocation,
                         std::int64_t deadline_unix_ms, std::uint32_t flags) {
  std::size_t begin = out.size();
  std::string_view id = cut(invocation.id.text());
  std::string_view arn = cut(invocation.invoked_arn);
  std::string_view trace = cut(invocation.trace_id);
  std::string_view tenant = cut(invocation.tenant_id);
  std::string_view client = invocation.client_context;
  std::string_view cognito = invocation.cognito_identity;
  if (!is_ascii(client) || !is_ascii(cognito)) flags &= ~kAscii;
  append_header(out, 0, FrameType::Invoke, number, flags);
  append_number(out, deadline_unix_ms);
  append_number(out, static_cast<std::uint16_t>(id.size()));
  append_number(out, static_cast<std::uint16_t>(arn.size()));
  append_number(out, static_cast<std::uint16_t>(trace.size()));
  append_number(out, static_cast<std::uint16_t>(tenant.size()));
  append_number(out, static_cast<std::uint32_t>(client.size()));
  append_number(out, static_cast<std::uint32_t>(cognito.size()));
  out.append(id).append(arn).append(trace).append(tenant).append(client).append(cognito);
  return begin;
}

void end_invoke(std::string& out, std::size_t begin) {
  auto size = static_cast<std::uint32_t>(out.size() - begin - kFrameHeaderSize);
  std::memcpy(out.data() + begin, &size, sizeof size);
}

}  // namespace

void append_frame(std::string& out, FrameType type, std::uint64_t invocation, std::string_view body) {
  append_header(out, body.size(), type, invocation);
  out.append(body);
}

void append_invoke(std::string& out, std::uint64_t number, const model::Invocation& invocation,
                   std::int64_t deadline_unix_ms) {
  bool is_plain = is_ascii(invocation.payload) && (invocation.form == nullptr || invocation.form->is_ascii);
  auto at = begin_invoke(out, number, invocation, deadline_unix_ms, is_plain ? kAscii : 0);
  model::append_event(out, invocation);
  end_invoke(out, at);
}

void append_invoke_with_form(std::string& out, std::uint64_t number, const model::Invocation& invocation,
                             std::int64_t deadline_unix_ms, std::uint32_t form) {
  std::uint32_t flags = kWithForm | (is_ascii(invocation.payload) ? kAscii : 0);
  auto at = begin_invoke(out, number, invocation, deadline_unix_ms, flags);
  const auto& filling = invocation.filling;
  append_number(out, filling.time_ms);
  append_number(out, form);
  append_number(out, static_cast<std::uint32_t>(filling.time.size()));
  out.append(filling.time_text()).append(invocation.payload);
  end_invoke(out, at);
}

std::optional<std::uint32_t> ready_concurrency(std::string_view body) {
  if (body.empty()) return 1;
  std::uint32_t number = 0;
  auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), number);
  if (error != std::errc() || end != body.data() + body.size() || number == 0) return std::nullopt;
  return number;
}

Result<std::optional<Decoded>> decode_frame(std::string_view bytes) {
  if (bytes.size() < kFrameHeaderSize) return std::optional<Decoded>();
  auto size = read_number<std::uint32_t>(bytes, 0);
  auto kind = read_number<std::uint32_t>(bytes, 4);
  if (size > kMaxFrameBody) return fail(ErrorCode::TooLarge, "a frame larger than 16 MiB");
  switch (static_cast<FrameType>(kind & 0xFF)) {
    case FrameType::Ready:
    case FrameType::InitError:
    case FrameType::Result:
    case FrameType::Error:
    case FrameType::Log:
    case FrameType::Booted:
      break;
    default:
      return fail(ErrorCode::InvalidArgument, "a frame of an unknown type");
  }
  auto type = static_cast<FrameType>(kind & 0xFF);
  bool may_be_last = type == FrameType::Result || type == FrameType::Error;
  auto allowed = may_be_last ? kLast : type == FrameType::Ready ? kTakesForms : 0;
  auto flags = kind >> 8;
  if ((flags & ~allowed) != 0) {
    return fail(ErrorCode::InvalidArgument, "a frame with reserved bits set");
  }
  if (bytes.size() - kFrameHeaderSize < size) return std::optional<Decoded>();
  Decoded decoded;
  decoded.frame = {type, read_number<std::uint64_t>(bytes, 8), may_be_last && flags != 0, !may_be_last && flags != 0,
                   bytes.substr(kFrameHeaderSize, size)};
  decoded.size = kFrameHeaderSize + size;
  return std::optional<Decoded>(decoded);
}

}  // namespace virga::runtime
