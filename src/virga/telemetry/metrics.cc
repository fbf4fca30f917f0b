#include "virga/telemetry/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "virga/base/assert.h"
#include "virga/telemetry/internal/entry.h"

namespace virga::metrics {
namespace {

constexpr double kNanosecondsPerSecond = 1e9;

std::vector<std::string> to_strings(std::initializer_list<std::string_view> texts) {
  return {texts.begin(), texts.end()};
}

template <typename Cell>
constexpr std::string_view kTypeName = "";
template <>
constexpr std::string_view kTypeName<Counter> = "counter";
template <>
constexpr std::string_view kTypeName<Gauge> = "gauge";
template <>
constexpr std::string_view kTypeName<Histogram> = "histogram";

template <typename Cell>
class FamilyEntry final : public Registry::Entry, public Family<Cell> {
 public:
  FamilyEntry(std::string name, std::string help, std::vector<std::string> labels,
              std::function<std::shared_ptr<Cell>()> make)
      : Entry(std::move(name), std::move(help)), labels_(std::move(labels)), make_(std::move(make)) {}

  std::shared_ptr<Cell> with(std::initializer_list<std::string_view> values) override {
    VIRGA_ASSERT(values.size() == labels_.size());
    auto key = to_strings(values);
    const std::lock_guard lock(mutex_);
    if (const auto found = cells_.find(key); found != cells_.end()) return found->second;
    if (cells_.size() >= kMaxCells) key.assign(labels_.size(), "other");
    auto& cell = cells_[std::move(key)];
    if (!cell) cell = make_();
    return cell;
  }

  void remove(std::initializer_list<std::string_view> values) override {
    const std::lock_guard lock(mutex_);
    cells_.erase(to_strings(values));
  }

 protected:
  std::string_view type() const override { return kTypeName<Cell>; }

  void expose_cells(std::string& out) const override {
    const std::lock_guard lock(mutex_);
    for (const auto& [values, cell] : cells_) expose_cell(out, label_text(labels_, values), *cell);
  }

 private:
  void expose_cell(std::string& out, const std::string& labels, const Cell& cell) const {
    if constexpr (std::is_same_v<Cell, Histogram>) {
      const auto snapshot = cell.snapshot();
      std::uint64_t cumulative = 0;
      for (std::size_t i = 0; i < snapshot.buckets.size(); ++i) {
        cumulative += snapshot.buckets[i];
        const std::string bound = i < cell.bounds().size() ? number_text(cell.bounds()[i]) : "+Inf";
        this->expose_line(out, "_bucket", fmt::format("{}{}le=\"{}\"", labels, labels.empty() ? "" : ",", bound),
                          fmt::format("{}", cumulative));
      }
      this->expose_line(out, "_sum", labels, number_text(snapshot.sum));
      this->expose_line(out, "_count", labels, fmt::format("{}", snapshot.count));
    } else {
      this->expose_line(out, "", labels, fmt::format("{}", cell.value()));
    }
  }

  const std::vector<std::string> labels_;
  const std::function<std::shared_ptr<Cell>()> make_;
  mutable std::mutex mutex_;
  std::map<std::vector<std::string>, std::shared_ptr<Cell>> cells_;
};

class FunctionEntry final : public Registry::Entry {
 public:
  FunctionEntry(std::string name, std::string help, std::string_view type, std::function<double()> read)
      : Entry(std::move(name), std::move(help)), type_(type), read_(std::move(read)) {}

 protected:
  std::string_view type() const override { return type_; }
  void expose_cells(std::string& out) const override { expose_line(out, "", "", number_text(read_())); }

 private:
  const std::string_view type_;
  const std::function<double()> read_;
};

}  // namespace

Histogram::Histogram(Unit unit, std::span<const double> bounds)
    : unit_(unit), bounds_(bounds.begin(), bounds.end()), buckets_(bounds.size() + 1) {
  VIRGA_ASSERT(std::ranges::is_sorted(bounds_, std::less_equal()));
  const double scale = unit == Unit::Seconds ? kNanosecondsPerSecond : 1;
  for (const double bound : bounds_) limits_.push_back(static_cast<std::uint64_t>(std::llround(bound * scale)));
}

void Histogram::observe(std::uint64_t value) {
  const auto place = std::ranges::lower_bound(limits_, value) - limits_.begin();
  buckets_[static_cast<std::size_t>(place)].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

Histogram::Snapshot Histogram::snapshot() const {
  Snapshot result;
  for (const auto& bucket : buckets_) {
    result.buckets.push_back(bucket.load(std::memory_order_relaxed));
    result.count += result.buckets.back();
  }
  const auto sum = static_cast<double>(sum_.load(std::memory_order_relaxed));
  result.sum = unit_ == Unit::Seconds ? sum / kNanosecondsPerSecond : sum;
  return result;
}

std::span<const double> duration_bounds() {
  static constexpr std::array kBounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                      0.25,   0.5,     1.0,    2.5,   5.0,    10.0,  25.0, 50.0,  100.0};
  return kBounds;
}

std::span<const double> size_bounds() {
  static constexpr std::array kBounds{256.0,     1024.0,    4096.0,     16384.0,    65536.0,    262144.0,
                                      1048576.0, 4194304.0, 16777216.0, 67108864.0, 268435456.0};
  return kBounds;
}

Registry::Registry() = default;
Registry::~Registry() = default;

template <typename E, typename... Arguments>
E& Registry::add(std::string_view name, std::string_view help, Labels labels, Arguments&&... arguments) {
  VIRGA_ASSERT(is_metric_name(name) && !help.empty());
  VIRGA_ASSERT(std::ranges::all_of(labels, is_label_name));
  auto entry = std::make_unique<E>(std::string(name), std::string(help), std::forward<Arguments>(arguments)...);
  E& result = *entry;
  const std::lock_guard lock(mutex_);
  VIRGA_ASSERT(std::ranges::none_of(entries_, [&](const auto& other) { return other->name() == name; }));
  entries_.push_back(std::move(entry));
  return result;
}

Family<Counter>& Registry::counters(std::string_view name, std::string_view help, Labels labels) {
  return add<FamilyEntry<Counter>>(name, help, labels, to_strings(labels), [] { return std::make_shared<Counter>(); });
}

Family<Gauge>& Registry::gauges(std::string_view name, std::string_view help, Labels labels) {
  return add<FamilyEntry<Gauge>>(name, help, labels, to_strings(labels), [] { return std::make_shared<Gauge>(); });
}

Family<Histogram>& Registry::histograms(std::string_view name, std::string_view help, Labels labels, Unit unit,
                                        std::span<const double> bounds) {
  return add<FamilyEntry<Histogram>>(
      name, help, labels, to_strings(labels),
      [unit, kept = std::vector(bounds.begin(), bounds.end())] { return std::make_shared<Histogram>(unit, kept); });
}

// A family without labels has one cell, which it keeps for as long as it lives.
Counter& Registry::counter(std::string_view name, std::string_view help) {
  return *counters(name, help, {}).with({});
}

Gauge& Registry::gauge(std::string_view name, std::string_view help) {
  return *gauges(name, help, {}).with({});
}

Histogram& Registry::histogram(std::string_view name, std::string_view help, Unit unit,
                               std::span<const double> bounds) {
  return *histograms(name, help, {}, unit, bounds).with({});
}

void Registry::counter_from(std::string_view name, std::string_view help, std::function<double()> read) {
  add<FunctionEntry>(name, help, {}, kTypeName<Counter>, std::move(read));
}

void Registry::gauge_from(std::string_view name, std::string_view help, std::function<double()> read) {
  add<FunctionEntry>(name, help, {}, kTypeName<Gauge>, std::move(read));
}

std::string Registry::expose() const {
  std::string out;
  const std::lock_guard lock(mutex_);
  for (const auto& entry : entries_) entry->expose(out);
  return out;
}

}  // namespace virga::metrics
