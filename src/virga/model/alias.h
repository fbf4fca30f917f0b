#pragma once

#include <optional>
#include <string>

#include "virga/model/names.h"

namespace virga::model {

// The second version of an alias that shares its calls.
struct AdditionalVersion {
  VersionNumber version;  // published
  double weight = 0;      // 0..1: the share of calls that go to it
  bool operator==(const AdditionalVersion&) const = default;
};

// A named pointer to a version, or to two of them with a weight.
struct Alias {
  using Additional = AdditionalVersion;

  FunctionName function;
  AliasName name;
  VersionNumber version;  // published, if there is an additional one
  std::string description;
  std::optional<Additional> additional;
  RevisionId revision;
  bool operator==(const Alias&) const = default;
};

}  // namespace virga::model
