#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "virga/services/object/version.h"

namespace virga::services::object::internal {

// Current versions that were read lately, by the name of their record. Whoever reads a record asks for a ticket before,
// and keeps what he read with it: if the record may have changed meanwhile, that is not kept. Nor is it while a change
// is being written: of two that read then, one may have seen the record before the change and the other after it, and
// what is kept must not go back. One loop.
class RecentVersions {
 public:
  explicit RecentVersions(std::size_t most) : most_(most) {}

  const Version* find(const std::string& name) const {
    auto found = versions_.find(name);
    return found == versions_.end() ? nullptr : &found->second;
  }

  using Ticket = std::uint64_t;
  Ticket ticket(const std::string& name) const { return changes_[slot(name)]; }
  // Whether the record is still what it was when the ticket was given, as far as changes have ended.
  bool is_valid(const std::string& name, Ticket ticket) const { return ticket == changes_[slot(name)]; }
  void keep(std::string name, const Version& version, Ticket ticket) {
    if (!is_valid(name, ticket) || being_written_[slot(name)] > 0) return;
    // What is read often is there again at once.
    if (versions_.size() >= most_) versions_.clear();
    versions_.insert_or_assign(std::move(name), version);
  }
  // Before a change of the record is given to the disk, and after it is there or has failed.
  void begin_change(const std::string& name) {
    ++being_written_[slot(name)];
    versions_.erase(name);
  }
  void end_change(const std::string& name) {
    --being_written_[slot(name)];
    ++changes_[slot(name)];
  }

 private:
  std::size_t slot(const std::string& name) const { return std::hash<std::string>()(name) % changes_.size(); }

  std::size_t most_;
  std::unordered_map<std::string, Version> versions_;
  std::array<std::uint64_t, 256> changes_{};  // how often something of this slot changed
  std::array<std::uint32_t, 256> being_written_{};
};

}  // namespace virga::services::object::internal
