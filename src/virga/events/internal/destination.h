#pragma once

#include "virga/events/call.h"
#include "virga/events/targets.h"

namespace virga::events::internal {

// What destinations get of a call that has ended: Lambda's invocation record (developer guide, "Adding a destination").
Parcel destination_record(const AcceptedCall& call, const History& history);
// What a dead-letter target gets: the event itself, with the error in attributes ("Adding a dead-letter queue").
Parcel dead_letter(const AcceptedCall& call, const History& history);
// What the dead letters of a rule or schedule get of an event that its function could not begin with in time
// (EventBridge user guide, "Using dead-letter queues").
Parcel undelivered(const AcceptedCall& call, const History& history);

}  // namespace virga::events::internal
