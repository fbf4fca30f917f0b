// What events and schedules read from outside: patterns, targets with their templates, schedule expressions, time zone
// files, CloudEvents. The input is two parts, one of them the document that the other is applied to.
#include <cstdlib>
#include <string>
#include <string_view>

#include "virga/dialects/cloudevents/cloud_events.h"
#include "virga/events/bus/target.h"
#include "virga/events/pattern.h"
#include "virga/events/schedule/expression.h"
#include "virga/json/cursor.h"
#include "virga/json/value.h"

namespace {

using namespace virga;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_schedule(std::string_view text) {
  auto expression = events::Expression::parse(text);
  auto cron = events::Cron::parse(text, events::kSecondsCron);
  if (cron) {
    auto next = cron->next_after(events::LocalTime(std::chrono::seconds(1'700'000'000)));
    require(!next || next->time_since_epoch().count() > 1'700'000'000);
  }
  if (!expression) return;
  events::UtcTime time(std::chrono::seconds(1'700'000'000));
  for (int i = 0; i < 5; ++i) {
    auto next = expression->next_after(time, time, events::Zone::utc());
    if (!next) return;
    require(*next > time);
    time = *next;
  }
}

void check_zone(std::string_view bytes) {
  auto zone = events::Zone::parse(bytes);
  if (!zone) return;
  for (std::int64_t second : {0LL, 1'700'000'000LL, 4'000'000'000LL}) {
    auto local = zone->to_local(events::UtcTime(std::chrono::seconds(second)));
    auto first = zone->first_at(local);
    require(!first || zone->to_local(*first) == local);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  auto newline = input.find('\n');
  auto first = input.substr(0, newline);
  auto second = newline == input.npos ? std::string_view() : input.substr(newline + 1);

  auto document = json::parse(second);
  require(document.has_value() == json::validate(second).has_value());
  if (auto pattern = events::Pattern::compile(first); pattern && document) {
    require(pattern->matches(*document) == pattern->matches(second));
  }
  if (auto target = events::RuleTarget::read(first); target && document) {
    (void)target->make_input({*document, "arn", "rule", "now"});
  }
  check_schedule(first);
  check_zone(input);

  http::Field field{"Content-Type", first};
  http::Request request;
  request.fields = {&field, 1};
  request.body = second;
  (void)dialects::cloudevents::read(request, WallTime());
  return 0;
}
