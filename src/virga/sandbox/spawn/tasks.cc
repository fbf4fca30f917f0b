// How blanks and stems get their tasks, and templates become such: the part of Spawner that hands out orders.

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "virga/base/problems.h"
#include "virga/os/errno.h"
#include "virga/sandbox/spawn/spawner.h"

namespace virga::sandbox::spawn {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;

std::string_view bytes_of(const OrderHead& head) {
  return {reinterpret_cast<const char*>(&head), sizeof(head)};
}

}  // namespace

// What a primed blank can become. Its policy is in place, so nothing that policy depends on may be special.
// Landlock has no rule for what would be mounted over its /tmp later, so that must be of the right kind already.
bool Spawner::fits_primed(const Sandbox& primed_one, const Spec& spec) {
  const Limits primed;
  bool has_its_tmp =
      primed_one.tmp.valid() ? spec.limits.tmp_bytes == Disks::kUsualBytes : disk_for(spec, 1) == Disks::Stock::None;
  return has_its_tmp && spec.stage == Stage::Whole && spec.output_directory.empty() && spec.network != Network::None &&
         spec.limits.open_files <= primed.open_files && spec.limits.processes <= primed.processes;
}

// The blank that has least left to do for this start; null: none is ready, or the disk for it is not.
Spawner::Sandbox* Spawner::choose(const Spec& spec) {
  Sandbox* ready = nullptr;
  for (const auto& [serial, sandbox] : sandboxes_) {
    if (sandbox->killed) continue;
    if (sandbox->state == State::Primed && fits_primed(*sandbox, spec)) return sandbox.get();
    if (sandbox->state == State::Ready) ready = sandbox.get();
  }
  bool waits = ready != nullptr && disk_for(spec, pending_.size()) == Disks::Stock::Coming;
  return waits ? nullptr : ready;
}

void Spawner::assign(Sandbox& sandbox, const Pending& pending) {
  std::uint64_t id = pending.request.spec.id;
  sandbox.arrival = pending.arrival;
  auto given = sandbox.state == State::Primed ? give_program(sandbox, pending) : give_order(sandbox, pending);
  if (!given) {
    send(StartFailed{id, given.error()});
    // It may have limits or a network of this task by now, and a blank must be blank.
    if (sandbox.id != 0 || sandbox.egress || sandbox.lent) {
      serials_.erase(id);
      sandbox.id = 0;
      end(sandbox);
    }
  }
}

// None: it needs none, or can have none.
Disks::Stock Spawner::disk_for(const Spec& spec, std::size_t wanted) {
  if (disks_ == nullptr || spec.limits.tmp_bytes <= most_tmp_in_memory(spec.limits)) return Disks::Stock::None;
  return disks_->ask(spec.limits.tmp_bytes, wanted);
}

Result<> Spawner::take_disk(Sandbox& sandbox, const Spec& spec) {
  if (disk_for(spec, 1) != Disks::Stock::Ready) return {};
  VIRGA_TRY_ASSIGN(sandbox.tmp, disks_->take(spec.limits.tmp_bytes, sandbox.host_id));
  return {};
}

Result<> Spawner::connect(Sandbox& sandbox) {
  if (!ground_.is_root) {
    return fail(problem::kEgressNeedsRoot, "egress is not available without root: start Virga as root");
  }
  if (!egress_) {
    VIRGA_TRY_ASSIGN(auto egress, Egress::open(settings_.state_directory, settings_.egress_allowed));
    egress_.emplace(std::move(egress));
  }
  VIRGA_TRY_ASSIGN(sandbox.egress, egress_->connect(sandbox.blank.pid));
  return {};
}

Result<> Spawner::give_order(Sandbox& sandbox, const Pending& pending) {
  const Spec& spec = pending.request.spec;
  auto begin = Clock::now();
  OrderHead head{pending.request.channels, cgroups_ != nullptr ? 1u : 0u, 0};
  std::vector<os::Descriptor> trees;
  auto add = [&](std::uint32_t bit, Result<os::Descriptor> tree) -> Result<> {
    if (!tree) return std::unexpected(tree.error());
    head.descriptors |= bit;
    trees.push_back(std::move(*tree));
    return {};
  };
  if (!spec.code_directory.empty())
    VIRGA_TRY(add(kHasCode, clone_folder(ground_.roots, spec.code_directory, Access::ReadOnly)));
  if (!spec.layer_directories.empty()) VIRGA_TRY(add(kHasLayers, clone_layers(ground_.roots, spec.layer_directories)));
  if (spec.stage == Stage::Stem) {
    VIRGA_TRY_ASSIGN(sandbox.layer_folder, workshop_.make_folder(sandbox.serial));
    VIRGA_TRY(add(kHasLayers, workshop_.clone_made_folder(sandbox.layer_folder)));
  }
  if (!spec.runtime_directory.empty())
    VIRGA_TRY(add(kHasRuntime, clone_folder(ground_.roots, spec.runtime_directory, Access::ReadOnly)));
  if (!spec.output_directory.empty()) {
    VIRGA_TRY_ASSIGN(auto tree, clone_folder(ground_.roots, spec.output_directory, Access::ReadWrite));
    if (ground_.is_root) {
      VIRGA_TRY_ASSIGN(sandbox.lent, lend_folder(spec.output_directory, tree, ground_.owner, sandbox.host_id));
    }
    VIRGA_TRY(add(kHasOutputFolder, std::move(tree)));
  }
  VIRGA_TRY(add(kHasMeminfo, workshop_.clone_meminfo(spec.limits.memory_bytes)));
  if (spec.network == Network::Egress) {
    VIRGA_TRY(connect(sandbox));
    head.egress_slot = *sandbox.egress;
    VIRGA_TRY(add(kHasResolver, workshop_.clone_resolver()));
  }
  sandbox.phases.mounts = duration_cast<microseconds>(Clock::now() - begin);

  sandbox.id = spec.id;
  sandbox.state = State::Starting;
  sandbox.limits = spec.limits;
  sandbox.stage = spec.stage;
  serials_.emplace(spec.id, sandbox.serial);
  begin = Clock::now();
  // A stem runs nothing of a tenant's yet: its limits come with its task.
  bool is_stem = spec.stage == Stage::Stem;
  if (sandbox.cgroup != nullptr && is_stem) sandbox.cgroup->set_background();
  Limits limits = spec.limits;
  // The page tables of its forks count as its own, as each is born in its groups.
  if (spec.stage == Stage::Template) limits.memory_bytes *= 2;
  if (sandbox.cgroup != nullptr && !is_stem) VIRGA_TRY(sandbox.cgroup->set_limits(limits));
  if (sandbox.cgroup != nullptr && spec.stage == Stage::Template) sandbox.cgroup->spare_others();
  sandbox.phases.cgroup = duration_cast<microseconds>(Clock::now() - begin);
  VIRGA_TRY(take_disk(sandbox, spec));
  if (sandbox.tmp.valid()) head.descriptors |= kHasTmp;
  os::Descriptor fork_socket;
  if (spec.stage == Stage::Template) {
    VIRGA_TRY_ASSIGN(auto sockets, os::socket_pair(SOCK_SEQPACKET));
    VIRGA_TRY(os::set_nonblocking(sockets.first));
    sandbox.fork_socket = std::move(sockets.first);
    sandbox.fork_spec = spec;
    fork_socket = std::move(sockets.second);
    head.descriptors |= kHasForkSocket;
  }

  std::string bytes(reinterpret_cast<const char*>(&head), sizeof(head));
  bytes += pending.bytes;
  std::vector<int> descriptors;
  descriptors.reserve(pending.channels.size());
  for (const auto& channel : pending.channels) descriptors.push_back(channel.get());
  for (const auto& tree : trees) descriptors.push_back(tree.get());
  if (sandbox.tmp.valid()) descriptors.push_back(sandbox.tmp.get());
  if (fork_socket.valid()) descriptors.push_back(fork_socket.get());
  return os::send_message(sandbox.blank.socket, bytes, descriptors);
}

void Spawner::prime_one() {
  auto ready = std::find_if(sandboxes_.begin(), sandboxes_.end(),
                            [](const auto& entry) { return entry.second->state == State::Ready; });
  if (ready == sandboxes_.end()) return;
  if (auto primed = prime(*ready->second); !primed) end(*ready->second);
}

Result<> Spawner::prime(Sandbox& sandbox) {
  sandbox.state = State::Priming;
  VIRGA_TRY_ASSIGN(sandbox.layer_folder, workshop_.make_folder(sandbox.serial));
  VIRGA_TRY_ASSIGN(auto tree, workshop_.clone_made_folder(sandbox.layer_folder));
  OrderHead head{kHasLayers, cgroups_ != nullptr ? 1u : 0u, 0};
  std::vector<int> passed = {tree.get()};
  if (disks_ != nullptr && disks_->ask(Disks::kUsualBytes, 1) == Disks::Stock::Ready) {
    VIRGA_TRY_ASSIGN(sandbox.tmp, disks_->take(Disks::kUsualBytes, sandbox.host_id));
    head.descriptors |= kHasTmp;
    passed.push_back(sandbox.tmp.get());
  }
  return os::send_message(sandbox.blank.socket, bytes_of(head), passed);
}

Result<> Spawner::give_program(Sandbox& sandbox, const Pending& pending) {
  const Spec& spec = pending.request.spec;
  sandbox.id = spec.id;
  sandbox.state = State::Starting;
  serials_.emplace(spec.id, sandbox.serial);
  StemHandles stem = std::move(*sandbox.stem);
  sandbox.stem.reset();
  if (sandbox.services_listener.valid()) sandbox.to_hand_out.push_back(std::move(sandbox.services_listener));
  if (spec.runtime_api_listener) sandbox.to_hand_out.push_back(std::move(sandbox.listener));
  sandbox.listener.reset();
  VIRGA_TRY(give_task(sandbox, stem, spec));
  OrderHead head{pending.request.channels, cgroups_ != nullptr ? 1u : 0u, 0};
  std::string bytes(bytes_of(head));
  bytes += pending.bytes;
  std::vector<int> descriptors;
  descriptors.reserve(pending.channels.size());
  for (const auto& channel : pending.channels) descriptors.push_back(channel.get());
  VIRGA_TRY(watch_program(sandbox));
  sandbox.handed_over = Clock::now();
  return os::send_message(sandbox.program, bytes, descriptors);
}

// Process 2 of a primed blank: its exec closes the socket; before that it says what went wrong, if something does.
void Spawner::read_program(Sandbox& sandbox) {
  // A blank that is being made may still hold a copy of a socket closed here, and then its events go on.
  if (!sandbox.program.valid()) return;
  BlankReport report;
  char buffer[sizeof(report) + 1];
  auto message = os::receive_message(sandbox.program, buffer);
  if (!message && message.error().code() == ErrorCode::Unavailable) return;
  bool is_report = message && message->size == sizeof(report);
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, sandbox.program.get(), nullptr);
  sandbox.program.reset();
  if (sandbox.state != State::Starting || sandbox.killed) return;
  if (!is_report) {
    sandbox.phases.exec = duration_cast<microseconds>(Clock::now() - sandbox.handed_over);
    return program_runs(sandbox);
  }
  std::memcpy(&report, buffer, sizeof(report));
  on_report(sandbox, report, {});
}

// ---- Templates.

Result<> Spawner::add_template(Sandbox& sandbox, std::vector<os::Descriptor>& descriptors) {
  if (descriptors.size() < 2) return fail(ErrorCode::Internal, "a template came without its root");
  os::Descriptor program = std::move(descriptors.back());
  descriptors.pop_back();
  os::Descriptor root = std::move(descriptors.back());
  descriptors.pop_back();
  VIRGA_TRY(forks_.add({.serial = sandbox.serial,
                        .id = sandbox.id,
                        .host_id = sandbox.host_id,
                        .spec = *sandbox.fork_spec,
                        .door = sandbox.blank.socket,
                        .socket = std::move(sandbox.fork_socket),
                        .root = std::move(root),
                        .program = std::move(program)}));
  sandbox.fork_spec.reset();
  return {};
}

void Spawner::on_status(Sandbox& sandbox, int status) {
  sandbox.status = status;
  // The first process of a template stays for the forks that live.
  if (sandbox.stage == Stage::Template && !forks_.on_program_end(sandbox.serial)) end_first_process(sandbox);
}

// ---- Stems.

void Spawner::bind(const Spec& spec) {
  Sandbox* sandbox = find(spec.id);
  if (sandbox == nullptr || sandbox->killed) return;  // its end is told, or on the way
  if (sandbox->state != State::Running || !sandbox->stem) {
    return send(BindFailed{spec.id, Error(ErrorCode::Conflict, "only a stem can be bound, and only once")});
  }
  if (sandbox->tmp.valid() && spec.limits.tmp_bytes != sandbox->limits.tmp_bytes) {
    return send(BindFailed{spec.id, Error(ErrorCode::Conflict, "this stem's /tmp is a disk of another size")});
  }
  sandbox->arrival = Clock::now();
  StemHandles stem = std::move(*sandbox->stem);
  sandbox->stem.reset();
  if (auto given = give_task(*sandbox, stem, spec); !given) {
    send(BindFailed{spec.id, given.error()});
    return end(*sandbox);
  }
  sandbox->phases.total = duration_cast<microseconds>(Clock::now() - sandbox->arrival);
  Bound bound;
  bound.id = spec.id;
  bound.phases = sandbox->phases;
  send(std::move(bound), std::move(sandbox->to_hand_out));
}

Result<> Spawner::give_task(Sandbox& sandbox, const StemHandles& stem, const Spec& spec) {
  if (!home_) {
    VIRGA_TRY_ASSIGN(auto home, Home::remember());
    home_.emplace(std::move(home));
  }
  sandbox.phases = {};
  sandbox.limits = spec.limits;
  // Limits first: what is attached could be run at once.
  auto begin = Clock::now();
  if (sandbox.cgroup != nullptr) VIRGA_TRY(sandbox.cgroup->set_limits(spec.limits));
  VIRGA_TRY(home_->limit(stem, spec.limits, sandbox.cgroup != nullptr));
  sandbox.phases.cgroup = duration_cast<microseconds>(Clock::now() - begin);
  begin = Clock::now();
  StemTrees trees;
  if (!spec.code_directory.empty()) {
    VIRGA_TRY_ASSIGN(trees.code, clone_folder(ground_.roots, spec.code_directory, Access::ReadOnly));
  }
  if (!spec.layer_directories.empty()) {
    VIRGA_TRY_ASSIGN(trees.layers, prepare_layers(ground_.roots, spec.layer_directories, sandbox.layer_folder));
  }
  if (!spec.runtime_directory.empty()) {
    VIRGA_TRY_ASSIGN(trees.runtime, clone_folder(ground_.roots, spec.runtime_directory, Access::ReadOnly));
  }
  VIRGA_TRY_ASSIGN(trees.meminfo, workshop_.clone_meminfo(spec.limits.memory_bytes));
  if (spec.network == Network::Egress) {
    VIRGA_TRY(connect(sandbox));
    VIRGA_TRY_ASSIGN(auto names, home_->connect(stem, *sandbox.egress));
    sandbox.to_hand_out.push_back(std::move(names.datagrams));
    sandbox.to_hand_out.push_back(std::move(names.listener));
    VIRGA_TRY_ASSIGN(trees.resolver, workshop_.clone_resolver());
  }
  VIRGA_TRY(home_->furnish(stem, trees,
                           sandbox.tmp.valid() ? 0 : std::min(spec.limits.tmp_bytes, most_tmp_in_memory(spec.limits))));
  sandbox.phases.mounts = duration_cast<microseconds>(Clock::now() - begin);
  return {};
}

}  // namespace virga::sandbox::spawn
