#include "virga/catalog/catalog.h"

#include <fmt/format.h>

#include <charconv>

#include "virga/catalog/internal/rules.h"
#include "virga/catalog/internal/state.h"

namespace virga::catalog {

VersionPointer FunctionEntry::version(model::VersionNumber number) const {
  if (number.is_latest()) return latest;
  auto found = published.find(number);
  return found == published.end() ? nullptr : found->second;
}

Catalog::Catalog(std::unique_ptr<State> state) : state_(std::move(state)) {}
Catalog::~Catalog() = default;

Result<std::unique_ptr<Catalog>> Catalog::open(Parts parts, Limits limits) {
  VIRGA_TRY_ASSIGN(Packages packages, Packages::open(parts.packages_directory, parts.random));
  auto state = std::make_unique<State>(parts, limits, std::move(packages));
  VIRGA_TRY(internal::load(parts.store, *state));
  return std::make_unique<Catalog>(std::move(state));
}

Packages& Catalog::packages() {
  return state_->packages;
}

Watch Catalog::watch(std::function<void(const Change&)> callback) {
  std::lock_guard lock(state_->watch_mutex);
  auto place = state_->watchers.insert(state_->watchers.end(), std::move(callback));
  return Watch([state = state_.get(), place] {
    std::lock_guard stop_lock(state->watch_mutex);
    state->watchers.erase(place);
  });
}

Result<FunctionPointer> Catalog::function(const model::FunctionName& name) const {
  std::lock_guard lock(state_->index_mutex);
  auto found = state_->functions.find(name);
  if (found == state_->functions.end()) return internal::no_function(name);
  return found->second;
}

Result<Resolved> Catalog::resolve(const model::FunctionName& name, std::string_view qualifier, double fraction) const {
  VIRGA_TRY_ASSIGN(FunctionPointer entry, function(name));
  if (qualifier.empty() || qualifier == "$LATEST") return Resolved{entry, entry->latest, std::nullopt};
  auto missing = [&](std::string_view what) {
    return fail(ErrorCode::NotFound,
                fmt::format("function not found: '{}' has no {} '{}'", name.text(), what, qualifier));
  };
  if (internal::is_number(qualifier)) {
    std::uint64_t number = 0;
    auto [end, error] = std::from_chars(qualifier.data(), qualifier.data() + qualifier.size(), number);
    bool canonical = error == std::errc() && qualifier.front() != '0';
    VersionPointer version = canonical ? entry->version(model::VersionNumber(number)) : nullptr;
    if (!version) return missing("version");
    return Resolved{entry, std::move(version), std::nullopt};
  }
  auto found = entry->aliases.find(model::AliasName(std::string(qualifier)));
  if (found == entry->aliases.end()) return missing("alias");
  const model::Alias& alias = found->second;
  bool additional = alias.additional && fraction < alias.additional->weight;
  VersionPointer version = entry->version(additional ? alias.additional->version : alias.version);
  // delete_version refuses what an alias points to.
  if (!version)
    return fail(ErrorCode::DataLoss,
                fmt::format("alias '{}' of '{}' points to a version that is lost", qualifier, name.text()));
  return Resolved{entry, std::move(version), alias.name};
}

Page<FunctionPointer> Catalog::functions(std::string_view marker, std::size_t limit) const {
  std::lock_guard lock(state_->index_mutex);
  Page<FunctionPointer> page;
  auto at = state_->functions.upper_bound(model::FunctionName(std::string(marker)));
  for (; at != state_->functions.end() && page.items.size() < limit; ++at) page.items.push_back(at->second);
  if (at != state_->functions.end() && !page.items.empty()) page.next_marker = page.items.back()->function.name.text();
  return page;
}

Result<model::UrlConfig> Catalog::url(const model::UrlId& id) const {
  std::lock_guard lock(state_->index_mutex);
  if (auto found = state_->urls.find(id); found != state_->urls.end()) {
    for (const auto& [alias, url] : state_->functions.at(found->second)->urls) {
      if (url.id == id) return url;
    }
  }
  return fail(ErrorCode::NotFound, fmt::format("function URL not found: '{}'", id.text()));
}

Result<Resolved> Catalog::resolve_url(const model::UrlId& id, double fraction) const {
  VIRGA_TRY_ASSIGN(model::UrlConfig config, url(id));
  return resolve(config.function, config.alias ? std::string_view(config.alias->text()) : std::string_view(), fraction);
}

Result<LayerPointer> Catalog::layer(const model::LayerName& name) const {
  std::lock_guard lock(state_->index_mutex);
  auto found = state_->layers.find(name);
  if (found == state_->layers.end() || found->second->versions.empty()) {
    return fail(ErrorCode::NotFound, fmt::format("layer not found: '{}'", name.text()));
  }
  return found->second;
}

Result<model::LayerVersion> Catalog::layer_version(const model::LayerName& name, std::uint64_t version) const {
  VIRGA_TRY_ASSIGN(LayerPointer entry, layer(name));
  auto found = entry->versions.find(version);
  if (found != entry->versions.end()) return found->second;
  return fail(ErrorCode::NotFound, fmt::format("layer not found: '{}' has no version {}", name.text(), version));
}

Page<LayerPointer> Catalog::layers(std::string_view marker, std::size_t limit) const {
  std::lock_guard lock(state_->index_mutex);
  Page<LayerPointer> page;
  auto at = state_->layers.upper_bound(model::LayerName(std::string(marker)));
  for (; at != state_->layers.end(); ++at) {
    if (at->second->versions.empty()) continue;
    if (page.items.size() == limit) {
      page.next_marker = page.items.empty() ? "" : page.items.back()->name.text();
      break;
    }
    page.items.push_back(at->second);
  }
  return page;
}

Limits limits_for(std::uint32_t concurrency) {
  Limits limits;
  limits.unreserved_concurrency = std::min(limits.unreserved_concurrency, concurrency / 10);
  limits.concurrency = concurrency;
  return limits;
}

Usage Catalog::usage() const {
  std::lock_guard lock(state_->index_mutex);
  Usage usage{.functions = state_->functions.size(), .code = {}, .concurrency_limit = state_->limits.concurrency};
  for (const auto& [id, package] : state_->package_records) usage.code.count += package.ref.archive_size.count;
  usage.unreserved_concurrency = state_->limits.concurrency;
  for (const auto& [name, entry] : state_->functions) {
    std::uint32_t reserved = entry->function.reserved_concurrency.value_or(0);
    usage.unreserved_concurrency -= std::min(usage.unreserved_concurrency, reserved);
  }
  return usage;
}

}  // namespace virga::catalog
