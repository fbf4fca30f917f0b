#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "virga/services/object/version.h"

namespace virga::services::object::internal {

// Current versions that were read lately, by the name of their record. Whoever reads a record asks for a ticket before,
// and keeps what he read with it: if the record may have changed meanwhile, that is not kept. One loop.
class RecentVersions {
 public:
  explicit RecentVersions(std::size_t most) : most_(most) {}

  const Version* find(const std::string& name) const {
    auto found = versions_.find(name);
    return found == versions_.end() ? nullptr : &found->second;
  }

  using Ticket = std::uint64_t;
  Ticket ticket(const std::string& name) const { return changes_[slot(name)]; }
  void keep(std::string name, const Version& version, Ticket ticket) {
    if (ticket != changes_[slot(name)]) return;
    // What is read often is there again at once.
    if (versions_.size() >= most_) versions_.clear();
    versions_.insert_or_assign(std::move(name), version);
  }
  // Before a change of the record is given to the disk, and after it is there.
  void forget(const std::string& name) {
    ++changes_[slot(name)];
    versions_.erase(name);
  }

 private:
  std::size_t slot(const std::string& name) const { return std::hash<std::string>()(name) % changes_.size(); }

  std::size_t most_;
  std::unordered_map<std::string, Version> versions_;
  std::array<std::uint64_t, 256> changes_{};  // how often something of this slot changed
};

}  // namespace virga::services::object::internal
