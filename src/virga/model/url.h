#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "virga/base/clock.h"
#include "virga/model/names.h"

namespace virga::model {

enum class UrlAuth { None, Iam };
enum class InvokeMode { Buffered, ResponseStream };

// What the platform answers to a browser's cross-origin questions, instead of the function.
struct Cors {
  bool allow_credentials = false;
  std::vector<std::string> allow_headers;       // <= 100
  std::vector<std::string> allow_methods;       // <= 6
  std::vector<std::string> allow_origins;       // <= 100
  std::vector<std::string> expose_headers;      // <= 100
  std::optional<std::chrono::seconds> max_age;  // 0..86400
  bool operator==(const Cors&) const = default;
};

// A function's own HTTP address. At most one for $LATEST and one for each alias.
struct UrlConfig {
  UrlId id;  // made by the catalog, never used twice
  FunctionName function;
  std::optional<AliasName> alias;  // not set: $LATEST
  UrlAuth auth = UrlAuth::Iam;
  InvokeMode mode = InvokeMode::Buffered;
  std::optional<Cors> cors;
  WallTime created;   // milliseconds
  WallTime modified;  // milliseconds
  bool operator==(const UrlConfig&) const = default;
};

}  // namespace virga::model
