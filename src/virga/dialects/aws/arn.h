#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "virga/dialects/aws/account.h"
#include "virga/dialects/aws/members.h"
#include "virga/dialects/aws/refusal.h"
#include "virga/model/function.h"
#include "virga/model/names.h"

namespace virga::dialects::aws {

// A function as callers name it: "name", "name:qualifier", "123456789012:function:name", or an ARN, with or without a
// qualifier (botocore lambda/2015-03-31, NamespacedFunctionName). Region and account are not compared: there is one
// account, and templates carry other numbers.
struct FunctionReference {
  model::FunctionName name;
  std::string qualifier;  // "": none was given
};

// `qualifier` is the one of the query; it must not contradict the one in the name.
Answer<FunctionReference> parse_function_reference(std::string_view text,
                                                   std::optional<std::string_view> qualifier = std::nullopt);

// Notes what is wrong with a bare function name of a body or an ARN's last part.
void check_function_name(Violations& violations, std::string_view name);
bool is_name(std::string_view text);  // [a-zA-Z0-9-_]+

struct LayerReference {
  model::LayerName name;
  std::optional<std::uint64_t> version;
};
// "name", "arn:aws:lambda:r:a:layer:name" or the same with ":version".
std::optional<LayerReference> parse_layer_reference(std::string_view text);

std::string function_arn(const Account& account, const model::FunctionName& name, std::string_view qualifier = {});
std::string layer_arn(const Account& account, const model::LayerName& name);
std::string layer_arn(const Account& account, const model::LayerRef& layer);

}  // namespace virga::dialects::aws
