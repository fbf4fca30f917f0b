#include "virga/events/targets.h"

namespace virga::events {

Result<TargetKind*> Targets::find(std::string_view arn) const {
  for (auto* kind : kinds_) {
    if (kind->takes(arn)) return kind;
  }
  return fail(ErrorCode::InvalidArgument, "nothing can be sent to '" + std::string(arn) + "'");
}

Result<> Targets::check(std::string_view arn) const {
  VIRGA_TRY_ASSIGN(auto* kind, find(arn));
  return kind->check(arn);
}

Result<std::function<void()>> Targets::send(std::string_view arn, Parcel parcel, store::Batch& batch) const {
  VIRGA_TRY_ASSIGN(auto* kind, find(arn));
  return kind->send(arn, std::move(parcel), batch);
}

void Targets::prepare(std::string_view arn) const {
  if (auto kind = find(arn)) (*kind)->prepare(arn);
}

}  // namespace virga::events
