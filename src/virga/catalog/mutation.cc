#include <fmt/format.h>

#include <functional>

#include "virga/catalog/internal/codec.h"
#include "virga/catalog/internal/keys.h"
#include "virga/catalog/internal/state.h"

namespace virga::catalog {

namespace {

using namespace internal;

// Writes the records of `after` that `before` has not or has differently, and removes those only `before` has.
class Difference {
 public:
  template <typename Record>
  Result<> put(const std::string& key, const Record& record) {
    VIRGA_TRY_ASSIGN(std::string bytes, encode(record));
    batch_.put(key, bytes);
    return {};
  }

  // `key` gives the key of an element, `record` what is written of it.
  template <typename Map>
  Result<> maps(const Map& before, const Map& after, auto key, auto record) {
    for (const auto& [name, value] : before) {
      if (!after.contains(name)) batch_.remove(key(name));
    }
    for (const auto& [name, value] : after) {
      auto old = before.find(name);
      if (old == before.end() || old->second != value) VIRGA_TRY(put(key(name), record(value)));
    }
    return {};
  }

  void remove(const std::string& key) { batch_.remove(key); }
  store::Batch take() { return std::move(batch_); }

 private:
  store::Batch batch_;
};

Result<store::Batch> difference(const model::FunctionName& name, const FunctionEntry& before,
                                const FunctionEntry& after, bool was_there, bool stays) {
  Difference difference;
  if (stays) {
    if (!was_there || before.function != after.function || before.next_version != after.next_version) {
      VIRGA_TRY(difference.put(function_key(name), FunctionRecord{after.function, after.next_version}));
    }
    if (before.latest != after.latest) {
      VIRGA_TRY(difference.put(version_key(name, model::VersionNumber()), *after.latest));
    }
    if (before.previous != after.previous) VIRGA_TRY(difference.put(previous_key(name), *after.previous));
    if (!was_there) difference.remove(retired_key(name));
  } else {
    difference.remove(function_key(name));
    difference.remove(version_key(name, model::VersionNumber()));
    if (before.previous) difference.remove(previous_key(name));
    if (before.next_version > 1) VIRGA_TRY(difference.put(retired_key(name), NumberRecord{before.next_version}));
  }
  VIRGA_TRY(difference.maps(
      before.published, after.published, [&](model::VersionNumber number) { return version_key(name, number); },
      [](const VersionPointer& version) -> const model::Version& { return *version; }));
  VIRGA_TRY(difference.maps(
      before.aliases, after.aliases, [&](const model::AliasName& alias) { return alias_key(name, alias); },
      std::identity()));
  VIRGA_TRY(difference.maps(
      before.urls, after.urls, [&](const std::optional<model::AliasName>& alias) { return url_key(name, alias); },
      std::identity()));
  VIRGA_TRY(difference.maps(
      before.attachments, after.attachments, [&](const AttachmentKey& key) { return attachment_key(name, key); },
      [](const std::string& json) { return AttachmentRecord{json}; }));
  return difference.take();
}

}  // namespace

Result<Catalog::State::Edit> Catalog::State::edit(const model::FunctionName& name) const {
  auto found = functions.find(name);
  if (found == functions.end()) return no_function(name);
  return Edit{found->second, std::make_shared<FunctionEntry>(*found->second)};
}

Result<> Catalog::State::replace(FunctionPointer before, FunctionPointer after) {
  const model::FunctionName name = (after ? after : before)->function.name;
  const FunctionEntry nothing;
  Result<store::Batch> batch =
      difference(name, before ? *before : nothing, after ? *after : nothing, before != nullptr, after != nullptr);
  if (!batch) return fail(batch.error().with_context(fmt::format("function '{}'", name.text())));
  VIRGA_TRY(parts.store.commit(std::move(*batch)));
  {
    std::lock_guard lock(index_mutex);
    if (before) {
      for (const auto& [alias, url] : before->urls) urls.erase(url.id);
    }
    if (after) {
      for (const auto& [alias, url] : after->urls) urls[url.id] = name;
      functions[name] = after;
      retired.erase(name);
    } else {
      functions.erase(name);
      if (before->next_version > 1) retired[name] = before->next_version;
    }
  }
  std::lock_guard lock(watch_mutex);
  Change change{name, std::move(before), std::move(after)};
  for (const auto& watcher : watchers) watcher(change);
  return {};
}

Result<> Catalog::State::replace(const LayerPointer& before, LayerPointer after) {
  Difference difference;
  const LayerEntry nothing{after->name, {}, 0};
  const LayerEntry& old = before ? *before : nothing;
  auto write = [&]() -> Result<> {
    if (old.next_version != after->next_version) {
      VIRGA_TRY(difference.put(layer_key(after->name), NumberRecord{after->next_version}));
    }
    return difference.maps(
        old.versions, after->versions, [&](std::uint64_t version) { return layer_version_key(after->name, version); },
        std::identity());
  };
  if (Result<> written = write(); !written) {
    return fail(written.error().with_context(fmt::format("layer '{}'", after->name.text())));
  }
  VIRGA_TRY(parts.store.commit(difference.take()));
  std::lock_guard lock(index_mutex);
  layers[after->name] = std::move(after);
  return {};
}

}  // namespace virga::catalog
