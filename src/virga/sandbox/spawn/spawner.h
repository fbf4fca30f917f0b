#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "virga/base/result.h"
#include "virga/os/descriptor.h"
#include "virga/os/socket.h"
#include "virga/sandbox/internal/report.h"
#include "virga/sandbox/internal/request.h"
#include "virga/sandbox/spawn/blank.h"
#include "virga/sandbox/spawn/cgroup.h"
#include "virga/sandbox/spawn/disks.h"
#include "virga/sandbox/spawn/egress.h"
#include "virga/sandbox/spawn/forks.h"
#include "virga/sandbox/spawn/stem.h"

namespace virga::sandbox::spawn {

// The helper's loop: requests of the daemon, reports of the sandboxes' first processes, ends of processes. One thread;
// no step of it waits for a sandbox.
class Spawner {
 public:
  struct Settings {
    std::uint32_t first_id = 0;
    std::uint32_t id_count = 1;
    std::uint32_t blanks = 0;
    std::string state_directory;
    std::vector<std::string> egress_allowed;  // from read_range()
    std::string notice;                       // what the daemon is told at the start; "": nothing
  };

  // `daemon` is the socket to the daemon; `cgroups` and `disks` may be null. What is borrowed must outlive this.
  Spawner(os::Descriptor daemon, const Ground& ground, Workshop& workshop, Cgroups* cgroups, Disks* disks,
          Settings settings);
  Result<> prepare();
  // Until the daemon closes its end; then ends all that is left.
  void run();

 private:
  using Clock = std::chrono::steady_clock;

  enum class State {
    Preparing,  // the blank is being made
    Ready,      // a blank that waits
    Priming,    // a blank that was told to prime itself
    Primed,     // and has
    Starting,   // has its order
    Running,    // the program runs
  };
  struct Sandbox {
    std::uint64_t serial = 0;
    std::uint64_t id = 0;  // 0: nobody's yet
    State state = State::Preparing;
    Blank blank;
    std::unique_ptr<Cgroup> cgroup;
    std::uint32_t host_id = 0;
    Limits limits;
    Clock::time_point arrival;
    Phases phases;
    bool killed = false;
    std::optional<StemHandles> stem;          // of a stem or primed blank, until it has its task
    Stage stage = Stage::Whole;               // of its order
    std::string layer_folder;                 // of a stem: what it sees as its /opt
    os::Descriptor program;                   // to process 2 of a primed blank; closed by its exec
    os::Descriptor listener;                  // of the runtime API, of a primed blank
    os::Descriptor services_listener;         // likewise
    std::vector<os::Descriptor> to_hand_out;  // with Started or Bound
    Clock::time_point handed_over;            // when process 2 of a primed blank got its program
    std::optional<std::uint32_t> egress;      // the slot of its way out
    std::optional<LentFolder> lent;           // to be taken back at the end
    os::Descriptor fork_socket;               // of a template: to its program, until that runs
    std::optional<Spec> fork_spec;            // of a template, likewise
    os::Descriptor tmp;                       // its disk, if it has one
    std::optional<int> status;                // the program's wait status, from init
    std::optional<Error> failure;             // what the first process said before it gave up
  };
  struct Pending {
    wire::Request request;
    std::string bytes;
    std::vector<os::Descriptor> channels;
    Clock::time_point arrival;
  };
  struct Outgoing {
    std::string bytes;
    std::vector<os::Descriptor> descriptors;
  };

  int housekeep();  // returns how long epoll may wait, in milliseconds
  bool wants_blank() const;
  bool wants_primed() const;
  bool wants_disk() const;
  void read_requests();
  void handle(wire::Request request, std::string bytes, std::vector<os::Descriptor> descriptors);
  void kill(std::uint64_t id);
  void end(Sandbox& sandbox);
  void end_first_process(Sandbox& sandbox);
  void serve_pending();
  Disks::Stock disk_for(const Spec& spec, std::size_t wanted);
  Result<> take_disk(Sandbox& sandbox, const Spec& spec);
  Result<> connect(Sandbox& sandbox);
  Result<> add_blank();
  void assign(Sandbox& blank, const Pending& pending);
  void prime_one();
  Result<> prime(Sandbox& sandbox);
  Sandbox* choose(const Spec& spec);
  bool fits_primed(const Sandbox& primed_one, const Spec& spec);
  void bind(const Spec& spec);
  Result<> give_task(Sandbox& sandbox, const StemHandles& stem, const Spec& spec);
  Result<> give_order(Sandbox& sandbox, const Pending& pending);
  Result<> give_program(Sandbox& sandbox, const Pending& pending);
  Result<> watch_program(Sandbox& sandbox);
  void read_reports(Sandbox& sandbox);
  void program_runs(Sandbox& sandbox);
  void on_status(Sandbox& sandbox, int status);
  Result<> add_template(Sandbox& sandbox, std::vector<os::Descriptor>& descriptors);
  void read_program(Sandbox& sandbox);
  void on_report(Sandbox& sandbox, const BlankReport& report, std::vector<os::Descriptor> descriptors);
  void finish(std::uint64_t serial);
  void report_end(Sandbox& sandbox);
  void send(const wire::Report& report, std::vector<os::Descriptor> descriptors = {});
  void flush();
  void shut_down();
  std::optional<std::uint32_t> take_host_id();
  Sandbox* find(std::uint64_t id);
  std::size_t count(State state) const;

  os::Descriptor daemon_;
  os::Descriptor epoll_;
  const Ground& ground_;
  Workshop& workshop_;
  Cgroups* cgroups_;
  Disks* disks_;
  Settings settings_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Sandbox>> sandboxes_;  // by serial
  std::unordered_map<std::uint64_t, std::uint64_t> serials_;               // by id
  std::unordered_set<std::uint32_t> host_ids_;                             // in use
  std::string inbox_ = std::string(wire::kMaxRequestBytes + 1, '\0');      // one request
  std::deque<Pending> pending_;
  std::deque<Outgoing> outgoing_;
  std::vector<std::unique_ptr<Cgroup>> to_remove_;  // groups the kernel still held at the first try
  std::optional<Home> home_;                        // remembered for the first stem
  std::optional<Egress> egress_;                    // opened by the first sandbox that asks for it
  std::uint64_t next_serial_ = 1;
  Forks forks_;
  std::uint32_t next_host_id_ = 0;
  bool daemon_gone_ = false;
  bool blanks_fail_ = false;  // the last blank could not be made: none ahead of need until one can
  bool waits_to_write_ = false;
};

}  // namespace virga::sandbox::spawn
