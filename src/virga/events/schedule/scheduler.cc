#include "virga/events/schedule/scheduler.h"

#include <algorithm>

#include "virga/base/record.h"
#include "virga/events/internal/timetable.h"
#include "virga/io/event.h"
#include "virga/io/task_group.h"
#include "virga/telemetry/log.h"

namespace virga::events {
namespace {

using internal::Timetable;
using std::chrono::seconds;

constexpr std::uint8_t kFormat = 1;
constexpr std::string_view kPlans = "events/schedule/plan/";        // + id: PlanText
constexpr std::string_view kMarks = "events/schedule/mark/";        // + id: up to when it is done with
constexpr std::string_view kPayloads = "events/schedule/payload/";  // + id
constexpr std::string_view kFired = "events/schedule/fired/";       // + due time + id: FiringRecord
constexpr std::size_t kPage = 1000;
constexpr std::size_t kMostPages = 50;           // that are looked through for one schedule's firings
constexpr std::size_t kMostInFlight = 500;       // firings on their way to the disk
constexpr seconds kLongestSleep{5};              // so that a clock that jumps is noticed
constexpr seconds kRest{1};                      // after the disk refused
constexpr seconds kKept = std::chrono::days(7);  // firings
constexpr seconds kCleaningTime = std::chrono::hours(1);

std::string key(std::string_view prefix, std::string_view id) {
  return std::string(prefix).append(id);
}

// Big-endian, so that keys lie in order of time.
std::string fired_key(UtcTime due, std::string_view id) {
  std::string text(kFired);
  auto number = static_cast<std::uint64_t>(due.time_since_epoch().count());
  for (int shift = 56; shift >= 0; shift -= 8) text += static_cast<char>(number >> shift);
  return text.append(id);
}

std::uint64_t number_of(UtcTime time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}
UtcTime time_of(std::uint64_t number) {
  return UtcTime(seconds(static_cast<std::int64_t>(number)));
}

std::string encode_mark(UtcTime mark) {
  return RecordWriter(kFormat).number(number_of(mark)).take();
}

std::string encode(const FiringRecord& record) {
  RecordWriter writer(kFormat);
  writer.number(static_cast<std::uint64_t>(record.state))
      .text(record.id)
      .number(number_of(record.due))
      .time(record.fired)
      .number(record.missed_to ? 1 : 0)
      .number(record.missed_to ? number_of(*record.missed_to) : 0)
      .text(record.result);
  return writer.take();
}

std::optional<FiringRecord> decode(std::string_view bytes) {
  RecordReader reader(bytes);
  FiringRecord record;
  auto state = reader.number();
  record.id = reader.text();
  record.due = time_of(reader.number());
  record.fired = reader.time();
  bool has_end = reader.number() != 0;
  auto end = time_of(reader.number());
  if (has_end) record.missed_to = end;
  record.result = reader.text();
  if (reader.format() != kFormat || !reader.is_whole() || state > 2) return std::nullopt;
  record.state = static_cast<FiringRecord::State>(state);
  return record;
}

}  // namespace

struct Scheduler::State {
  explicit State(Parts p)
      : parts(p),
        tasks(p.loop),
        next_change(p.loop),
        cleaning(p.loop),
        stop_asked(p.loop),
        sent(p.metrics.counter("virga_schedule_sent_total", "Times for which a schedule did what it is for.")),
        failed(p.metrics.counter("virga_schedule_failed_total", "Times for which a schedule's target took nothing.")),
        missed(p.metrics.counter("virga_schedule_missed_total",
                                 "Firings that found times of before which their plan does not make up for.")) {}

  UtcTime now() const { return std::chrono::floor<seconds>(parts.loop.clock().wall()); }
  ScheduleOwner* owner_of(std::string_view id) const {
    auto found = std::ranges::find_if(owners, [&](const auto& one) { return id.starts_with(one.first); });
    return found == owners.end() ? nullptr : found->second;
  }

  void pump();
  void pump_soon();
  void look_ahead();
  io::Task<void> announce(std::string id);
  io::Task<void> fire(Timetable::Firing firing);
  io::Task<bool> try_to_fire(const Timetable::Firing& firing);
  io::Task<void> forget_old();

  Parts parts;
  std::vector<std::pair<std::string, ScheduleOwner*>> owners;
  Timetable table;
  io::TaskGroup tasks;
  io::Timer next_change;
  io::Timer cleaning;
  io::Event stop_asked;
  bool is_serving = false;
  bool pump_is_due = false;
  std::size_t in_flight = 0;
  std::size_t announcing = 0;
  metrics::Counter& sent;
  metrics::Counter& failed;
  metrics::Counter& missed;
};

Scheduler::Scheduler(Parts parts) : state_(std::make_unique<State>(parts)) {
  auto* state = state_.get();
  parts.metrics.gauge_from("virga_schedules", "Schedules there are, disabled ones included.",
                           [state] { return static_cast<double>(state->table.size()); });
}

Scheduler::~Scheduler() = default;

void Scheduler::add_owner(std::string prefix, ScheduleOwner& owner) {
  state_->owners.emplace_back(std::move(prefix), &owner);
}

Result<> Scheduler::load(const store::Store& store) {
  auto& state = *state_;
  std::string last;
  while (true) {
    VIRGA_TRY_ASSIGN(auto page, store.scan({std::string(kPlans), last, kPage, store::Order::Ascending}));
    for (const auto& [name, value] : page) {
      auto id = name.substr(kPlans.size());
      auto text = PlanText::decode(value);
      auto plan = text ? text->compile(id) : fail(ErrorCode::DataLoss, "its record is damaged");
      if (!plan) {
        log::error("a schedule cannot be read, and does not fire",
                   {{"schedule", id}, {"error", plan.error().message()}});
        continue;
      }
      VIRGA_TRY_ASSIGN(auto bytes, store.get(key(kMarks, id)));
      RecordReader reader(bytes ? *bytes : std::string_view());
      auto mark = time_of(reader.number());
      if (!reader.is_whole()) {
        log::error("it is not known when a schedule fired last; it goes on from now", {{"schedule", id}});
        mark = state.now();
      }
      state.table.put(id, std::move(*plan), mark);
    }
    if (page.size() < kPage) break;
    last = page.back().key;
  }
  return {};
}

void Scheduler::serve() {
  state_->is_serving = true;
  state_->tasks.add(state_->forget_old());
  state_->pump();
}

void Scheduler::close() {
  state_->is_serving = false;
  state_->stop_asked.set();
  state_->next_change.cancel();
  state_->cleaning.cancel();
}

io::Task<void> Scheduler::stop() {
  auto joined = co_await state_->tasks.join();
  (void)joined;
}

// ---- Changing and asking.

Result<std::function<void()>> Scheduler::put(store::Batch& batch, const std::string& id, const PlanText& plan,
                                             std::string_view payload) {
  auto& state = *state_;
  VIRGA_TRY_ASSIGN(auto compiled, plan.compile(id));
  auto mark = std::max(state.now(), state.table.mark(id).value_or(UtcTime()));
  if (plan.start && plan.start == mark) mark -= seconds(1);
  batch.put(key(kPlans, id), plan.encode());
  batch.put(key(kMarks, id), encode_mark(mark));
  batch.put(key(kPayloads, id), payload);
  return [this, id, mark, shared = std::make_shared<Plan>(std::move(compiled))] {
    state_->table.put(id, std::move(*shared), mark);
    state_->pump_soon();
  };
}

std::function<void()> Scheduler::remove(store::Batch& batch, const std::string& id) {
  for (auto prefix : {kPlans, kMarks, kPayloads}) batch.remove(key(prefix, id));
  return [this, id] { state_->table.remove(id); };
}

bool Scheduler::contains(const std::string& id) const {
  return state_->table.contains(id);
}

io::Task<Result<std::optional<std::string>>> Scheduler::payload(std::string id) {
  auto found = co_await state_->parts.store.get(key(kPayloads, id));
  co_return found;
}

io::Task<Result<std::vector<store::Record>>> Scheduler::list(std::string prefix, std::string after, std::size_t limit) {
  store::Range range{key(kPayloads, prefix), after.empty() ? "" : key(kPayloads, after), limit,
                     store::Order::Ascending};
  VIRGA_CO_TRY_ASSIGN(auto records, co_await state_->parts.store.scan(std::move(range)));
  for (auto& record : records) record.key.erase(0, kPayloads.size());
  co_return records;
}

io::Task<Result<std::vector<FiringRecord>>> Scheduler::firings(std::string id, std::size_t limit) {
  std::vector<FiringRecord> found;
  std::string last;
  for (std::size_t i = 0; i < kMostPages; ++i) {
    store::Range range{std::string(kFired), last, kPage, store::Order::Descending};
    VIRGA_CO_TRY_ASSIGN(auto page, co_await state_->parts.store.scan(std::move(range)));
    for (const auto& one : page) {
      auto record = decode(one.value);
      if (record && record->id == id) found.push_back(std::move(*record));
      if (found.size() == limit) co_return found;
    }
    if (page.size() < kPage) break;
    last = page.back().key;
  }
  co_return found;
}

// ---- Firing.

void Scheduler::State::pump_soon() {
  if (pump_is_due) return;
  pump_is_due = true;
  parts.loop.at_end_of_round([this] {
    pump_is_due = false;
    pump();
  });
}

void Scheduler::State::pump() {
  if (!is_serving) return;
  while (in_flight < kMostInFlight) {
    auto firing = table.take(now());
    if (!firing) break;
    ++in_flight;
    tasks.add(fire(std::move(*firing)));
  }
  look_ahead();
  auto next = table.next();
  if (auto coming = table.next_coming()) next = std::min(next.value_or(*coming), *coming - ScheduleOwner::kAhead);
  if (!next || in_flight >= kMostInFlight) {
    next_change.cancel();
    return;
  }
  std::chrono::nanoseconds wait = kLongestSleep;
  // Compared in seconds first: a far year is beyond what nanoseconds can count.
  if (*next - now() < kLongestSleep) {
    wait = std::max<std::chrono::nanoseconds>(*next - parts.loop.clock().wall(), std::chrono::nanoseconds(0));
  }
  next_change.start(io::Deadline::in(parts.loop, wait), [this] { pump(); });
}

// Only what fires at a time that is known anyway: after a pause of Virga everything is late, and nothing is ahead.
void Scheduler::State::look_ahead() {
  auto coming = table.take_coming(now() + ScheduleOwner::kAhead);
  for (auto& id : coming) {
    if (announcing >= kMostInFlight) break;
    ++announcing;
    tasks.add(announce(std::move(id)));
  }
}

io::Task<void> Scheduler::State::announce(std::string id) {
  auto payload = co_await parts.store.get(key(kPayloads, id));
  --announcing;
  auto* owner = owner_of(id);
  if (payload && *payload && owner != nullptr && !stop_asked.is_set()) owner->coming(id, **payload);
}

io::Task<void> Scheduler::State::fire(Timetable::Firing firing) {
  bool is_done = co_await try_to_fire(firing);
  if (is_done) {
    table.done(firing);
  } else {
    auto stopped = co_await stop_asked.wait(io::Deadline::in(parts.loop, kRest));
    (void)stopped;
    table.again(firing);
  }
  --in_flight;
  pump_soon();
}

// False: the disk refused, and nothing has happened.
io::Task<bool> Scheduler::State::try_to_fire(const Timetable::Firing& firing) {
  auto payload = co_await parts.store.get(key(kPayloads, firing.id));
  if (!payload) {
    log::error("a schedule cannot be read, and is tried again",
               {{"schedule", firing.id}, {"error", payload.error().message()}});
    co_return false;
  }
  if (!is_serving) co_return false;
  auto* owner = owner_of(firing.id);
  if (!table.is_current(firing) || owner == nullptr) co_return true;
  store::Batch batch;
  batch.put(key(kMarks, firing.id), encode_mark(firing.mark));
  std::vector<std::function<void()>> arrivals;
  auto wall = parts.loop.clock().wall();
  std::uint64_t good = 0;
  if (firing.missed_from) {
    FiringRecord record{FiringRecord::State::Missed, firing.id, *firing.missed_from, wall, firing.missed_to, ""};
    batch.put(fired_key(record.due, firing.id), encode(record));
  }
  for (auto time : firing.times) {
    Fire fire{firing.id, payload->value_or(""), time, firing.is_last && time == firing.times.back()};
    auto handled = owner->fire(fire, batch);
    FiringRecord record{handled.is_good ? FiringRecord::State::Sent : FiringRecord::State::Failed,
                        firing.id,
                        time,
                        wall,
                        {},
                        std::move(handled.result)};
    if (!handled.is_good) {
      log::warn("a schedule could not do what it is for", {{"schedule", firing.id}, {"problem", record.result}});
    }
    good += handled.is_good ? 1 : 0;
    batch.put(fired_key(time, firing.id), encode(record));
    std::ranges::move(handled.arrivals, std::back_inserter(arrivals));
  }
  auto written = co_await parts.store.commit(std::move(batch));
  if (!written) {
    log::error("what a schedule does cannot be written, and is tried again",
               {{"schedule", firing.id}, {"error", written.error().message()}});
    co_return false;
  }
  for (auto& arrived : arrivals) arrived();
  sent.add(good);
  failed.add(firing.times.size() - good);
  if (firing.missed_from) missed.add();
  co_return true;
}

io::Task<void> Scheduler::State::forget_old() {
  store::Batch batch;
  batch.remove_range(kFired, fired_key(std::max(now() - kKept, UtcTime()), ""));
  auto written = co_await parts.store.commit(std::move(batch));
  (void)written;  // comes again
  if (stop_asked.is_set()) co_return;
  cleaning.start(io::Deadline::in(parts.loop, kCleaningTime), [this] { tasks.add(forget_old()); });
}

}  // namespace virga::events
