#pragma once

#include <chrono>

namespace virga::os {

// Asks the kernel to run this thread in slices as short as that (0.1 to 100 ms): it then runs sooner after it wakes,
// before threads that compute in the usual slices of some 3 ms, and gets no more time than before. Threads that it
// makes later have the same. Linux 6.12 (sched_setattr(2), sched_runtime of SCHED_OTHER); before, nothing changes.
void set_slice(std::chrono::nanoseconds slice);
// Of this thread. 0: the kernel does not say.
std::chrono::nanoseconds slice();

}  // namespace virga::os
