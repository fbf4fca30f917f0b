#include "virga/http/internal/chunked.h"

#include <algorithm>

#include "virga/base/encoding.h"
#include "virga/http/internal/characters.h"

namespace virga::http::internal {
namespace {
constexpr int kMaxDigits = 15;  // so that the size cannot overflow
}

Progress ChunkedDecoder::refuse(int status, std::string_view reason) {
  if (refusal_.status == 0) refusal_ = {status, reason};
  return Progress::Refused;
}

bool ChunkedDecoder::take_digit(char c) {
  if (++digits_ > kMaxDigits) return refuse(400, "a chunk size is too long"), false;
  chunk_ = chunk_ * 16 + static_cast<std::uint64_t>(hex_value(c));
  return true;
}

bool ChunkedDecoder::take_extra() {
  if (extra_ == 0) return refuse(431, "the chunked body carries too many extensions or trailers"), false;
  --extra_;
  return true;
}

// ";NAME", ";NAME=TOKEN" or ";NAME="TEXT"" (RFC 9112 §7.1.1), without the white space that the grammar calls bad:
// servers do not agree on what else may stand there.
bool ChunkedDecoder::take_extension_byte(char c) {
  if (!take_extra()) return false;
  switch (state_) {
    case State::Extension:
    case State::ExtensionName:
      if (is(c, kToken)) {
        state_ = State::ExtensionName;
        return true;
      }
      if (state_ == State::ExtensionName && c == '=') {
        state_ = State::ExtensionValue;
        return true;
      }
      break;
    case State::ExtensionValue:
    case State::ExtensionToken:
      if (is(c, kToken)) {
        state_ = State::ExtensionToken;
        return true;
      }
      if (state_ == State::ExtensionValue && c == '"') {
        state_ = State::ExtensionText;
        return true;
      }
      break;
    case State::ExtensionText:
      if (c == '"') {
        state_ = State::ExtensionEnd;
        return true;
      }
      if (c == '\\') state_ = State::ExtensionEscape;
      return is(c, kValue) || (refuse(400, "a chunk extension holds a control character"), false);
    case State::ExtensionEscape:
      state_ = State::ExtensionText;
      return is(c, kValue) || (refuse(400, "a chunk extension holds a control character"), false);
    default:
      break;
  }
  bool may_end = state_ != State::Extension && state_ != State::ExtensionValue;
  if (may_end && (c == ';' || c == '\r')) {
    state_ = c == ';' ? State::Extension : State::SizeEnd;
    return true;
  }
  return refuse(400, "a chunk extension is not NAME=VALUE"), false;
}

bool ChunkedDecoder::take_trailer_byte(char c) {
  if (!take_extra()) return false;
  if (c != '\n') {
    line_ += c;
    return true;
  }
  if (!line_.ends_with('\r')) return refuse(400, "a trailer line ends without CR LF"), false;
  line_.pop_back();
  if (line_.empty()) {
    state_ = State::Done;
    return true;
  }
  std::string_view reason;
  auto field = split_field(line_, reason);
  if (!field) return refuse(400, reason), false;
  for (std::string_view framing : {"content-length", "transfer-encoding", "host", "trailer"}) {
    if (equals_ignoring_case(field->name, framing)) return refuse(400, "a trailer may not tell the framing"), false;
  }
  line_.clear();
  return true;
}

Progress ChunkedDecoder::feed(std::string_view bytes, std::string& out, std::size_t& used) {
  used = 0;
  if (refusal_.status != 0) return Progress::Refused;
  while (used < bytes.size() && state_ != State::Done) {
    char c = bytes[used];
    switch (state_) {
      case State::SizeFirst:
        chunk_ = 0;
        digits_ = 0;
        if (!is(c, kHex)) return refuse(400, "a chunk size is not a hexadecimal number");
        state_ = State::Size;
        [[fallthrough]];
      case State::Size:
        if (is(c, kHex)) {
          if (!take_digit(c)) return Progress::Refused;
        } else if (c == ';') {
          state_ = State::Extension;
        } else if (c == '\r') {
          state_ = State::SizeEnd;
        } else {
          return refuse(400, "a chunk size is not a hexadecimal number");
        }
        ++used;
        break;
      case State::Extension:
      case State::ExtensionName:
      case State::ExtensionValue:
      case State::ExtensionToken:
      case State::ExtensionText:
      case State::ExtensionEscape:
      case State::ExtensionEnd:
        ++used;
        if (!take_extension_byte(c)) return Progress::Refused;
        break;
      case State::SizeEnd:
        if (c != '\n') return refuse(400, "a chunk size ends without CR LF");
        if (chunk_ > room_) return refuse(413, "the body is too large");
        room_ -= chunk_;
        state_ = chunk_ == 0 ? State::Trailer : State::Data;
        ++used;
        break;
      case State::Data: {
        auto count = static_cast<std::size_t>(std::min<std::uint64_t>(chunk_, bytes.size() - used));
        out.append(bytes.substr(used, count));
        used += count;
        chunk_ -= count;
        if (chunk_ == 0) state_ = State::DataReturn;
        break;
      }
      case State::DataReturn:
      case State::DataEnd:
        if (c != (state_ == State::DataReturn ? '\r' : '\n')) return refuse(400, "a chunk ends without CR LF");
        state_ = state_ == State::DataReturn ? State::DataEnd : State::SizeFirst;
        ++used;
        break;
      case State::Trailer:
        ++used;
        if (!take_trailer_byte(c)) return Progress::Refused;
        break;
      case State::Done:
        break;
    }
  }
  return state_ == State::Done ? Progress::Done : Progress::NeedMore;
}

}  // namespace virga::http::internal
