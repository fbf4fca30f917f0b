#include "virga/runtime/sandboxes.h"

#include <fcntl.h>

#include <vector>

#include "virga/os/errno.h"
#include "virga/telemetry/log.h"

namespace virga::runtime {

Sandboxes::Sandboxes(io::Loop& loop, std::unique_ptr<sandbox::Helper> helper)
    : loop_(loop), helper_(std::move(helper)), tasks_(loop), empty_(loop) {
  empty_.set();
}

Sandboxes::~Sandboxes() = default;

Result<std::unique_ptr<Sandboxes>> Sandboxes::create(io::Loop& loop, sandbox::Helper::Options options) {
  VIRGA_TRY_ASSIGN(auto helper, sandbox::Helper::start(std::move(options)));
  std::unique_ptr<Sandboxes> sandboxes(new Sandboxes(loop, std::make_unique<sandbox::Helper>(std::move(helper))));
  VIRGA_TRY(sandboxes->attach());
  return sandboxes;
}

Result<> Sandboxes::attach() {
  // The helper object owns its descriptor; the loop watches a duplicate of it.
  os::Descriptor watched(::fcntl(helper_->descriptor(), F_DUPFD_CLOEXEC, 0));
  if (!watched.valid()) return os::fail_errno("duplicate the helper's socket");
  VIRGA_TRY_ASSIGN(readiness_, io::Readiness::create(loop_, std::move(watched)));
  return {};
}

io::Task<Result<sandbox::Started>> Sandboxes::start(sandbox::Spec spec, sandbox::Channels channels, OnEnded on_ended) {
  auto id = spec.id;
  std::function<Result<>()> ask = [this, spec = std::move(spec), channels] { return helper_->start(spec, channels); };
  auto begun = begin(id, std::move(ask), std::move(on_ended));
  auto answer = co_await std::move(begun);
  co_return answer;
}

io::Task<Result<sandbox::Started>> Sandboxes::fork(sandbox::Fork fork, sandbox::Channels channels, OnEnded on_ended) {
  std::function<Result<>()> ask = [this, fork, channels] { return helper_->fork(fork, channels); };
  auto begun = begin(fork.id, std::move(ask), std::move(on_ended));
  auto answer = co_await std::move(begun);
  co_return answer;
}

io::Task<Result<sandbox::Started>> Sandboxes::begin(std::uint64_t id, std::function<Result<>()> ask, OnEnded on_ended) {
  if (stopping_) co_return fail(ErrorCode::Unavailable, "Virga is stopping");
  auto asked = ask();
  while (!asked && asked.error().code() == ErrorCode::ResourceExhausted) {
    // The helper is behind with its work: it takes more when it has answered some.
    auto deadline = io::Deadline::in(loop_, std::chrono::milliseconds(10));
    co_await io::sleep_until(loop_, deadline);
    if (stopping_) co_return fail(ErrorCode::Unavailable, "Virga is stopping");
    asked = ask();
  }
  if (!asked) co_return fail(std::move(asked).error());
  auto running = std::make_shared<Running>(loop_);
  running->on_ended = std::move(on_ended);
  running_.emplace(id, running);
  empty_.reset();
  auto answer = co_await running->started.wait();
  if (!answer) co_return fail(std::move(answer).error());
  co_return std::move(*answer);
}

bool Sandboxes::watch(std::uint64_t id, OnEnded on_ended) {
  auto found = running_.find(id);
  if (found == running_.end()) return false;
  found->second->on_ended = std::move(on_ended);
  return true;
}

io::Task<Result<sandbox::Bound>> Sandboxes::bind(sandbox::Binding binding, OnEnded on_ended) {
  auto found = running_.find(binding.id);
  if (found == running_.end()) co_return fail(ErrorCode::NotFound, "the stem has ended");
  auto running = found->second;
  if (running->bound) co_return fail(ErrorCode::Conflict, "the stem is being bound");
  VIRGA_CO_TRY(helper_->bind(binding));
  running->on_ended = std::move(on_ended);
  auto bound = std::make_shared<io::OneShot<Result<sandbox::Bound>>>(loop_);
  running->bound = bound;
  auto answer = co_await bound->wait();
  running->bound = nullptr;
  if (answer && *answer) co_return std::move(*answer);
  co_return fail(std::move(answer ? answer->error() : answer.error()));
}

io::Task<Result<sandbox::Ended>> Sandboxes::run(sandbox::Spec spec, sandbox::Channels channels) {
  auto ended = std::make_shared<io::OneShot<sandbox::Ended>>(loop_);  // shared with the callback
  OnEnded on_ended = [ended](const sandbox::Ended& event) { ended->deliver(event); };
  auto started = co_await start(std::move(spec), channels, std::move(on_ended));
  if (!started) co_return fail(std::move(started).error());
  auto result = co_await ended->wait();
  co_return result;
}

void Sandboxes::kill(std::uint64_t id) {
  // An error means that the helper is gone, and the sandbox with it.
  if (running_.contains(id)) (void)helper_->kill(id);
}

void Sandboxes::end_init(std::uint64_t id) {
  if (running_.contains(id)) (void)helper_->end_init(id);
}

bool Sandboxes::freeze(std::uint64_t id) {
  return running_.contains(id) && helper_->freeze(id).has_value();
}

void Sandboxes::thaw(std::uint64_t id) {
  if (running_.contains(id)) (void)helper_->thaw(id);
}

io::Task<Result<sandbox::Usage>> Sandboxes::usage(std::uint64_t id) {
  auto found = running_.find(id);
  if (found == running_.end()) co_return fail(ErrorCode::NotFound, "the sandbox has ended");
  auto running = found->second;
  if (!running->usage) {
    if (auto asked = helper_->query(id); !asked) co_return fail(std::move(asked).error());
    running->usage = std::make_shared<io::OneShot<Result<sandbox::Usage>>>(loop_);
  }
  auto usage = running->usage;
  auto answer = co_await usage->wait();
  if (!answer) co_return fail(std::move(answer).error());
  co_return *answer;
}

io::Task<void> Sandboxes::receive() {
  while (true) {
    auto event = helper_->receive();
    if (event && event->has_value()) {
      dispatch(std::move(**event));
      continue;
    }
    if (event) {
      readiness_->drained();
      auto ready = co_await readiness_->readable();
      if (!ready) co_return;  // closed by stop()
      continue;
    }
    if (stopping_) co_return;
    log::error("sandbox helper lost", {{"error", event.error()}});
    lose_all();
    readiness_->close();
    while (!stopping_) {
      auto started = helper_->start_again();
      if (started) {
        if (auto attached = attach(); attached) break;
      } else if (started.error().code() == ErrorCode::DataLoss) {
        log::error("sandboxes are over until Virga is started again", {{"error", started.error()}});
        is_over_ = true;
        co_return;
      } else {
        log::error("sandbox helper did not start", {{"error", started.error()}});
      }
      auto deadline = io::Deadline::in(loop_, std::chrono::seconds(1));
      co_await io::sleep_until(loop_, deadline);
    }
    if (stopping_) co_return;
    ++restarts_;
    log::warn("sandbox helper started anew", {{"pid", helper_->pid()}});
  }
}

void Sandboxes::resolve_names(std::uint64_t id, os::Descriptor datagrams, os::Descriptor listener) {
  if (resolver_ == nullptr || !datagrams.valid()) return;
  auto served = resolver_->serve(id, std::move(datagrams), std::move(listener));
  if (!served) log::error("a function's names are not resolved", {{"error", served.error()}});
}

void Sandboxes::open_door(std::uint64_t id, os::Descriptor listener) {
  if (doors_ == nullptr || !listener.valid()) return;
  auto opened = doors_->open(id, std::move(listener));
  if (!opened) log::error("a function cannot reach Virga's services", {{"error", opened.error()}});
}

void Sandboxes::dispatch(sandbox::Event event) {
  if (auto* started = std::get_if<sandbox::Started>(&event)) {
    if (auto found = running_.find(started->id); found != running_.end()) {
      found->second->is_started = true;
      open_door(started->id, std::move(started->services_listener));
      resolve_names(started->id, std::move(started->name_datagrams), std::move(started->name_listener));
      found->second->started.deliver(std::move(*started));
    }
  } else if (auto* failed = std::get_if<sandbox::StartFailed>(&event)) {
    if (auto found = running_.find(failed->id); found != running_.end()) {
      found->second->started.deliver(fail(std::move(failed->error)));
      running_.erase(found);
      if (running_.empty()) empty_.set();
    }
  } else if (auto* bound = std::get_if<sandbox::Bound>(&event)) {
    if (auto found = running_.find(bound->id); found != running_.end() && found->second->bound) {
      resolve_names(bound->id, std::move(bound->name_datagrams), std::move(bound->name_listener));
      found->second->bound->deliver(std::move(*bound));
    }
  } else if (auto* unbound = std::get_if<sandbox::BindFailed>(&event)) {
    if (auto found = running_.find(unbound->id); found != running_.end() && found->second->bound) {
      // Its end is no end of whoever wanted it.
      found->second->on_ended = nullptr;
      found->second->bound->deliver(fail(std::move(unbound->error)));
    }
  } else if (auto* ended = std::get_if<sandbox::Ended>(&event)) {
    finish(ended->id, *ended);
  } else if (auto* usage = std::get_if<sandbox::Usage>(&event)) {
    if (auto found = running_.find(usage->id); found != running_.end() && found->second->usage) {
      std::exchange(found->second->usage, nullptr)->deliver(*usage);
    }
  } else if (auto* notice = std::get_if<sandbox::Notice>(&event)) {
    log::warn("functions get less /tmp than they asked for: half of their memory at most", {{"reason", notice->text}});
  }
}

void Sandboxes::finish(std::uint64_t id, const sandbox::Ended& ended) {
  auto found = running_.find(id);
  if (found == running_.end()) return;
  auto running = std::move(found->second);
  running_.erase(found);
  if (resolver_ != nullptr) resolver_->end(id);
  if (doors_ != nullptr) doors_->close(id);
  if (running_.empty()) empty_.set();
  if (running->usage) running->usage->deliver(fail(ErrorCode::NotFound, "the sandbox has ended"));
  if (running->bound && !running->bound->is_delivered()) {
    running->on_ended = nullptr;
    running->bound->deliver(fail(ErrorCode::Unavailable, "the stem has ended"));
  }
  if (!running->is_started) {
    running->started.deliver(fail(ErrorCode::Unavailable, "the sandbox helper died"));
  } else if (running->on_ended) {
    // Whoever awaits `started` resumes later in the round: the end must not overtake it.
    loop_.post([running, ended] { running->on_ended(ended); });
  }
}

void Sandboxes::lose_all() {
  std::vector<std::uint64_t> ids;
  ids.reserve(running_.size());
  for (const auto& [id, running] : running_) ids.push_back(id);
  for (auto id : ids) {
    sandbox::Ended ended;
    ended.id = id;
    ended.reason = sandbox::EndReason::Killed;
    finish(id, ended);
  }
}

io::Task<void> Sandboxes::stop() {
  stopping_ = true;
  for (const auto& [id, running] : running_) (void)helper_->kill(id);
  auto waited = co_await empty_.wait(io::Deadline::in(loop_, std::chrono::seconds(10)));
  if (!waited) {
    log::error("sandboxes did not end in time", {{"count", running_.size()}});
    lose_all();
  }
  readiness_->close();
  auto joined = co_await tasks_.join();
  (void)joined;
}

}  // namespace virga::runtime
