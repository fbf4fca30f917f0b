#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "virga/catalog/catalog.h"
#include "virga/dialects/aws/members.h"
#include "virga/dialects/aws/refusal.h"
#include "virga/model/function.h"
#include "virga/runtime/runtimes.h"

namespace virga::dialects::aws::lambda {

// The settings of a function as CreateFunction and UpdateFunctionConfiguration carry them; what is not set stays as it
// is. A value.
struct Settings {
  std::optional<std::string> runtime;
  std::optional<std::string> handler;
  std::optional<std::string> role;
  std::optional<std::string> description;
  std::optional<std::chrono::seconds> timeout;
  std::optional<model::Bytes> memory;
  std::optional<model::Bytes> ephemeral_storage;
  std::optional<std::map<std::string, std::string>> environment;
  std::optional<std::vector<std::string>> layer_arns;
  std::optional<model::TracingMode> tracing;
  std::optional<model::LoggingConfig> logging;
  std::optional<model::NetworkMode> network;
  std::optional<std::uint32_t> concurrency;
  std::map<std::string, std::string> opaque;  // wire name to JSON text; empty text: remove it
  std::string unsupported;                    // a member that Virga cannot honour, in words; "" if there is none
};

// Reads them and notes every broken constraint in the members' violations.
Settings read_settings(Members& members);
std::optional<model::Architecture> read_architecture(Members& members);

// What no constraint of the model says: unknown runtimes, reserved variables, layers that do not exist. Fills in
// `layers` from layer_arns.
Answer<std::vector<model::LayerRef>> check_settings(const Settings& settings, const runtime::Runtimes& runtimes,
                                                    const catalog::Catalog& catalog);

// Puts what is set into `config`; `layers` is check_settings' answer.
void apply_settings(const Settings& settings, const std::vector<model::LayerRef>& layers,
                    model::FunctionConfig& config);

}  // namespace virga::dialects::aws::lambda
