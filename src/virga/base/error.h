#pragma once

#include <string>
#include <string_view>

namespace virga {

// What a caller can act on. The HTTP status is chosen from it in http/ and dialects/ only.
enum class ErrorCode {
  InvalidArgument,     // the input is wrong and will stay wrong
  Unauthenticated,     // who is calling is not proven
  PermissionDenied,    // who is calling may not do this
  NotFound,            // the thing named does not exist
  AlreadyExists,       // the thing to be made exists
  Conflict,            // the state of the thing forbids this now
  PreconditionFailed,  // the caller's expected revision is not the current one
  TooLarge,            // a size limit is passed
  ResourceExhausted,   // a quota or rate is used up; try again later
  DeadlineExceeded,    // time ran out
  Cancelled,           // the caller or a shutdown gave it up
  Unavailable,         // something needed is not there now; try again later
  Unimplemented,       // known, and not built yet
  DataLoss,            // stored bytes are damaged
  Internal,            // a bug or a refusal of the kernel that nobody expected
};

std::string_view name(ErrorCode code);

// A failure: a code to act on and a message for the reader of a log or a terminal. A value; any thread.
class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }

  // The same failure seen from one storey higher: "CONTEXT: MESSAGE".
  Error with_context(std::string_view context) const;

  bool operator==(const Error&) const = default;

 private:
  ErrorCode code_;
  std::string message_;
};

}  // namespace virga
