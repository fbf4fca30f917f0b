#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "virga/model/function.h"

namespace virga::dialects::aws {

// The access key that a function finds in its environment, as AWS Lambda gives it that of its role. It is derived from
// the root key, so that it is nowhere kept and survives a restart, and whoever has it learns nothing of the root key.
// It is good until the function is deleted or the root key is another one. What it may do: use the services, and of
// Lambda invoke functions; it changes no function and reads no function's settings.
struct FunctionKey {
  std::string id;  // fn-NAME
  std::string secret;
  std::string session_token;
};
FunctionKey function_key(std::string_view root_secret, const model::FunctionName& function);

// Whose key one of this id is; nothing: it is not a function's.
std::optional<model::FunctionName> function_of_key(std::string_view id);

}  // namespace virga::dialects::aws
