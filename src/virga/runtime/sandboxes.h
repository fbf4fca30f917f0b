#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "virga/base/result.h"
#include "virga/io/event.h"
#include "virga/io/loop.h"
#include "virga/io/readiness.h"
#include "virga/io/task.h"
#include "virga/io/task_group.h"
#include "virga/names/resolver.h"
#include "virga/runtime/service_doors.h"
#include "virga/sandbox/helper.h"

namespace virga::runtime {

// The sandbox helper on an event loop: requests are awaited, ends are called back. When the helper dies, every sandbox
// is reported as ended, and a new helper is started. One loop.
class Sandboxes {
 public:
  // Told once when no process of a started sandbox is left.
  using OnEnded = std::function<void(const sandbox::Ended&)>;

  // Starts the helper: before there are threads.
  static Result<std::unique_ptr<Sandboxes>> create(io::Loop& loop, sandbox::Helper::Options options);
  ~Sandboxes();

  // Who answers questions for names of sandboxes with a way out; without one they go unanswered. It outlives this.
  void use(names::Resolver& resolver) { resolver_ = &resolver; }

  // Who serves functions that call Virga's services; without one their connections are not accepted. It outlives this.
  void use(ServiceDoors& doors) { doors_ = &doors; }

  // From here on the helper's answers are heard, and stop() must be awaited before this is destroyed.
  void serve() { tasks_.add(receive()); }

  std::uint64_t next_id() { return ++last_id_; }

  // Starts a sandbox whose spec.id came from next_id(). `on_ended` is called only if it was started, and never before
  // this has answered.
  io::Task<Result<sandbox::Started>> start(sandbox::Spec spec, sandbox::Channels channels, OnEnded on_ended);
  // Forks a template, likewise.
  io::Task<Result<sandbox::Started>> fork(sandbox::Fork fork, sandbox::Channels channels, OnEnded on_ended);
  // From here on `on_ended` is told of the end of a sandbox that runs, in the place of who was to be. False: it has
  // ended already.
  bool watch(std::uint64_t id, OnEnded on_ended);
  // Gives a stem its task, once. `on_ended` takes the place of the one of its start. On an error the stem is of no
  // use, is to be killed, and its end is told to nobody.
  io::Task<Result<sandbox::Bound>> bind(sandbox::Binding binding, OnEnded on_ended);
  // Runs a program to its end.
  io::Task<Result<sandbox::Ended>> run(sandbox::Spec spec, sandbox::Channels channels);

  void kill(std::uint64_t id);
  void end_init(std::uint64_t id);
  // Stops its processes until thaw(), or kill(), which ends it all the same. False: the helper has no time for it now.
  bool freeze(std::uint64_t id);
  void thaw(std::uint64_t id);
  // What it uses now; NotFound when it has ended.
  io::Task<Result<sandbox::Usage>> usage(std::uint64_t id);

  std::size_t count() const { return running_.size(); }
  std::uint64_t helper_restarts() const { return restarts_; }
  bool is_root() const { return helper_->is_root(); }
  bool can_freeze() const { return helper_->can_freeze(); }
  // No helper can be started any more, and so no sandbox: the process that could is gone. Only a new start of Virga
  // helps.
  bool is_over() const { return is_over_; }

  // Kills what runs, waits until it has ended, and ends the helper.
  io::Task<void> stop();

 private:
  struct Running {
    explicit Running(io::Loop& loop) : started(loop) {}
    io::OneShot<Result<sandbox::Started>> started;
    bool is_started = false;
    OnEnded on_ended;
    std::shared_ptr<io::OneShot<Result<sandbox::Bound>>> bound;  // while a bind is under way
    std::shared_ptr<io::OneShot<Result<sandbox::Usage>>> usage;  // shared by those who asked while one was under way
  };

  Sandboxes(io::Loop& loop, std::unique_ptr<sandbox::Helper> helper);
  Result<> attach();
  // Sends a request whose answer is Started or StartFailed, and awaits that.
  io::Task<Result<sandbox::Started>> begin(std::uint64_t id, std::function<Result<>()> ask, OnEnded on_ended);
  io::Task<void> receive();
  void dispatch(sandbox::Event event);
  void resolve_names(std::uint64_t id, os::Descriptor datagrams, os::Descriptor listener);
  void open_door(std::uint64_t id, os::Descriptor listener);
  void lose_all();
  void finish(std::uint64_t id, const sandbox::Ended& ended);

  io::Loop& loop_;
  std::unique_ptr<sandbox::Helper> helper_;
  std::unique_ptr<io::Readiness> readiness_;
  io::TaskGroup tasks_;
  io::Event empty_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Running>> running_;  // shared with the coroutines that wait for it
  names::Resolver* resolver_ = nullptr;
  ServiceDoors* doors_ = nullptr;
  std::uint64_t last_id_ = 0;
  std::uint64_t restarts_ = 0;
  bool stopping_ = false;
  bool is_over_ = false;
};

}  // namespace virga::runtime
