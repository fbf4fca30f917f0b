#include "virga/base/result.h"

#include <gtest/gtest.h>

namespace virga {
namespace {

Result<int> half(int value) {
  if (value % 2 != 0) return fail(ErrorCode::InvalidArgument, "odd");
  return value / 2;
}

Result<int> quarter(int value) {
  VIRGA_TRY_ASSIGN(int first, half(value));
  VIRGA_TRY(half(first));
  return half(first);
}

TEST(Result, HandsTheValueOn) {
  EXPECT_EQ(*quarter(12), 3);
}

TEST(Result, ReturnsTheFirstError) {
  auto result = quarter(6);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), Error(ErrorCode::InvalidArgument, "odd"));
}

TEST(Error, ContextStandsBeforeTheMessage) {
  Error error(ErrorCode::NotFound, "no such file");
  EXPECT_EQ(error.with_context("read a.txt").message(), "read a.txt: no such file");
  EXPECT_EQ(error.with_context("x").code(), ErrorCode::NotFound);
}

}  // namespace
}  // namespace virga
