#include "virga/dialects/aws/function_key.h"

#include "virga/base/encoding.h"
#include "virga/base/hash.h"

namespace virga::dialects::aws {
namespace {

constexpr std::string_view kPrefix = "fn-";

// A function's name has no line break in it, so no two purposes and names make the same text.
std::string derive(std::string_view root_secret, std::string_view purpose, std::string_view function) {
  std::string text("virga function key\n");
  text.append(purpose).append("\n").append(function);
  return to_hex(hmac_sha256(root_secret, text));
}

}  // namespace

FunctionKey function_key(std::string_view root_secret, const model::FunctionName& function) {
  const auto& name = function.text();
  return {std::string(kPrefix) + name, derive(root_secret, "secret", name), derive(root_secret, "token", name)};
}

std::optional<model::FunctionName> function_of_key(std::string_view id) {
  if (!id.starts_with(kPrefix)) return std::nullopt;
  return model::FunctionName{std::string(id.substr(kPrefix.size()))};
}

}  // namespace virga::dialects::aws
