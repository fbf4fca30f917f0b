#pragma once

#include <chrono>
#include <memory>

#include "virga/catalog/catalog.h"
#include "virga/dispatch/instance_maker.h"
#include "virga/io/loop.h"
#include "virga/runtime/environment.h"
#include "virga/runtime/runtimes.h"
#include "virga/runtime/sandboxes.h"
#include "virga/runtime/stems.h"
#include "virga/runtime/templates.h"

namespace virga::dispatch {

// Makes instances that run in sandboxes, from the unpacked packages of the catalog. One loop.
class SandboxInstances final : public InstanceMaker {
 public:
  // All of these outlive it.
  struct Parts {
    io::Loop& loop;
    runtime::Sandboxes& sandboxes;
    runtime::Stems& stems;
    runtime::Templates& templates;
    const runtime::Runtimes& runtimes;
    catalog::Catalog& catalog;
  };
  struct Options {
    runtime::Platform platform;  // as functions see it
    std::chrono::milliseconds init_timeout{10000};
  };

  SandboxInstances(Parts parts, Options options) : parts_(parts), options_(std::move(options)) {}

  Result<> can_make(const model::Version& version) const override;
  std::unique_ptr<runtime::AnyInstance> make(const catalog::VersionPointer& version,
                                             runtime::InstanceOwner& owner) override;
  std::optional<std::chrono::microseconds> fork_time(const model::Version& version) const override {
    return parts_.templates.fork_time(version.revision.text());
  }
  void retire(const model::Version& version) override { parts_.templates.retire(version.revision.text()); }

 private:
  bool may_be_forked(const model::FunctionName& function) const;

  Parts parts_;
  Options options_;
};

}  // namespace virga::dispatch
