#include "virga/events/call.h"

#include <gtest/gtest.h>

#include "virga/events/internal/keys.h"

namespace virga::events {
namespace {

WallTime at(std::int64_t milliseconds) {
  return WallTime(std::chrono::milliseconds(milliseconds));
}

AcceptedCall some_call() {
  AcceptedCall call;
  call.function = model::FunctionName("resize");
  call.qualifier = "live";
  call.accepted = at(1'700'000'000'123);
  call.retries = 0;
  call.idempotency_key = "order-7";
  call.invocation.id = model::RequestId("018bcfe5-687b-7000-8000-000000000001");
  call.invocation.payload = std::string("{\"a\":\"\x00ü\"}", 11);
  call.invocation.invoked_arn = "arn:aws:lambda:us-east-1:000000000000:function:resize:live";
  call.invocation.trace_id = "Root=1-2-3";
  call.invocation.client_context = "{}";
  call.invocation.cognito_identity = "[]";
  call.invocation.tenant_id = "t";
  call.invocation.caller = "key";
  return call;
}

History some_history() {
  History history;
  history.state = CallState::Failed;
  history.condition = Condition::RetriesExhausted;
  history.attempts = {{at(1), at(2), model::Fault::TimedOut, "$LATEST", "{}", "START\n"},
                      {at(3), at(4), model::Fault::ResponseTooLarge, "7", "", ""}};
  history.spent = 2;
  history.due = at(5);
  history.reason = "it failed 2 times";
  history.handed_to = "arn:a\narn:b\n";
  history.ended = at(6);
  return history;
}

TEST(AcceptedCallRecord, ComesBackAsItWas) {
  auto call = some_call();
  auto read = AcceptedCall::decode(call.encode());
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, call);
  EXPECT_EQ(read->retries, 0u);
  EXPECT_EQ(read->invocation.payload, call.invocation.payload);
  call.retries.reset();
  EXPECT_EQ(AcceptedCall::decode(call.encode())->retries, std::nullopt);
  call.max_age = std::chrono::seconds(60);
  call.undelivered_to = "arn:dead";
  call.sender = "arn:rule";
  auto sent = AcceptedCall::decode(call.encode());
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->max_age, call.max_age);
  EXPECT_EQ(*sent, call);
}

TEST(HistoryRecord, ComesBackAsItWas) {
  auto history = some_history();
  EXPECT_EQ(History::decode(history.encode()).value(), history);
  EXPECT_EQ(History::decode(History().encode()).value(), History());
}

template <typename T>
void expect_damage_to_show(const std::string& whole) {
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(T::decode(std::string_view(whole).substr(0, size))) << size;
  }
  EXPECT_FALSE(T::decode(whole + 'x'));
  auto other_format = whole;
  other_format[0] = 99;
  auto read = T::decode(other_format);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), ErrorCode::DataLoss);
}

TEST(CallRecords, ShowWhenTheyAreCutOff) {
  expect_damage_to_show<AcceptedCall>(some_call().encode());
  expect_damage_to_show<History>(some_history().encode());
}

TEST(CallKeys, HoldIdAndTimeInOrder) {
  auto id = internal::parse_call_id("018bcfe5-687b-7000-8000-0000000000ff");
  ASSERT_TRUE(id);
  EXPECT_EQ(internal::uuid_of(*id), "018bcfe5-687b-7000-8000-0000000000ff");
  for (const auto* wrong : {"", "018bcfe5-687b-7000-8000-0000000000f", "018bcfe5x687b-7000-8000-0000000000ff",
                            "018bcfe5-687b-7000-8000-0000000000fg"}) {
    EXPECT_FALSE(internal::parse_call_id(wrong)) << wrong;
  }
  auto early = internal::expiry_key(at(255), *id);
  auto late = internal::expiry_key(at(256), *id);
  EXPECT_LT(early, late);
  EXPECT_EQ(internal::time_in_expiry_key(late), at(256));
  EXPECT_EQ(internal::id_in(late), id);
  EXPECT_FALSE(internal::time_in_expiry_key("events/expiry/short"));
}

TEST(CallKeys, WhatIsForgottenTogetherComesBack) {
  std::vector<std::string> keys = {"a", std::string("\0b", 2)};
  auto bytes = internal::encode_keys(keys);
  EXPECT_EQ(internal::decode_keys(bytes), keys);
  EXPECT_TRUE(internal::decode_keys(bytes.substr(0, bytes.size() - 1)).empty());
}

}  // namespace
}  // namespace virga::events
