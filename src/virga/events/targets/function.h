#pragma once

#include <functional>
#include <string_view>

#include "virga/base/random.h"
#include "virga/catalog/catalog.h"
#include "virga/events/async_calls.h"
#include "virga/events/targets.h"

namespace virga::events {

// Functions as targets: each parcel is an asynchronous call of its own. ARNs as
// arn:aws:lambda:REGION:ACCOUNT:function:NAME or with :QUALIFIER behind; region and account are not compared. One loop.
class FunctionTarget final : public TargetKind {
 public:
  // All of these outlive it.
  struct Parts {
    catalog::Catalog& catalog;
    AsyncCalls& calls;
    const Clock& clock;
    Random& random;
  };
  explicit FunctionTarget(Parts parts) : parts_(parts) {}

  bool takes(std::string_view arn) const override;
  Result<> check(std::string_view arn) const override;
  Result<std::function<void()>> send(std::string_view arn, Parcel parcel, store::Batch& batch) override;
  void prepare(std::string_view arn) override;

 private:
  Parts parts_;
};

}  // namespace virga::events
