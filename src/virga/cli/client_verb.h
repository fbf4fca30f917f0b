#pragma once

#include "virga/cli/client.h"
#include "virga/cli/options.h"
#include "virga/cli/verbs.h"

namespace virga::cli {

// A verb that speaks to a Virga over HTTP. Adds the options of every such verb behind its own, and runs talk() on a
// loop of its own.
class ClientVerb : public Verb {
 public:
  void declare(CLI::App& app) final;
  Result<ExitCode> run(Console& console) final;
  bool wants_json() const final { return shared_.json; }

 protected:
  virtual void declare_own(CLI::App& app) = 0;
  // What can be told wrong before anything is sent.
  virtual Result<> prepare(Console&) { return {}; }
  // `client` and `console` outlive the task.
  virtual io::Task<Result<ExitCode>> talk(Client& client, Console& console) = 0;

 private:
  SharedOptions shared_;
};

}  // namespace virga::cli
