#pragma once

#include <functional>
#include <string_view>

#include "virga/events/targets.h"
#include "virga/services/queue/queues.h"

namespace virga::services::queue {

// Queues as targets: each parcel is a message. ARNs as arn:aws:sqs:REGION:ACCOUNT:NAME; region and account are not
// compared. A parcel's attributes become texts; in a queue with groups a parcel without one has a group of its sender.
// One loop.
class QueueTarget final : public events::TargetKind {
 public:
  explicit QueueTarget(Queues& queues) : queues_(queues) {}  // outlives it

  bool takes(std::string_view arn) const override;
  Result<> check(std::string_view arn) const override;
  Result<std::function<void()>> send(std::string_view arn, events::Parcel parcel, store::Batch& batch) override;

 private:
  Queues& queues_;
};

}  // namespace virga::services::queue
