#pragma once

#include "virga/base/error.h"

namespace virga::cli {

// What the program tells a script. Listed in `virga --help`.
enum class ExitCode : int {
  Ok = 0,
  Failed = 1,       // the function failed, the API refused, a check is missing
  Usage = 2,        // the command line or a file it names is wrong
  Unreachable = 3,  // no Virga answers at the endpoint, or not in time
};

// Verbs report what the user gave wrongly as InvalidArgument, and an unreachable Virga as Unavailable.
ExitCode exit_code(const Error& error);

}  // namespace virga::cli
