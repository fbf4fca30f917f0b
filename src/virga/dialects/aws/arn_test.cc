#include "virga/dialects/aws/arn.h"

#include <gtest/gtest.h>

namespace virga::dialects::aws {
namespace {

TEST(FunctionReference, RefusesWhatNamesNoFunction) {
  for (std::string text :
       {"", ":", "a b", "f:", ":1", "a/b", "f:1:2", "f$", "f:a b", "arn:aws:lambda", "arn:aws:s3:::b",
        "arn:aws:lambda:us-east-1:123456789012:layer:x", "arn:aws:lambda:us-east-1:123456789012:function:",
        "arn:aws:lambda:us-east-1:123456789012:function:f:1:2", "f\n", "../f"}) {
    auto reference = parse_function_reference(text);
    ASSERT_FALSE(reference) << text;
    EXPECT_EQ(reference.error().code, "ValidationException") << text;
  }
  EXPECT_FALSE(parse_function_reference(std::string(65, 'a')));
  EXPECT_FALSE(parse_function_reference("f", "a b"));
}

TEST(FunctionReference, IsReadInEveryForm) {
  struct Case {
    std::string_view text, name, qualifier;
  };
  for (const Case& c :
       {Case{"f", "f", ""}, Case{"my-fn_1", "my-fn_1", ""}, Case{"f:7", "f", "7"}, Case{"f:$LATEST", "f", "$LATEST"},
        Case{"f:live", "f", "live"}, Case{"function:f", "f", ""}, Case{"123456789012:function:f", "f", ""},
        Case{"123456789012:f", "f", ""}, Case{"123456789012:function:f:live", "f", "live"},
        Case{"us-east-1:123456789012:function:f", "f", ""},
        Case{"arn:aws:lambda:us-east-1:123456789012:function:f", "f", ""},
        Case{"arn:aws-cn:lambda:cn-north-1:123456789012:function:f:3", "f", "3"}}) {
    auto reference = parse_function_reference(c.text);
    ASSERT_TRUE(reference) << c.text;
    EXPECT_EQ(reference->name.text(), c.name) << c.text;
    EXPECT_EQ(reference->qualifier, c.qualifier) << c.text;
  }
}

TEST(FunctionReference, TakesTheQualifierOfTheQueryUnlessItContradicts) {
  EXPECT_EQ(parse_function_reference("f", "live")->qualifier, "live");
  EXPECT_EQ(parse_function_reference("f:live", "live")->qualifier, "live");
  auto both = parse_function_reference("f:1", "2");
  ASSERT_FALSE(both);
  EXPECT_EQ(both.error().code, "InvalidParameterValueException");
}

TEST(LayerReference, IsANameOrAnArn) {
  EXPECT_EQ(parse_layer_reference("l")->name.text(), "l");
  EXPECT_EQ(parse_layer_reference("arn:aws:lambda:us-east-1:123456789012:layer:l:2")->version, 2u);
  for (std::string_view text :
       {"", "a b", "l:1", "arn:aws:lambda:us-east-1:123456789012:layer:l:0",
        "arn:aws:lambda:us-east-1:123456789012:layer:l:x", "arn:aws:lambda:us-east-1:123456789012:function:l"}) {
    EXPECT_FALSE(parse_layer_reference(text)) << text;
  }
}

}  // namespace
}  // namespace virga::dialects::aws
