// Starts sandboxes through the public face of src/virga/sandbox, for tests that judge them from outside.
//
//   virga-sandbox-run --state FOLDER [--folder FOLDER]... [--privilege root|rootless] [--blanks N] [--allow RANGE]...
//
// Reads one JSON request a line from standard input, writes one JSON event a line to standard output, and ends all
// sandboxes when standard input ends. Folders in requests lie beside the state folder or below a --folder. Requests:
//   {"do":"start","id":1,"arguments":[...],"environment":[...],"code":"...","layers":[...],"runtime":"...","output":"...",
//    "memory":BYTES,"cpus":1.0,"init_cpus":1.0,"processes":N,"files":N,"tmp":BYTES,"network":"none|loopback|egress",
//    "listener":true,"log":"FILE"}            standard output and error go to FILE
//   {"do":"start","id":1,"stem":true,...}     without a task, which comes with:
//   {"do":"bind","id":1,"code":"...","layers":[...],"memory":BYTES,...}
//   {"do":"start","id":1,"template":true,...}  whose program can be forked:
//   {"do":"fork","id":2,"of":1,"memory":BYTES,...,"log":"FILE"}
//   {"do":"kill|end_init|freeze|thaw|query","id":1}
//   {"do":"listener","id":1}                  accepts one connection on the sandbox's listener and answers it with HTTP
//   200

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>

#include "virga/os/descriptor.h"
#include "virga/sandbox/helper.h"

namespace {

namespace json = boost::json;
using namespace virga;
using namespace virga::sandbox;

void say(json::object event) {
  std::string line = json::serialize(event) + "\n";
  (void)!::write(1, line.data(), line.size());
}

std::vector<std::string> strings(const json::object& request, const char* name) {
  std::vector<std::string> list;
  if (auto* found = request.if_contains(name)) {
    for (const auto& value : found->as_array()) list.emplace_back(value.as_string());
  }
  return list;
}

std::string text(const json::object& request, const char* name, std::string otherwise = {}) {
  auto* found = request.if_contains(name);
  return found == nullptr ? otherwise : std::string(found->as_string());
}

template <typename T>
T number(const json::object& request, const char* name, T otherwise) {
  auto* found = request.if_contains(name);
  return found == nullptr ? otherwise : found->to_number<T>();
}

void read_limits(const json::object& request, Limits& limits) {
  limits.memory_bytes = number(request, "memory", limits.memory_bytes);
  limits.cpus = number(request, "cpus", limits.cpus);
  limits.init_cpus = number(request, "init_cpus", limits.init_cpus);
  limits.processes = number(request, "processes", limits.processes);
  limits.open_files = number(request, "files", limits.open_files);
  limits.tmp_bytes = number(request, "tmp", limits.tmp_bytes);
}

Network network(const json::object& request) {
  std::string name = text(request, "network", "loopback");
  return name == "none" ? Network::None : name == "egress" ? Network::Egress : Network::Loopback;
}

Result<> bind(Helper& helper, const json::object& request) {
  Binding binding;
  binding.id = number<std::uint64_t>(request, "id", 0);
  binding.code_directory = text(request, "code");
  binding.layer_directories = strings(request, "layers");
  binding.network = network(request);
  read_limits(request, binding.limits);
  return helper.bind(binding);
}

os::Descriptor open_log(const json::object& request) {
  std::string path = text(request, "log");
  if (path.empty()) return {};
  return os::Descriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
}

Result<> start(Helper& helper, const json::object& request) {
  Spec spec;
  spec.id = number<std::uint64_t>(request, "id", 0);
  spec.code_directory = text(request, "code");
  spec.layer_directories = strings(request, "layers");
  spec.runtime_directory = text(request, "runtime");
  spec.output_directory = text(request, "output");
  spec.arguments = strings(request, "arguments");
  spec.environment = strings(request, "environment");
  spec.working_directory = text(request, "working", spec.working_directory);
  read_limits(request, spec.limits);
  spec.network = network(request);
  if (request.if_contains("stem") != nullptr) spec.stage = Stage::Stem;
  if (request.if_contains("template") != nullptr) spec.stage = Stage::Template;
  spec.runtime_api_listener = request.if_contains("listener") != nullptr;
  os::Descriptor log = open_log(request);
  return helper.start(spec, {.output = log.get(), .errors = log.get()});
}

Result<> fork(Helper& helper, const json::object& request) {
  Fork wanted;
  wanted.id = number<std::uint64_t>(request, "id", 0);
  wanted.of = number<std::uint64_t>(request, "of", 0);
  read_limits(request, wanted.limits);
  os::Descriptor log = open_log(request);
  return helper.fork(wanted, {.output = log.get(), .errors = log.get()});
}

void serve_one(const os::Descriptor& listener) {
  pollfd waiting{listener.get(), POLLIN, 0};
  (void)::poll(&waiting, 1, 5000);
  os::Descriptor connection(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  char buffer[4096];
  ssize_t size = ::read(connection.get(), buffer, sizeof(buffer));
  static constexpr char kAnswer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
  (void)!::write(connection.get(), kAnswer, sizeof(kAnswer) - 1);
  say({{"event", "served"}, {"bytes", size}});
}

struct Speaker {
  std::map<std::uint64_t, os::Descriptor>& listeners;
  void operator()(Started& event) {
    const Phases& p = event.phases;
    say({{"event", "started"},
         {"id", event.id},
         {"listener", event.listener.valid()},
         {"namespaces", p.namespaces.count()},
         {"mounts", p.mounts.count()},
         {"cgroup", p.cgroup.count()},
         {"policy", p.policy.count()},
         {"exec", p.exec.count()},
         {"total", p.total.count()}});
    if (event.listener.valid()) listeners[event.id] = std::move(event.listener);
  }
  void operator()(StartFailed& event) {
    say({{"event", "start_failed"},
         {"id", event.id},
         {"code", name(event.error.code())},
         {"message", event.error.message()}});
  }
  void operator()(Bound& event) {
    const Phases& p = event.phases;
    say({{"event", "bound"},
         {"id", event.id},
         {"cgroup", p.cgroup.count()},
         {"mounts", p.mounts.count()},
         {"total", p.total.count()}});
  }
  void operator()(BindFailed& event) {
    say({{"event", "bind_failed"},
         {"id", event.id},
         {"code", name(event.error.code())},
         {"message", event.error.message()}});
  }
  void operator()(Ended& event) {
    static constexpr const char* kReasons[] = {"exited", "signalled", "out_of_memory", "killed"};
    listeners.erase(event.id);
    say({{"event", "ended"},
         {"id", event.id},
         {"reason", kReasons[static_cast<int>(event.reason)]},
         {"status", event.status},
         {"peak_memory", event.peak_memory_bytes},
         {"cpu_us", event.cpu_time.count()},
         {"oom_kills", event.oom_kills}});
  }
  void operator()(Usage& event) {
    say({{"event", "usage"},
         {"id", event.id},
         {"memory", event.memory_bytes},
         {"peak_memory", event.peak_memory_bytes},
         {"cpu_us", event.cpu_time.count()},
         {"processes", event.processes}});
  }
  void operator()(Notice& event) { say({{"event", "notice"}, {"text", event.text}}); }
};

Result<> obey(Helper& helper, std::map<std::uint64_t, os::Descriptor>& listeners, const std::string& line) {
  json::object request = json::parse(line).as_object();
  std::string verb = text(request, "do");
  auto id = number<std::uint64_t>(request, "id", 0);
  if (verb == "start") return start(helper, request);
  if (verb == "bind") return bind(helper, request);
  if (verb == "fork") return fork(helper, request);
  if (verb == "kill") return helper.kill(id);
  if (verb == "end_init") return helper.end_init(id);
  if (verb == "freeze") return helper.freeze(id);
  if (verb == "thaw") return helper.thaw(id);
  if (verb == "query") return helper.query(id);
  if (verb == "listener" && listeners.contains(id)) {
    serve_one(listeners[id]);
    return {};
  }
  return fail(ErrorCode::InvalidArgument, "unknown request: " + line);
}

int run(Helper helper) {
  say({{"event", "ready"}, {"pid", helper.pid()}, {"root", helper.is_root()}, {"cgroups", helper.has_cgroups()}});
  std::map<std::uint64_t, os::Descriptor> listeners;
  std::string input;
  while (true) {
    pollfd waiting[2] = {{0, POLLIN, 0}, {helper.descriptor(), POLLIN, 0}};
    if (::poll(waiting, 2, -1) < 0) continue;
    if (waiting[1].revents != 0) {
      while (true) {
        auto event = helper.receive();
        if (!event) {
          say({{"event", "helper_gone"}, {"message", event.error().message()}});
          return 1;
        }
        if (!*event) break;
        std::visit(Speaker{listeners}, **event);
      }
    }
    if (waiting[0].revents == 0) continue;
    char buffer[65536];
    ssize_t size = ::read(0, buffer, sizeof(buffer));
    if (size <= 0) return 0;
    input.append(buffer, static_cast<std::size_t>(size));
    for (std::size_t end; (end = input.find('\n')) != input.npos; input.erase(0, end + 1)) {
      if (auto done = obey(helper, listeners, input.substr(0, end)); !done) {
        say({{"event", "refused"}, {"code", name(done.error().code())}, {"message", done.error().message()}});
      }
    }
  }
}

}  // namespace

int main(int count, char** values) {
  Helper::Options options;
  for (int i = 1; i + 1 < count; i += 2) {
    std::string name = values[i];
    std::string value = values[i + 1];
    if (name == "--state") {
      options.state_directory = value;
      options.writable_folders.push_back(std::filesystem::path(value).parent_path());
    }
    if (name == "--folder") options.writable_folders.push_back(value);
    if (name == "--blanks") options.blanks = static_cast<std::uint32_t>(std::stoul(value));
    if (name == "--allow") options.egress_allowed.push_back(value);
    if (name == "--privilege") {
      options.privilege = value == "root" ? Helper::Privilege::Root : Helper::Privilege::Rootless;
    }
  }
  auto helper = Helper::start(options);
  if (!helper) {
    say({{"event", "no_helper"}, {"message", helper.error().message()}});
    return 1;
  }
  return run(std::move(*helper));
}
