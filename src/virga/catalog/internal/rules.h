#pragma once

#include <map>
#include <string>
#include <string_view>

#include "virga/base/result.h"
#include "virga/catalog/entries.h"

namespace virga::catalog::internal {

// What a value may be by itself. InvalidArgument; the message names the field, the value, what is allowed and the way
// out. Limits are AWS Lambda's (botocore lambda/2015-03-31; quotas of the developer guide).

Result<> check_function_name(const model::FunctionName& name);
Result<> check_alias_name(const model::AliasName& name);
Result<> check_layer_name(const model::LayerName& name);
Result<> check_config(const model::FunctionConfig& config);
Result<> check_tags(const std::map<std::string, std::string>& tags);
Result<> check_description(std::string_view description);
Result<> check_attachment(const AttachmentKey& key);
Result<> check_cors(const model::Cors& cors);

// Against the function it belongs to: the versions exist, weights lie in 0..1 and go to two published versions.
Result<> check_alias(const FunctionEntry& entry, const model::Alias& alias);

bool is_number(std::string_view text);

}  // namespace virga::catalog::internal
