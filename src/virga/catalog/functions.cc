#include <fmt/format.h>

#include <algorithm>

#include "virga/catalog/internal/rules.h"
#include "virga/catalog/internal/state.h"

namespace virga::catalog {

namespace {

using namespace internal;
using model::FunctionState;
using model::UpdateStatus;

Result<> check_revision(const std::optional<model::RevisionId>& expected, const model::RevisionId& current,
                        const std::string& subject) {
  if (!expected || *expected == current) return {};
  return fail(ErrorCode::PreconditionFailed,
              fmt::format("{}: the revision '{}' is not the current one ('{}'); read it again and repeat the change",
                          subject, expected->text(), current.text()));
}

std::string subject_of(const model::FunctionName& name) {
  return fmt::format("function '{}'", name.text());
}

// Neither while it is created nor while another change is under way.
Result<> check_settled(const model::Version& latest) {
  if (latest.state == FunctionState::Pending) {
    return fail(ErrorCode::Conflict,
                fmt::format("{}: the operation cannot be performed at this time, the function is being created; "
                            "try again when its state is Active",
                            subject_of(latest.function)));
  }
  if (latest.update_status == UpdateStatus::InProgress) {
    return fail(ErrorCode::Conflict,
                fmt::format("{}: the operation cannot be performed at this time, an update is in progress; "
                            "try again when it has ended",
                            subject_of(latest.function)));
  }
  return {};
}

Result<model::Package> find_package(const Index& index, const model::PackageId& id) {
  auto found = index.package_records.find(id);
  if (found != index.package_records.end()) return found->second;
  return fail(ErrorCode::NotFound, fmt::format("package not found: '{}'; upload the archive first", id.text()));
}

// The packages of the layers that `version` names. One it already used may have been deleted since.
Result<> resolve_layers(const Index& index, const model::Version* old, model::Version& version) {
  version.layer_packages.clear();
  for (const model::LayerRef& ref : version.config.layers) {
    auto layer = index.layers.find(ref.layer);
    if (layer != index.layers.end() && layer->second->versions.contains(ref.version)) {
      version.layer_packages.push_back(layer->second->versions.at(ref.version).package);
      continue;
    }
    auto used = old == nullptr ? version.config.layers.end() : std::ranges::find(old->config.layers, ref);
    if (old == nullptr || used == old->config.layers.end()) {
      return fail(ErrorCode::InvalidArgument,
                  fmt::format("layers: there is no version {} of a layer '{}'; publish it first", ref.version,
                              ref.layer.text()));
    }
    version.layer_packages.push_back(
        old->layer_packages.at(static_cast<std::size_t>(used - old->config.layers.begin())));
  }
  return {};
}

// The function and its layers lie in one sandbox, so the limit is on all of them.
Result<> check_unpacked_size(const Index& index, const Limits& limits, const model::Version& version) {
  VIRGA_TRY_ASSIGN(model::Package own, find_package(index, version.package.id));
  std::uint64_t total = own.unpacked_size.count;
  for (const model::PackageRef& ref : version.layer_packages) {
    VIRGA_TRY_ASSIGN(model::Package layer, find_package(index, ref.id));
    total += layer.unpacked_size.count;
  }
  if (total <= limits.archive.unpacked_bytes) return {};
  return fail(ErrorCode::TooLarge,
              fmt::format("{}: code and layers are {} bytes unpacked, allowed are {}; leave out what it does not need",
                          subject_of(version.function), total, limits.archive.unpacked_bytes));
}

// Whether publishing $LATEST again would give the same version. The description is a label of each version.
bool same_code_and_settings(const model::Version& latest, const model::Version& published) {
  model::FunctionConfig config = latest.config;
  config.description = published.config.description;
  return config == published.config && latest.package == published.package &&
         latest.layer_packages == published.layer_packages;
}

VersionPointer publish(const Catalog::State& state, FunctionEntry& entry,
                       const std::optional<std::string>& description) {
  if (!entry.published.empty()) {
    const VersionPointer& newest = entry.published.rbegin()->second;
    if (same_code_and_settings(*entry.latest, *newest)) return newest;
  }
  model::Version version = *entry.latest;
  version.number = model::VersionNumber(entry.next_version++);
  if (description) version.config.description = *description;
  version.revision = state.new_revision();
  version.last_modified = state.now();
  auto pointer = std::make_shared<const model::Version>(std::move(version));
  entry.published[pointer->number] = pointer;
  return pointer;
}

}  // namespace

Result<VersionPointer> Catalog::create_function(const CreateFunction& request) {
  std::lock_guard lock(state_->mutation_mutex);
  VIRGA_TRY(check_function_name(request.name));
  if (state_->functions.contains(request.name)) {
    return fail(ErrorCode::AlreadyExists,
                fmt::format("function already exists: '{}'; update it, or choose another name", request.name.text()));
  }
  VIRGA_TRY(check_config(request.config));
  VIRGA_TRY(check_tags(request.tags));
  VIRGA_TRY_ASSIGN(model::Package package, find_package(*state_, request.package));

  model::Version latest{.function = request.name,
                        .number = {},
                        .config = request.config,
                        .package = package.ref,
                        .layer_packages = {},
                        .state = request.state,
                        .state_reason = {},
                        .update_reason = {},
                        .revision = state_->new_revision(),
                        .last_modified = state_->now()};
  if (request.state == FunctionState::Pending) latest.state_reason = {"The function is being created.", "Creating"};
  VIRGA_TRY(resolve_layers(*state_, nullptr, latest));
  VIRGA_TRY(check_unpacked_size(*state_, state_->limits, latest));

  auto entry = std::make_shared<FunctionEntry>();
  entry->function = {
      .name = request.name, .created = latest.last_modified, .tags = request.tags, .reserved_concurrency = {}};
  entry->latest = std::make_shared<const model::Version>(std::move(latest));
  if (auto retired = state_->retired.find(request.name); retired != state_->retired.end())
    entry->next_version = retired->second;
  VersionPointer answer = entry->latest;
  if (request.publish == Publish::Yes) answer = publish(*state_, *entry, std::nullopt);
  VIRGA_TRY(state_->replace(FunctionPointer(), std::move(entry)));
  return answer;
}

Result<VersionPointer> Catalog::update_function(const model::FunctionName& name, const UpdateFunction& request) {
  std::lock_guard lock(state_->mutation_mutex);
  VIRGA_TRY_ASSIGN(State::Edit edit, state_->edit(name));
  model::Version latest = *edit.after->latest;
  VIRGA_TRY(check_settled(latest));
  VIRGA_TRY(check_revision(request.revision, latest.revision, subject_of(name)));
  if (request.package) {
    VIRGA_TRY_ASSIGN(model::Package package, find_package(*state_, *request.package));
    latest.package = package.ref;
  }
  if (request.architecture) latest.config.architecture = *request.architecture;
  if (request.change) {
    VIRGA_TRY(request.change(latest.config));
    VIRGA_TRY(check_config(latest.config));
    VIRGA_TRY(resolve_layers(*state_, edit.before->latest.get(), latest));
  }
  VIRGA_TRY(check_unpacked_size(*state_, state_->limits, latest));
  latest.revision = state_->new_revision();
  latest.last_modified = state_->now();
  latest.update_status = UpdateStatus::Successful;
  latest.update_reason = {};
  const model::Version& old = *edit.before->latest;
  bool is_other =
      latest.config != old.config || latest.package != old.package || latest.layer_packages != old.layer_packages;
  if (is_other) edit.after->previous = edit.before->latest;
  edit.after->latest = std::make_shared<const model::Version>(std::move(latest));
  VersionPointer answer = edit.after->latest;
  if (request.publish == Publish::Yes) answer = publish(*state_, *edit.after, std::nullopt);
  if (request.dry_run == DryRun::No) VIRGA_TRY(state_->replace(edit.before, std::move(edit.after)));
  return answer;
}

Result<VersionPointer> Catalog::update_code(const model::FunctionName& name, const UpdateCode& request) {
  return update_function(name, {.package = request.package,
                                .architecture = request.architecture,
                                .change = {},
                                .revision = request.revision,
                                .publish = request.publish,
                                .dry_run = request.dry_run});
}

Result<VersionPointer> Catalog::update_config(const model::FunctionName& name, const UpdateConfig& request) {
  return update_function(name,
                         {.package = {}, .architecture = {}, .change = request.change, .revision = request.revision});
}

Result<RolledBack> Catalog::roll_back(const model::FunctionName& name) {
  std::lock_guard lock(state_->mutation_mutex);
  VIRGA_TRY_ASSIGN(State::Edit edit, state_->edit(name));
  VIRGA_TRY(check_settled(*edit.before->latest));
  if (!edit.before->previous) {
    return fail(
        ErrorCode::Conflict,
        fmt::format("{}: there is nothing to go back to, it was not changed since it was created", subject_of(name)));
  }
  RolledBack answer{edit.before->latest, edit.before->previous};
  // The revision is the one it had: it names this very state, whose instances may still be there.
  model::Version latest = *answer.to;
  latest.last_modified = state_->now();
  edit.after->latest = std::make_shared<const model::Version>(std::move(latest));
  edit.after->previous = answer.from;
  VIRGA_TRY(state_->replace(edit.before, std::move(edit.after)));
  return answer;
}

Result<VersionPointer> Catalog::publish_version(const model::FunctionName& name, const PublishVersion& request) {
  std::lock_guard lock(state_->mutation_mutex);
  VIRGA_TRY_ASSIGN(State::Edit edit, state_->edit(name));
  const model::Version& latest = *edit.before->latest;
  VIRGA_TRY(check_settled(latest));
  VIRGA_TRY(check_revision(request.revision, latest.revision, subject_of(name)));
  if (request.description) VIRGA_TRY(check_description(*request.description));
  std::string sha256 = model::code_sha256(latest.package.id);
  if (request.code_sha256 && *request.code_sha256 != sha256) {
    return fail(ErrorCode::PreconditionFailed,
                fmt::format("{}: the code's SHA-256 is '{}', not '{}'; upload that code, or publish without naming it",
                            subject_of(name), sha256, *request.code_sha256));
  }
  VersionPointer answer = publish(*state_, *edit.after, request.description);
  if (!edit.before->published.contains(answer->number)) VIRGA_TRY(state_->replace(edit.before, std::move(edit.after)));
  return answer;
}

Result<VersionPointer> Catalog::set_state(const model::FunctionName& name, model::VersionNumber number,
                                          const StateChange& change) {
  std::lock_guard lock(state_->mutation_mutex);
  VIRGA_TRY_ASSIGN(State::Edit edit, state_->edit(name));
  VersionPointer old = edit.before->version(number);
  if (!old) return fail(ErrorCode::NotFound, fmt::format("{} has no version {}", subject_of(name), number.text()));
  model::Version version = *old;
  if (change.state) {
    version.state = *change.state;
    version.state_reason = change.state_reason;
  }
  if (change.update_status) {
    version.update_status = *change.update_status;
    version.update_reason = change.update_reason;
  }
  auto answer = std::make_shared<const model::Version>(std::move(version));
  (number.is_latest() ? edit.after->latest : edit.after->published[number]) = answer;
  VIRGA_TRY(state_->replace(edit.before, std::move(edit.after)));
  return answer;
}

Result<> Catalog::delete_function(const model::FunctionName& name) {
  std::lock_guard lock(state_->mutation_mutex);
  VIRGA_TRY_ASSIGN(State::Edit edit, state_->edit(name));
  return state_->replace(edit.before, FunctionPointer());
}

Result<> Catalog::delete_version(const model::FunctionName& name, model::VersionNumber number) {
  std::lock_guard lock(state_->mutation_mutex);
  VIRGA_TRY_ASSIGN(State::Edit edit, state_->edit(name));
  if (number.is_latest()) {
    return fail(ErrorCode::InvalidArgument,
                fmt::format("{}: $LATEST cannot be deleted without the function; delete the function, or "
                            "name a published version",
                            subject_of(name)));
  }
  if (edit.after->published.erase(number) == 0) {
    return fail(ErrorCode::NotFound,
                fmt::format("function not found: '{}' has no version '{}'", name.text(), number.text()));
  }
  for (const auto& [alias_name, alias] : edit.before->aliases) {
    if (alias.version == number || (alias.additional && alias.additional->version == number)) {
      return fail(
          ErrorCode::Conflict,
          fmt::format("{}: version {} is in use by the alias '{}'; point the alias elsewhere or delete it first",
                      subject_of(name), number.text(), alias_name.text()));
    }
  }
  std::erase_if(edit.after->attachments,
                [&](const auto& attachment) { return attachment.first.qualifier == number.text(); });
  return state_->replace(edit.before, std::move(edit.after));
}

}  // namespace virga::catalog
