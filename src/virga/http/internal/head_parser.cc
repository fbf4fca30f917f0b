#include "virga/http/internal/head_parser.h"

#include <charconv>
#include <cstring>

#include "virga/base/encoding.h"
#include "virga/http/internal/characters.h"

namespace virga::http::internal {
namespace {

constexpr std::size_t kMaxMethod = 32;

// A path says the same to everyone only if its escapes are whole, hide no NUL, and decode to UTF-8: an overlong form
// would be a second spelling of another character.
std::string_view check_escapes(std::string_view path) {
  if (path.find('%') == std::string_view::npos) return {};
  auto decoded = percent_decode(path);
  if (!decoded) return "the path holds a '%' without two hexadecimal digits";
  if (decoded->find('\0') != std::string::npos) return "the path holds a NUL";
  if (!is_utf8(*decoded)) return "the path is not UTF-8";
  return {};
}

}  // namespace

void HeadParser::restart() {
  auto fields = std::move(head_.fields);
  fields.clear();
  head_ = Head{};
  head_.fields = std::move(fields);
  refusal_ = {};
  line_start_ = scanned_ = 0;
  has_start_line_ = has_host_ = has_length_ = has_coding_ = says_close_ = says_keep_alive_ = false;
}

Progress HeadParser::refuse(int status, std::string_view reason) {
  if (refusal_.status == 0) refusal_ = {status, reason};
  return Progress::Refused;
}

Progress HeadParser::parse(std::string_view bytes) {
  if (refusal_.status != 0) return Progress::Refused;
  if (!bytes.empty() && !has_start_line_ && !is(bytes.front(), kMethod)) {
    return refuse(400, bytes.front() == 0x16 ? "this port speaks plain HTTP, not TLS" : "this is not HTTP");
  }
  while (true) {
    const auto* end = static_cast<const char*>(std::memchr(bytes.data() + scanned_, '\n', bytes.size() - scanned_));
    auto seen = end != nullptr ? static_cast<std::size_t>(end - bytes.data()) + 1 : bytes.size();
    if (!has_start_line_ && seen > bounds_.start_line + 2) return refuse(414, "the request line is too long");
    if (seen > bounds_.header) return refuse(431, "the header is too long");
    scanned_ = seen;
    if (end == nullptr) return Progress::NeedMore;

    auto line = bytes.substr(line_start_, seen - 1 - line_start_);
    line_start_ = seen;
    if (!line.ends_with('\r')) return refuse(400, "a header line ends without CR LF");
    line.remove_suffix(1);
    if (!has_start_line_) {
      has_start_line_ = true;
      bool parsed = kind_ == Kind::Request ? parse_request_line(line) : parse_status_line(line);
      if (!parsed) return Progress::Refused;
    } else if (line.empty()) {
      return finish();
    } else if (!parse_field(line)) {
      return Progress::Refused;
    }
  }
}

bool HeadParser::parse_request_line(std::string_view line) {
  auto first = line.find(' ');
  auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    refuse(400, "the request line is not METHOD TARGET VERSION");
    return false;
  }
  head_.method = line.substr(0, first);
  if (head_.method.empty() || head_.method.size() > kMaxMethod || !all_of(head_.method, kMethod)) {
    refuse(400, "the method holds more than upper-case letters");
    return false;
  }
  auto version = line.substr(last + 1);
  bool known_form = version.size() == 8 && version.starts_with("HTTP/") && version[6] == '.' && version[5] >= '0' &&
                    version[5] <= '9' && version[7] >= '0' && version[7] <= '9';
  if (!known_form) {
    refuse(400, "the version is not HTTP/1.1");
    return false;
  }
  if (version[5] != '1' || version[7] > '1') {
    refuse(505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    return false;
  }
  head_.minor_version = version[7] - '0';
  return parse_target(line.substr(first + 1, last - first - 1));
}

bool HeadParser::parse_target(std::string_view target) {
  head_.target = target;
  if (head_.method == "CONNECT") {
    refuse(501, "CONNECT is not supported");
    return false;
  }
  if (target == "*" && head_.method == "OPTIONS") {
    head_.path = target;
    return true;
  }
  auto rest = target;
  if (!target.starts_with('/')) {
    std::size_t scheme = 0;
    if (equals_ignoring_case(target.substr(0, 7), "http://")) scheme = 7;
    if (equals_ignoring_case(target.substr(0, 8), "https://")) scheme = 8;
    if (scheme == 0) {
      refuse(400, "the target does not begin with '/'");
      return false;
    }
    rest = target.substr(scheme);
    auto end = rest.find_first_of("/?");
    head_.authority = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
    if (!is_host(head_.authority)) {
      refuse(400, "the target names no valid host");
      return false;
    }
  }
  auto question = rest.find('?');
  head_.has_query = question != std::string_view::npos;
  head_.path = rest.substr(0, question);
  if (head_.has_query) head_.query = rest.substr(question + 1);
  if (head_.path.empty()) head_.path = "/";
  if (!all_of(head_.path, kPath) || !all_of(head_.query, kQuery)) {
    refuse(400, "the target holds a character that must be percent-encoded");
    return false;
  }
  if (auto fault = check_escapes(head_.path); !fault.empty()) {
    refuse(400, fault);
    return false;
  }
  return true;
}

bool HeadParser::parse_status_line(std::string_view line) {
  bool known = line.size() >= 12 && line.starts_with("HTTP/1.") && (line[7] == '0' || line[7] == '1') &&
               line[8] == ' ' && (line.size() == 12 || line[12] == ' ');
  int status = 0;
  if (known) {
    auto [end, error] = std::from_chars(line.data() + 9, line.data() + 12, status);
    known = error == std::errc() && end == line.data() + 12 && status >= 100 && all_of(line, kValue);
  }
  if (!known) {
    refuse(400, "the status line is not HTTP/1.1");
    return false;
  }
  head_.minor_version = line[7] - '0';
  head_.status = status;
  if (line.size() > 13) head_.reason = line.substr(13);
  return true;
}

bool HeadParser::parse_field(std::string_view line) {
  if (head_.fields.size() >= bounds_.fields) {
    refuse(431, "there are too many header lines");
    return false;
  }
  std::string_view reason;
  auto field = split_field(line, reason);
  if (!field) {
    refuse(400, reason);
    return false;
  }
  head_.fields.push_back(*field);
  return note_field(*field);
}

bool HeadParser::note_field(const Field& field) {
  switch (field.name.size()) {
    case 4:
      if (kind_ == Kind::Request && equals_ignoring_case(field.name, "host")) {
        if (has_host_) return refuse(400, "there are two Host headers"), false;
        has_host_ = true;
        head_.host = field.value;
        if (!is_host(field.value)) return refuse(400, "the Host header names no valid host"), false;
      }
      return true;
    case 6:
      if (equals_ignoring_case(field.name, "expect")) {
        // Others are ignored, as a server may (RFC 9110 §10.1.1) and as AWS does.
        if (equals_ignoring_case(field.value, "100-continue")) head_.expects_continue = true;
      }
      return true;
    case 10:
      return !equals_ignoring_case(field.name, "connection") || note_connection(field.value);
    case 14:
      return !equals_ignoring_case(field.name, "content-length") || note_content_length(field.value);
    case 17:
      if (!equals_ignoring_case(field.name, "transfer-encoding")) return true;
      // Exactly "chunked", once: whatever else is said about the body's end is understood differently by somebody.
      if (has_coding_ || !equals_ignoring_case(field.value, "chunked")) {
        return refuse(400, "Transfer-Encoding may only be 'chunked'"), false;
      }
      has_coding_ = true;
      head_.framing = Framing::Chunked;
      return true;
    default:
      return true;
  }
}

bool HeadParser::note_content_length(std::string_view value) {
  if (has_length_) return refuse(400, "there are two Content-Length headers"), false;
  has_length_ = true;
  bool digits = !value.empty() && value.size() <= 18;
  for (char c : value) digits = digits && c >= '0' && c <= '9';
  if (!digits) return refuse(400, "Content-Length is not a plain number"), false;
  std::from_chars(value.data(), value.data() + value.size(), head_.content_length);
  if (head_.framing == Framing::None) head_.framing = Framing::Length;
  return true;
}

bool HeadParser::note_connection(std::string_view value) {
  while (!value.empty()) {
    auto comma = value.find(',');
    auto option = trim(value.substr(0, comma));
    value = comma == std::string_view::npos ? std::string_view() : value.substr(comma + 1);
    if (equals_ignoring_case(option, "close")) {
      says_close_ = true;
    } else if (equals_ignoring_case(option, "keep-alive")) {
      says_keep_alive_ = true;
    } else if (!all_of(option, kToken)) {
      return refuse(400, "the Connection header holds no token"), false;
    } else if (equals_ignoring_case(option, "host") || equals_ignoring_case(option, "content-length") ||
               equals_ignoring_case(option, "transfer-encoding") || equals_ignoring_case(option, "authorization")) {
      // It would ask every proxy on the way to remove what the message depends on.
      return refuse(400, "the Connection header names a header that belongs to the message"), false;
    }
  }
  return true;
}

Progress HeadParser::finish() {
  if (has_length_ && has_coding_) return refuse(400, "both Content-Length and Transfer-Encoding are there");
  if (has_coding_ && head_.minor_version == 0) return refuse(400, "HTTP/1.0 knows no Transfer-Encoding");
  if (kind_ == Kind::Request) {
    if (!has_host_ && head_.minor_version == 1) return refuse(400, "the Host header is missing");
    if (!head_.authority.empty() && has_host_ && !equals_ignoring_case(head_.authority, head_.host)) {
      return refuse(400, "the target and the Host header name different hosts");
    }
  }
  head_.keep_alive = !says_close_ && (head_.minor_version == 1 || says_keep_alive_);
  if (head_.minor_version == 0) head_.expects_continue = false;
  return Progress::Done;
}

}  // namespace virga::http::internal
