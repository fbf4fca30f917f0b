#include "virga/dialects/aws/s3/form.h"

#include <gtest/gtest.h>

namespace virga::dialects::aws::s3 {
namespace {

const std::string kForm =
    "--B\r\nContent-Disposition: form-data; name=\"Key\"\r\n\r\nup/${filename}\r\n"
    "--B\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n"
    "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a b.txt\"\r\nContent-Type: text/plain\r\n\r\n"
    "line\r\n--not the mark\r\n\r\n--B\r\nContent-Disposition: form-data; name=\"later\"\r\n\r\nx\r\n--B--\r\n";

TEST(Form, GivesFieldsAndTheFileHoweverItArrives) {
  for (std::size_t step : {1u, 3u, 10u, 1000u}) {
    FormDecoder form("B");
    std::string file;
    for (std::size_t at = 0; at < kForm.size(); at += step) ASSERT_TRUE(form.feed(kForm.substr(at, step), file));
    EXPECT_TRUE(form.is_done());
    EXPECT_EQ(file, "line\r\n--not the mark\r\n");
    EXPECT_EQ(form.fields().size(), 2u);
    EXPECT_EQ(form.field("key"), "up/${filename}");
    EXPECT_EQ(form.field("empty"), "");
    EXPECT_EQ(form.file_name(), "a b.txt");
    EXPECT_EQ(form.file_type(), "text/plain");
  }
}

TEST(Form, WhatIsNoneIsRefused) {
  EXPECT_EQ(FormDecoder::boundary_of("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(FormDecoder::boundary_of("multipart/form-data; charset=x; boundary=\"a b\""), "a b");
  for (const auto* type : {"", "text/plain; boundary=a", "multipart/form-data", "multipart/form-data; boundary="}) {
    EXPECT_FALSE(FormDecoder::boundary_of(type)) << type;
  }
  std::string file;
  FormDecoder without_file("B");
  EXPECT_FALSE(without_file.feed("--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--B--\r\n", file));
  FormDecoder endless("B");
  EXPECT_FALSE(endless.feed(std::string(70'000, 'x'), file));
}

}  // namespace
}  // namespace virga::dialects::aws::s3
