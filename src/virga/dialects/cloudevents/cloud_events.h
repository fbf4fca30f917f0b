#pragma once

#include <vector>

#include "virga/base/result.h"
#include "virga/events/bus/event.h"
#include "virga/http/message.h"

namespace virga::dialects::cloudevents {

// Reads CloudEvents 1.0 from a request (CloudEvents HTTP protocol binding and JSON event format, both 1.0.2): binary,
// structured (application/cloudevents+json) or a batch of them (application/cloudevents-batch+json).
//
// On a bus an event has its source and id, its type as detail-type, its subject as the one resource, and its data as
// detail: JSON as it is, other texts as a string, bytes as {"data_base64": ...}, nothing as {}. All of its attributes
// stand in the member "cloudevent". `now` is the time of those that bring none.
//
// InvalidArgument: it is no valid CloudEvent, and why. Unimplemented: a format that is not known here.
Result<std::vector<events::BusEvent>> read(const http::Request& request, WallTime now);

}  // namespace virga::dialects::cloudevents
