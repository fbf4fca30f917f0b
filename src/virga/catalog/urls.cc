#include <fmt/format.h>

#include "virga/catalog/internal/rules.h"
#include "virga/catalog/internal/state.h"

namespace virga::catalog {

namespace {

std::string owner(const model::FunctionName& name, const std::optional<model::AliasName>& alias) {
  return alias ? fmt::format("'{}:{}'", name.text(), alias->text()) : fmt::format("'{}'", name.text());
}

std::unexpected<Error> no_url(const model::FunctionName& name, const std::optional<model::AliasName>& alias) {
  return fail(ErrorCode::NotFound, fmt::format("function {} has no URL; create one first", owner(name, alias)));
}

}  // namespace

Result<model::UrlConfig> Catalog::create_url(const model::FunctionName& name, const CreateUrl& request) {
  std::lock_guard lock(state_->mutation_mutex);
  VIRGA_TRY_ASSIGN(State::Edit edit, state_->edit(name));
  if (request.alias && !edit.before->aliases.contains(*request.alias)) {
    return fail(ErrorCode::NotFound,
                fmt::format("alias not found: '{}' of function '{}'", request.alias->text(), name.text()));
  }
  if (edit.before->urls.contains(request.alias)) {
    return fail(ErrorCode::AlreadyExists,
                fmt::format("function {} has a URL already; update that one", owner(name, request.alias)));
  }
  if (request.cors) VIRGA_TRY(internal::check_cors(*request.cors));
  WallTime now = state_->now();
  model::UrlConfig url{.id = model::UrlId(make_token(32, state_->parts.random)),
                       .function = name,
                       .alias = request.alias,
                       .auth = request.auth,
                       .mode = request.mode,
                       .cors = request.cors,
                       .created = now,
                       .modified = now};
  edit.after->urls[request.alias] = url;
  VIRGA_TRY(state_->replace(edit.before, std::move(edit.after)));
  return url;
}

Result<model::UrlConfig> Catalog::update_url(const model::FunctionName& name,
                                             const std::optional<model::AliasName>& alias, const UpdateUrl& request) {
  std::lock_guard lock(state_->mutation_mutex);
  VIRGA_TRY_ASSIGN(State::Edit edit, state_->edit(name));
  auto found = edit.after->urls.find(alias);
  if (found == edit.after->urls.end()) return no_url(name, alias);
  model::UrlConfig& url = found->second;
  if (request.auth) url.auth = *request.auth;
  if (request.mode) url.mode = *request.mode;
  if (request.cors) {
    url.cors = *request.cors;
    if (url.cors) VIRGA_TRY(internal::check_cors(*url.cors));
  }
  url.modified = state_->now();
  model::UrlConfig answer = url;
  VIRGA_TRY(state_->replace(edit.before, std::move(edit.after)));
  return answer;
}

Result<> Catalog::delete_url(const model::FunctionName& name, const std::optional<model::AliasName>& alias) {
  std::lock_guard lock(state_->mutation_mutex);
  VIRGA_TRY_ASSIGN(State::Edit edit, state_->edit(name));
  if (edit.after->urls.erase(alias) == 0) return no_url(name, alias);
  return state_->replace(edit.before, std::move(edit.after));
}

}  // namespace virga::catalog
