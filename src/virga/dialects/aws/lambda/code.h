#pragma once

#include <optional>
#include <string>

#include "virga/dialects/aws/members.h"
#include "virga/dialects/aws/refusal.h"

namespace virga::dialects::aws::lambda {

// Where a caller says its code is: FunctionCode and LayerVersionContentInput.
struct Code {
  std::optional<std::string> zip;  // the archive's bytes
  bool in_s3 = false;
  bool image = false;
};

Code read_code(Members& members);
// The archive, or why there is none.
Answer<std::string> take_zip(Code code);

// What Deployments::add_package refused, as CreateFunction says it.
Refusal refuse_archive(const Error& error);
// What a mutation of a function or layer refused: there TooLarge is about what the package unpacks to.
Refusal refuse_package(const Error& error);

}  // namespace virga::dialects::aws::lambda
