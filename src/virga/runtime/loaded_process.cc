#include "virga/runtime/loaded_process.h"

#include <boost/json.hpp>

namespace virga::runtime {

namespace {

constexpr std::size_t kMostText = 300;

// What a function says may go into a header: one line of printable ASCII, not too long.
std::string clean(std::string_view text) {
  std::string line(text.substr(0, kMostText));
  for (auto& byte : line) {
    if (byte < ' ' || byte > '~') byte = byte == '\n' ? ' ' : '?';
  }
  return line;
}

}  // namespace

void LoadedProcess::add_log(std::string_view text) {
  log.append(text.substr(0, kMostLog - std::min(log.size(), kMostLog)));
}

void LoadedProcess::spoil() {
  if (is_broken) return;
  is_broken = true;
  settled.set();
  if (on_break) on_break();
}

void LoadedProcess::contract_ready(Speaker, std::uint32_t) {
  is_ready = true;
  settled.set();
}

void LoadedProcess::contract_init_error(std::string_view error_json) {
  boost::system::error_code malformed;
  auto parsed = boost::json::parse(error_json, malformed);
  auto member = [&](std::string_view name) -> std::string {
    const auto* value = malformed || !parsed.is_object() ? nullptr : parsed.get_object().if_contains(name);
    return value == nullptr || !value->is_string() ? "" : std::string(value->get_string());
  };
  error_type = clean(member("errorType"));
  error = clean(member("errorMessage"));
  spoil();
}

void LoadedProcess::contract_log(std::uint64_t, std::string_view lines) {
  add_log(lines);
  add_log("\n");
}

}  // namespace virga::runtime
