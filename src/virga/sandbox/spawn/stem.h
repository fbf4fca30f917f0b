#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "virga/base/result.h"
#include "virga/os/descriptor.h"
#include "virga/sandbox/spawn/layers.h"
#include "virga/sandbox/spawn/net.h"
#include "virga/sandbox/spec.h"

namespace virga::sandbox::spawn {

// By what the helper reaches a stem, or a primed blank, until it has its task. Its first process opened them before it
// became init, so no permission over a process that may not be looked at is needed.
struct StemHandles {
  os::Descriptor program;  // pidfd of process 2
  os::Descriptor mounts;   // mount namespace
  os::Descriptor network;  // network namespace
};

// The task of a stem as trees that are mounted nowhere yet. Invalid: there is nothing to attach.
struct StemTrees {
  os::Descriptor code;
  os::Descriptor runtime;
  std::vector<LayerEntry> layers;
  os::Descriptor meminfo;
  os::Descriptor resolver;
};

// The number under which this process knows the one that a pidfd stands for. An error: it has ended.
Result<pid_t> pid_of(const os::Descriptor& process);

// Where the helper is at home, to come back to from a sandbox.
class Home {
 public:
  static Result<Home> remember();

  // This process in another namespace until the end of the scope. Ends the process if there is no way back: it must not
  // serve others from a sandbox.
  class Visit {
   public:
    Visit(const Home& home, const os::Descriptor& space, int kind);
    struct NewMounts {};
    Visit(const Home& home, NewMounts);  // a copy of its own mount namespace, made now
    ~Visit();
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    bool is_there() const { return is_there_; }

   private:
    const Home& home_;
    int kind_;
    bool is_there_ = false;
  };

  // The limits of the stem's process. Before anything of the task can be seen.
  Result<> limit(const StemHandles& stem, const Limits& limits, bool has_cgroups) const;
  // Attaches the trees in the stem's mount namespace and sets the size of its /tmp (0: it is a disk). On an error the
  // stem may have part of it and has to be ended.
  Result<> furnish(const StemHandles& stem, const StemTrees& trees, std::uint64_t tmp_bytes) const;
  // Sets up the stem's side of its way out, and where it asks for names.
  Result<NameSockets> connect(const StemHandles& stem, std::uint32_t slot) const;

 private:
  os::Descriptor mounts_;
  os::Descriptor network_;
  os::Descriptor root_;
  os::Descriptor folder_;  // the working folder
};

}  // namespace virga::sandbox::spawn
