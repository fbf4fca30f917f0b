#include "virga/server/figures.h"

namespace virga::server {

void count(metrics::Registry& registry, const http::Server& server) {
  using Read = std::uint64_t http::Counters::*;
  auto counter = [&](std::string_view name, std::string_view help, Read member) {
    registry.counter_from(name, help, [&server, member] { return static_cast<double>(server.counters().*member); });
  };
  counter("virga_http_connections_total", "Connections accepted.", &http::Counters::accepted);
  counter("virga_http_requests_total", "Requests handed on to be answered.", &http::Counters::requests);
  counter("virga_http_malformed_total", "Requests refused because they are no valid HTTP.", &http::Counters::malformed);
  counter("virga_http_too_slow_total", "Requests and responses given up because the peer was too slow.",
          &http::Counters::too_slow);
  counter("virga_http_body_too_large_total", "Requests refused because of the size of their body.",
          &http::Counters::body_too_large);
  registry.gauge_from("virga_http_connections", "Connections that are open.",
                      [&server] { return static_cast<double>(server.counters().open); });
}

void count(metrics::Registry& registry, const runtime::Stems& stems) {
  registry.gauge_from("virga_stems_waiting", "Runtimes started ahead of need that wait for a function.",
                      [&stems] { return static_cast<double>(stems.count()); });
  registry.gauge_from("virga_stems_booted", "Those of them that have booted.",
                      [&stems] { return static_cast<double>(stems.count_booted()); });
  registry.gauge_from("virga_stems_memory_bytes", "What they hold of the memory budget of instances.",
                      [&stems] { return static_cast<double>(stems.memory()); });
  registry.counter_from("virga_stems_taken_total", "Stems that instances began with.",
                        [&stems] { return static_cast<double>(stems.taken()); });
  registry.counter_from("virga_stems_lost_total", "Stems that ended before an instance took them.",
                        [&stems] { return static_cast<double>(stems.lost()); });
}

void count(metrics::Registry& registry, const runtime::Templates& templates) {
  using Read = std::uint64_t runtime::Templates::Counts::*;
  auto gauge = [&](std::string_view name, std::string_view help, Read member) {
    registry.gauge_from(name, help, [&templates, member] { return static_cast<double>(templates.counts().*member); });
  };
  auto counter = [&](std::string_view name, std::string_view help, Read member) {
    registry.counter_from(name, help, [&templates, member] { return static_cast<double>(templates.counts().*member); });
  };
  using Counts = runtime::Templates::Counts;
  gauge("virga_templates", "Processes that have loaded a function and are forked into its instances.",
        &Counts::templates);
  gauge("virga_templates_refused", "Versions whose code cannot be forked.", &Counts::refused);
  gauge("virga_templates_memory_bytes", "What templates and the forks that wait hold.", &Counts::memory_bytes);
  gauge("virga_forks_waiting", "Forks made ahead of need.", &Counts::waiting);
  counter("virga_forks_taken_total", "Instances that began as a fork that was waiting.", &Counts::taken);
  counter("virga_forks_made_total", "Instances that began as a fork made for them.", &Counts::made);
  counter("virga_forks_lost_total", "Templates and waiting forks that ended by themselves.", &Counts::lost);
}

void count(metrics::Registry& registry, const names::Resolver& resolver) {
  using Read = std::uint64_t names::Resolver::Counters::*;
  auto counter = [&](std::string_view name, std::string_view help, Read member) {
    registry.counter_from(name, help, [&resolver, member] { return static_cast<double>(resolver.counters().*member); });
  };
  using Counters = names::Resolver::Counters;
  counter("virga_names_questions_total", "Questions for names by functions with a way out.", &Counters::questions);
  counter("virga_names_withheld_total", "Answers kept from functions because of a private or host address.",
          &Counters::withheld);
  counter("virga_names_failed_total", "Questions that no name server answered.", &Counters::failed);
  counter("virga_names_refused_total", "Questions dropped because too many were under way.", &Counters::refused);
}

}  // namespace virga::server
