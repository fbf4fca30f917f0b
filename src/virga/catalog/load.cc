#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <functional>

#include "virga/base/problems.h"
#include "virga/catalog/internal/codec.h"
#include "virga/catalog/internal/keys.h"
#include "virga/catalog/internal/rules.h"
#include "virga/catalog/internal/state.h"

namespace virga::catalog {

namespace {

using namespace internal;

// Collects records, in any order, until they can be put together.
class Loader {
 public:
  explicit Loader(Index& index) : index_(index) {}

  Result<> add(const store::Record& record) {
    std::vector<std::string_view> parts = split_key(record.key);
    Result<> read = dispatch(parts, record);
    if (read) return {};
    if (read.error().code() == ErrorCode::Unimplemented) return newer(record.key);
    return damaged(record.key, read.error().message());
  }

  Result<> finish() {
    for (auto& [name, entry] : functions_) {
      if (!entry->latest) return damaged(version_key(name, model::VersionNumber()), "it is missing");
      if (entry->function.name.empty()) return damaged(function_key(name), "it is missing");
      for (const auto& [alias, url] : entry->urls) index_.urls[url.id] = name;
      index_.functions[name] = std::move(entry);
    }
    for (auto& [name, entry] : layers_) index_.layers[name] = std::move(entry);
    return {};
  }

  // After a failure: the record that is to blame.
  const std::string& damaged_key() const { return damaged_key_; }

 private:
  std::unexpected<Error> damaged(std::string key, std::string_view what) {
    damaged_key_ = std::move(key);
    return fail(
        problem::kRecordDamaged,
        fmt::format("the record '{}' is damaged ({}); restore the data folder from a backup, or set the record aside "
                    "with 'virga repair'",
                    damaged_key_, what));
  }

  // Whole, and not for this program: it is not to be set aside.
  static std::unexpected<Error> newer(std::string_view key) {
    return fail(problem::kDataFolderNewer,
                fmt::format("the record '{}' was written by a newer virga; start that one, or restore a backup", key));
  }

  FunctionEntry& function(std::string_view name) {
    std::shared_ptr<FunctionEntry>& entry = functions_[model::FunctionName(std::string(name))];
    if (!entry) entry = std::make_shared<FunctionEntry>();
    return *entry;
  }
  LayerEntry& layer(std::string_view name) {
    std::shared_ptr<LayerEntry>& entry = layers_[model::LayerName(std::string(name))];
    if (!entry) entry = std::make_shared<LayerEntry>(LayerEntry{model::LayerName(std::string(name)), {}, 1});
    return *entry;
  }

  // A record that lies under another's key was not written by the catalog.
  static Result<> expect_key(const std::string& expected, const store::Record& record) {
    if (expected == record.key) return {};
    return fail(ErrorCode::DataLoss, fmt::format("it belongs to '{}'", expected));
  }

  Result<> dispatch(const std::vector<std::string_view>& parts, const store::Record& record) {
    std::string_view kind = parts[0];
    if (kind == "function" && parts.size() == 2) return add_function(record);
    if (kind == "version" && parts.size() == 3) return add_version(record);
    if (kind == "previous" && parts.size() == 2) return add_previous(record);
    if (kind == "alias" && parts.size() == 3) return add_alias(record);
    if (kind == "url" && parts.size() == 3) return add_url(record);
    if (kind == "attachment" && parts.size() == 4) return add_attachment(parts, record);
    if (kind == "retired" && parts.size() == 2) return add_retired(parts[1], record);
    if (kind == "layer" && parts.size() == 2) return add_layer(parts[1], record);
    if (kind == "layer-version" && parts.size() == 3) return add_layer_version(record);
    if (kind == "package" && parts.size() == 2) return add_package(record);
    return fail(ErrorCode::DataLoss, "this virga knows no such record; it may be of a newer one");
  }

  Result<> add_function(const store::Record& record) {
    VIRGA_TRY_ASSIGN(FunctionRecord decoded, decode<FunctionRecord>(record.value));
    VIRGA_TRY(expect_key(function_key(decoded.function.name), record));
    FunctionEntry& entry = function(decoded.function.name.text());
    entry.function = std::move(decoded.function);
    entry.next_version = decoded.next_version;
    return {};
  }
  Result<> add_version(const store::Record& record) {
    VIRGA_TRY_ASSIGN(model::Version version, decode<model::Version>(record.value));
    VIRGA_TRY(expect_key(version_key(version.function, version.number), record));
    FunctionEntry& entry = function(version.function.text());
    auto pointer = std::make_shared<const model::Version>(std::move(version));
    if (pointer->number.is_latest()) {
      entry.latest = std::move(pointer);
    } else {
      model::VersionNumber number = pointer->number;
      entry.published[number] = std::move(pointer);
    }
    return {};
  }
  Result<> add_previous(const store::Record& record) {
    VIRGA_TRY_ASSIGN(model::Version version, decode<model::Version>(record.value));
    VIRGA_TRY(expect_key(previous_key(version.function), record));
    FunctionEntry& entry = function(version.function.text());
    entry.previous = std::make_shared<const model::Version>(std::move(version));
    return {};
  }
  Result<> add_alias(const store::Record& record) {
    VIRGA_TRY_ASSIGN(model::Alias alias, decode<model::Alias>(record.value));
    VIRGA_TRY(expect_key(alias_key(alias.function, alias.name), record));
    FunctionEntry& entry = function(alias.function.text());
    model::AliasName name = alias.name;
    entry.aliases[name] = std::move(alias);
    return {};
  }
  Result<> add_url(const store::Record& record) {
    VIRGA_TRY_ASSIGN(model::UrlConfig url, decode<model::UrlConfig>(record.value));
    VIRGA_TRY(expect_key(url_key(url.function, url.alias), record));
    FunctionEntry& entry = function(url.function.text());
    std::optional<model::AliasName> alias = url.alias;
    entry.urls[alias] = std::move(url);
    return {};
  }
  Result<> add_attachment(const std::vector<std::string_view>& parts, const store::Record& record) {
    VIRGA_TRY_ASSIGN(AttachmentRecord attachment, decode<AttachmentRecord>(record.value));
    AttachmentKey key{std::string(parts[2]), std::string(parts[3])};
    function(parts[1]).attachments[key] = std::move(attachment.json);
    return {};
  }
  Result<> add_retired(std::string_view name, const store::Record& record) {
    VIRGA_TRY_ASSIGN(NumberRecord number, decode<NumberRecord>(record.value));
    index_.retired[model::FunctionName(std::string(name))] = number.next_version;
    return {};
  }
  Result<> add_layer(std::string_view name, const store::Record& record) {
    VIRGA_TRY_ASSIGN(NumberRecord number, decode<NumberRecord>(record.value));
    layer(name).next_version = number.next_version;
    return {};
  }
  Result<> add_layer_version(const store::Record& record) {
    VIRGA_TRY_ASSIGN(model::LayerVersion version, decode<model::LayerVersion>(record.value));
    VIRGA_TRY(expect_key(layer_version_key(version.layer, version.version), record));
    LayerEntry& entry = layer(version.layer.text());
    std::uint64_t number = version.version;
    entry.versions[number] = std::move(version);
    return {};
  }
  Result<> add_package(const store::Record& record) {
    VIRGA_TRY_ASSIGN(model::Package package, decode<model::Package>(record.value));
    VIRGA_TRY(expect_key(package_key(package.ref.id), record));
    model::PackageId id = package.ref.id;
    index_.package_records[id] = std::move(package);
    return {};
  }

  Index& index_;
  std::string damaged_key_;
  std::map<model::FunctionName, std::shared_ptr<FunctionEntry>> functions_;
  std::map<model::LayerName, std::shared_ptr<LayerEntry>> layers_;
};

// Calls `use` for every record of the catalog until it fails.
Result<> each_record(const store::Store& store, const std::function<Result<>(const store::Record&)>& use) {
  store::Range range{.prefix = std::string(kRoot), .limit = 2000};
  while (true) {
    VIRGA_TRY_ASSIGN(std::vector<store::Record> records, store.scan(range));
    for (const store::Record& record : records) VIRGA_TRY(use(record));
    if (records.size() < range.limit) return {};
    range.from = records.back().key;
  }
}

bool belongs_to_function(std::string_view kind) {
  return kind == "function" || kind == "version" || kind == "previous" || kind == "alias" || kind == "url" ||
         kind == "attachment";
}
bool belongs_to_layer(std::string_view kind) {
  return kind == "layer" || kind == "layer-version";
}

// Whether the record `key` goes when `damaged` does: it is the same or has the same owner.
bool goes_with(std::string_view key, std::string_view damaged) {
  if (key == damaged) return true;
  std::vector<std::string_view> a = split_key(key), b = split_key(damaged);
  if (a.size() < 2 || b.size() < 2 || a[1] != b[1]) return false;
  return (belongs_to_function(a[0]) && belongs_to_function(b[0])) || (belongs_to_layer(a[0]) && belongs_to_layer(b[0]));
}

Result<> move_aside(store::Store& store, std::string_view damaged, std::vector<std::string>& moved) {
  store::Batch batch;
  std::uint64_t highest = 0;
  VIRGA_TRY(each_record(store, [&](const store::Record& record) -> Result<> {
    if (!goes_with(record.key, damaged)) return {};
    batch.put("damaged/" + record.key, record.value);
    batch.remove(record.key);
    moved.push_back(record.key);
    std::vector<std::string_view> parts = split_key(record.key);
    if (parts[0] == "version" && parts.size() == 3 && is_number(parts[2])) {
      highest = std::max<std::uint64_t>(highest, std::strtoull(std::string(parts[2]).c_str(), nullptr, 10));
    }
    return {};
  }));
  // The numbers of its versions stay used.
  if (highest > 0) {
    VIRGA_TRY_ASSIGN(std::string number, encode(NumberRecord{highest + 1}));
    batch.put(retired_key(model::FunctionName(std::string(split_key(damaged)[1]))), number);
  }
  return store.commit(std::move(batch));
}

Result<> load_into(const store::Store& store, Loader& loader) {
  VIRGA_TRY(each_record(store, [&](const store::Record& record) { return loader.add(record); }));
  return loader.finish();
}

}  // namespace

Result<> internal::load(const store::Store& store, Index& index) {
  Loader loader(index);
  return load_into(store, loader);
}

Result<std::vector<std::string>> Catalog::set_aside_damaged(store::Store& store) {
  std::vector<std::string> moved;
  while (true) {
    Index index;
    Loader loader(index);
    Result<> loaded = load_into(store, loader);
    if (loaded) return moved;
    if (loader.damaged_key().empty()) return fail(loaded.error());
    std::size_t before = moved.size();
    VIRGA_TRY(move_aside(store, loader.damaged_key(), moved));
    if (moved.size() == before) return fail(loaded.error());
  }
}

}  // namespace virga::catalog
