#pragma once

#include <boost/json.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "virga/dialects/aws/refusal.h"

namespace virga::dialects::aws {

using TagMap = std::map<std::string, std::string>;

// A list of {"Key": ..., "Value": ...}, as most of AWS's JSON services write tags; null is none. 400
// ValidationException for anything else, and for more than 50.
Answer<TagMap> read_tag_list(const boost::json::value* list);
// The same list as JSON.
std::string write_tag_list(const TagMap& tags);

}  // namespace virga::dialects::aws
