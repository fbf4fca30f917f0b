#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/clock.h"
#include "virga/dialects/aws/refusal.h"

namespace virga::dialects::aws::s3 {

// What the policy of a form allows. A value.
struct FormPolicy {
  struct Condition {
    enum class Kind { Equals, StartsWith };
    Kind kind;
    std::string field;  // in lower case
    std::string value;
  };
  std::vector<Condition> conditions;
  std::uint64_t least = 0;  // bytes of the file
  std::uint64_t most = UINT64_MAX;
};

// `json` is the policy, decoded. Expired ones are refused.
Answer<FormPolicy> read_policy(std::string_view json, WallTime now);
// Whether the form's fields, with "bucket" among them, are those that it allows; each must be named by a condition.
Answer<bool> check_policy(const FormPolicy& policy, const std::map<std::string, std::string>& fields);

}  // namespace virga::dialects::aws::s3
