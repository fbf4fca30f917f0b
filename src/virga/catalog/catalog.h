#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "virga/archive/limits.h"
#include "virga/base/clock.h"
#include "virga/base/random.h"
#include "virga/base/result.h"
#include "virga/catalog/entries.h"
#include "virga/catalog/packages.h"
#include "virga/catalog/requests.h"
#include "virga/model/package.h"
#include "virga/store/blob_store.h"
#include "virga/store/store.h"

namespace virga::catalog {

struct Limits {
  std::uint32_t concurrency = 1000;            // of the account
  std::uint32_t unreserved_concurrency = 100;  // never reserved for single functions
  archive::Limits archive;
};

// Of an account of this concurrency. As on AWS Lambda 100 of 1000 are never reserved for single functions; of fewer a
// tenth, so that a small machine can reserve as well.
Limits limits_for(std::uint32_t concurrency);

// Ends a watch when it is destroyed; outlives neither the catalog nor what its callback uses.
class [[nodiscard]] Watch {
 public:
  Watch() = default;
  explicit Watch(std::function<void()> stop) : stop_(std::move(stop)) {}
  Watch(Watch&& other) noexcept : stop_(std::exchange(other.stop_, nullptr)) {}
  Watch& operator=(Watch&& other) noexcept {
    if (this != &other) {
      if (stop_) stop_();
      stop_ = std::exchange(other.stop_, nullptr);
    }
    return *this;
  }
  ~Watch() {
    if (stop_) stop_();
  }

 private:
  std::function<void()> stop_;
};

// The durable record of functions, versions, aliases, layers, packages and URLs, held in memory as well.
//
// Reads answer from memory and take a lock for the time of a look-up, so they may run on an event loop; any thread.
// Mutations block: they end when the change is fsynced, one at a time, each in one atomic batch; call them on a worker
// thread. Readers see the old state until then. A failed mutation changes nothing.
// Semantics are AWS Lambda's (developer guide, botocore lambda/2015-03-31). Error codes: NotFound, AlreadyExists,
// Conflict, PreconditionFailed, InvalidArgument, ResourceExhausted, TooLarge as `ErrorCode` describes them, and those
// of Store::commit.
class Catalog {
 public:
  // All of these outlive the catalog. `blobs` holds packages and nothing else.
  struct Parts {
    store::Store& store;
    store::BlobStore& blobs;
    const Clock& clock;
    Random& random;
    std::string packages_directory;  // DATA/packages; made if need be
  };

  // Reads every record. DataLoss names the first damaged one and says how to go on without it.
  static Result<std::unique_ptr<Catalog>> open(Parts parts, Limits limits = {});
  // For a store that `open` finds damaged: moves what is damaged from "catalog/..." to "damaged/catalog/...", with
  // every record of the same function or layer, until the rest can be opened. Answers the keys that were moved.
  static Result<std::vector<std::string>> set_aside_damaged(store::Store& store);
  ~Catalog();
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;

  // ---- reads ----
  Result<FunctionPointer> function(const model::FunctionName& name) const;
  // `qualifier`: "" or "$LATEST", a number, or an alias. `fraction` in [0, 1) chooses between the versions of a
  // weighted alias (Random::fraction()).
  Result<Resolved> resolve(const model::FunctionName& name, std::string_view qualifier, double fraction) const;
  // By name, ascending. `limit` >= 1.
  Page<FunctionPointer> functions(std::string_view marker, std::size_t limit) const;
  Result<Resolved> resolve_url(const model::UrlId& id, double fraction) const;
  Result<model::UrlConfig> url(const model::UrlId& id) const;
  Result<LayerPointer> layer(const model::LayerName& name) const;
  Result<model::LayerVersion> layer_version(const model::LayerName& name, std::uint64_t version) const;
  Page<LayerPointer> layers(std::string_view marker, std::size_t limit) const;  // those with a version
  Result<model::Package> package(const model::PackageId& id) const;
  Usage usage() const;

  // Called after each change is durable and visible, on the thread that made it, in the order of the changes. The
  // callback must not change the catalog nor start or end a watch.
  Watch watch(std::function<void(const Change&)> callback);

  // ---- packages ----
  // Checks the archive against the rules of `archive`, keeps it, and answers what is known of it. The same bytes again:
  // the same answer.
  Result<model::Package> add_package(std::string_view archive);
  Result<std::string> read_package(const model::PackageId& id) const;  // blocks: the archive's bytes, verified
  // Where trees are, and whether; see there.
  Packages& packages();
  // Forgets packages that no version and no layer uses, that were added before `before`, and that `in_use` does not
  // claim (an instance may still run from a tree whose version is gone). Also clears what a crash left. Returns how
  // many.
  Result<std::size_t> collect_packages(WallTime before, const std::function<bool(const model::PackageId&)>& in_use);

  // ---- functions and versions ----
  // What they answer is the version that was made: the published one if publishing was asked for, $LATEST otherwise.
  Result<VersionPointer> create_function(const CreateFunction& request);
  Result<VersionPointer> update_function(const model::FunctionName& name, const UpdateFunction& request);
  Result<VersionPointer> update_code(const model::FunctionName& name, const UpdateCode& request);
  Result<VersionPointer> update_config(const model::FunctionName& name, const UpdateConfig& request);
  // Makes $LATEST what it was before its last change; what it was until now is kept, so a second time leads forward
  // again. Conflict: there was none.
  Result<RolledBack> roll_back(const model::FunctionName& name);
  // Answers the newest published version if code and settings are those of $LATEST.
  Result<VersionPointer> publish_version(const model::FunctionName& name, const PublishVersion& request = {});
  // Does not change the revision.
  Result<VersionPointer> set_state(const model::FunctionName& name, model::VersionNumber number,
                                   const StateChange& change);
  Result<> delete_function(const model::FunctionName& name);  // with everything of it; its numbers stay used
  Result<> delete_version(const model::FunctionName& name, model::VersionNumber number);

  // ---- aliases ----
  Result<model::Alias> create_alias(const model::FunctionName& name, const CreateAlias& request);
  Result<model::Alias> update_alias(const model::FunctionName& name, const model::AliasName& alias,
                                    const UpdateAlias& request);
  Result<> delete_alias(const model::FunctionName& name, const model::AliasName& alias);  // with its URL

  // ---- tags, concurrency, attachments ----
  Result<> tag_function(const model::FunctionName& name, const std::map<std::string, std::string>& tags);
  Result<> untag_function(const model::FunctionName& name, const std::vector<std::string>& keys);
  // nullopt: nothing is reserved any more.
  Result<> reserve_concurrency(const model::FunctionName& name, std::optional<std::uint32_t> calls);
  // nullopt removes it. `json` is kept as it is.
  Result<> attach(const model::FunctionName& name, const AttachmentKey& key, std::optional<std::string> json);

  // ---- URLs ----
  Result<model::UrlConfig> create_url(const model::FunctionName& name, const CreateUrl& request);
  Result<model::UrlConfig> update_url(const model::FunctionName& name, const std::optional<model::AliasName>& alias,
                                      const UpdateUrl& request);
  Result<> delete_url(const model::FunctionName& name, const std::optional<model::AliasName>& alias);

  // ---- layers ----
  Result<model::LayerVersion> publish_layer(const PublishLayer& request);
  // Versions of functions that use it go on doing so.
  Result<> delete_layer_version(const model::LayerName& name, std::uint64_t version);

  // For `open`.
  struct State;
  explicit Catalog(std::unique_ptr<State> state);

 private:
  std::unique_ptr<State> state_;
};

}  // namespace virga::catalog
