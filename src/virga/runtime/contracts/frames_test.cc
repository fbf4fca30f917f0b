#include "virga/runtime/contracts/frames.h"

#include <gtest/gtest.h>

namespace virga::runtime {
namespace {

std::string frame_of(std::uint32_t size, std::uint32_t kind, std::string body) {
  std::string bytes(kFrameHeaderSize, '\0');
  for (int i = 0; i < 4; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<char>(size >> (8 * i));
  for (int i = 0; i < 4; ++i) bytes[static_cast<std::size_t>(4 + i)] = static_cast<char>(kind >> (8 * i));
  return bytes + body;
}

TEST(Frames, RefusesWhatAProcessMayNotSend) {
  for (std::uint32_t kind : {0u, 1u, 2u, 3u, 4u, 15u, 22u, 255u})
    EXPECT_FALSE(decode_frame(frame_of(0, kind, ""))) << kind;
  EXPECT_FALSE(decode_frame(frame_of(0, 18u | 2u << 8, "")));
  EXPECT_FALSE(decode_frame(frame_of(0, 16u | 2u << 8, "")));
  EXPECT_FALSE(decode_frame(frame_of(0, 20u | 1u << 8, "")));
  EXPECT_FALSE(decode_frame(frame_of(0, 18u | 1u << 16, "")));
  EXPECT_EQ(decode_frame(frame_of(kMaxFrameBody + 1, 18, "")).error().code(), ErrorCode::TooLarge);
}

TEST(Frames, KnowTheLastAnswer) {
  EXPECT_TRUE(decode_frame(frame_of(0, 19u | 1u << 8, "")).value()->frame.is_last);
  EXPECT_FALSE(decode_frame(frame_of(0, 19u, "")).value()->frame.is_last);
}

TEST(Frames, ReadySaysWhetherFormsAreTaken) {
  EXPECT_FALSE(decode_frame(frame_of(0, 16u, "")).value()->frame.takes_forms);
  auto frame = decode_frame(frame_of(0, 16u | 1u << 8, "")).value()->frame;
  EXPECT_TRUE(frame.takes_forms);
  EXPECT_FALSE(frame.is_last);
}

TEST(Frames, WaitsForAWholeFrame) {
  std::string bytes;
  append_frame(bytes, FrameType::Result, 7, "hello");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    auto decoded = decode_frame(std::string_view(bytes).substr(0, size));
    ASSERT_TRUE(decoded);
    EXPECT_FALSE(decoded->has_value()) << size;
  }
  bytes += "next";
  auto decoded = decode_frame(bytes).value().value();
  EXPECT_EQ(decoded.frame.type, FrameType::Result);
  EXPECT_EQ(decoded.frame.invocation, 7u);
  EXPECT_EQ(decoded.frame.body, "hello");
  EXPECT_EQ(decoded.size, bytes.size() - 4);
}

TEST(Frames, ReadySaysHowManyRunAtATime) {
  EXPECT_EQ(ready_concurrency(""), 1u);
  EXPECT_EQ(ready_concurrency("64"), 64u);
  for (const char* body : {"0", "-1", "6 ", " 6", "x", "4294967296", "1.5"}) {
    EXPECT_EQ(ready_concurrency(body), std::nullopt) << body;
  }
}

TEST(Frames, InvokeSaysWhetherItsTextIsAscii) {
  for (std::size_t size = 0; size < 20; ++size) {
    model::Invocation invocation;
    invocation.payload = std::string(size, 'a');
    std::string bytes;
    append_invoke(bytes, 1, invocation, 0);
    EXPECT_EQ(bytes[5], 1) << size;
    for (std::size_t at = 0; at < size; ++at) {
      invocation.payload = std::string(size, 'a');
      invocation.payload[at] = '\xC3';
      bytes.clear();
      append_invoke(bytes, 1, invocation, 0);
      EXPECT_EQ(bytes[5], 0) << size << " " << at;
    }
  }
}

TEST(Frames, InvokeHasTheLayoutOfTheDocument) {
  model::Invocation invocation;
  invocation.id = model::RequestId("id");
  invocation.invoked_arn = "arn";
  invocation.trace_id = "trace";
  invocation.tenant_id = "t1";
  invocation.client_context = "{}";
  invocation.payload = "payload";
  std::string bytes;
  append_invoke(bytes, 3, invocation, 0x0102030405060708);
  ASSERT_EQ(bytes.size(), kFrameHeaderSize + 24 + 2 + 3 + 5 + 2 + 2 + 7);
  EXPECT_EQ(bytes[0], static_cast<char>(bytes.size() - kFrameHeaderSize));
  EXPECT_EQ(bytes[4], 2);
  EXPECT_EQ(bytes[5], 1);
  EXPECT_EQ(bytes[8], 3);
  EXPECT_EQ(bytes[16], 8);
  EXPECT_EQ(bytes[24], 2);
  EXPECT_EQ(bytes[26], 3);
  EXPECT_EQ(bytes[28], 5);
  EXPECT_EQ(bytes[30], 2);
  EXPECT_EQ(bytes[32], 2);
  EXPECT_EQ(bytes[36], 0);
  EXPECT_EQ(bytes.substr(40), "idarntracet1{}payload");
}

model::Invocation invocation_with_form() {
  auto form = std::make_shared<model::EventForm>();
  form->text = R"({"t":"","i":"","at":"","ms":0,"b":""})";
  form->trace_at = 6;
  form->id_at = 13;
  form->time_at = 21;
  form->time_ms_at = 28;
  form->body_at = 34;
  form->is_ascii = true;
  model::Invocation invocation;
  invocation.id = model::RequestId("id");
  invocation.trace_id = "tr";
  invocation.form = std::move(form);
  invocation.filling.time.fill('x');
  invocation.filling.time_ms = 0x0102030405060708;
  invocation.payload = "\"body\"";
  return invocation;
}

TEST(Frames, InvokeWithoutFormsHasTheFormFilledIn) {
  std::string bytes;
  append_invoke(bytes, 1, invocation_with_form(), 0);
  EXPECT_EQ(bytes[5], 1);
  EXPECT_EQ(bytes.substr(44),
            R"({"t":"tr","i":"id","at":"xxxxxxxxxxxxxxxxxxxxxxxxxx","ms":72623859790382856,"b":"body"})");
  EXPECT_EQ(bytes[0], static_cast<char>(bytes.size() - kFrameHeaderSize));
}

TEST(Frames, InvokeWithAFormHasTheLayoutOfTheDocument) {
  std::string bytes;
  auto invocation = invocation_with_form();
  append_invoke_with_form(bytes, 3, invocation, 0, 9);
  EXPECT_EQ(bytes[0], static_cast<char>(bytes.size() - kFrameHeaderSize));
  EXPECT_EQ(bytes[5], 3);
  EXPECT_EQ(bytes.substr(40, 4), "idtr");
  EXPECT_EQ(bytes[44], 8);
  EXPECT_EQ(bytes[51], 1);
  EXPECT_EQ(bytes[52], 9);
  EXPECT_EQ(bytes[56], 26);
  EXPECT_EQ(bytes.substr(60), std::string(26, 'x') + "\"body\"");
  invocation.payload = "\"\xC3\xA9\"";
  bytes.clear();
  append_invoke_with_form(bytes, 3, invocation, 0, 9);
  EXPECT_EQ(bytes[5], 2);
}

}  // namespace
}  // namespace virga::runtime
