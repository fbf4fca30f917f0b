#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "virga/base/clock.h"
#include "virga/model/function.h"
#include "virga/model/names.h"
#include "virga/model/package.h"

namespace virga::model {

// One published state of a layer: an archive that is laid over /opt. Never changes.
struct LayerVersion {
  LayerName layer;
  std::uint64_t version = 0;  // from 1, never used twice
  std::string description;
  std::string license;
  std::vector<std::string> runtimes;  // it says it works with these; empty: says nothing
  std::vector<Architecture> architectures;
  PackageRef package;
  WallTime created;  // milliseconds
  bool operator==(const LayerVersion&) const = default;
};

}  // namespace virga::model
