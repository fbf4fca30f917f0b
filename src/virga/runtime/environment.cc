#include "virga/runtime/environment.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <ctime>

#include "virga/base/encoding.h"
#include "virga/base/id.h"
#include "virga/runtime/prepared.h"

namespace virga::runtime {
namespace {

std::string log_group(const model::Version& version) {
  return version.config.logging.group.empty() ? "/aws/lambda/" + version.function.text() : version.config.logging.group;
}

std::string megabytes(model::Bytes bytes) {
  return std::to_string(bytes.count >> 20);
}

}  // namespace

std::map<std::string, std::string> function_environment(const model::Version& version, const Runtime& runtime,
                                                        const Platform& platform, const std::string& log_stream) {
  std::map<std::string, std::string> variables{
      {"LANG", "en_US.UTF-8"},
      {"LC_ALL", "C.UTF-8"},
      {"PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin"},
      {"LD_LIBRARY_PATH", "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"},
      {"HOME", "/tmp"},
      {"AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"},
  };
  for (const auto& [name, value] : runtime.environment) variables[name] = value;
  for (const auto& [name, value] : version.config.environment) variables[name] = value;
  std::map<std::string, std::string> reserved{
      {"TZ", ":UTC"},
      {"_HANDLER", version.config.handler},
      {"AWS_REGION", platform.region},
      {"AWS_DEFAULT_REGION", platform.region},
      {"AWS_LAMBDA_FUNCTION_NAME", version.function.text()},
      {"AWS_LAMBDA_FUNCTION_VERSION", version.number.text()},
      {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", megabytes(version.config.memory)},
      {"AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"},
      {"AWS_LAMBDA_LOG_GROUP_NAME", log_group(version)},
      {"AWS_LAMBDA_LOG_STREAM_NAME", log_stream},
      {"LAMBDA_TASK_ROOT", "/var/task"},
      {"LAMBDA_RUNTIME_DIR", "/var/runtime"},
  };
  if (platform.credentials) {
    auto credentials = platform.credentials(version.function);
    reserved["AWS_ACCESS_KEY_ID"] = std::move(credentials.access_key);
    reserved["AWS_SECRET_ACCESS_KEY"] = std::move(credentials.secret_key);
    reserved["AWS_SESSION_TOKEN"] = std::move(credentials.session_token);
  }
  bool has_network = version.config.network != model::NetworkMode::None;
  if (!platform.endpoint.empty() && has_network) variables.try_emplace("AWS_ENDPOINT_URL", platform.endpoint);
  if (runtime.contract == ContractKind::RuntimeApi) {
    reserved["AWS_LAMBDA_RUNTIME_API"] = "127.0.0.1:9001";
  } else {
    reserved["AWS_EXECUTION_ENV"] = "AWS_Lambda_" + version.config.runtime;
  }
  reserved["VIRGA_FRAMES_FD"] = "3";
  for (auto& [name, value] : reserved) variables[name] = std::move(value);
  return variables;
}

std::vector<std::string> as_list(const std::map<std::string, std::string>& variables) {
  std::vector<std::string> list;
  list.reserve(variables.size());
  for (const auto& [name, value] : variables) {
    auto& entry = list.emplace_back(name);
    entry.append("=").append(value);
  }
  return list;
}

std::string make_log_stream(const model::Version& version, WallTime now) {
  std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::uint8_t random[16];
  system_random().fill(random);
  return fmt::format("{:04}/{:02}/{:02}/[{}]{}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     version.number.text(), to_hex(random));
}

std::string function_arn(const Platform& platform, const model::FunctionName& function) {
  return "arn:aws:lambda:" + platform.region + ":" + platform.account + ":function:" + function.text();
}

std::string fork_bind_body(const std::string& log_stream) {
  boost::json::object body{{"log_stream", log_stream},
                           {"environment", boost::json::object{{"AWS_LAMBDA_LOG_STREAM_NAME", log_stream}}}};
  return boost::json::serialize(body);
}

std::string bind_body(const model::Version& version, const Runtime& runtime,
                      const std::map<std::string, std::string>& environment, const std::string& log_stream) {
  boost::json::object variables;
  for (const auto& [name, value] : environment) variables[name] = value;
  boost::json::object body{
      {"handler", version.config.handler},         {"task_root", "/var/task"},
      {"environment", std::move(variables)},       {"function_name", version.function.text()},
      {"function_version", version.number.text()}, {"memory_mb", version.config.memory.count >> 20},
      {"log_group", log_group(version)},           {"log_stream", log_stream},
      {"runtime", version.config.runtime},         {"timeout_ms", version.config.timeout.count() * 1000},
  };
  if (version.config.concurrency > 1) body["concurrency"] = version.config.concurrency;
  if (auto prepared = prepared_folder(version, runtime); !prepared.empty()) body["prepared"] = prepared;
  return boost::json::serialize(body);
}

}  // namespace virga::runtime
