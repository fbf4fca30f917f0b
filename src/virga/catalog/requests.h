#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "virga/base/result.h"
#include "virga/model/alias.h"
#include "virga/model/function.h"
#include "virga/model/layer.h"
#include "virga/model/url.h"

namespace virga::catalog {

// What a caller asks the catalog to change. A revision that is set must be the current one, or the answer is
// PreconditionFailed.

enum class Publish { No, Yes };
enum class DryRun { No, Yes };  // Yes: checks everything, changes nothing

struct CreateFunction {
  model::FunctionName name;
  model::FunctionConfig config;
  model::PackageId package;  // known through Catalog::add_package
  std::map<std::string, std::string> tags;
  model::FunctionState state = model::FunctionState::Active;
  Publish publish = Publish::No;
};

struct UpdateCode {
  model::PackageId package;
  std::optional<model::Architecture> architecture;
  std::optional<model::RevisionId> revision;
  Publish publish = Publish::No;
  DryRun dry_run = DryRun::No;
};

struct UpdateConfig {
  // Changes the current settings in place; an error is handed to the caller and nothing is changed. Runs on the
  // caller's thread, once.
  std::function<Result<>(model::FunctionConfig&)> change;
  std::optional<model::RevisionId> revision;
};

// Both at once, for callers and for a crash: what is not set stays as it is.
struct UpdateFunction {
  std::optional<model::PackageId> package;
  std::optional<model::Architecture> architecture;
  std::function<Result<>(model::FunctionConfig&)> change;  // as in UpdateConfig; may be empty
  std::optional<model::RevisionId> revision;
  Publish publish = Publish::No;
  DryRun dry_run = DryRun::No;
};

struct PublishVersion {
  std::optional<std::string> description;  // of the published version; not set: that of $LATEST
  std::optional<std::string> code_sha256;  // Base64; must be that of $LATEST
  std::optional<model::RevisionId> revision;
};

// Only what is set changes.
struct StateChange {
  std::optional<model::FunctionState> state;
  model::StateReason state_reason;  // taken over with `state`
  std::optional<model::UpdateStatus> update_status;
  model::StateReason update_reason;  // taken over with `update_status`
};

struct CreateAlias {
  model::AliasName name;
  model::VersionNumber version;
  std::string description;
  std::optional<model::Alias::Additional> additional;
};

// Only what is set changes.
struct UpdateAlias {
  std::optional<model::VersionNumber> version;
  std::optional<std::string> description;
  std::optional<std::optional<model::Alias::Additional>> additional;  // set to nullopt: no weights any more
  std::optional<model::RevisionId> revision;
};

struct PublishLayer {
  model::LayerName name;
  model::PackageId package;  // known through Catalog::add_package
  std::string description;
  std::string license;
  std::vector<std::string> runtimes;
  std::vector<model::Architecture> architectures;
};

struct CreateUrl {
  std::optional<model::AliasName> alias;
  model::UrlAuth auth = model::UrlAuth::Iam;
  model::InvokeMode mode = model::InvokeMode::Buffered;
  std::optional<model::Cors> cors;
};

// Only what is set changes.
struct UpdateUrl {
  std::optional<model::UrlAuth> auth;
  std::optional<model::InvokeMode> mode;
  std::optional<std::optional<model::Cors>> cors;
};

}  // namespace virga::catalog
