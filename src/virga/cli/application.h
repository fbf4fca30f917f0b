#pragma once

namespace virga::cli {

// The whole command line: finds the verb, reads its options, runs it, prints what went wrong. Returns the exit code
// (exit_code.h). Call it once, before there are threads.
int run(int count, char** arguments);

}  // namespace virga::cli
