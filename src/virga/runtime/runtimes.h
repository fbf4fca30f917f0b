#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/result.h"

namespace virga::runtime {

enum class ContractKind {
  Frames,      // Virga's own bootstrap speaks frames
  RuntimeApi,  // the package brings a program that speaks the Lambda Runtime API (or frames, if it knows them)
};

// What derived files depend on, beside the runtime.
enum class PreparedScope {
  Package,   // the package alone: each layer has its own
  Function,  // the package, the layers and the handler
};

// How a language's process is started: one folder under runtimes/ with a runtime.json (runtimes/README.md).
struct Runtime {
  std::string name;
  std::vector<std::string> identifiers;  // those it answers: "nodejs20.x"
  ContractKind contract = ContractKind::Frames;
  std::string directory;    // on the host; /var/runtime in the sandbox
  std::string interpreter;  // the one found on this machine; "" if none is needed
  std::string missing;      // why it cannot run here and what to install; "" if it can
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;
  // Names of variables that the process must have when it starts; the others of a function come with BIND.
  std::vector<std::string> start_variables;
  // Whether its processes boot before they know their function, so that some can wait booted.
  bool has_stems = false;
  // Whether it reads its memory limit while it boots, as V8 does for its heap: a stem then serves that limit alone.
  bool boots_for_memory = false;
  // Whether a process that has loaded its function can be forked into instances (docs/templates.md).
  bool has_templates = false;
  std::vector<std::string> version_command;
  // What makes derived files of a package at its deployment; empty: nothing does.
  std::vector<std::string> prepare;
  PreparedScope prepared_scope = PreparedScope::Package;
  // Only packages with a file that ends so and has this many bytes; none: every package.
  std::vector<std::string> prepared_suffixes;
  std::uint64_t prepared_bytes = 0;
  // Of the interpreter and the runtime's own files: other derived files belong to another identity. Hexadecimal.
  std::string identity;
};

// The first line of what the interpreter says of itself ("v20.20.2"); "" where there is none. Blocks for as long as the
// interpreter starts.
Result<std::string> ask_version(const Runtime& runtime);

// The runtimes of this installation. Never changes after it was loaded; any thread.
class Runtimes {
 public:
  // Reads every DIRECTORY/*/runtime.json and looks for the interpreters. Blocks for a few reads of the disk.
  static Result<Runtimes> load(const std::string& directory);

  bool knows(std::string_view identifier) const { return find(identifier) != nullptr; }
  // Null if no runtime answers it.
  const Runtime* find(std::string_view identifier) const;
  std::vector<std::string> identifiers() const;  // sorted
  const std::vector<Runtime>& all() const { return runtimes_; }

 private:
  std::vector<Runtime> runtimes_;
  std::map<std::string, std::size_t, std::less<>> by_identifier_;
};

}  // namespace virga::runtime
