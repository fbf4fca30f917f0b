#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "virga/io/event.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/io/task_group.h"
#include "virga/runtime/instance_plan.h"
#include "virga/runtime/template_maker.h"

namespace virga::runtime {

// The templates of hot versions and the forks that wait for an instance (docs/templates.md). One loop; stop() is
// awaited before this is destroyed.
//
// A version is hot when an instance of it is wanted for the second time within kHotTime. It gets a template then, in
// the background, and while instances are wanted one or two forks ahead of need; within a memory budget, and what was
// wanted last comes first. A template that ends leaves its forks alone.
class Templates {
 public:
  static constexpr std::chrono::seconds kHotTime{60};     // between two starts of a version that is hot
  static constexpr std::chrono::seconds kRecentTime{30};  // since the last start, during which forks wait
  static constexpr std::chrono::seconds kIdleTime{300};   // since the last start, after which its template ends
  static constexpr std::chrono::seconds kRetryTime{60};   // after a template did not start
  static constexpr std::uint32_t kMostFaults = 3;         // forks that fail one after the other end their template

  struct Options {
    std::uint64_t memory_budget = 512ull << 20;  // bytes, of all templates and waiting forks; 0: no templates
  };

  // What an instance gets.
  struct Taken {
    std::shared_ptr<LoadedProcess> fork;  // ready; whoever has it stops its frames
    bool can_fork = false;                // there is none, but fork() may make one
    std::string reason;                   // why a hot version got none; "": it is not hot, or may not be forked
    std::uint64_t shared_bytes = 0;       // what the fork has of its template
    std::string log;                      // what the template wrote while it loaded: with its first fork
  };

  // `maker` outlives this.
  Templates(io::Loop& loop, TemplateMaker& maker, Options options);
  ~Templates();

  void serve() { tasks_.add(keep()); }

  // An instance of the plan's version starts.
  Taken take(const InstancePlan& plan);
  // Makes a fork now, for an instance that waits for it.
  io::Task<Taken> fork(std::string revision);
  // About how long the next instance of this version takes to start, if it is going to be a fork.
  std::optional<std::chrono::microseconds> fork_time(const std::string& revision) const;
  // No more instances of this version are wanted.
  void retire(const std::string& revision);

  struct Counts {
    std::uint64_t templates = 0;  // that can be forked
    std::uint64_t waiting = 0;    // forks made ahead
    std::uint64_t taken = 0;      // forks that were waiting when they were wanted
    std::uint64_t made = 0;       // forks made while an instance waited for them
    std::uint64_t refused = 0;    // versions whose code cannot be forked
    std::uint64_t lost = 0;       // templates and waiting forks that ended by themselves
    std::uint64_t memory_bytes = 0;
  };
  Counts counts() const;

  io::Task<void> stop();

 private:
  using Process = std::shared_ptr<LoadedProcess>;

  // One version.
  struct Line {
    std::shared_ptr<const InstancePlan> plan;  // set when it is hot
    Process process;                           // its template, once it is ready
    std::vector<Process> waiting;              // forks
    bool is_starting = false;                  // its template
    bool is_forking = false;                   // ahead of need
    std::uint32_t demanded = 0;                // forks that instances wait for
    bool is_retired = false;
    std::string refusal;   // its code cannot be forked; for good
    std::string failure;   // of the last try that may go better the next time
    SteadyTime retry_at;   // not before, because of that failure
    SteadyTime wanted_at;  // the last start
    double demand = 0;     // starts of late; halves every kHalfLife
    std::uint32_t faults = 0;
    std::uint64_t cost = 0;  // bytes of its template, as measured once
  };

  io::Task<void> keep();
  io::Task<void> start(std::string revision);
  io::Task<void> fork_ahead(std::string revision);
  void trim();
  void start_templates();
  bool fork_ahead_of_need();  // true: some are to come a little later
  std::size_t target(const Line& line) const;
  double demand(const Line& line) const;
  static std::uint64_t cost(const Line& line);
  static std::uint64_t memory_in_use(const Line& line);
  std::uint64_t memory_in_use() const;
  bool make_room(const Line& wanted, std::uint64_t bytes);
  bool is_recent(const Line& line) const;
  void count_fault(Line& line, const Error& error);
  void drop_template(Line& line);
  void drop_waiting(Line& line, std::size_t kept);
  void end(Process process) { tasks_.add(maker_.end(std::move(process))); }
  Process own(Process process);
  Taken hand_out(Line& line, Process fork);

  io::Loop& loop_;
  TemplateMaker& maker_;
  Options options_;
  io::TaskGroup tasks_;
  io::Event changed_;                  // a start, an end, an answer: there may be something to do
  std::map<std::string, Line> lines_;  // by the revision of the version
  std::string off_reason_;             // this machine has no forks
  std::uint64_t taken_ = 0;
  std::uint64_t made_ = 0;
  std::uint64_t lost_ = 0;
  bool stopping_ = false;
};

}  // namespace virga::runtime
