#include "virga/events/internal/hand_over.h"

#include <cmath>

namespace virga::events::internal {

Handled hand_over(const Targets& targets, std::string_view arn, Parcel parcel, std::string_view dead_letters,
                  store::Batch& batch, std::chrono::seconds age) {
  Handled handled;
  parcel.dead_letters = dead_letters;
  bool is_too_old = parcel.max_age.count() > 0 && age > parcel.max_age;
  auto copy = dead_letters.empty() ? Parcel() : parcel;
  auto sent = is_too_old ? fail(ErrorCode::DeadlineExceeded, "it is " + std::to_string(age.count()) +
                                                                 " s late, and its RetryPolicy allows " +
                                                                 std::to_string(parcel.max_age.count()) + " s")
                         : targets.send(arn, std::move(parcel), batch);
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
  if (is_too_old) copy.attributes.emplace_back("EXHAUSTED_RETRY_CONDITION", "MaximumEventAgeInSeconds");
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

Result<std::chrono::seconds> read_max_age(const json::Value& target) {
  const auto* policy = target.find("RetryPolicy");
  if (policy == nullptr || policy->is(json::Value::Kind::Null)) return std::chrono::seconds(0);
  auto read = [&](std::string_view name, int least, int most) -> Result<int> {
    const auto* value = policy->find(name);
    if (value == nullptr || value->is(json::Value::Kind::Null)) return 0;
    auto number = value->number;
    bool is_whole = value->is(json::Value::Kind::Number) && number == std::floor(number);
    if (is_whole && number >= least && number <= most) return static_cast<int>(number);
    return fail(ErrorCode::InvalidArgument, "RetryPolicy." + std::string(name) + " must be a number from " +
                                                std::to_string(least) + " to " + std::to_string(most));
  };
  VIRGA_TRY(read("MaximumRetryAttempts", 0, 185));
  VIRGA_TRY_ASSIGN(auto age, read("MaximumEventAgeInSeconds", 60, 86'400));
  return std::chrono::seconds(age);
}

}  // namespace virga::events::internal
