#pragma once

#include "virga/http/server.h"
#include "virga/names/resolver.h"
#include "virga/runtime/stems.h"
#include "virga/runtime/templates.h"
#include "virga/telemetry/metrics.h"

namespace virga::server {

// The figures of /metrics of parts that know no registry. Each part outlives the last look at the registry.
void count(metrics::Registry& registry, const http::Server& server);
void count(metrics::Registry& registry, const runtime::Stems& stems);
void count(metrics::Registry& registry, const runtime::Templates& templates);
void count(metrics::Registry& registry, const names::Resolver& resolver);

}  // namespace virga::server
