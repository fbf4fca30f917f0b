#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>

#include "virga/catalog/catalog.h"
#include "virga/deploy/deployments.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/io/task_group.h"
#include "virga/io/workers.h"

namespace virga::deploy {

// After a start, in the background: compares every unpacked tree that a version uses with its archive, which is known
// by its SHA-256, and unpacks again what differs or is not there. A tree that differs and has no whole archive any more
// is removed, so that no damaged code runs; the log says so. One loop.
class TreeCheck {
 public:
  // All of these outlive it.
  struct Parts {
    io::Loop& loop;
    io::Workers& workers;
    catalog::Catalog& catalog;
    Deployments& deployments;
  };
  explicit TreeCheck(Parts parts) : parts_(parts), tasks_(parts.loop) {}

  // `afterwards` runs on the loop when all are checked, also after end().
  void begin(std::function<void()> afterwards) { tasks_.add(check_all(std::move(afterwards))); }
  // Begins nothing more. Then the sandboxes are stopped, and then this is.
  void end() { stopping_ = true; }
  io::Task<void> stop();

 private:
  io::Task<void> check_all(std::function<void()> afterwards);
  io::Task<void> check(model::PackageId id);
  std::set<model::PackageId> used_packages() const;

  Parts parts_;
  io::TaskGroup tasks_;
  bool stopping_ = false;
};

}  // namespace virga::deploy
