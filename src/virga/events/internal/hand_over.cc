#include "virga/events/internal/hand_over.h"

namespace virga::events::internal {

Handled hand_over(const Targets& targets, std::string_view arn, Parcel parcel, std::string_view dead_letters,
                  store::Batch& batch) {
  Handled handled;
  auto copy = dead_letters.empty() ? Parcel() : parcel;
  auto sent = targets.send(arn, std::move(parcel), batch);
  if (sent) {
    handled.is_good = true;
    handled.result = "sent to " + std::string(arn);
    handled.arrivals.push_back(std::move(*sent));
    return handled;
  }
  handled.result = std::string(arn) + " took nothing: " + sent.error().message();
  if (dead_letters.empty()) return handled;
  copy.attributes.emplace_back("ERROR_CODE",
                               sent.error().code() == ErrorCode::NotFound ? "NO_RESOURCE" : "SDK_CLIENT_ERROR");
  copy.attributes.emplace_back("ERROR_MESSAGE", sent.error().message());
  copy.attributes.emplace_back("RULE_ARN", copy.source);
  copy.attributes.emplace_back("TARGET_ARN", std::string(arn));
  auto kept = targets.send(dead_letters, std::move(copy), batch);
  if (kept) {
    handled.result += "; sent to the dead letters at " + std::string(dead_letters);
    handled.arrivals.push_back(std::move(*kept));
  } else {
    handled.result += "; nor did the dead letters at " + std::string(dead_letters) + ": " + kept.error().message();
  }
  return handled;
}

}  // namespace virga::events::internal
