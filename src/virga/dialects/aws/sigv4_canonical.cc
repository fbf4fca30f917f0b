#include "virga/dialects/aws/sigv4_canonical.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "virga/base/encoding.h"

namespace virga::dialects::aws::sigv4 {
namespace {

// The other spelling of the same text; a text that is no valid encoding is taken as it is.
std::string encoded_once(std::string_view raw) {
  auto plain = percent_decode(raw);
  return percent_encode(plain ? *plain : std::string(raw));
}

template <typename Function>
void for_each_part(std::string_view text, char separator, Function function) {
  while (true) {
    auto end = text.find(separator);
    function(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

// Runs of white space become one space.
void append_collapsed(std::string& out, std::string_view value) {
  bool space = false;
  for (char c : trim(value)) {
    bool blank = c == ' ' || c == '\t';
    if (blank && space) continue;
    space = blank;
    out += blank ? ' ' : c;
  }
}

std::string normalised(std::string_view path) {
  std::vector<std::string_view> kept;
  for_each_part(path, '/', [&](std::string_view segment) {
    if (segment.empty() || segment == ".") return;
    if (segment != "..") {
      kept.push_back(segment);
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  });
  std::string out;
  for (auto segment : kept) out.append("/").append(segment);
  if (out.empty() || path.ends_with('/')) out += '/';
  return out;
}

}  // namespace

std::string Scope::text() const {
  std::string out(date);
  out.append("/").append(region).append("/").append(service).append("/").append(kTerminator);
  return out;
}

std::string canonical_path(std::string_view raw_path, PathEncoding encoding) {
  if (encoding == PathEncoding::Twice) return percent_encode(normalised(raw_path), Slash::Keep);
  std::string out;
  bool first = true;
  for_each_part(raw_path, '/', [&](std::string_view segment) {
    if (!std::exchange(first, false)) out += '/';
    out += encoded_once(segment);
  });
  return out;
}

std::string canonical_query(std::string_view raw_query, std::string_view except) {
  std::vector<std::pair<std::string, std::string>> parameters;
  for_each_part(raw_query, '&', [&](std::string_view parameter) {
    if (parameter.empty()) return;
    auto equals = parameter.find('=');
    auto name = encoded_once(parameter.substr(0, equals));
    if (!except.empty() && name == except) return;
    auto value = equals == std::string_view::npos ? std::string() : encoded_once(parameter.substr(equals + 1));
    parameters.emplace_back(std::move(name), std::move(value));
  });
  std::ranges::sort(parameters);
  std::string out;
  for (const auto& [name, value] : parameters) {
    if (!out.empty()) out += '&';
    out.append(name).append("=").append(value);
  }
  return out;
}

std::optional<std::string> canonical_fields(std::span<const http::Field> fields,
                                            std::span<const std::string_view> names) {
  std::string out;
  for (auto name : names) {
    bool found = false;
    for (const auto& field : fields) {
      if (!equals_ignoring_case(field.name, name)) continue;
      if (found) {
        out += ',';
      } else {
        out.append(name).append(":");
      }
      found = true;
      append_collapsed(out, field.value);
    }
    if (!found) return {};
    out += '\n';
  }
  return out;
}

std::string canonical_request(const CanonicalParts& parts) {
  std::string out(parts.method);
  for (auto part : {parts.path, parts.query, parts.fields, parts.signed_headers, parts.payload_hash}) {
    out.append("\n").append(part);
  }
  return out;
}

std::string string_to_sign(std::string_view time, const Scope& scope, std::string_view canonical_request) {
  std::string out(kAlgorithm);
  out.append("\n").append(time).append("\n").append(scope.text()).append("\n");
  return out + to_hex(sha256(canonical_request));
}

Sha256Digest signing_key(std::string_view secret, const Scope& scope) {
  auto key = hmac_sha256("AWS4" + std::string(secret), scope.date);
  for (auto part : {scope.region, scope.service, kTerminator}) key = hmac_sha256(as_view(key), part);
  return key;
}

std::string signature(const Sha256Digest& key, std::string_view text) {
  return to_hex(hmac_sha256(as_view(key), text));
}

std::string format_time(WallTime time) {
  using namespace std::chrono;
  auto second = floor<seconds>(time);
  auto day = floor<days>(second);
  year_month_day date(day);
  hh_mm_ss clock(second - day);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

std::optional<WallTime> parse_time(std::string_view text) {
  using namespace std::chrono;
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return {};
  auto number = [&](std::size_t at, std::size_t size) {
    unsigned value = 0;
    for (char c : text.substr(at, size)) {
      if (c < '0' || c > '9') return 10'000u;  // beyond every bound below
      value = value * 10 + static_cast<unsigned>(c - '0');
    }
    return value;
  };
  auto y = number(0, 4);
  auto h = number(9, 2);
  auto m = number(11, 2);
  auto s = number(13, 2);
  year_month_day date(year(static_cast<int>(y)), month(number(4, 2)), day(number(6, 2)));
  if (y > 2200 || y < 1970 || !date.ok() || h > 23 || m > 59 || s > 59) return {};
  return WallTime(sys_days(date)) + hours(h) + minutes(m) + seconds(s);
}

}  // namespace virga::dialects::aws::sigv4
