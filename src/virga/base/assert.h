#pragma once

#include <cstdio>
#include <cstdlib>

// For what only a bug in Virga can cause. Input, the network, the disk and the kernel's refusals are never asserted on.
#define VIRGA_ASSERT(condition)                                                          \
  do {                                                                                   \
    if (!(condition)) [[unlikely]] {                                                     \
      std::fprintf(stderr, "virga: bug: %s at %s:%d\n", #condition, __FILE__, __LINE__); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)
