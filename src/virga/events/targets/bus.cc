#include "virga/events/targets/bus.h"

namespace virga::events {

std::string_view bus_in(std::string_view arn) {
  constexpr std::string_view kMiddle = ":event-bus/";
  auto at = arn.find(kMiddle);
  if (!arn.starts_with("arn:") || arn.find(":events:") == arn.npos || at == arn.npos) return {};
  return arn.substr(at + kMiddle.size());
}

bool BusTarget::takes(std::string_view arn) const {
  return !bus_in(arn).empty();
}

Result<> BusTarget::check(std::string_view arn) const {
  if (bus_.lines().contains(std::string(bus_in(arn)))) return {};
  return fail(ErrorCode::NotFound, "there is no event bus '" + std::string(arn) + "'");
}

Result<std::function<void()>> BusTarget::send(std::string_view arn, Parcel parcel, store::Batch& batch) {
  VIRGA_TRY_ASSIGN(auto arrivals, bus_.add_to(batch, bus_in(arn), parcel.body));
  return [arrivals = std::move(arrivals)] {
    for (const auto& arrived : arrivals) arrived();
  };
}

}  // namespace virga::events
