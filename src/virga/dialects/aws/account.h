#pragma once

#include <string>
#include <string_view>

namespace virga::dialects::aws {

// Whose functions these are, and where clients reach them.
struct Account {
  std::string region = "us-east-1";
  std::string id = "000000000000";
  std::string base_url;  // "http://127.0.0.1:4600", without a slash at the end
};

// Who has a key, as policies and GetCallerIdentity name it: the root of the account, or the role that a function has
// taken on; `function` is "" for the root.
inline std::string caller_arn(const Account& account, std::string_view function) {
  if (function.empty()) return "arn:aws:iam::" + account.id + ":root";
  return "arn:aws:sts::" + account.id + ":assumed-role/function/" + std::string(function);
}

}  // namespace virga::dialects::aws
