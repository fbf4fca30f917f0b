#include "virga/dialects/aws/lambda/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "virga/dialects/aws/arn.h"

namespace virga::dialects::aws::lambda {
namespace {

constexpr std::size_t kMaxEnvironment = 4096;  // bytes, names and values together
constexpr std::size_t kMaxLayers = 5;

// AWS Lambda developer guide, "Defined runtime environment variables", reserved.
constexpr std::array<std::string_view, 18> kReservedVariables = {"_HANDLER",
                                                                 "_X_AMZN_TRACE_ID",
                                                                 "AWS_DEFAULT_REGION",
                                                                 "AWS_REGION",
                                                                 "AWS_EXECUTION_ENV",
                                                                 "AWS_LAMBDA_FUNCTION_NAME",
                                                                 "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
                                                                 "AWS_LAMBDA_FUNCTION_VERSION",
                                                                 "AWS_LAMBDA_INITIALIZATION_TYPE",
                                                                 "AWS_LAMBDA_LOG_GROUP_NAME",
                                                                 "AWS_LAMBDA_LOG_STREAM_NAME",
                                                                 "AWS_ACCESS_KEY",
                                                                 "AWS_ACCESS_KEY_ID",
                                                                 "AWS_SECRET_ACCESS_KEY",
                                                                 "AWS_SESSION_TOKEN",
                                                                 "AWS_LAMBDA_RUNTIME_API",
                                                                 "LAMBDA_TASK_ROOT",
                                                                 "LAMBDA_RUNTIME_DIR"};

// Kept and given back; nothing here depends on them being honoured.
constexpr std::array<std::string_view, 5> kOpaque = {"CapacityProviderConfig", "DeadLetterConfig", "KMSKeyArn",
                                                     "SnapStart", "VpcConfig"};

// Code that asks for one of these would run and quietly do something else, so it is refused.
struct Unsupported {
  std::string_view member;
  std::string_view why;
};
constexpr std::array<Unsupported, 5> kUnsupported = {{
    {"FileSystemConfigs", "Virga mounts no EFS or S3 file systems yet"},
    {"ImageConfig", "Virga runs .zip packages, not container images"},
    {"TenancyConfig", "Virga does not isolate the tenants of one function yet"},
    {"DurableConfig", "Virga does not run durable functions yet"},
    {"CodeSigningConfigArn", "Virga does not verify code signatures yet"},
}};

// Invocations of one instance at a time: the range of PerExecutionEnvironmentMaxConcurrency.
constexpr Range kConcurrency{1, 1600};

constexpr std::array<std::string_view, 6> kLevels = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"};

bool is_role(std::string_view role) {
  std::size_t account = role.find(":iam::");
  return role.starts_with("arn:aws") && account != std::string_view::npos && role.size() > account + 24 &&
         std::ranges::all_of(role.substr(account + 6, 12), [](char c) { return c >= '0' && c <= '9'; }) &&
         role.substr(account + 18).starts_with(":role");
}

bool is_variable_name(std::string_view name) {
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (name.size() < 2 || !letter(name[0])) return false;
  return std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '_'; });
}

bool has_blank(std::string_view text) {
  return text.find_first_of(" \t\n\v\f\r") != std::string_view::npos;
}

template <typename T>
std::optional<T> to_units(std::optional<std::int64_t> number, T (*make)(std::uint64_t)) {
  if (!number) return std::nullopt;
  return make(static_cast<std::uint64_t>(*number));
}

std::optional<model::LogLevel> read_level(Members& members, std::string_view name,
                                          std::span<const std::string_view> allowed) {
  auto text = members.enumeration(name, allowed);
  auto place = text ? std::ranges::find(kLevels, *text) : kLevels.end();
  if (place == kLevels.end()) return std::nullopt;
  return static_cast<model::LogLevel>(place - kLevels.begin());
}

std::optional<model::LoggingConfig> read_logging(Members& members) {
  auto object = members.object("LoggingConfig");
  if (object == nullptr) return std::nullopt;
  static constexpr std::array<std::string_view, 2> kFormats = {"JSON", "Text"};
  static constexpr std::array<std::string_view, 3> kSystemLevels = {"DEBUG", "INFO", "WARN"};
  Members inner(*object, members.violations(), members.label("LoggingConfig"));
  model::LoggingConfig logging;
  if (inner.enumeration("LogFormat", kFormats) == "JSON") logging.format = model::LogFormat::Json;
  logging.application_level = read_level(inner, "ApplicationLogLevel", kLevels);
  logging.system_level = read_level(inner, "SystemLogLevel", kSystemLevels);
  logging.group = inner.text("LogGroup", {1, 512}).value_or("");
  return logging;
}

// Settings that Lambda does not have under any name.
void read_own(Members& members, Settings& settings) {
  auto object = members.object("VirgaConfig");
  if (object == nullptr) return;
  static constexpr std::array<std::string_view, 3> kModes = {"none", "lo", "egress"};
  Members inner(*object, members.violations(), members.label("VirgaConfig"));
  auto mode = inner.enumeration("Network", kModes);
  if (mode == "none") settings.network = model::NetworkMode::None;
  if (mode == "lo") settings.network = model::NetworkMode::Loopback;
  if (mode == "egress") settings.network = model::NetworkMode::Egress;
  if (auto most = inner.integer("Concurrency", kConcurrency)) settings.concurrency = static_cast<std::uint32_t>(*most);
}

// Lambda has a choice of machines in the same member; here there is one kind.
void read_capacity(Members& members, Settings& settings) {
  auto object = members.object("CapacityProviderConfig");
  if (object == nullptr) return;
  Members outer(*object, members.violations(), members.label("CapacityProviderConfig"));
  auto managed = outer.object("LambdaManagedInstancesCapacityProviderConfig");
  if (managed == nullptr) return;
  Members inner(*managed, members.violations(), outer.label("LambdaManagedInstancesCapacityProviderConfig"));
  if (auto most = inner.integer("PerExecutionEnvironmentMaxConcurrency", kConcurrency)) {
    settings.concurrency = static_cast<std::uint32_t>(*most);
  }
}

void read_environment(Members& members, Settings& settings) {
  auto object = members.object("Environment");
  if (object == nullptr) return;
  Members inner(*object, members.violations(), members.label("Environment"));
  settings.environment = inner.map("Variables").value_or(std::map<std::string, std::string>());
  for (const auto& [name, value] : *settings.environment) {
    if (is_variable_name(name)) continue;
    members.violations().add(inner.label("Variables"), name,
                             "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: "
                             "[a-zA-Z]([a-zA-Z0-9_])+]");
  }
}

bool is_empty_value(std::string_view json) {
  return json == "\"\"" || json == "{}" || json == "[]";
}

Answer<std::vector<model::LayerRef>> find_layers(const std::vector<std::string>& arns,
                                                 const catalog::Catalog& catalog) {
  std::vector<model::LayerRef> layers;
  for (const std::string& arn : arns) {
    auto reference = arn.starts_with("arn:") ? parse_layer_reference(arn) : std::nullopt;
    if (!reference || !reference->version) {
      return std::unexpected(invalid_parameter(fmt::format(
          "'{}' is no layer version: give its ARN with the version, arn:aws:lambda:REGION:ACCOUNT:layer:NAME:1.",
          arn)));
    }
    model::LayerRef layer{reference->name, *reference->version};
    if (!catalog.layer_version(layer.layer, layer.version)) {
      return std::unexpected(invalid_parameter(
          fmt::format("Layer version {} does not exist. Publish it here first (PublishLayerVersion).", arn)));
    }
    if (std::ranges::any_of(layers, [&](const model::LayerRef& other) { return other.layer == layer.layer; })) {
      return std::unexpected(invalid_parameter(fmt::format(
          "Two different versions of the same layer are not allowed to be referenced in the same function: {}.", arn)));
    }
    layers.push_back(std::move(layer));
  }
  return layers;
}

std::optional<Refusal> check_environment(const std::map<std::string, std::string>& variables) {
  std::vector<std::string_view> reserved;
  std::size_t bytes = 0;
  for (const auto& [name, value] : variables) {
    bytes += name.size() + value.size();
    if (std::ranges::find(kReservedVariables, name) != kReservedVariables.end()) reserved.push_back(name);
    if (value.find('\0') != std::string::npos) {
      return invalid_parameter(
          fmt::format("The environment variable {} holds a NUL byte, which no process can be given.", name));
    }
  }
  if (!reserved.empty()) {
    return invalid_parameter(fmt::format(
        "Lambda was unable to configure your environment variables because the environment variables you have "
        "provided contains reserved keys that are currently not supported for modification. Reserved keys used "
        "in this request: {}",
        fmt::join(reserved, ", ")));
  }
  if (bytes > kMaxEnvironment) {
    return invalid_parameter(fmt::format(
        "Lambda was unable to configure your environment variables because the environment variables you have "
        "provided exceeded the 4KB limit. They have {} bytes, names and values together; at most {} are allowed.",
        bytes, kMaxEnvironment));
  }
  return std::nullopt;
}

}  // namespace

Settings read_settings(Members& members) {
  static constexpr std::array<std::string_view, 2> kTracing = {"Active", "PassThrough"};
  Settings settings;
  settings.runtime = members.text("Runtime", {0, 64});
  settings.handler = members.text("Handler", {0, 128});
  if (settings.handler && has_blank(*settings.handler)) {
    members.violations().add("handler", *settings.handler, "Member must satisfy regular expression pattern: [^\\s]+");
  }
  settings.role = members.text("Role", {0, 10000});
  if (settings.role && !is_role(*settings.role)) {
    members.violations().add("role", *settings.role,
                             "Member must satisfy regular expression pattern: "
                             "arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+");
  }
  settings.description = members.text("Description", {0, 256});
  if (auto seconds = members.integer("Timeout", {1, 900})) settings.timeout = std::chrono::seconds(*seconds);
  settings.memory = to_units<model::Bytes>(members.integer("MemorySize", {128, 10240}), model::mebibytes);
  if (auto object = members.object("EphemeralStorage")) {
    Members inner(*object, members.violations(), members.label("EphemeralStorage"));
    settings.ephemeral_storage = to_units<model::Bytes>(inner.integer("Size", {512, 10240}), model::mebibytes);
  }
  read_environment(members, settings);
  settings.layer_arns = members.texts("Layers", {0, kMaxLayers}, {1, 2048});
  if (auto object = members.object("TracingConfig")) {
    Members inner(*object, members.violations(), members.label("TracingConfig"));
    if (auto mode = inner.enumeration("Mode", kTracing)) {
      settings.tracing = *mode == "Active" ? model::TracingMode::Active : model::TracingMode::PassThrough;
    }
  }
  settings.logging = read_logging(members);
  read_capacity(members, settings);
  read_own(members, settings);
  for (std::string_view member : kOpaque) {
    auto json = members.raw(member);
    if (json) settings.opaque[std::string(member)] = is_empty_value(*json) ? std::string() : *json;
  }
  for (const Unsupported& unsupported : kUnsupported) {
    auto json = members.raw(unsupported.member);
    if (json && !is_empty_value(*json) && settings.unsupported.empty()) {
      settings.unsupported = fmt::format("{} cannot be set: {}.", unsupported.member, unsupported.why);
    }
  }
  return settings;
}

std::optional<model::Architecture> read_architecture(Members& members) {
  static constexpr std::array<std::string_view, 2> kArchitectures = {"x86_64", "arm64"};
  auto names = members.texts("Architectures", {1, 1}, {1, 64});
  if (!names || names->empty()) return std::nullopt;
  check_enumeration(members.violations(), members.label("Architectures"), names->front(), kArchitectures);
  return names->front() == "arm64" ? model::Architecture::Arm64 : model::Architecture::X86_64;
}

Answer<std::vector<model::LayerRef>> check_settings(const Settings& settings, const runtime::Runtimes& runtimes,
                                                    const catalog::Catalog& catalog) {
  if (!settings.unsupported.empty()) return std::unexpected(invalid_parameter(settings.unsupported));
  if (settings.runtime && !runtimes.knows(*settings.runtime)) {
    return std::unexpected(invalid_parameter(
        fmt::format("Value {} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{}]",
                    *settings.runtime, fmt::join(runtimes.identifiers(), ", "))));
  }
  if (settings.environment) {
    if (auto refusal = check_environment(*settings.environment)) return std::unexpected(*std::move(refusal));
  }
  if (settings.logging && settings.logging->format == model::LogFormat::Text &&
      (settings.logging->application_level || settings.logging->system_level)) {
    return std::unexpected(
        invalid_parameter("Log levels can only be set with the log format JSON. Set LoggingConfig.LogFormat to JSON, "
                          "or leave them out."));
  }
  if (!settings.layer_arns) return std::vector<model::LayerRef>();
  return find_layers(*settings.layer_arns, catalog);
}

void apply_settings(const Settings& settings, const std::vector<model::LayerRef>& layers,
                    model::FunctionConfig& config) {
  auto set = [](auto& target, const auto& value) {
    if (value) target = *value;
  };
  set(config.runtime, settings.runtime);
  set(config.handler, settings.handler);
  set(config.role, settings.role);
  set(config.description, settings.description);
  set(config.timeout, settings.timeout);
  set(config.memory, settings.memory);
  set(config.ephemeral_storage, settings.ephemeral_storage);
  set(config.environment, settings.environment);
  set(config.tracing, settings.tracing);
  set(config.logging, settings.logging);
  set(config.network, settings.network);
  set(config.concurrency, settings.concurrency);
  if (settings.layer_arns) config.layers = layers;
  for (const auto& [member, json] : settings.opaque) {
    if (json.empty()) {
      config.opaque.erase(member);
    } else {
      config.opaque[member] = json;
    }
  }
}

}  // namespace virga::dialects::aws::lambda
