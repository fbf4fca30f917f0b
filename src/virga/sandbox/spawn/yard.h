#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "virga/base/result.h"
#include "virga/os/descriptor.h"
#include "virga/sandbox/spawn/stem.h"

namespace virga::sandbox::spawn {

// Where the roots of forks are made: a mount namespace that holds the root of each template and nothing else, so that
// the helper's own, of which every new sandbox begins as a copy, stays small.
class Yard {
 public:
  // `home` must outlive this.
  static Result<Yard> create(const Home& home);

  // `root` is what the template's first process cloned, without its /tmp.
  Result<> add(std::uint64_t serial, const os::Descriptor& root) const;
  void remove(std::uint64_t serial) const;

  struct Cover {
    const os::Descriptor& tree;
    const char* path;
  };
  // A copy of the template's root with these over it, in a tree that is mounted nowhere: it lasts until the last
  // descriptor of it is closed.
  Result<os::Descriptor> make_tree(std::uint64_t serial, std::span<const Cover> covers) const;

 private:
  Yard(const Home& home, os::Descriptor space) : home_(home), space_(std::move(space)) {}

  const Home& home_;
  os::Descriptor space_;
};

}  // namespace virga::sandbox::spawn
