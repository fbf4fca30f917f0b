#pragma once

#include <optional>
#include <string>

#include "virga/dialects/aws/lambda/call.h"
#include "virga/dialects/aws/members.h"
#include "virga/dialects/aws/refusal.h"

namespace virga::dialects::aws::lambda {

// Where a caller says its code is: FunctionCode and LayerVersionContentInput.
struct Code {
  std::optional<std::string> zip;  // the archive's bytes
  std::string bucket;              // "": not in the object store
  std::string key;
  std::string object_version;  // "": the current one
  bool image = false;
};

Code read_code(Members& members);
// The same, if it says where an archive is.
Answer<Code> check_code(Code code);
// The archive, read from the object store if it is there.
io::Task<Answer<std::string>> take_zip(Call call, Code code);

// What Deployments::add_package refused, as CreateFunction says it.
Refusal refuse_archive(const Error& error);
// What a mutation of a function or layer refused: there TooLarge is about what the package unpacks to.
Refusal refuse_package(const Error& error);

}  // namespace virga::dialects::aws::lambda
