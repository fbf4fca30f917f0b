#include "virga/dialects/aws/lambda/shapes.h"

#include "virga/base/clock.h"
#include "virga/dialects/aws/arn.h"
#include "virga/dialects/aws/url/function_urls.h"
#include "virga/json/text.h"

namespace virga::dialects::aws::lambda {
namespace {

using json::Array;
using json::Object;

std::string_view name(model::FunctionState state) {
  switch (state) {
    case model::FunctionState::Pending:
      return "Pending";
    case model::FunctionState::Active:
      return "Active";
    case model::FunctionState::Inactive:
      return "Inactive";
    case model::FunctionState::Failed:
      return "Failed";
  }
  return "Failed";
}

std::string_view name(model::UpdateStatus status) {
  switch (status) {
    case model::UpdateStatus::Successful:
      return "Successful";
    case model::UpdateStatus::Failed:
      return "Failed";
    case model::UpdateStatus::InProgress:
      return "InProgress";
  }
  return "Failed";
}

std::string_view name(model::LogLevel level) {
  switch (level) {
    case model::LogLevel::Trace:
      return "TRACE";
    case model::LogLevel::Debug:
      return "DEBUG";
    case model::LogLevel::Info:
      return "INFO";
    case model::LogLevel::Warn:
      return "WARN";
    case model::LogLevel::Error:
      return "ERROR";
    case model::LogLevel::Fatal:
      return "FATAL";
  }
  return "INFO";
}

void add_reason(Object& object, std::string_view prefix, const model::StateReason& reason) {
  std::string key(prefix);
  if (!reason.text.empty()) object.add(key + "Reason", reason.text);
  if (!reason.code.empty()) object.add(key + "ReasonCode", reason.code);
}

void add_environment(Object& object, const std::map<std::string, std::string>& variables) {
  if (variables.empty()) return;
  Object environment(object.open("Environment"));
  Object entries(environment.open("Variables"));
  for (const auto& [key, value] : variables) entries.add(key, value);
}

void add_layers(Object& object, const Account& account, const model::Version& version) {
  if (version.config.layers.empty()) return;
  Array layers(object.open("Layers"));
  for (std::size_t i = 0; i < version.config.layers.size(); ++i) {
    Object layer(layers.open());
    layer.add("Arn", layer_arn(account, version.config.layers[i]));
    if (i < version.layer_packages.size()) layer.add("CodeSize", version.layer_packages[i].archive_size.count);
  }
}

void add_logging(Object& object, const model::Version& version) {
  const model::LoggingConfig& logging = version.config.logging;
  Object out(object.open("LoggingConfig"));
  out.add("LogFormat", logging.format == model::LogFormat::Json ? "JSON" : "Text");
  if (logging.application_level) out.add("ApplicationLogLevel", name(*logging.application_level));
  if (logging.system_level) out.add("SystemLogLevel", name(*logging.system_level));
  out.add("LogGroup", logging.group.empty() ? "/aws/lambda/" + version.function.text() : logging.group);
}

void add_snap_start(Object& object, const std::map<std::string, std::string>& opaque) {
  Object out(object.open("SnapStart"));
  auto given = opaque.find("SnapStart");
  bool published = given != opaque.end() && given->second.find("PublishedVersions") != std::string::npos;
  out.add("ApplyOn", published ? "PublishedVersions" : "None").add("OptimizationStatus", "Off");
}

}  // namespace

std::string_view name(model::Architecture architecture) {
  return architecture == model::Architecture::Arm64 ? "arm64" : "x86_64";
}

std::string_view name(model::NetworkMode mode) {
  switch (mode) {
    case model::NetworkMode::None:
      return "none";
    case model::NetworkMode::Loopback:
      return "lo";
    case model::NetworkMode::Egress:
      return "egress";
  }
  return "lo";
}

void append_texts(std::string& out, const std::vector<std::string>& texts) {
  Array array(out);
  for (const std::string& text : texts) array.add(text);
}

void append_configuration(std::string& out, const Account& account, const model::Version& version,
                          std::string_view qualifier) {
  const model::FunctionConfig& config = version.config;
  Object object(out);
  object.add("FunctionName", version.function.text())
      .add("FunctionArn", function_arn(account, version.function, qualifier))
      .add("Runtime", config.runtime)
      .add("Role", config.role)
      .add("Handler", config.handler)
      .add("CodeSize", version.package.archive_size.count)
      .add("Description", config.description)
      .add("Timeout", config.timeout.count())
      .add("MemorySize", model::to_mebibytes(config.memory))
      .add("LastModified", format_lambda_time(version.last_modified))
      .add("CodeSha256", model::code_sha256(version.package.id))
      .add("Version", version.number.text());
  for (const auto& [key, value] : config.opaque) {
    if (key != "SnapStart") object.add_raw(key, value);
  }
  add_environment(object, config.environment);
  {
    Object(object.open("TracingConfig"))
        .add("Mode", config.tracing == model::TracingMode::Active ? "Active" : "PassThrough");
  }
  object.add("RevisionId", version.revision.text());
  add_layers(object, account, version);
  object.add("State", name(version.state));
  add_reason(object, "State", version.state_reason);
  object.add("LastUpdateStatus", name(version.update_status));
  add_reason(object, "LastUpdateStatus", version.update_reason);
  object.add("PackageType", "Zip");
  {
    Array(object.open("Architectures")).add(name(config.architecture));
  }
  {
    Object(object.open("EphemeralStorage")).add("Size", model::to_mebibytes(config.ephemeral_storage));
  }
  add_snap_start(object, config.opaque);
  add_logging(object, version);
  {
    Object(object.open("VirgaConfig")).add("Network", name(config.network)).add("Concurrency", config.concurrency);
  }
}

std::string configuration(const Account& account, const model::Version& version) {
  std::string out;
  append_configuration(out, account, version, version.number.is_latest() ? std::string() : version.number.text());
  return out;
}

void append_alias(std::string& out, const Account& account, const model::Alias& alias) {
  Object object(out);
  object.add("AliasArn", function_arn(account, alias.function, alias.name.text()))
      .add("Name", alias.name.text())
      .add("FunctionVersion", alias.version.text())
      .add("Description", alias.description);
  if (alias.additional) {
    Object routing(object.open("RoutingConfig"));
    Object(routing.open("AdditionalVersionWeights")).add(alias.additional->version.text(), alias.additional->weight);
  }
  object.add("RevisionId", alias.revision.text());
}

void append_url(std::string& out, const Account& account, const model::UrlConfig& url) {
  Object object(out);
  object.add("FunctionUrl", FunctionUrls::address(account, url))
      .add("FunctionArn", function_arn(account, url.function, url.alias ? url.alias->text() : std::string()))
      .add("AuthType", url.auth == model::UrlAuth::Iam ? "AWS_IAM" : "NONE");
  if (url.cors) {
    Object cors(object.open("Cors"));
    cors.add("AllowCredentials", url.cors->allow_credentials);
    append_texts(cors.open("AllowHeaders"), url.cors->allow_headers);
    append_texts(cors.open("AllowMethods"), url.cors->allow_methods);
    append_texts(cors.open("AllowOrigins"), url.cors->allow_origins);
    append_texts(cors.open("ExposeHeaders"), url.cors->expose_headers);
    if (url.cors->max_age) cors.add("MaxAge", url.cors->max_age->count());
  }
  object.add("CreationTime", format_rfc3339(url.created))
      .add("LastModifiedTime", format_rfc3339(url.modified))
      .add("InvokeMode", url.mode == model::InvokeMode::ResponseStream ? "RESPONSE_STREAM" : "BUFFERED");
}

void append_layer_version(std::string& out, const Call& call, const model::LayerVersion& version,
                          LayerContent content) {
  Object object(out);
  if (content == LayerContent::Give) {
    {
      Object place(object.open("Content"));
      place.add("Location", call.services().links.make(version.package.id))
          .add("CodeSha256", model::code_sha256(version.package.id))
          .add("CodeSize", version.package.archive_size.count);
    }
    object.add("LayerArn", layer_arn(call.account(), version.layer));
  }
  object.add("LayerVersionArn", layer_arn(call.account(), model::LayerRef{version.layer, version.version}))
      .add("Version", version.version)
      .add("Description", version.description)
      .add("CreatedDate", format_lambda_time(version.created));
  if (!version.runtimes.empty()) append_texts(object.open("CompatibleRuntimes"), version.runtimes);
  if (!version.architectures.empty()) {
    Array architectures(object.open("CompatibleArchitectures"));
    for (model::Architecture architecture : version.architectures) architectures.add(name(architecture));
  }
  if (!version.license.empty()) object.add("LicenseInfo", version.license);
}

}  // namespace virga::dialects::aws::lambda
