#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "virga/model/function.h"
#include "virga/runtime/runtimes.h"

namespace virga::runtime {

// With what a function signs what it asks of Virga's services.
struct Credentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;
};

// What a function may know of the platform it runs on.
struct Platform {
  std::string region;
  std::string account;
  std::string endpoint;  // AWS_ENDPOINT_URL, for who has a network; "": none is set
  std::function<Credentials(const model::FunctionName&)> credentials;  // null: functions have none
};

// The variables of a function's process (aws-runtime-api.md §5), the user's on top, the reserved ones last.
std::map<std::string, std::string> function_environment(const model::Version& version, const Runtime& runtime,
                                                        const Platform& platform, const std::string& log_stream);

// As execve takes them.
std::vector<std::string> as_list(const std::map<std::string, std::string>& variables);

// A new name for the log of one instance: YYYY/MM/DD/[VERSION]32HEX.
std::string make_log_stream(const model::Version& version, WallTime now);

std::string function_arn(const Platform& platform, const model::FunctionName& function);

// The body of the BIND frame of a fork: what it does not have from its template.
std::string fork_bind_body(const std::string& log_stream);

// The body of a BIND frame.
std::string bind_body(const model::Version& version, const Runtime& runtime,
                      const std::map<std::string, std::string>& environment, const std::string& log_stream);

}  // namespace virga::runtime
