#pragma once

#include <functional>
#include <string_view>

#include "virga/events/bus/bus.h"
#include "virga/events/targets.h"

namespace virga::events {

// Event buses as targets: arn:aws:events:REGION:ACCOUNT:event-bus/NAME. What is sent there has to be a whole event, as
// a rule hands it on. One loop.
class BusTarget final : public TargetKind {
 public:
  explicit BusTarget(Bus& bus) : bus_(bus) {}  // outlives it

  bool takes(std::string_view arn) const override;
  Result<> check(std::string_view arn) const override;
  Result<std::function<void()>> send(std::string_view arn, Parcel parcel, store::Batch& batch) override;

 private:
  Bus& bus_;
};

// The bus that an ARN names; "" if it is no bus's.
std::string_view bus_in(std::string_view arn);

}  // namespace virga::events
