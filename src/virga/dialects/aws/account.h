#pragma once

#include <string>

namespace virga::dialects::aws {

// Whose functions these are, and where clients reach them.
struct Account {
  std::string region = "us-east-1";
  std::string id = "000000000000";
  std::string base_url;  // "http://127.0.0.1:4600", without a slash at the end
};

}  // namespace virga::dialects::aws
