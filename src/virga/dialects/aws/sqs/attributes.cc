#include "virga/dialects/aws/sqs/attributes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "virga/json/cursor.h"

namespace virga::dialects::aws::sqs {
namespace {

using queue::Settings;

// Kept as they are given.
constexpr std::array<std::string_view, 5> kTexts = {"Policy", "RedriveAllowPolicy", "KmsMasterKeyId",
                                                    "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled"};

Refusal bad_attribute(std::string_view name) {
  return Refusal{400, "InvalidAttributeValue", fmt::format("Invalid value for the parameter {}.", name), {}};
}

Answer<std::int64_t> number(std::string_view name, std::string_view text, Range range) {
  std::int64_t value = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || value < range.least || value > range.most) {
    return std::unexpected(bad_attribute(name));
  }
  return value;
}

Answer<bool> flag(std::string_view name, std::string_view text) {
  if (text != "true" && text != "false") return std::unexpected(bad_attribute(name));
  return text == "true";
}

// {"deadLetterTargetArn": ARN, "maxReceiveCount": 1 to 1000, as a number or a text}; "" takes it away.
Answer<bool> apply_redrive(const Call& call, Settings& settings, const std::string& text) {
  settings.texts.erase("RedrivePolicy");
  settings.dead_letters.clear();
  settings.max_receives = 0;
  if (text.empty()) return true;
  auto refuse = [&](std::string_view reason) { return std::unexpected(invalid_value("RedrivePolicy", text, reason)); };
  boost::json::error_code problem;
  auto value = boost::json::parse(text, problem);
  if (problem || !value.is_object()) return refuse("Redrive policy is not a valid JSON map.");
  Parameters policy(value.get_object());
  auto arn = policy.text("deadLetterTargetArn");
  auto most = policy.text("maxReceiveCount");
  if (!arn || arn->empty()) return refuse("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.");
  if (!most) return refuse("Redrive policy does not contain mandatory attribute: maxReceiveCount.");
  auto count = number("maxReceiveCount", *most, {1, 1000});
  if (!count) return refuse("Invalid value for maxReceiveCount: it must be between 1 and 1000.");
  auto name = queue::queue_of_arn(*arn);
  if (name.empty() || !call.queues().describe(name)) return refuse("Dead letter target does not exist.");
  if (name.ends_with(queue::kFifoSuffix) != settings.is_fifo) {
    return refuse("Dead-letter queue must be same type of queue as the source.");
  }
  settings.dead_letters = name;
  settings.max_receives = static_cast<std::uint32_t>(*count);
  settings.texts["RedrivePolicy"] = text;
  return true;
}

Answer<bool> apply_fifo(Settings& settings, std::string_view name, std::string_view text, Moment moment) {
  if (name == "FifoQueue") {
    VIRGA_OR_REFUSE(bool is_fifo, flag(name, text));
    if (moment == Moment::Change && is_fifo != settings.is_fifo) return std::unexpected(bad_attribute(name));
    settings.is_fifo = is_fifo;
    return true;
  }
  if (!settings.is_fifo) {
    return std::unexpected(Refusal{400, "InvalidAttributeName", fmt::format("Unknown Attribute {}.", name), {}});
  }
  if (name == "ContentBasedDeduplication") {
    VIRGA_OR_REFUSE(settings.dedup_by_content, flag(name, text));
    return true;
  }
  if (name == "DeduplicationScope") {
    if (text != "queue" && text != "messageGroup") return std::unexpected(bad_attribute(name));
    settings.dedup_by_group = text == "messageGroup";
    return true;
  }
  if (text != "perQueue" && text != "perMessageGroupId") return std::unexpected(bad_attribute(name));
  settings.texts[std::string(name)] = text;
  return true;
}

Answer<bool> apply_one(const Call& call, Settings& settings, const std::string& name, const std::string& text,
                       Moment moment) {
  auto seconds = [&](std::chrono::seconds& target, Range range) -> Answer<bool> {
    VIRGA_OR_REFUSE(std::int64_t value, number(name, text, range));
    target = std::chrono::seconds(value);
    return true;
  };
  if (name == "VisibilityTimeout") return seconds(settings.visibility, {0, 43'200});
  if (name == "DelaySeconds") return seconds(settings.delay, {0, 900});
  if (name == "MessageRetentionPeriod") return seconds(settings.retention, {60, 1'209'600});
  if (name == "ReceiveMessageWaitTimeSeconds") return seconds(settings.receive_wait, {0, 20});
  if (name == "MaximumMessageSize") {
    VIRGA_OR_REFUSE(std::int64_t bytes, number(name, text, {1024, queue::kMostMessageBytes}));
    settings.max_message = static_cast<std::uint64_t>(bytes);
    return true;
  }
  if (name == "RedrivePolicy") return apply_redrive(call, settings, text);
  if (name == "FifoQueue" || name == "ContentBasedDeduplication" || name == "DeduplicationScope" ||
      name == "FifoThroughputLimit") {
    return apply_fifo(settings, name, text, moment);
  }
  if (std::ranges::find(kTexts, name) != kTexts.end()) {
    bool is_json = name == "Policy" || name == "RedriveAllowPolicy";
    if (is_json && !text.empty() && !json::validate(text)) return std::unexpected(bad_attribute(name));
    if (text.empty()) {
      settings.texts.erase(name);
    } else {
      settings.texts[name] = text;
    }
    return true;
  }
  return std::unexpected(Refusal{400, "InvalidAttributeName", fmt::format("Unknown Attribute {}.", name), {}});
}

}  // namespace

Answer<Settings> apply(const Call& call, Settings settings, const std::map<std::string, std::string>& given,
                       Moment moment) {
  // First of all what others depend on.
  if (auto fifo = given.find("FifoQueue"); fifo != given.end()) {
    VIRGA_OR_REFUSE([[maybe_unused]] bool done, apply_one(call, settings, fifo->first, fifo->second, moment));
  }
  for (const auto& [name, text] : given) {
    auto done = apply_one(call, settings, name, text, moment);
    if (!done) return std::unexpected(std::move(done).error());
  }
  return settings;
}

Answer<boost::json::object> describe(const Call& call, const queue::QueueRecord& record,
                                     const std::vector<std::string>& wanted) {
  VIRGA_OR_REFUSE(auto counts, answer_of(call.queues().counts(record.name)));
  const auto& settings = record.settings;
  std::map<std::string, std::string> all = settings.texts;
  all["QueueArn"] = call.queues().arn_of(record.name);
  all["ApproximateNumberOfMessages"] = std::to_string(counts.ready);
  all["ApproximateNumberOfMessagesNotVisible"] = std::to_string(counts.out);
  all["ApproximateNumberOfMessagesDelayed"] = std::to_string(counts.delayed);
  all["CreatedTimestamp"] = std::to_string(unix_milliseconds(record.created) / 1000);
  all["LastModifiedTimestamp"] = std::to_string(unix_milliseconds(record.modified) / 1000);
  all["VisibilityTimeout"] = std::to_string(settings.visibility.count());
  all["MaximumMessageSize"] = std::to_string(settings.max_message);
  all["MessageRetentionPeriod"] = std::to_string(settings.retention.count());
  all["DelaySeconds"] = std::to_string(settings.delay.count());
  all["ReceiveMessageWaitTimeSeconds"] = std::to_string(settings.receive_wait.count());
  all.try_emplace("SqsManagedSseEnabled", "false");
  if (settings.is_fifo) {
    all["FifoQueue"] = "true";
    all["ContentBasedDeduplication"] = settings.dedup_by_content ? "true" : "false";
    all["DeduplicationScope"] = settings.dedup_by_group ? "messageGroup" : "queue";
    all.try_emplace("FifoThroughputLimit", "perQueue");
  }
  constexpr std::array<std::string_view, 8> kMayBeAbsent = {
      "RedrivePolicy",       "FifoQueue", "ContentBasedDeduplication", "DeduplicationScope",
      "FifoThroughputLimit", "Policy",    "RedriveAllowPolicy",        "KmsMasterKeyId"};
  bool wants_all = std::ranges::find(wanted, "All") != wanted.end();
  boost::json::object object;
  for (const auto& [name, value] : all) {
    if (wants_all || std::ranges::find(wanted, name) != wanted.end()) object[name] = value;
  }
  for (const auto& name : wanted) {
    bool is_known = name == "All" || all.contains(name) || name == "KmsDataKeyReusePeriodSeconds" ||
                    std::ranges::find(kMayBeAbsent, name) != kMayBeAbsent.end();
    if (!is_known) {
      return std::unexpected(Refusal{400, "InvalidAttributeName", fmt::format("Unknown Attribute {}.", name), {}});
    }
  }
  return object;
}

}  // namespace virga::dialects::aws::sqs
