#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Figures for Prometheus (text exposition format 0.0.4,
// https://prometheus.io/docs/instrumenting/exposition_formats/). Counting is one relaxed atomic add on a cell that was
// looked up beforehand; looking up a cell, registering and exposing take locks.
//
// Names follow Prometheus's rules (https://prometheus.io/docs/practices/naming/): `virga_` in front, a base unit behind
// (`_seconds`, `_bytes`), `_total` at the end of a counter.
namespace virga::metrics {

// Only goes up. Any thread.
class Counter {
 public:
  void add(std::uint64_t amount = 1) { value_.fetch_add(amount, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

// Goes up and down. Any thread.
class Gauge {
 public:
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void add(std::int64_t amount = 1) { value_.fetch_add(amount, std::memory_order_relaxed); }
  void subtract(std::int64_t amount = 1) { value_.fetch_sub(amount, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_ = 0;
};

// What a histogram is asked to sort: durations are observed in nanoseconds and shown in seconds, sizes are plain.
enum class Unit { Seconds, One };

// Counts observations by size. Any thread; an exposition that runs beside observe() may lack the newest in one of its
// lines, never in the relation between its bucket counts and its count.
class Histogram {
 public:
  // `bounds`: upper bounds (inclusive) in rising order, in the unit shown.
  Histogram(Unit unit, std::span<const double> bounds);

  void observe(std::chrono::nanoseconds duration) { observe(static_cast<std::uint64_t>(duration.count())); }
  void observe(std::uint64_t value);

  struct Snapshot {
    std::vector<std::uint64_t> buckets;  // not cumulative; the last one holds what is above every bound
    std::uint64_t count = 0;
    double sum = 0;
  };
  Snapshot snapshot() const;
  std::span<const double> bounds() const { return bounds_; }

 private:
  const Unit unit_;
  std::vector<double> bounds_;
  std::vector<std::uint64_t> limits_;  // the bounds as observed
  std::vector<std::atomic<std::uint64_t>> buckets_;
  std::atomic<std::uint64_t> sum_ = 0;
};

// 100 µs to 100 s, three bounds for each power of ten.
std::span<const double> duration_bounds();
// 256 bytes to 256 MiB, one bound for each power of four.
std::span<const double> size_bounds();

// The cells of one name, told apart by label values. Owned by the Registry; any thread.
template <typename Cell>
class Family {
 public:
  virtual ~Family() = default;
  // The cell of these values, made if new; one value for each label name, in their order. Ask once and keep the answer.
  // It is shared because the family may remove it while its user still counts. From kMaxCells on, new values share a
  // cell whose labels are all "other", so that no tenant can fill the memory with names.
  virtual std::shared_ptr<Cell> with(std::initializer_list<std::string_view> values) = 0;
  // No longer shown. For what ceased to exist, like a deleted function.
  virtual void remove(std::initializer_list<std::string_view> values) = 0;
};
inline constexpr std::size_t kMaxCells = 5000;

// All figures of one server. Owned by it; outlives everything that counts. Any thread.
//
// Each name is registered once, with a help text; a malformed or repeated name is a bug and stops the process.
class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Without labels; the references live as long as the registry.
  Counter& counter(std::string_view name, std::string_view help);
  Gauge& gauge(std::string_view name, std::string_view help);
  Histogram& histogram(std::string_view name, std::string_view help, Unit unit, std::span<const double> bounds);

  using Labels = std::initializer_list<std::string_view>;
  Family<Counter>& counters(std::string_view name, std::string_view help, Labels labels);
  Family<Gauge>& gauges(std::string_view name, std::string_view help, Labels labels);
  Family<Histogram>& histograms(std::string_view name, std::string_view help, Labels labels, Unit unit,
                                std::span<const double> bounds);

  // Asked at each exposition, on the thread that exposes. What it reads outlives the registry or is captured by value.
  void counter_from(std::string_view name, std::string_view help, std::function<double()> read);
  void gauge_from(std::string_view name, std::string_view help, std::function<double()> read);

  // The whole page, families in the order of their registration.
  std::string expose() const;

  // One name with its type, help and cells: the private part of a family.
  class Entry;

 private:
  template <typename E, typename... Arguments>
  E& add(std::string_view name, std::string_view help, Labels labels, Arguments&&... arguments);

  mutable std::mutex mutex_;  // guards entries_; a family guards its own cells
  std::vector<std::unique_ptr<Entry>> entries_;
};

// The Content-Type of expose().
inline constexpr std::string_view kExpositionType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace virga::metrics
