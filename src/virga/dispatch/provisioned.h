#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "virga/base/clock.h"
#include "virga/catalog/entries.h"

namespace virga::dispatch {

// Provisioned concurrency as the catalog keeps it: attachments of functions, one for each version or alias that has it.
inline constexpr std::string_view kProvisionedKind = "provisioned-concurrency";

struct Provisioned {
  std::uint32_t requested = 0;  // instances that are to be ready
  WallTime modified;
};

std::string write_provisioned(const Provisioned& provisioned);
// Nothing is requested if it is not what write_provisioned made.
Provisioned read_provisioned(std::string_view json);

// The version whose instances a qualifier asks for: of an alias, its main one. Nothing if there is none.
std::optional<model::VersionNumber> provisioned_version(const catalog::FunctionEntry& entry,
                                                        std::string_view qualifier);

}  // namespace virga::dispatch
