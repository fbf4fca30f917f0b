// Tags, reserved concurrency, attachments: what belongs to a function as a whole.

#include <fmt/format.h>

#include <charconv>

#include "virga/catalog/internal/rules.h"
#include "virga/catalog/internal/state.h"

namespace virga::catalog {

Result<> Catalog::tag_function(const model::FunctionName& name, const std::map<std::string, std::string>& tags) {
  std::lock_guard lock(state_->mutation_mutex);
  VIRGA_TRY_ASSIGN(State::Edit edit, state_->edit(name));
  for (const auto& [key, value] : tags) edit.after->function.tags[key] = value;
  VIRGA_TRY(internal::check_tags(edit.after->function.tags));
  return state_->replace(edit.before, std::move(edit.after));
}

Result<> Catalog::untag_function(const model::FunctionName& name, const std::vector<std::string>& keys) {
  std::lock_guard lock(state_->mutation_mutex);
  VIRGA_TRY_ASSIGN(State::Edit edit, state_->edit(name));
  for (const std::string& key : keys) edit.after->function.tags.erase(key);
  return state_->replace(edit.before, std::move(edit.after));
}

Result<> Catalog::reserve_concurrency(const model::FunctionName& name, std::optional<std::uint32_t> calls) {
  std::lock_guard lock(state_->mutation_mutex);
  VIRGA_TRY_ASSIGN(State::Edit edit, state_->edit(name));
  if (calls) {
    std::uint64_t others = 0;
    for (const auto& [other, entry] : state_->functions) {
      if (other != name) others += entry->function.reserved_concurrency.value_or(0);
    }
    const Limits& limits = state_->limits;
    std::uint64_t taken = others + limits.unreserved_concurrency;
    std::uint64_t most = limits.concurrency > taken ? limits.concurrency - taken : 0;
    if (*calls > most) {
      return fail(
          ErrorCode::InvalidArgument,
          fmt::format(
              "reserved concurrency: {} calls for function '{}' would leave fewer than {} of {} unreserved; reserve "
              "at most {}, or give back what other functions have reserved",
              *calls, name.text(), limits.unreserved_concurrency, limits.concurrency, most));
    }
  }
  edit.after->function.reserved_concurrency = calls;
  return state_->replace(edit.before, std::move(edit.after));
}

Result<> Catalog::attach(const model::FunctionName& name, const AttachmentKey& key, std::optional<std::string> json) {
  std::lock_guard lock(state_->mutation_mutex);
  VIRGA_TRY_ASSIGN(State::Edit edit, state_->edit(name));
  VIRGA_TRY(internal::check_attachment(key));
  bool known = key.qualifier.empty() || key.qualifier == "$LATEST" ||
               edit.before->aliases.contains(model::AliasName(key.qualifier));
  if (internal::is_number(key.qualifier)) {
    std::uint64_t number = 0;
    std::from_chars(key.qualifier.data(), key.qualifier.data() + key.qualifier.size(), number);
    known = edit.before->published.contains(model::VersionNumber(number)) && key.qualifier.front() != '0';
  }
  if (!known) {
    return fail(ErrorCode::NotFound,
                fmt::format("function not found: '{}' has no version or alias '{}'", name.text(), key.qualifier));
  }
  if (json) {
    edit.after->attachments[key] = std::move(*json);
  } else {
    edit.after->attachments.erase(key);
  }
  return state_->replace(edit.before, std::move(edit.after));
}

}  // namespace virga::catalog
