#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/secret.h"

namespace virga::cli {

struct Credentials {
  std::string id;
  Secret secret;
  std::string session_token;
  std::string origin;  // where they were found, for messages
};

// The keys to try, best first: VIRGA_ACCESS_KEY_ID with VIRGA_SECRET_ACCESS_KEY, alone if they are set; else the AWS_
// names, then DATA/root-key.json if it can be read, then virga/virga, which `virga dev` takes. Several, because a
// shell's AWS key is often meant for AWS. DATA may be "". Blocks for a small file.
std::vector<Credentials> find_credentials(const std::function<std::string(std::string_view)>& environment,
                                          const std::string& data);

}  // namespace virga::cli
