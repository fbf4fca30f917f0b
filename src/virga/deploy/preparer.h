#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "virga/base/result.h"
#include "virga/catalog/catalog.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/io/task_group.h"
#include "virga/io/workers.h"
#include "virga/model/function.h"
#include "virga/runtime/runtimes.h"
#include "virga/runtime/sandboxes.h"
#include "virga/sandbox/spec.h"

namespace virga::deploy {

// Makes the derived files of packages (runtime/prepared.h) with the program that the runtime's manifest names, in a
// sandbox like the function's: its folders, no network, a limit of time and memory, and one folder to write to. What
// comes out is shown to this package's functions only, and Virga never reads it. One loop.
class Preparer {
 public:
  // All of these outlive the preparer.
  struct Parts {
    io::Loop& loop;
    io::Workers& workers;
    catalog::Catalog& catalog;
    runtime::Sandboxes& sandboxes;
    const runtime::Runtimes& runtimes;
  };
  explicit Preparer(Parts parts) : parts_(parts), tasks_(parts.loop) {}

  // As Deployments::prepare.
  io::Task<void> prepare(model::Version version);

  // In the background, for every version there is: removes what other interpreters made, makes what is missing. Before
  // instances run.
  void refresh() { tasks_.add(refresh_all()); }
  // Begins nothing more. Then the sandboxes are stopped, and then this is.
  void end() { stopping_ = true; }
  io::Task<void> stop();

 private:
  // One package's (or layer's) derived files.
  struct Step {
    model::PackageId owner;
    std::string place;  // in the owner's tree
    const runtime::Runtime& runtime;
    sandbox::Spec spec;
  };

  io::Task<void> refresh_all();
  std::vector<Step> missing_steps(const model::Version& version, const runtime::Runtime& runtime) const;
  io::Task<Result<>> run(Step step);
  template <typename T>
  io::Task<Result<T>> on_worker(std::function<Result<T>()> work) {
    return parts_.workers.run<Result<T>>(parts_.loop, std::move(work));
  }

  Parts parts_;
  io::TaskGroup tasks_;
  bool stopping_ = false;
};

}  // namespace virga::deploy
