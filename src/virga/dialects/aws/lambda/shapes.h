#pragma once

#include <string>
#include <string_view>

#include "virga/catalog/entries.h"
#include "virga/dialects/aws/account.h"
#include "virga/dialects/aws/lambda/call.h"
#include "virga/model/function.h"

namespace virga::dialects::aws::lambda {

// Structures of the API (botocore lambda/2015-03-31) as JSON text, appended.

// FunctionConfiguration. `qualifier` is what the function's ARN ends with; "": nothing.
void append_configuration(std::string& out, const Account& account, const model::Version& version,
                          std::string_view qualifier);
// The same for a version that was just made: its ARN names the number if it is published.
std::string configuration(const Account& account, const model::Version& version);

void append_alias(std::string& out, const Account& account, const model::Alias& alias);  // AliasConfiguration
void append_url(std::string& out, const Account& account, const model::UrlConfig& url);  // FunctionUrlConfig
// GetLayerVersionResponse, with where to fetch the content, or LayerVersionsListItem, without.
enum class LayerContent { Leave, Give };
void append_layer_version(std::string& out, const Call& call, const model::LayerVersion& version, LayerContent content);
void append_texts(std::string& out, const std::vector<std::string>& texts);

std::string_view name(model::Architecture architecture);
std::string_view name(model::NetworkMode mode);  // "none", "lo", "egress"

}  // namespace virga::dialects::aws::lambda
