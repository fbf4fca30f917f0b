#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "virga/base/result.h"
#include "virga/os/descriptor.h"
#include "virga/sandbox/init/door.h"
#include "virga/sandbox/internal/report.h"
#include "virga/sandbox/internal/request.h"
#include "virga/sandbox/spawn/blank.h"
#include "virga/sandbox/spawn/cgroup.h"
#include "virga/sandbox/spawn/disks.h"
#include "virga/sandbox/spawn/fork_socket.h"
#include "virga/sandbox/spawn/stem.h"
#include "virga/sandbox/spawn/watch.h"
#include "virga/sandbox/spawn/yard.h"

namespace virga::sandbox::spawn {

// The helper's part in forks (docs/forks.md): the templates that run, the forks asked of each, one at a time, and those
// that live. Belongs to Spawner's loop; no step waits for a template or a fork, which are hostile code.
//
// forks.cc: templates and requests; fork_making.cc: from the request to Started; fork_ending.cc: from there on.
class Forks {
 public:
  using Clock = std::chrono::steady_clock;

  struct Surroundings {
    const os::Descriptor& epoll;
    const Ground& ground;
    Workshop& workshop;
    Cgroups* cgroups;
    Disks* disks;
    std::uint64_t& next_serial;  // forks count among the sandboxes
    std::function<void(const wire::Report&)> tell;
    // Ends what is left of a template whose program and forks have ended.
    std::function<void(std::uint64_t serial)> close_template;
  };
  explicit Forks(Surroundings surroundings) : around_(std::move(surroundings)) {}

  // Unimplemented: this machine cannot have forks; the message says why.
  Result<> available() const;

  struct NewTemplate {
    std::uint64_t serial = 0;
    std::uint64_t id = 0;
    std::uint32_t host_id = 0;
    const Spec& spec;
    const os::Descriptor& door;  // to the first process; outlives the template here
    os::Descriptor socket;       // to the program
    os::Descriptor root;
    os::Descriptor program;  // pidfd
  };
  Result<> add(NewTemplate made);
  // Requests, in the sense of Helper.
  void fork(wire::Request request, std::vector<os::Descriptor> channels);
  bool has(std::uint64_t id) const { return serials_.contains(id); }
  void obey(const wire::Request& request);  // of one that it has

  void on_event(std::uint64_t serial, Which which);
  void on_door(std::uint64_t template_serial, const DoorAnswer& answer);
  void on_reaped(std::uint64_t template_serial, const DoorReaped& reaped);
  // The program of a template ended. False: no fork of it lives, so the rest may end as well.
  bool on_program_end(std::uint64_t template_serial);
  // The template is told to end, or its first process does; the kernel ends its forks, if they are not frozen.
  void let_end(std::uint64_t template_serial, bool by_kill);
  // Its last process is gone, by the kernel's promise.
  void on_template_end(std::uint64_t template_serial);

  void serve();       // begins what can be begun
  int housekeep();    // how long epoll may wait, in milliseconds; -1: for ever
  void remove_all();  // what the kernel still held, at the end

 private:
  enum class Root { Own, Leaving, Another, Returning };  // of a template
  struct Template {
    std::uint64_t serial = 0;
    std::uint64_t id = 0;
    std::uint32_t host_id = 0;
    Limits limits;
    Network network = Network::Loopback;
    const os::Descriptor& door;
    os::Descriptor socket;
    os::Descriptor program;
    pid_t pid = -1;                     // of the program
    std::deque<std::uint64_t> waiting;  // forks to be made, by serial
    std::uint64_t asked = 0;            // the fork the program was or is to be asked for; 0: none
    Root root = Root::Own;
    std::uint64_t numbers = 0;  // forks asked so far
    bool takes_no_more = false;
    bool program_ended = false;
  };
  enum class State {
    Waiting,  // in its template's queue
    Asked,    // its template makes it
    Joining,  // it is there, and enters its groups
    Running,
    Ending,
  };
  struct One {
    std::uint64_t serial = 0;
    std::uint64_t id = 0;
    std::uint64_t of = 0;      // serial of the template
    std::uint64_t number = 0;  // as the template knows it
    State state = State::Waiting;
    Limits limits;
    std::uint32_t channel_bits = 0;
    std::vector<os::Descriptor> channels;
    Clock::time_point arrival;
    Clock::time_point step_begin;
    Clock::time_point deadline;  // of Asked and Joining
    Phases phases;
    std::unique_ptr<Cgroup> cgroup;
    os::Descriptor tree;
    os::Descriptor tmp;  // its disk, if it has one
    os::Descriptor handshake;
    os::Descriptor rules;
    os::Descriptor process;  // pidfd
    pid_t pid = -1;
    pid_t inside = -1;
    bool started = false;
    bool killed = false;
    bool exited = false;
    Clock::time_point exited_at;
    std::optional<int> status;
    std::optional<Error> failure;
  };

  Template* template_of(std::uint64_t serial);
  One* find(std::uint64_t serial);
  std::vector<One*> forks_of(std::uint64_t template_serial);

  // fork_making.cc
  void begin(Template& made_by);
  Result<> prepare(Template& made_by, One& fork);
  Result<> take_tmp(Template& made_by, One& fork, os::Descriptor& tmp);
  Result<> ask(Template& made_by, One& fork);
  void go_home(Template& made_by);
  void answered(Template& made_by, std::uint64_t number);
  void read_words(Template& made_by);
  void read_handshake(One& fork);
  Result<> greet(One& fork, pid_t sender);
  Result<> let_go(One& fork, pid_t sender);
  void give_up_on(Template& made_by, const char* why);

  // fork_ending.cc
  void fail_fork(One& fork, Error error);
  void kill(One& fork);
  void begin_end(One& fork);
  void sweep(One& fork);
  void finish(One& fork);
  void report_end(One& fork);

  Surroundings around_;
  std::optional<Home> home_;
  std::optional<Yard> yard_;                                                // made for the first template
  std::unordered_map<std::uint64_t, std::unique_ptr<Template>> templates_;  // by serial
  std::unordered_map<std::uint64_t, std::unique_ptr<One>> forks_;           // by serial
  std::unordered_map<std::uint64_t, std::uint64_t> serials_;                // of forks, by id
  std::vector<std::unique_ptr<Cgroup>> to_remove_;
};

}  // namespace virga::sandbox::spawn
