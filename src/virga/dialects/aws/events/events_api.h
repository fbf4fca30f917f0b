#pragma once

#include "virga/dialects/aws/account.h"
#include "virga/dialects/aws/service.h"
#include "virga/events/bus/bus.h"

namespace virga::dialects::aws {

// EventBridge's API (AWS-JSON 1.1, botocore events/2015-10-07) on Virga's buses; its operations stand in
// events/operations.cc. One loop.
class EventsApi final : public Service {
 public:
  // All of these outlive it.
  struct Parts {
    events::Bus& bus;
    const events::Targets& targets;
    const Clock& clock;
  };
  explicit EventsApi(Parts parts) : parts_(parts) {}

  std::string_view scope() const override { return "events"; }
  io::Task<http::Response> answer(const http::Request& request, const Identity& identity,
                                  std::string request_id) override;
  http::Response refuse(const http::Request& request, const Refusal& refusal,
                        const std::string& request_id) const override;
  std::size_t body_limit(const http::Request&) const override { return 2 << 20; }

 private:
  Parts parts_;
};

}  // namespace virga::dialects::aws
