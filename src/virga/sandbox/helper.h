#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "virga/base/result.h"
#include "virga/os/descriptor.h"
#include "virga/sandbox/spec.h"

namespace virga::sandbox {

namespace wire {
struct Request;
}

// How long each part of a start took. The parts happen one after the other and sum up to `total`, but for the
// hand-overs between the processes. `namespaces` is 0 when a blank sandbox was waiting.
struct Phases {
  std::chrono::microseconds namespaces{};  // making the blank: namespaces, ids, root file system
  std::chrono::microseconds cgroup{};      // limits
  std::chrono::microseconds mounts{};      // code, layers, runtime, /tmp, the listener, the network
  std::chrono::microseconds policy{};      // privileges, landlock, seccomp
  std::chrono::microseconds exec{};        // replacing the image by the program
  std::chrono::microseconds total{};       // from the request's arrival in the helper
  bool operator==(const Phases&) const = default;
};

// The program runs. `listener` is valid if the specification asked for one: listening, non-blocking, and to be accepted
// on by the daemon, although it lives in the sandbox's network.
struct Started {
  std::uint64_t id = 0;
  os::Descriptor listener;
  Phases phases;
  // Likewise, of every sandbox with a loopback interface that is not a fork, if Helper::Options has a services_port: on
  // 127.0.0.1 and that port, where functions find Virga's services.
  os::Descriptor services_listener;
  // With Network::Egress, likewise: a UDP socket and a TCP listener on 127.0.0.53:53, which the sandbox's resolv.conf
  // names. Whoever holds them answers its questions for names.
  os::Descriptor name_datagrams;
  os::Descriptor name_listener;
};

// The sandbox was not made, and nothing of it is left. Cancelled if kill() came first.
struct StartFailed {
  std::uint64_t id = 0;
  Error error;
};

// The stem has its task, and everything of it is in place.
struct Bound {
  std::uint64_t id = 0;
  Phases phases;                  // cgroup, mounts and total
  os::Descriptor name_datagrams;  // as in Started
  os::Descriptor name_listener;
};

// The stem did not get its task. Conflict: it is none, or was bound before, and nothing changed. Otherwise it is ended,
// and its Ended follows.
struct BindFailed {
  std::uint64_t id = 0;
  Error error;
};

enum class EndReason {
  Exited,       // the program ended; status is its exit code
  Signalled,    // a signal ended it that Virga did not send; status is the signal
  OutOfMemory,  // the kernel ended it at its memory limit; status is the signal
  Killed,       // kill() ended it
};

// No process of the sandbox is left. Comes exactly once for each Started.
struct Ended {
  std::uint64_t id = 0;
  EndReason reason = EndReason::Exited;
  int status = 0;
  std::uint64_t peak_memory_bytes = 0;  // 0: not measured (rootless without cgroups)
  std::chrono::microseconds cpu_time{};
  std::uint32_t oom_kills =
      0;  // processes the kernel ended at the memory limit; may be > 0 although the program lived on
};

// The answer to query(). Zeroes where nothing is measured (rootless without cgroups).
struct Usage {
  std::uint64_t id = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t peak_memory_bytes = 0;
  std::chrono::microseconds cpu_time{};
  std::uint32_t processes = 0;
};

// Something about this machine that its operator should know and that no sandbox fails for: for the log. /tmp of
// sandboxes is smaller than asked for, and why.
struct Notice {
  std::string text;
};

using Event = std::variant<Started, StartFailed, Bound, BindFailed, Ended, Usage, Notice>;

// The daemon's end of the socket pair to `virga-spawn`, the small privileged process that makes and ends sandboxes, and
// of the one to its parent, which does nothing but start it, again if need be. Requests never block; their answers are
// events. Belongs to one thread. When this ends (or the daemon dies), the helper ends every sandbox, removes what it
// made and exits, and its parent after it.
class Helper {
 public:
  enum class Privilege {
    Auto,      // Root if the caller is root
    Root,      // every limit, one host id for each sandbox
    Rootless,  // no cgroup limits unless a v2 subtree is delegated, no egress, one host id for all: for one tenant only
  };

  struct Options {
    std::string state_directory;  // names this daemon: leftovers of an earlier one with the same folder are removed
    Privilege privilege = Privilege::Auto;
    std::uint32_t first_id = 200000;  // root: sandboxes get the host user and group ids [first_id, first_id + id_count)
    std::uint32_t id_count = 1u << 20;
    std::uint32_t blanks = 4;  // empty sandboxes kept ready; 0: each is made when asked for
    // The only host folders that a Spec may name, itself or by a folder below; absolute paths of existing folders,
    // without symlinks. Into those that are writable an output_directory may point.
    std::vector<std::string> readable_folders;
    std::vector<std::string> writable_folders;
    // Where sandboxes with a loopback interface find Virga's services, on 127.0.0.1; 0: nowhere. A function cannot
    // listen on this port itself.
    std::uint16_t services_port = 0;
    // IPv4 ranges, such as "10.1.0.0/16", that sandboxes with a way out may reach although they are private.
    std::vector<std::string> egress_allowed;
    // The user this program is going to be: to whom output folders and what is written there belong.
    std::optional<uid_t> owner;  // nullopt: the one it is
  };

  // Starts virga-spawn from the copy embedded in this program and waits until it is ready (milliseconds). Call it
  // before there are threads, and while root if Privilege::Root is wanted; privileges may be dropped afterwards.
  static Result<Helper> start(Options options);
  // A new helper after receive() said that the last one is gone; needs no privilege. Blocks until it is ready
  // (milliseconds; with much to tidy up, seconds). DataLoss: the helper's parent is gone as well, and no helper will
  // come any more.
  Result<> start_again();
  ~Helper();
  Helper(Helper&&) noexcept;
  Helper& operator=(Helper&&) noexcept;

  // Readable when an event waits or the helper is gone.
  int descriptor() const { return socket_.get(); }

  // Answered by Started or StartFailed. An error here (bad specification; ResourceExhausted: the helper is too far
  // behind, try again when descriptor() was readable) means that nothing was asked and no event will come.
  Result<> start(const Spec& spec, const Channels& channels);
  // Gives a stem its task. Answered by Bound or BindFailed, or by nothing if the sandbox ended already.
  Result<> bind(const Binding& binding);
  // Forks a template's program. Answered by Started (namespaces 0; exec: the fork itself) or StartFailed. Forks of one
  // template are made one after the other. They live on if its program ends, and end with kill() of the template.
  Result<> fork(const Fork& fork, const Channels& channels);
  // Ends the whole process tree; answered by Ended (or StartFailed). No error and no event if it ended already.
  Result<> kill(std::uint64_t id);
  // The CPU quota goes from limits.init_cpus to limits.cpus.
  Result<> end_init(std::uint64_t id);
  // Stops and resumes all processes; kill() ends a stopped one as well. Without cgroups (rootless) Unimplemented; see
  // can_freeze(). A freeze never waits: ResourceExhausted, if the helper is too far behind.
  Result<> freeze(std::uint64_t id);
  Result<> thaw(std::uint64_t id);
  // Answered by Usage, or by nothing if the sandbox ended already.
  Result<> query(std::uint64_t id);

  // The next event; nullopt: none yet. Unavailable: the helper is gone, and every sandbox with it.
  Result<std::optional<Event>> receive();

  bool is_root() const { return is_root_; }
  bool can_freeze() const { return has_cgroups_; }
  // Memory, CPU and process limits hold for the whole tree of a sandbox.
  bool has_cgroups() const { return has_cgroups_; }
  pid_t pid() const { return pid_; }

 private:
  Helper(os::Descriptor control, pid_t keeper) : control_(std::move(control)), keeper_(keeper) {}
  Result<> send(const std::string& bytes);
  Result<> send_with(const Channels& channels, wire::Request request);

  os::Descriptor control_;  // to the parent
  pid_t keeper_ = -1;
  os::Descriptor socket_;  // to the helper
  pid_t pid_ = -1;
  bool has_services_ = false;
  bool is_root_ = false;
  bool has_cgroups_ = false;
};

}  // namespace virga::sandbox
