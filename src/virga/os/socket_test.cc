#include "virga/os/socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

namespace virga::os {
namespace {

TEST(Message, CarriesBytesAndDescriptors) {
  auto [left, right] = socket_pair(SOCK_SEQPACKET).value();
  auto pipe = make_pipe().value();
  std::array<int, 1> passed{pipe.writer.get()};
  ASSERT_TRUE(send_message(left, "hello", passed));
  std::array<char, 16> buffer;
  auto message = receive_message(right, buffer).value();
  EXPECT_EQ(std::string_view(buffer.data(), message.size), "hello");
  ASSERT_EQ(message.descriptors.size(), 1u);
  ASSERT_EQ(::write(message.descriptors[0].get(), "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(::read(pipe.reader.get(), &byte, 1), 1);
  EXPECT_EQ(byte, 'x');
}

TEST(Message, IsRefusedWhenLongerThanTheBuffer) {
  auto [left, right] = socket_pair(SOCK_SEQPACKET).value();
  ASSERT_TRUE(send_message(left, "0123456789"));
  std::array<char, 4> buffer;
  EXPECT_FALSE(receive_message(right, buffer));
}

TEST(Message, SaysNothingYetWhenNonBlocking) {
  auto [left, right] = socket_pair(SOCK_SEQPACKET).value();
  ASSERT_TRUE(set_nonblocking(right));
  std::array<char, 4> buffer;
  EXPECT_EQ(receive_message(right, buffer).error().code(), ErrorCode::Unavailable);
  left.reset();
  EXPECT_EQ(receive_message(right, buffer).value().size, 0u);
}

}  // namespace
}  // namespace virga::os
