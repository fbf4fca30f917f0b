#include "virga/dialects/virga/invocations.h"

#include <array>

#include "virga/json/cursor.h"
#include "virga/json/text.h"

namespace virga::dialects {
namespace {

using events::CallState;
using events::History;

// As in the label `kind` of virga_invocation_errors_total.
constexpr std::array<std::string_view, 7> kFaults = {"",    "error", "timeout",           "exit",
                                                     "oom", "init",  "response too large"};

void add_payload(json::Object& object, std::string_view name, std::string_view payload) {
  if (json::validate(payload)) {
    object.add_raw(name, payload);
  } else {
    object.add(name, payload);
  }
}

void add_lines(json::Object& object, std::string_view name, std::string_view lines) {
  json::Array list(object.open(name));
  while (!lines.empty()) {
    auto end = lines.find('\n');
    list.add(lines.substr(0, end));
    lines.remove_prefix(end == lines.npos ? lines.size() : end + 1);
  }
}

void add_attempts(json::Object& object, const History& history) {
  json::Array list(object.open("attempts"));
  for (const auto& attempt : history.attempts) {
    json::Object item(list.open());
    auto duration = std::chrono::duration_cast<std::chrono::milliseconds>(attempt.end - attempt.begin);
    item.add("begin", format_rfc3339(attempt.begin))
        .add("end", format_rfc3339(attempt.end))
        .add("duration_ms", duration.count())
        .add("version", attempt.version);
    if (attempt.fault != model::Fault::None) {
      item.add("fault", kFaults[static_cast<std::size_t>(attempt.fault)]);
      add_payload(item, "error", attempt.error);
    }
    item.add("log", attempt.log);
  }
}

}  // namespace

std::string write_invocation(const events::AsyncCalls::Status& status) {
  const auto& [call, history] = status;
  bool has_ended = history.state == CallState::Succeeded || history.state == CallState::Failed;
  std::string text;
  {
    json::Object object(text);
    object.add("id", call.invocation.id.text())
        .add("function", call.function.text())
        .add("qualifier", call.qualifier)
        .add("state", name(history.state))
        .add("accepted", format_rfc3339(call.accepted));
    if (!call.idempotency_key.empty()) object.add("idempotency_key", call.idempotency_key);
    if (history.state == CallState::Waiting && history.spent > 0) object.add("due", format_rfc3339(history.due));
    if (has_ended) object.add("ended", format_rfc3339(history.ended)).add("condition", name(history.condition));
    if (!history.reason.empty()) object.add("reason", history.reason);
    add_attempts(object, history);
    if (history.state == CallState::Succeeded) add_payload(object, "result", history.result);
    if (!history.handed_to.empty()) add_lines(object, "sent_to", history.handed_to);
    add_payload(object, "payload", call.invocation.payload);
  }
  return text;
}

}  // namespace virga::dialects
