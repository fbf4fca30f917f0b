#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "virga/dialects/aws/sqs/attributes.h"
#include "virga/dialects/aws/sqs/operations.h"

// Operations on up to ten messages, each of which succeeds or fails for itself.
namespace virga::dialects::aws::sqs {
namespace {

constexpr std::size_t kMostEntries = 10;
constexpr std::int64_t kLongestHiding = 43'200;  // seconds
constexpr std::string_view kNotInFlight = "AWS.SimpleQueueService.MessageNotInflight";

struct Entry {
  std::string id;
  Parameters parameters;
};

// The entries of a batch, whose ids are good.
Answer<std::vector<Entry>> entries_of(const Call& call) {
  std::vector<Entry> entries;
  std::set<std::string> ids;
  auto objects = call.parameters().objects("Entries");
  if (objects.empty()) {
    return std::unexpected(of_service("EmptyBatchRequest", "There should be at least one entry in the request."));
  }
  if (objects.size() > kMostEntries) {
    return std::unexpected(of_service(
        "TooManyEntriesInBatchRequest",
        fmt::format("Maximum number of entries per request are {}. You have sent {}.", kMostEntries, objects.size())));
  }
  for (const auto* object : objects) {
    Parameters parameters(*object);
    auto id = parameters.text("Id").value_or("");
    bool is_good = !id.empty() && id.size() <= 80 && std::ranges::all_of(id, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
    if (!is_good) {
      return std::unexpected(of_service("InvalidBatchEntryId",
                                        "A batch entry id can only contain alphanumeric characters, hyphens and "
                                        "underscores. It can be at most 80 letters long."));
    }
    if (!ids.insert(id).second) {
      return std::unexpected(of_service("BatchEntryIdsNotDistinct", fmt::format("Id {} repeated.", id)));
    }
    entries.push_back({std::move(id), parameters});
  }
  return entries;
}

// What became of the entries.
class Outcome {
 public:
  void succeed(const std::string& id, boost::json::object answer = {}) {
    answer["Id"] = id;
    successful_.push_back(std::move(answer));
  }
  void fail(const std::string& id, const Refusal& refusal) {
    boost::json::object entry;
    entry["Id"] = id;
    entry["SenderFault"] = refusal.status < 500;
    entry["Code"] = refusal.code;
    entry["Message"] = refusal.message;
    failed_.push_back(std::move(entry));
  }
  boost::json::object take() {
    boost::json::object answer;
    if (!successful_.empty()) answer["Successful"] = std::move(successful_);
    if (!failed_.empty()) answer["Failed"] = std::move(failed_);
    return answer;
  }

 private:
  boost::json::array successful_;
  boost::json::array failed_;
};

}  // namespace

io::Task<Reply> send_message_batch(Call call) {
  VIRGA_CO_OR_REFUSE(auto name, call.queue_name());
  VIRGA_CO_OR_REFUSE(auto record, answer_of(call.queues().describe(name)));
  VIRGA_CO_OR_REFUSE(auto entries, entries_of(call));
  Outcome outcome;
  std::vector<queue::Queues::Outgoing> messages;
  std::vector<std::string> ids;
  std::size_t bytes = 0;
  for (const auto& entry : entries) {
    auto message = read_message(call, entry.parameters, record);
    bytes += entry.parameters.text("MessageBody").value_or("").size();
    if (!message) {
      outcome.fail(entry.id, message.error());
      continue;
    }
    bytes += message->message.size() - message->message.body.size();
    messages.push_back(std::move(*message));
    ids.push_back(entry.id);
  }
  if (bytes > queue::kMostMessageBytes) {
    co_return std::unexpected(of_service(
        "BatchRequestTooLong", fmt::format("Batch requests cannot be longer than {} bytes. You have sent {} bytes.",
                                           queue::kMostMessageBytes, bytes)));
  }
  if (messages.empty()) co_return outcome.take();
  auto sent = co_await call.queues().send(name, messages);
  if (!sent) co_return std::unexpected(refusal_of(sent.error()));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    outcome.succeed(ids[i], describe_sent(messages[i], (*sent)[i], record.settings.is_fifo));
  }
  co_return outcome.take();
}

io::Task<Reply> delete_message_batch(Call call) {
  VIRGA_CO_OR_REFUSE(auto name, call.queue_name());
  VIRGA_CO_OR_REFUSE(auto entries, entries_of(call));
  std::vector<std::string> receipts;
  for (const auto& entry : entries) receipts.push_back(entry.parameters.text("ReceiptHandle").value_or(""));
  auto erased = co_await call.queues().erase(name, std::move(receipts));
  if (!erased) co_return std::unexpected(refusal_of(erased.error()));
  Outcome outcome;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto& one = (*erased)[i];
    if (one) {
      outcome.succeed(entries[i].id);
    } else {
      outcome.fail(entries[i].id, refusal_of(one.error()));
    }
  }
  co_return outcome.take();
}

io::Task<Reply> change_message_visibility_batch(Call call) {
  VIRGA_CO_OR_REFUSE(auto name, call.queue_name());
  VIRGA_CO_OR_REFUSE(auto entries, entries_of(call));
  Outcome outcome;
  std::vector<queue::Queues::Hiding> hidings;
  std::vector<std::string> ids;
  for (const auto& entry : entries) {
    auto time = entry.parameters.integer("VisibilityTimeout", {0, kLongestHiding});
    if (!time || !*time) {
      outcome.fail(entry.id, time ? missing("VisibilityTimeout") : time.error());
      continue;
    }
    hidings.push_back({entry.parameters.text("ReceiptHandle").value_or(""), std::chrono::seconds(**time)});
    ids.push_back(entry.id);
  }
  auto hidden = co_await call.queues().hide(name, std::move(hidings));
  if (!hidden) co_return std::unexpected(refusal_of(hidden.error()));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto& one = (*hidden)[i];
    if (one) {
      outcome.succeed(ids[i]);
    } else {
      outcome.fail(ids[i], refusal_of(one.error(), kNotInFlight));
    }
  }
  co_return outcome.take();
}

}  // namespace virga::dialects::aws::sqs
