#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "virga/base/clock.h"
#include "virga/model/names.h"
#include "virga/model/package.h"
#include "virga/model/units.h"

namespace virga::model {

// Member names and limits follow AWS Lambda's FunctionConfiguration (botocore lambda/2015-03-31), the widest of the
// vendors' settings; another vendor's settings are mapped onto these.

enum class Architecture {
  X86_64,  // NOLINT(readability-identifier-naming): everybody's name for it
  Arm64,
};
enum class TracingMode { PassThrough, Active };
enum class LogFormat { Text, Json };
enum class LogLevel { Trace, Debug, Info, Warn, Error, Fatal };

// What the sandbox lets a function reach. Virga's own setting; no vendor has it under this name.
enum class NetworkMode {
  None,      // not even its own loopback
  Loopback,  // its own loopback and, through it, the contract's endpoint
  Egress,    // outward connections as well
};

struct LoggingConfig {
  LogFormat format = LogFormat::Text;
  std::optional<LogLevel> application_level;  // only with Json
  std::optional<LogLevel> system_level;       // only with Json: Debug, Info, Warn
  std::string group;                          // empty: /aws/lambda/NAME
  bool operator==(const LoggingConfig&) const = default;
};

struct LayerRef {
  LayerName layer;
  std::uint64_t version = 0;  // from 1
  auto operator<=>(const LayerRef&) const = default;
};

// What the owner of a function chooses.
struct FunctionConfig {
  std::string runtime;  // "nodejs20.x", "python3.11", "provided.al2023", ...
  std::string handler;
  std::string role;  // kept and handed out; grants nothing
  std::string description;
  std::chrono::seconds timeout{3};
  Bytes memory = mebibytes(128);
  Bytes ephemeral_storage = mebibytes(512);
  std::map<std::string, std::string> environment;
  std::vector<LayerRef> layers;  // later ones cover earlier ones
  Architecture architecture = Architecture::X86_64;
  TracingMode tracing = TracingMode::PassThrough;
  LoggingConfig logging;
  NetworkMode network = NetworkMode::Loopback;
  // Invocations that one instance runs at a time, at the most: Lambda's PerExecutionEnvironmentMaxConcurrency,
  // Knative's containerConcurrency. A runtime that cannot do more than one does one.
  std::uint32_t concurrency = 1;
  // Settings that Virga gives back as they were given and does not act on here: the member's name on the wire and its
  // JSON text, e.g. {"DeadLetterConfig", R"({"TargetArn":"..."})"}.
  std::map<std::string, std::string> opaque;
  bool operator==(const FunctionConfig&) const = default;
};

enum class FunctionState { Pending, Active, Inactive, Failed };
enum class UpdateStatus { Successful, Failed, InProgress };

struct StateReason {
  std::string text;  // a sentence; empty: none
  std::string code;  // Lambda's StateReasonCode, e.g. "Creating", "InvalidZipFileException"; empty: none
  bool operator==(const StateReason&) const = default;
};

// One state of a function: $LATEST, which changes, or a published one, which does not (but for `state`).
struct Version {
  FunctionName function;
  VersionNumber number;
  FunctionConfig config;
  PackageRef package;
  // What config.layers named when it was set, in the same order: a layer version that is deleted later still serves the
  // versions that use it.
  std::vector<PackageRef> layer_packages;
  FunctionState state = FunctionState::Active;
  StateReason state_reason;
  UpdateStatus update_status = UpdateStatus::Successful;  // of the last change
  StateReason update_reason;
  RevisionId revision;
  WallTime last_modified;  // milliseconds
  bool operator==(const Version&) const = default;
};

// What belongs to the function as a whole and to no version.
struct Function {
  FunctionName name;
  WallTime created;  // milliseconds
  std::map<std::string, std::string> tags;
  // Calls that may run at once, held back for this function alone. 0: none may run. Not set: shares the rest.
  std::optional<std::uint32_t> reserved_concurrency;
  bool operator==(const Function&) const = default;
};

}  // namespace virga::model
