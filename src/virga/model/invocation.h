#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "virga/base/id.h"
#include "virga/model/event_form.h"
#include "virga/model/units.h"

namespace virga::model {

// A UUID, as AWS Lambda's request id.
using RequestId = Id<struct RequestIdTag>;

enum class LogTail { None, Wanted };
// Whether somebody waits for the answer: Lambda's RequestResponse and Event.
enum class InvocationKind { Waited, Event };

// One call of a function as it is handed down to an instance. A value.
struct Invocation {
  RequestId id;
  // The event, bytes, JSON by convention; or, with a form, what is filled in as its body: a JSON string, or "" for
  // none.
  std::string payload;
  std::shared_ptr<const EventForm> form;  // shared with other calls; null: `payload` is the event
  EventFilling filling;                   // of the form
  std::string invoked_arn;
  std::string trace_id;          // X-Amzn-Trace-Id; may be empty
  std::string client_context;    // JSON text; may be empty
  std::string cognito_identity;  // JSON text; may be empty
  std::string tenant_id;         // X-Amz-Tenant-Id; may be empty
  // Who calls, as far as the door knows: an access key, an address. Set only where the function limits callers.
  std::string caller;
  LogTail log_tail = LogTail::None;
  InvocationKind kind = InvocationKind::Waited;
};

// Appends the event as text, whether it has a form or not.
void append_event(std::string& out, const Invocation& invocation);

// How a call ended, when it was run at all.
enum class Fault {
  None,              // the function answered
  Reported,          // the function (or its runtime) reported an error: the payload is its JSON
  TimedOut,          // it ran longer than its timeout; its instance was ended
  Exited,            // its process ended in the middle
  OutOfMemory,       // the kernel ended it at its memory limit
  InitFailed,        // its code did not load
  ResponseTooLarge,  // it answered more than 6 MB
};

// Where the time went. Microseconds on the steady clock.
struct Phases {
  std::chrono::microseconds queue{};   // waiting for an instance
  std::chrono::microseconds start{};   // making the sandbox, or forking it; 0 when the instance was warm or a stem
  std::chrono::microseconds attach{};  // giving a stem the function's code and limits; 0 when warm or cold
  std::chrono::microseconds boot{};    // starting the runtime's process until it speaks; 0 when warm
  std::chrono::microseconds init{};    // loading the function's code; 0 when warm
  std::chrono::microseconds run{};     // from handing it to the instance until its answer

  std::chrono::microseconds of_start() const { return start + attach + boot + init; }
};

// What the instance was before the call that had to wait for it.
enum class StartKind {
  Warm,  // it had served a call, or was started ahead: nothing was waited for
  Stem,  // a waiting runtime that got its function
  Fork,  // a copy of a process that had loaded the function
  Cold,  // nothing
};

struct Outcome {
  Fault fault = Fault::None;
  std::string payload;  // the response, or a JSON object with errorType and errorMessage
  Phases phases;
  Bytes max_memory;      // the most the instance ever used; 0: not known
  std::string log_tail;  // at most the last 4 KB of its log, START to REPORT; only if it was wanted
  StartKind start_kind = StartKind::Warm;
  std::string cold_reason;     // why it was nothing quicker: "NODE_OPTIONS is set"
  std::string no_fork_reason;  // why it was not a fork, although its version is forked or would be if it could
  bool is_cold() const { return phases.of_start().count() > 0; }
};

}  // namespace virga::model
