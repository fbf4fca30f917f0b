#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/random.h"
#include "virga/base/result.h"
#include "virga/events/bus/rule.h"
#include "virga/events/schedule/scheduler.h"
#include "virga/events/targets.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/store/loop_store.h"

namespace virga::events {

inline constexpr std::string_view kDefaultGroup = "default";

// A schedule with a name, a group and one target, as EventBridge Scheduler has it. A value.
struct Schedule {
  std::string group{kDefaultGroup};
  std::string name;
  PlanText plan;
  std::string description;
  std::string key_arn;            // KmsKeyArn, kept and shown
  bool is_deleted_after = false;  // its last time
  WallTime created;
  WallTime modified;
  std::string target;  // JSON, as it was given

  std::string encode() const;
  static std::optional<Schedule> decode(std::string_view bytes);
};

struct ScheduleGroup {
  WallTime created;
  WallTime modified;
  Tags tags;
};

// Schedules that send to one target each. What the target cannot take goes to its dead letters, and stands among the
// scheduler's firings. One loop.
class Schedules final : public ScheduleOwner {
 public:
  // All of these outlive it.
  struct Parts {
    io::Loop& loop;
    store::LoopStore& store;
    Scheduler& scheduler;
    const Targets& targets;
    Random& random;
    Place place;
  };
  explicit Schedules(Parts parts);

  // Reads the groups of before. Blocks.
  Result<> load(const store::Store& store);

  // NotFound, AlreadyExists, InvalidArgument (the plan or the target), Conflict (it is being changed right now).
  io::Task<Result<>> create(Schedule schedule);
  // Its time of creation stays.
  io::Task<Result<>> update(Schedule schedule);
  io::Task<Result<>> remove(std::string group, std::string name);
  io::Task<Result<Schedule>> get(std::string group, std::string name);
  // Of one group, or of all ("") in order of group and name, behind `after` (GROUP/NAME).
  io::Task<Result<std::vector<Schedule>>> list(std::string group, std::string after, std::size_t limit);

  const std::map<std::string, ScheduleGroup>& groups() const { return groups_; }
  io::Task<Result<>> put_group(std::string name, ScheduleGroup group);
  // With all its schedules.
  io::Task<Result<>> remove_group(std::string name);

  std::string arn(const Schedule& schedule) const;
  const Place& place() const { return parts_.place; }
  static std::string id(std::string_view group, std::string_view name);

  Handled fire(const Fire& fire, store::Batch& batch) override;
  void coming(const std::string& id, const std::string& payload) override;

 private:
  io::Task<Result<>> write(Schedule schedule, bool is_new);
  Handled send(const Schedule& schedule, const Fire& fire, store::Batch& batch);

  Parts parts_;
  std::map<std::string, ScheduleGroup> groups_;
  std::set<std::string> changing_;  // ids whose change is on its way to the disk
};

}  // namespace virga::events
