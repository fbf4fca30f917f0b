#pragma once

#include <cstdint>

#include "virga/base/id.h"

namespace virga::model {

// [a-zA-Z0-9-_]{1,64}, case-sensitive.
using FunctionName = Id<struct FunctionNameTag>;
// [a-zA-Z0-9-_]{1,128}, not purely numeric.
using AliasName = Id<struct AliasNameTag>;
// [a-zA-Z0-9-_]{1,64}
using LayerName = Id<struct LayerNameTag>;
// The SHA-256 of a package's archive in 64 lower-case hexadecimal digits.
using PackageId = Id<struct PackageIdTag>;
// A UUID that changes with every change of the thing it belongs to.
using RevisionId = Id<struct RevisionIdTag>;
// 32 characters of [a-z0-9]: the host label of a function URL.
using UrlId = Id<struct UrlIdTag>;

// A version of a function: 0 is "$LATEST", the one that changes; 1, 2, ... are published and never change.
class VersionNumber {
 public:
  constexpr VersionNumber() = default;  // $LATEST
  constexpr explicit VersionNumber(std::uint64_t number) : number_(number) {}

  constexpr std::uint64_t number() const { return number_; }
  constexpr bool is_latest() const { return number_ == 0; }
  std::string text() const { return is_latest() ? "$LATEST" : std::to_string(number_); }
  auto operator<=>(const VersionNumber&) const = default;

 private:
  std::uint64_t number_ = 0;
};

}  // namespace virga::model

template <>
struct std::hash<virga::model::VersionNumber> {
  std::size_t operator()(virga::model::VersionNumber version) const {
    return std::hash<std::uint64_t>()(version.number());
  }
};
