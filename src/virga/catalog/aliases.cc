#include <fmt/format.h>

#include "virga/catalog/internal/rules.h"
#include "virga/catalog/internal/state.h"

namespace virga::catalog {

namespace {

std::unexpected<Error> no_alias(const model::FunctionName& name, const model::AliasName& alias) {
  return fail(ErrorCode::NotFound, fmt::format("alias not found: '{}' of function '{}'", alias.text(), name.text()));
}

}  // namespace

Result<model::Alias> Catalog::create_alias(const model::FunctionName& name, const CreateAlias& request) {
  std::lock_guard lock(state_->mutation_mutex);
  VIRGA_TRY_ASSIGN(State::Edit edit, state_->edit(name));
  VIRGA_TRY(internal::check_alias_name(request.name));
  if (edit.before->aliases.contains(request.name)) {
    return fail(ErrorCode::AlreadyExists,
                fmt::format("alias already exists: '{}' of function '{}'; update it, or choose another name",
                            request.name.text(), name.text()));
  }
  model::Alias alias{.function = name,
                     .name = request.name,
                     .version = request.version,
                     .description = request.description,
                     .additional = request.additional,
                     .revision = state_->new_revision()};
  VIRGA_TRY(internal::check_alias(*edit.before, alias));
  edit.after->aliases[alias.name] = alias;
  VIRGA_TRY(state_->replace(edit.before, std::move(edit.after)));
  return alias;
}

Result<model::Alias> Catalog::update_alias(const model::FunctionName& name, const model::AliasName& alias_name,
                                           const UpdateAlias& request) {
  std::lock_guard lock(state_->mutation_mutex);
  VIRGA_TRY_ASSIGN(State::Edit edit, state_->edit(name));
  auto found = edit.after->aliases.find(alias_name);
  if (found == edit.after->aliases.end()) return no_alias(name, alias_name);
  model::Alias& alias = found->second;
  if (request.revision && *request.revision != alias.revision) {
    return fail(
        ErrorCode::PreconditionFailed,
        fmt::format("alias '{}': the revision '{}' is not the current one ('{}'); read it again and repeat the change",
                    alias_name.text(), request.revision->text(), alias.revision.text()));
  }
  if (request.version) alias.version = *request.version;
  if (request.description) alias.description = *request.description;
  if (request.additional) alias.additional = *request.additional;
  VIRGA_TRY(internal::check_alias(*edit.before, alias));
  alias.revision = state_->new_revision();
  model::Alias answer = alias;
  VIRGA_TRY(state_->replace(edit.before, std::move(edit.after)));
  return answer;
}

Result<> Catalog::delete_alias(const model::FunctionName& name, const model::AliasName& alias) {
  std::lock_guard lock(state_->mutation_mutex);
  VIRGA_TRY_ASSIGN(State::Edit edit, state_->edit(name));
  if (edit.after->aliases.erase(alias) == 0) return no_alias(name, alias);
  edit.after->urls.erase(alias);
  std::erase_if(edit.after->attachments,
                [&](const auto& attachment) { return attachment.first.qualifier == alias.text(); });
  return state_->replace(edit.before, std::move(edit.after));
}

}  // namespace virga::catalog
