#include "virga/events/rules.h"

#include <charconv>

#include "virga/json/cursor.h"
#include "virga/json/text.h"

namespace virga::events {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int64_t kLongestDelay = std::chrono::milliseconds(std::chrono::hours(6)).count();

std::optional<std::int64_t> number_of(std::string_view text) {
  std::int64_t number = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// The text member `name` of a JSON object; "" if there is none.
std::string text_member(std::string_view object, std::string_view name) {
  json::Cursor cursor(object);
  std::string key;
  std::string value;
  for (bool more = cursor.enter_object(); more && cursor.next_member(key);) {
    if (key == name && cursor.peek() == json::Cursor::Kind::String) {
      (void)cursor.read_string(value);
    } else {
      (void)cursor.skip_value();
    }
  }
  return cursor.finish() ? value : std::string();
}

}  // namespace

std::string InvokeConfig::encode() const {
  std::string text;
  {
    json::Object object(text);
    if (retries) object.add("retries", *retries);
    if (max_age) object.add("max_age_seconds", max_age->count());
    object.add("on_success", on_success).add("on_failure", on_failure).add("modified_ms", unix_milliseconds(modified));
  }
  return text;
}

InvokeConfig InvokeConfig::decode(std::string_view text) {
  InvokeConfig config;
  json::Cursor cursor(text);
  std::string key;
  for (bool more = cursor.enter_object(); more && cursor.next_member(key);) {
    std::string_view raw;
    if (key == "on_success") {
      (void)cursor.read_string(config.on_success);
    } else if (key == "on_failure") {
      (void)cursor.read_string(config.on_failure);
    } else if (cursor.skip_value(raw)) {
      auto number = number_of(raw);
      if (key == "retries" && number) config.retries = static_cast<std::uint32_t>(*number);
      if (key == "max_age_seconds" && number) config.max_age = seconds(*number);
      if (key == "modified_ms" && number) config.modified = WallTime(milliseconds(*number));
    }
  }
  return cursor.finish() ? config : InvokeConfig();
}

std::optional<std::array<milliseconds, 2>> parse_retry_delays(std::string_view value) {
  auto comma = value.find(',');
  auto first = number_of(value.substr(0, comma));
  auto second = comma == value.npos ? first : number_of(value.substr(comma + 1));
  for (const auto& delay : {first, second}) {
    if (!delay || *delay < 0 || *delay > kLongestDelay) return std::nullopt;
  }
  return std::array{milliseconds(*first), milliseconds(*second)};
}

Rules rules_of(const catalog::FunctionEntry& function, std::string_view qualifier) {
  Rules rules;
  catalog::AttachmentKey key{std::string(kInvokeConfigKind), std::string(qualifier.empty() ? "$LATEST" : qualifier)};
  if (auto found = function.attachments.find(key); found != function.attachments.end()) {
    auto config = InvokeConfig::decode(found->second);
    rules.retries = config.retries.value_or(rules.retries);
    rules.max_age = config.max_age.value_or(rules.max_age);
    rules.on_success = std::move(config.on_success);
    rules.on_failure = std::move(config.on_failure);
  }
  const auto& tags = function.function.tags;
  if (auto tag = tags.find(std::string(kRetryDelaysTag)); tag != tags.end()) {
    if (auto delays = parse_retry_delays(tag->second)) rules.delays = *delays;
  }
  const auto& settings = function.latest->config.opaque;
  if (auto found = settings.find("DeadLetterConfig"); found != settings.end()) {
    rules.dead_letters = text_member(found->second, "TargetArn");
  }
  return rules;
}

}  // namespace virga::events
