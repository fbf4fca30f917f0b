#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "virga/model/alias.h"
#include "virga/model/function.h"
#include "virga/model/layer.h"
#include "virga/model/url.h"

namespace virga::catalog {

// Shared, because a reader on an event loop keeps the state it looked up while a writer puts the next one in its place.
// What is pointed at never changes.
using VersionPointer = std::shared_ptr<const model::Version>;

// JSON that another part keeps with a function: a resource policy, an asynchronous-call configuration. It is deleted
// with the function (and, if it names an alias, with the alias).
struct AttachmentKey {
  std::string kind;       // "policy", "event-invoke-config", ...: [a-z0-9-]+
  std::string qualifier;  // "": the function; "$LATEST", "7" or an alias
  auto operator<=>(const AttachmentKey&) const = default;
};

// Everything of one function as it stood at one moment.
struct FunctionEntry {
  model::Function function;
  VersionPointer latest;                                             // never null
  VersionPointer previous;                                           // what $LATEST was before; null: nothing else
  std::map<model::VersionNumber, VersionPointer> published;          // ascending; without $LATEST
  std::map<model::AliasName, model::Alias> aliases;                  // by name
  std::map<std::optional<model::AliasName>, model::UrlConfig> urls;  // nullopt: the one of $LATEST
  std::map<AttachmentKey, std::string> attachments;                  // JSON text
  std::uint64_t next_version = 1;                                    // the number the next published version gets

  // Null if there is none.
  VersionPointer version(model::VersionNumber number) const;
};
using FunctionPointer = std::shared_ptr<const FunctionEntry>;

struct LayerEntry {
  model::LayerName name;
  std::map<std::uint64_t, model::LayerVersion> versions;  // ascending; may be empty when all were deleted
  std::uint64_t next_version = 1;
};
using LayerPointer = std::shared_ptr<const LayerEntry>;

// Part of a list. `next_marker` is empty on the last page; otherwise the next call gives it back unchanged.
template <typename T>
struct Page {
  std::vector<T> items;
  std::string next_marker;
};

// $LATEST before and after it went back; `to` as it was when it was replaced.
struct RolledBack {
  VersionPointer from;
  VersionPointer to;
};

// What a qualifier led to.
struct Resolved {
  FunctionPointer function;
  VersionPointer version;                 // what runs
  std::optional<model::AliasName> alias;  // the alias that was asked for
};

// The function as it was and as it is: null before it was created, null after it was deleted.
struct Change {
  model::FunctionName name;
  FunctionPointer before;
  FunctionPointer after;
};

// Of the whole account, as GetAccountSettings shows it.
struct Usage {
  std::uint64_t functions = 0;
  model::Bytes code;  // archives, each counted once
  std::uint32_t concurrency_limit = 0;
  std::uint32_t unreserved_concurrency = 0;
};

}  // namespace virga::catalog
