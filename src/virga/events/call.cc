#include "virga/events/call.h"

#include <array>

#include "virga/base/record.h"

namespace virga::events {
namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::uint8_t kFormatOfSender = 2;  // of a call with what its sender allows behind the rest
constexpr std::uint64_t kMostSeconds = 1ull << 31;
constexpr std::array<std::string_view, 4> kStates = {"waiting", "running", "succeeded", "failed"};
constexpr std::array<std::string_view, 5> kConditions = {"", "Success", "RetriesExhausted", "EventAgeExceeded",
                                                         "FunctionGone"};
constexpr std::uint64_t kFaults = static_cast<std::uint64_t>(model::Fault::ResponseTooLarge) + 1;

template <typename Enumeration>
Enumeration enumerator(RecordReader& reader, std::uint64_t count) {
  auto value = reader.number();
  if (value >= count) reader.refuse();
  return static_cast<Enumeration>(value >= count ? 0 : value);
}

std::unexpected<Error> damaged(std::string_view what) {
  return fail(ErrorCode::DataLoss, "the record of " + std::string(what) + " is damaged");
}

}  // namespace

std::string_view name(CallState state) {
  return kStates[static_cast<std::size_t>(state)];
}

std::string_view name(Condition condition) {
  return kConditions[static_cast<std::size_t>(condition)];
}

bool AcceptedCall::operator==(const AcceptedCall& other) const {
  return encode() == other.encode();
}

std::string AcceptedCall::encode() const {
  bool has_sender = max_age.count() > 0;
  RecordWriter writer(has_sender ? kFormatOfSender : kFormat);
  writer.text(function.text()).text(qualifier).time(accepted);
  writer.number(retries ? 1 + *retries : 0).text(idempotency_key);
  writer.text(invocation.id.text()).text(invocation.invoked_arn).text(invocation.trace_id);
  writer.text(invocation.client_context).text(invocation.cognito_identity).text(invocation.tenant_id);
  writer.text(invocation.caller).text(invocation.payload);
  if (has_sender) writer.number(static_cast<std::uint64_t>(max_age.count())).text(undelivered_to).text(sender);
  return writer.take();
}

Result<AcceptedCall> AcceptedCall::decode(std::string_view bytes) {
  RecordReader reader(bytes);
  AcceptedCall call;
  call.function = model::FunctionName(reader.text());
  call.qualifier = reader.text();
  call.accepted = reader.time();
  if (auto retries = reader.number(); retries > 0) call.retries = static_cast<std::uint32_t>(retries - 1);
  call.idempotency_key = reader.text();
  auto& invocation = call.invocation;
  invocation.id = model::RequestId(reader.text());
  for (auto* text : {&invocation.invoked_arn, &invocation.trace_id, &invocation.client_context,
                     &invocation.cognito_identity, &invocation.tenant_id, &invocation.caller, &invocation.payload}) {
    *text = reader.text();
  }
  invocation.kind = model::InvocationKind::Event;
  if (reader.format() == kFormatOfSender) {
    call.max_age = std::chrono::seconds(reader.number() % kMostSeconds);
    call.undelivered_to = reader.text();
    call.sender = reader.text();
  }
  bool is_known = reader.format() == kFormat || reader.format() == kFormatOfSender;
  if (!is_known || !reader.is_whole()) return damaged("an accepted call");
  return call;
}

std::string History::encode() const {
  RecordWriter writer(kFormat);
  writer.number(static_cast<std::uint64_t>(state)).number(static_cast<std::uint64_t>(condition)).number(spent);
  writer.time(due).time(ended);
  writer.text(result).text(reason).text(handed_to).number(attempts.size());
  for (const auto& attempt : attempts) {
    writer.time(attempt.begin).time(attempt.end);
    writer.number(static_cast<std::uint64_t>(attempt.fault));
    writer.text(attempt.version).text(attempt.error).text(attempt.log);
  }
  return writer.take();
}

Result<History> History::decode(std::string_view bytes) {
  RecordReader reader(bytes);
  History history;
  history.state = enumerator<CallState>(reader, kStates.size());
  history.condition = enumerator<Condition>(reader, kConditions.size());
  history.spent = static_cast<std::uint32_t>(reader.number());
  history.due = reader.time();
  history.ended = reader.time();
  history.result = reader.text();
  history.reason = reader.text();
  history.handed_to = reader.text();
  auto count = reader.number();
  if (count > bytes.size()) reader.refuse();
  for (std::uint64_t i = 0; i < count && reader.is_good(); ++i) {
    auto& attempt = history.attempts.emplace_back();
    attempt.begin = reader.time();
    attempt.end = reader.time();
    attempt.fault = enumerator<model::Fault>(reader, kFaults);
    attempt.version = reader.text();
    attempt.error = reader.text();
    attempt.log = reader.text();
  }
  if (reader.format() != kFormat || !reader.is_whole()) return damaged("a call's attempts");
  return history;
}

}  // namespace virga::events
