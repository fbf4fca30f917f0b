#pragma once

#include <memory>
#include <span>

#include "virga/base/result.h"
#include "virga/cli/exit_code.h"
#include "virga/cli/terminal.h"

namespace CLI {
class App;
}

namespace virga::cli {

struct Console {
  Terminal out;
  Terminal err;
};

// One word after `virga`. Made anew for each command line: its members are where its options land.
class Verb {
 public:
  virtual ~Verb() = default;
  virtual void declare(CLI::App& app) = 0;
  // An Error is printed by the caller, as text or, when wants_json(), as JSON.
  virtual Result<ExitCode> run(Console& console) = 0;
  virtual bool wants_json() const { return false; }
};

struct VerbEntry {
  const char* name;
  const char* summary;   // one line for `virga --help`
  const char* examples;  // printed below `virga NAME --help`
  std::unique_ptr<Verb> (*make)();
};

// In the order of `virga --help`.
std::span<const VerbEntry> verbs();

}  // namespace virga::cli
