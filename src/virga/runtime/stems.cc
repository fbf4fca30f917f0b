#include "virga/runtime/stems.h"

#include <algorithm>
#include <cmath>

#include "virga/runtime/launch.h"
#include "virga/telemetry/log.h"

namespace virga::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// What a stem is taken to cost before one of its kind was measured.
constexpr std::uint64_t kUnknownCost = 48ull << 20;
constexpr seconds kHalfLife{10};
constexpr seconds kLookTime{5};         // between two looks for stems that are too many
constexpr seconds kBootTime{60};        // a stem that has not booted by then is given up; it yields to everything else
constexpr milliseconds kQuiet{2};       // without an instance that starts, before a boot begins
constexpr milliseconds kLongest{1000};  // that a boot waits for it
constexpr seconds kFirstRetry{1};
constexpr seconds kLastRetry{60};
constexpr std::uint32_t kMostFailures = 3;

}  // namespace

Stems::Hold::Hold(Stems* stems) : stems_(stems) {
  ++stems_->holds_;
  stems_->quiet_.reset();
}

Stems::Hold::~Hold() {
  if (stems_ != nullptr && --stems_->holds_ == 0) stems_->quiet_.set();
}

Stems::Stems(io::Loop& loop, Sandboxes& sandboxes, Options options)
    : loop_(loop), sandboxes_(sandboxes), options_(options), tasks_(loop), changed_(loop), quiet_(loop) {
  is_off_ = options_.memory_budget == 0;
  quiet_.set();
}

Stems::~Stems() = default;

void Stems::add_use(const StemKind& kind) {
  auto& shelf = shelves_[kind];
  if (shelf.uses++ == 0) {
    shelf.wanted_at = loop_.now();
    changed_.set();
  }
}

void Stems::drop_use(const StemKind& kind) {
  auto found = shelves_.find(kind);
  if (found == shelves_.end() || found->second.uses == 0) return;
  if (--found->second.uses == 0) changed_.set();
}

Stems::Taken Stems::take(const InstancePlan& plan) {
  if (is_off_) return {nullptr, "stems are off"};
  if (!plan.cold_reason.empty()) return {nullptr, plan.cold_reason};
  auto kind = stem_kind(*plan.runtime, plan.version->config.memory);
  if (!kind) return {nullptr, "its runtime has no stems"};
  auto& shelf = shelves_[*kind];
  shelf.demand = demand(shelf) + 1;
  shelf.demand_at = shelf.wanted_at = loop_.now();
  changed_.set();
  auto best = std::ranges::find_if(shelf.stems, [](const auto& stem) { return stem->has_booted && !stem->is_broken; });
  // One that still boots is ahead of a start from nothing, but not of one with derived files that a stem lacks: with
  // its class archive a JVM is there in half the time.
  if (best == shelf.stems.end() && !plan.starts_prepared) {
    best = std::ranges::find_if(shelf.stems, [](const auto& stem) { return !stem->is_broken; });
  }
  if (best == shelf.stems.end()) return {nullptr, shelf.stems.empty() ? "no stem was waiting" : "no stem had booted"};
  auto stem = std::move(*best);
  shelf.stems.erase(best);
  ++taken_;
  stem->settled->set();
  return {std::move(stem), ""};
}

void Stems::bind_failed(const Error& error) {
  log::warn("stem not bound", {{"error", error}});
  if (++failures_ < kMostFailures || is_off_) return;
  is_off_ = true;
  log::error("stems are off: this machine does not let a waiting sandbox get its function", {{"error", error}});
  changed_.set();
}

std::size_t Stems::count() const {
  std::size_t total = 0;
  for (const auto& [kind, shelf] : shelves_) total += shelf.stems.size();
  return total;
}

std::size_t Stems::count_booted() const {
  std::size_t total = 0;
  for (const auto& [kind, shelf] : shelves_) {
    total += static_cast<std::size_t>(std::ranges::count_if(shelf.stems, &Stem::has_booted));
  }
  return total;
}

double Stems::demand(Shelf& shelf) const {
  std::chrono::duration<double> passed = loop_.now() - shelf.demand_at;
  return shelf.demand * std::exp2(-passed / kHalfLife);
}

std::uint32_t Stems::target(Shelf& shelf) {
  if (is_off_ || stopping_ || shelf.uses == 0) return 0;
  return std::min(options_.most_of_a_kind, 1 + static_cast<std::uint32_t>(demand(shelf) / 2));
}

std::uint64_t Stems::memory() const {
  std::uint64_t total = 0;
  for (const auto& [kind, shelf] : shelves_) {
    total += (shelf.stems.size() + shelf.booting) * (shelf.cost != 0 ? shelf.cost : kUnknownCost);
  }
  return total;
}

void Stems::drop(Shelf& shelf, std::size_t index) {
  auto at = shelf.stems.begin() + static_cast<std::ptrdiff_t>(index);
  auto stem = std::move(*at);
  shelf.stems.erase(at);
  stem->settled->set();
  sandboxes_.kill(stem->sandbox);
  tasks_.add(discard(std::move(stem)));
}

void Stems::trim() {
  for (auto& [kind, shelf] : shelves_) {
    for (std::size_t i = shelf.stems.size(); i-- > 0;) {
      if (shelf.stems[i]->is_broken || shelf.stems.size() > target(shelf)) drop(shelf, i);
    }
  }
  std::erase_if(shelves_, [](const auto& entry) {
    return entry.second.uses == 0 && entry.second.stems.empty() && entry.second.booting == 0;
  });
}

// Within the budget, if need be in the place of stems that nobody has wanted for longer.
bool Stems::make_room(const Shelf& wanted, std::uint64_t bytes) {
  while (memory() + bytes > options_.memory_budget) {
    Shelf* oldest = nullptr;
    for (auto& [kind, shelf] : shelves_) {
      if (shelf.stems.empty() || shelf.wanted_at >= wanted.wanted_at) continue;
      if (oldest == nullptr || shelf.wanted_at < oldest->wanted_at) oldest = &shelf;
    }
    if (oldest == nullptr) return false;
    drop(*oldest, oldest->stems.size() - 1);
  }
  return true;
}

const StemKind* Stems::next_to_boot() {
  std::vector<std::pair<const StemKind*, Shelf*>> lacking;
  for (auto& [kind, shelf] : shelves_) {
    if (shelf.stems.size() + shelf.booting < target(shelf) && shelf.retry_at <= loop_.now()) {
      lacking.emplace_back(&kind, &shelf);
    }
  }
  // A first one before a second one; then what was wanted last.
  std::ranges::sort(lacking, [](const auto& a, const auto& b) {
    bool a_has = !a.second->stems.empty();
    bool b_has = !b.second->stems.empty();
    return a_has != b_has ? b_has : a.second->wanted_at > b.second->wanted_at;
  });
  for (auto& [kind, shelf] : lacking) {
    if (make_room(*shelf, shelf->cost != 0 ? shelf->cost : kUnknownCost)) return kind;
  }
  return nullptr;
}

io::Task<void> Stems::wait_for_quiet() {
  auto latest = loop_.clock().steady() + kLongest;
  while (!stopping_ && loop_.clock().steady() < latest) {
    auto quiet = co_await quiet_.wait(io::Deadline::at(latest));
    (void)quiet;
    co_await io::sleep_until(loop_, io::Deadline::in(loop_, kQuiet));
    if (holds_ == 0) co_return;
  }
}

io::Task<void> Stems::keep() {
  while (!stopping_) {
    trim();
    if (next_to_boot() == nullptr) {
      changed_.reset();
      auto changed = co_await changed_.wait(io::Deadline::in(loop_, kLookTime));
      (void)changed;
      continue;
    }
    co_await wait_for_quiet();
    if (stopping_) co_return;
    // What was lacking a moment ago need not be lacking now.
    if (const auto* kind = next_to_boot()) {
      StemKind chosen = *kind;
      co_await boot(chosen);
    }
  }
}

io::Task<void> Stems::boot(StemKind kind) {
  ++shelves_[kind].booting;
  auto stem = std::make_unique<Stem>(loop_);
  auto spec = stem_spec(kind);
  auto id = spec.id = stem->sandbox = sandboxes_.next_id();
  Sandboxes::OnEnded on_ended = [this, kind, id](const sandbox::Ended&) { sandbox_ended(kind, id); };
  auto launched = co_await launch(loop_, sandboxes_, std::move(spec), "", *stem, std::move(on_ended));
  --shelves_[kind].booting;
  if (launched) {
    stem->frames = std::move(launched->frames);
    stem->output.emplace(std::move(launched->output));
    stem->frames->rehearse();
    auto settled = stem->settled;
    if (stopping_) settled->set();
    shelves_[kind].stems.push_back(std::move(stem));
    auto waited = co_await settled->wait(io::Deadline::in(loop_, kBootTime));
    (void)waited;
  }
  auto& shelf = shelves_[kind];
  auto found = std::ranges::find(shelf.stems, id, [](const auto& each) { return each->sandbox; });
  bool is_there = found != shelf.stems.end();
  if (is_there && (*found)->has_booted && !(*found)->is_broken) {
    shelf.faults = 0;
    auto usage = co_await sandboxes_.usage(id);
    if (usage && usage->memory_bytes > 0) {
      auto& measured = shelves_[kind];
      measured.cost = std::max(measured.cost, usage->memory_bytes);
    }
    co_return;
  }
  if (launched && !is_there) co_return;  // taken while it booted, or dropped
  back_off(shelf);
  log::warn("stem not booted",
            {{"runtime", kind.runtime->name},
             {"error", launched ? "it did not say that it has booted" : launched.error().message()}});
  if (!is_there) co_return;
  ++lost_;
  drop(shelf, static_cast<std::size_t>(found - shelf.stems.begin()));
}

// What fails to boot will most likely do so again.
void Stems::back_off(Shelf& shelf) {
  auto wait = std::min<seconds>(kFirstRetry * (1 << std::min<std::uint32_t>(shelf.faults, 6)), kLastRetry);
  ++shelf.faults;
  shelf.retry_at = loop_.clock().steady() + wait;
}

io::Task<void> Stems::discard(std::unique_ptr<Stem> stem) {
  if (stem->output) stem->output->close();
  if (stem->frames) co_await stem->frames->stop();
}

void Stems::sandbox_ended(const StemKind& kind, std::uint64_t sandbox) {
  auto shelf = shelves_.find(kind);
  if (shelf == shelves_.end()) return;
  auto found = std::ranges::find(shelf->second.stems, sandbox, [](const auto& stem) { return stem->sandbox; });
  if (found == shelf->second.stems.end()) return;
  auto stem = std::move(*found);
  shelf->second.stems.erase(found);
  stem->is_broken = true;
  stem->settled->set();
  ++lost_;
  if (!stem->has_booted) back_off(shelf->second);
  tasks_.add(discard(std::move(stem)));
  changed_.set();
}

io::Task<void> Stems::stop() {
  stopping_ = true;
  changed_.set();
  quiet_.set();
  for (auto& [kind, shelf] : shelves_) {
    while (!shelf.stems.empty()) drop(shelf, 0);
  }
  auto joined = co_await tasks_.join();
  (void)joined;
}

}  // namespace virga::runtime
