#pragma once

#include "virga/telemetry/metrics.h"

namespace virga::metrics {

// process_cpu_seconds_total, process_resident_memory_bytes, process_virtual_memory_bytes, process_open_fds,
// process_max_fds, process_threads and process_start_time_seconds of this process, read from /proc at each exposition
// (proc(5)). The names are those of Prometheus's own client libraries.
void add_process_metrics(Registry& registry);

}  // namespace virga::metrics
