#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "virga/base/result.h"
#include "virga/store/store.h"

namespace virga::events {

// What is sent to a target that is no function's caller: a destination's record, a dead letter, an event. A value.
struct Parcel {
  std::string body;                                             // JSON
  std::vector<std::pair<std::string, std::string>> attributes;  // names and texts, where the target has such a thing
  std::string source;                                           // ARN of what sends it
  std::string group;                                            // for targets that keep an order; "": none
  std::string deduplication;  // for targets that take a thing only once; "": each parcel is one of its own
  // Where the target is handed to later: by when that has to begin, and who gets it otherwise. 0: as the target has it.
  std::chrono::seconds max_age{0};
  std::string dead_letters;  // ARN; "": nobody
};

// One kind of thing that parcels can be sent to: functions, queues, topics. One loop.
class TargetKind {
 public:
  virtual ~TargetKind() = default;

  // Whether ARNs like this one are of this kind.
  virtual bool takes(std::string_view arn) const = 0;
  // NotFound, InvalidArgument: nothing can be sent there, and why. For settings that name a target.
  virtual Result<> check(std::string_view arn) const = 0;
  // Adds to the batch what makes the parcel arrive, so that it arrives together with the rest of the batch or not at
  // all. What is answered is called once the batch is durable. NotFound: there is no such target.
  virtual Result<std::function<void()>> send(std::string_view arn, Parcel parcel, store::Batch& batch) = 0;
  // Something is going to be sent there within seconds: a time to make ready what takes long. Most have nothing to do.
  virtual void prepare(std::string_view arn) { (void)arn; }
};

// All kinds there are. One loop.
class Targets {
 public:
  void add(TargetKind& kind) { kinds_.push_back(&kind); }  // outlives this

  // InvalidArgument for an ARN that no kind takes.
  Result<> check(std::string_view arn) const;
  Result<std::function<void()>> send(std::string_view arn, Parcel parcel, store::Batch& batch) const;
  void prepare(std::string_view arn) const;

 private:
  Result<TargetKind*> find(std::string_view arn) const;
  std::vector<TargetKind*> kinds_;
};

}  // namespace virga::events
