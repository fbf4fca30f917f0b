#pragma once

#include <optional>
#include <vector>

#include "bench/load/results.h"

namespace virga::load {

// When a rate counts as held.
struct Conditions {
  double success_ratio = 0.9999;  // at least
  double mean_ms = 60;            // below

  bool hold(const Results& results) const;
};

struct SearchLimits {
  double lowest = 1000;  // requests a second
  double highest = 100'000;
  double precision = 0.05;  // ends when the highest held and the lowest missed rate are so close
  unsigned runs = 10;       // at most
};

// Finds the highest rate that holds: doubles from the lowest until one misses, then halves the gap. Pure: the caller
// makes the runs. If the lowest misses, it goes down from there.
//
//   while (auto rate = search.next()) search.record(*rate, ...);
class Search {
 public:
  explicit Search(const SearchLimits& limits) : limits_(limits) {}

  // The rate to try, or nothing when the search is over.
  std::optional<double> next() const;
  void record(double rate, bool held);

  // Nothing: no rate that was tried held.
  std::optional<double> best() const { return held_; }

 private:
  SearchLimits limits_;
  std::optional<double> held_;    // the highest that held
  std::optional<double> missed_;  // the lowest that did not
  unsigned runs_ = 0;
};

}  // namespace virga::load
