#pragma once

#include <optional>
#include <string>
#include <vector>

#include "virga/base/clock.h"
#include "virga/base/error.h"
#include "virga/io/task.h"
#include "virga/model/invocation.h"
#include "virga/runtime/call.h"

namespace virga::runtime {

class AnyInstance;

// Who lends calls to an instance. Called on the loop; it may give calls from within, and must not destroy the instance.
class InstanceOwner {
 public:
  virtual ~InstanceOwner() = default;
  // The code is loaded: calls may be given.
  virtual void instance_ready(AnyInstance& instance) = 0;
  // A call is done: its outcome is complete and `done` is for the owner to set. There is room for another.
  virtual void instance_finished(AnyInstance& instance, Call& call) = 0;
  // Lines written outside of any call.
  virtual void instance_logged(AnyInstance& instance, std::string lines) = 0;
};

// What an owner knows of an instance: `Instance` is one with a sandbox, tests have a fake. One loop. `run` is its whole
// life: add it to a task group; the instance is destroyed after it has ended.
class AnyInstance {
 public:
  enum class State { Starting, Ready, Ending };
  // How a life ended.
  struct End {
    bool was_ready = false;
    // Set when it ended before it was ready, for those who wait for it: fault, payload, phases.
    std::optional<model::Outcome> failure;
    // The sandbox could not be made at all: nothing the function did.
    std::optional<Error> refusal;
    // Calls it had been given and not answered, in their order: they run elsewhere, and this did not count as an
    // attempt.
    std::vector<Call*> unstarted;
    // It died or hung with several calls in its socket. Answers are gathered before they are sent, so which of the
    // calls it had begun is not known: they must run again one at a time, and then the guilty one is alone.
    bool is_uncertain = false;
  };

  virtual ~AnyInstance() = default;

  // Tells the owner of each call that was given exactly once: by instance_finished before this ends, or in
  // End::unstarted.
  virtual io::Task<End> run() = 0;
  // Only when Ready. More than one only if it can prefetch.
  virtual void give(Call& call) = 0;
  // Stops its processes until a call is given; only when Ready and without a call. False: it cannot be done now.
  // give() lets them run again by itself, and waits for nothing.
  virtual bool freeze() = 0;
  // Ends it: at once, failing what runs. It is Ending when this returns; what becomes of its calls is told later.
  virtual void kill() = 0;

  // It may begin to end by itself at any time, and then takes no more calls.
  virtual State state() const = 0;
  // Whether calls may be given while one runs, to wait in its socket. Known when it is Ready.
  virtual bool can_prefetch() const = 0;
  // How many calls it runs at a time; above 1 it is never given more. Known when it is Ready.
  virtual std::size_t concurrency() const = 0;
  // How long the call that runs has been running, the oldest of several; 0 when none does.
  virtual SteadyTime::duration head_age(SteadyTime now) const = 0;
  // What the start took, by phase. Known when it is Ready.
  virtual model::Phases start_phases() const = 0;
  // What it held when it was last looked at, soon after a call; 0: not known.
  virtual model::Bytes memory() const = 0;
};

}  // namespace virga::runtime
