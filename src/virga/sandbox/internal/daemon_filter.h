#pragma once

#include <linux/filter.h>

#include <vector>

namespace virga::sandbox {

// System calls that a serving process never makes and whoever took it over would like: starting programs, sockets to
// the host's own services, keys, tracing, limits of other processes. All else is allowed, at almost no cost: the kernel
// remembers for each number that the filter lets it pass (seccomp(2)).
std::vector<sock_filter> make_daemon_filter();

}  // namespace virga::sandbox
