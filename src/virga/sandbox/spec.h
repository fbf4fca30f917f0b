#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace virga::sandbox {

enum class Network {
  None,      // no interface is up
  Loopback,  // 127.0.0.1 inside the sandbox only
  Egress,    // loopback, and the public internet through the host; private and host addresses stay closed
};

struct Limits {
  std::uint64_t memory_bytes = 128ull << 20;  // of the whole process tree, /dev/shm included, and /tmp if it is memory
  double cpus = 0;                            // CPU quota in cores once end_init() is called; 0: no quota
  double init_cpus = 0;                       // CPU quota in cores until then; 0: no quota
  std::uint32_t processes = 1024;             // processes and threads
  std::uint32_t open_files = 1024;            // descriptors of one process
  std::uint64_t tmp_bytes = 64ull << 20;      // size of /tmp, and of the largest file
};

// Up to this size /tmp is memory. A larger one is a disk of the sandbox's own; where there can be none (rootless, no
// loop devices, the host's disk is full), /tmp has this size.
constexpr std::uint64_t most_tmp_in_memory(const Limits& limits) {
  return limits.memory_bytes / 2;
}

// A stem starts without a task and gets it once, later, from Helper::bind(). A template is whole, and its program can
// be forked: it finds the socket over which it is asked to as descriptor 4 (docs/forks.md).
enum class Stage { Whole, Stem, Template };

// Everything about one sandbox but its descriptors. A value; any thread.
//
// Host folders are named by absolute paths without symlinks in them, and lie below those that the helper was given when
// it was started (Helper::Options). Their files must be readable for "others" (inside, they belong to nobody); the
// folders above them need not be.
struct Spec {
  std::uint64_t id = 0;        // chosen by the caller, unique for the life of one Helper, not 0
  std::string code_directory;  // becomes /var/task, read-only; "": an empty folder
  std::vector<std::string>
      layer_directories;                 // become /opt, read-only; of two files with one name the later layer's wins
  std::string runtime_directory;         // becomes /var/runtime, read-only; "": an empty folder
  std::string output_directory;          // becomes /var/output, the one writable host folder; "": none.
                                         // Only for Virga's own jobs: what is written there belongs to its owner
  std::vector<std::string> arguments;    // argv; arguments[0] is an absolute path inside the sandbox
  std::vector<std::string> environment;  // "NAME=value": the complete environment
  std::string working_directory = "/var/task";
  Limits limits;
  Network network = Network::Loopback;
  bool runtime_api_listener = false;  // listen on 127.0.0.1:9001 inside, and hand the listener out in Started
  // A template has no output folder. It needs root's help, cgroups and Linux 6.12 (Landlock that fences signals).
  // A stem has no code, layers, output folder or listener, its network is Loopback, and of its limits only `open_files`
  // and `processes` hold, and `memory_bytes` as what /proc/meminfo shows: it runs only what Virga itself brings. With
  // `tmp_bytes` above most_tmp_in_memory() its /tmp is a disk of that size, which it keeps.
  Stage stage = Stage::Whole;
};

// What a stem becomes. From here on everything holds that holds for a sandbox started whole with the same settings.
struct Binding {
  std::uint64_t id = 0;                        // of the stem
  std::string code_directory;                  // as in Spec
  std::vector<std::string> layer_directories;  // as in Spec
  Limits limits;                               // `open_files` and `processes` at most those of the stem; where
                                               // its /tmp is a disk, `tmp_bytes` as the stem's
  Network network = Network::Loopback;         // or Egress; what a stem opened before it was bound cannot be closed
};

// A copy of a template's running program, with a /tmp, /dev/shm and cgroups of its own: a sandbox like any other for
// whom it is named to. What it shares with the template and its siblings is in docs/forks.md.
struct Fork {
  std::uint64_t of = 0;  // a template that runs
  std::uint64_t id = 0;  // as in Spec
  Limits limits;         // `open_files` and `tmp_bytes` at most those of the template
};

// What the process finds as its first descriptors. Borrowed for the call; the sandbox gets duplicates.
struct Channels {
  int frames = -1;  // becomes descriptor 3; -1: none
  int output = -1;  // becomes descriptor 1; -1: /dev/null
  int errors = -1;  // becomes descriptor 2; -1: /dev/null
  int input = -1;   // becomes descriptor 0; -1: /dev/null
};

}  // namespace virga::sandbox
