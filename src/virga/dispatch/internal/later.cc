#include "virga/dispatch/internal/later.h"

#include <algorithm>
#include <iterator>

#include "virga/dispatch/refusals.h"
#include "virga/telemetry/log.h"

namespace virga::dispatch {
namespace {

using std::chrono::seconds;

constexpr seconds kRetryWaits[] = {seconds(60), seconds(120)};  // before the second and the third attempt
constexpr seconds kRefusalWait{1};                              // after the first refusal; then twice as long each time
constexpr seconds kLongestRefusalWait{300};

}  // namespace

Later::Later(io::Loop& loop, Invoker& invoker, std::uint32_t limit)
    : loop_(loop), invoker_(invoker), limit_(limit), tasks_(loop), stop_asked_(loop) {}

Result<> Later::add(catalog::Resolved target, model::Invocation invocation) {
  if (tasks_.size() >= limit_) {
    return fail(refusal(ErrorCode::ResourceExhausted, kFunctionRate,
                        std::to_string(limit_) +
                            " Event invocations wait already, which is as many as are kept in memory; send fewer, or "
                            "call with the invocation type RequestResponse",
                        kRefusalWait));
  }
  invocation.kind = model::InvocationKind::Event;
  tasks_.add(run(std::move(target), std::move(invocation)));
  return {};
}

io::Task<void> Later::run(catalog::Resolved target, model::Invocation invocation) {
  std::size_t attempt = 0;
  auto refusal_wait = kRefusalWait;
  while (!stop_asked_.is_set()) {
    auto outcome = co_await invoker_.invoke(target, invocation);
    seconds wait{0};
    if (outcome) {
      if (outcome->fault == model::Fault::None) co_return;
      if (attempt == std::size(kRetryWaits)) break;
      wait = kRetryWaits[attempt++];
    } else {
      wait = refusal_wait;
      refusal_wait = std::min(refusal_wait * 2, kLongestRefusalWait);
    }
    auto stopped = co_await stop_asked_.wait(io::Deadline::in(loop_, wait));
    (void)stopped;
  }
  log::warn("event invocation given up", {{"function", target.version->function},
                                          {"request_id", invocation.id},
                                          {"attempts", static_cast<std::uint64_t>(attempt + 1)}});
}

io::Task<void> Later::stop() {
  stop_asked_.set();
  auto joined = co_await tasks_.join();
  (void)joined;
}

}  // namespace virga::dispatch
