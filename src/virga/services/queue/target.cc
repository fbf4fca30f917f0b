#include "virga/services/queue/target.h"

#include <algorithm>

#include "virga/base/id.h"

namespace virga::services::queue {

bool QueueTarget::takes(std::string_view arn) const {
  return !queue_of_arn(arn).empty();
}

Result<> QueueTarget::check(std::string_view arn) const {
  auto described = queues_.describe(queue_of_arn(arn));
  if (!described) return fail(ErrorCode::NotFound, "there is no queue '" + std::string(arn) + "'");
  return {};
}

Result<std::function<void()>> QueueTarget::send(std::string_view arn, events::Parcel parcel, store::Batch& batch) {
  auto name = queue_of_arn(arn);
  VIRGA_TRY_ASSIGN(auto record, queues_.describe(name));
  Queues::Outgoing outgoing;
  auto& message = outgoing.message;
  message.body = std::move(parcel.body);
  message.sender = parcel.source;
  for (auto& [attribute, value] : parcel.attributes) {
    if (value.empty()) continue;  // SQS knows no empty attributes
    message.attributes.push_back({std::move(attribute), "String", Attribute::Kind::Text, std::move(value)});
  }
  std::ranges::sort(message.attributes, {}, &Attribute::name);
  if (record.settings.is_fifo) {
    message.group = !parcel.group.empty() ? parcel.group : parcel.source.empty() ? "default" : parcel.source;
    message.deduplication = std::move(parcel.deduplication);
    // Each parcel is a thing of its own, unless it or the queue says otherwise.
    if (message.deduplication.empty() && !record.settings.dedup_by_content) message.deduplication = make_uuid();
  }
  if (message.size() > record.settings.max_message) {
    return fail(ErrorCode::TooLarge, "the message has " + std::to_string(message.size()) + " bytes, and the queue '" +
                                         std::string(name) + "' takes at most " +
                                         std::to_string(record.settings.max_message));
  }
  return queues_.add_to(batch, name, std::move(outgoing));
}

}  // namespace virga::services::queue
