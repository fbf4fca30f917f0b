#pragma once

#include "virga/dialects/aws/service.h"
#include "virga/events/schedule/schedules.h"
#include "virga/http/router.h"

namespace virga::dialects::aws {

namespace scheduler {
struct Operation;
}

// EventBridge Scheduler's API (REST-JSON, botocore scheduler/2021-06-30): all of its twelve operations. Beyond it: the
// tag virga:missed of a group (skip, once or all) says what its schedules do about times that went by while Virga was
// down; it counts for schedules that are made or updated after it. One loop.
class SchedulerApi final : public Service {
 public:
  // Both outlive it.
  SchedulerApi(events::Schedules& schedules, const Clock& clock);

  std::string_view scope() const override { return "scheduler"; }
  io::Task<http::Response> answer(const http::Request& request, const Identity& identity,
                                  std::string request_id) override;
  http::Response refuse(const http::Request& request, const Refusal& refusal,
                        const std::string& request_id) const override;
  std::size_t body_limit(const http::Request&) const override { return 1 << 20; }

 private:
  events::Schedules& schedules_;
  const Clock& clock_;
  http::Router router_;
  std::vector<const scheduler::Operation*> by_route_;
};

}  // namespace virga::dialects::aws
