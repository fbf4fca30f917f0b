#include "virga/events/targets/function.h"

#include "virga/base/id.h"

namespace virga::events {
namespace {

struct Reference {
  model::FunctionName name;
  std::string qualifier;
};

// The part of an ARN behind the fifth colon: "function:NAME" or "function:NAME:QUALIFIER".
std::optional<Reference> parse(std::string_view arn) {
  if (!arn.starts_with("arn:")) return std::nullopt;
  std::array<std::string_view, 6> parts;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    auto colon = arn.find(':');
    if (colon == arn.npos) return std::nullopt;
    parts[i] = arn.substr(0, colon);
    arn.remove_prefix(colon + 1);
  }
  constexpr std::string_view kFunction = "function:";
  if (parts[2] != "lambda" || !arn.starts_with(kFunction)) return std::nullopt;
  arn.remove_prefix(kFunction.size());
  auto colon = arn.find(':');
  Reference reference{model::FunctionName(std::string(arn.substr(0, colon))), ""};
  if (colon != arn.npos) reference.qualifier = arn.substr(colon + 1);
  return reference;
}

}  // namespace

bool FunctionTarget::takes(std::string_view arn) const {
  return parse(arn).has_value();
}

Result<> FunctionTarget::check(std::string_view arn) const {
  auto reference = parse(arn);
  if (!reference) return fail(ErrorCode::InvalidArgument, "'" + std::string(arn) + "' is no function's ARN");
  auto resolved = parts_.catalog.resolve(reference->name, reference->qualifier, 0);
  if (!resolved) return fail(ErrorCode::NotFound, "there is no function '" + std::string(arn) + "'");
  return {};
}

Result<std::function<void()>> FunctionTarget::send(std::string_view arn, Parcel parcel, store::Batch& batch) {
  VIRGA_TRY(check(arn));
  auto reference = parse(arn);
  AcceptedCall call;
  call.function = std::move(reference->name);
  call.qualifier = std::move(reference->qualifier);
  call.accepted = parts_.clock.wall();
  call.invocation.kind = model::InvocationKind::Event;
  call.invocation.id = model::RequestId(make_ordered_uuid(call.accepted, parts_.random));
  call.invocation.invoked_arn = arn;
  call.invocation.payload = std::move(parcel.body);
  if (parcel.max_age.count() > 0) {
    call.max_age = parcel.max_age;
    call.undelivered_to = std::move(parcel.dead_letters);
    call.sender = std::move(parcel.source);
  }
  return parts_.calls.add_to(batch, std::move(call));
}

void FunctionTarget::prepare(std::string_view arn) {
  if (auto reference = parse(arn)) parts_.calls.prepare(reference->name, reference->qualifier);
}

}  // namespace virga::events
