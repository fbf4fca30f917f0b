#include "bench/keepalive/generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace virga::bench {
namespace {

// Between a uniform number's bits and what the standard library makes of them lies nothing that differs from one
// library to the next: distributions are made here, so that a seed means the same everywhere.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}

  double uniform() { return (static_cast<double>(engine_() >> 11) + 0.5) * 0x1p-53; }  // in (0, 1)
  double normal() { return std::sqrt(-2 * std::log(uniform())) * std::cos(2 * M_PI * uniform()); }
  double lognormal(double mu, double sigma) { return std::exp(mu + sigma * normal()); }
  double exponential(double mean) { return -mean * std::log(uniform()); }
  double between(double low, double high) { return low * std::pow(high / low, uniform()); }  // even in the logarithm
  double burr(double c, double k, double lambda) {
    return lambda * std::pow(std::pow(1 - uniform(), -1 / k) - 1, 1 / c);
  }

 private:
  std::mt19937_64 engine_;
};

constexpr double kLongest = 900;        // seconds a call may take
constexpr double kMostAtOnce = 40;      // calls of one function under way on the average
constexpr double kMostLean = 8;         // see draw_rates
constexpr double kBurstSize = 15;       // calls of a burst on the average
constexpr double kBurstGap = 0.5;       // seconds between them on the average
constexpr double kDurationNoise = 0.5;  // sigma of the calls of one function around its own mean

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

// Calls a day of each function, ascending. The functions between once an hour and once a minute lean towards the hour
// as far as the share of the top asks for, up to a bound: even if each were called just once an hour, the share could
// not be had when there are few calls in all (with 2 million, 540 such functions make 0.65 % alone).
std::vector<double> draw_rates(const Shape& shape, Dice& dice) {
  auto count = static_cast<double>(shape.functions);
  auto rare = static_cast<std::size_t>(std::lround(count * shape.hourly));
  auto some = static_cast<std::size_t>(std::lround(count * shape.minutely)) - rare;
  auto often = shape.functions - rare - some;
  auto total = static_cast<double>(shape.calls);
  std::vector<double> low;
  for (std::size_t i = 0; i < rare; ++i) low.push_back(dice.between(1, shape.hours));
  std::vector<double> position;
  for (std::size_t i = 0; i < some; ++i) position.push_back(dice.uniform());
  auto middle = [&](double lean) {
    std::vector<double> rates;
    for (auto u : position) rates.push_back(shape.hours * std::pow(60, std::pow(u, lean)));
    return rates;
  };
  double least = 1;
  double most = kMostLean;
  for (int i = 0; i < 40; ++i) {
    double lean = (least + most) / 2;
    (sum(low) + sum(middle(lean)) > total * (1 - shape.top_share) ? least : most) = lean;
  }
  auto rates = std::move(low);
  for (auto rate : middle(least)) rates.push_back(rate);
  // The top: from once a minute upwards by a power law, whose steepness makes the sum.
  auto rest = total - sum(rates);
  std::vector<double> rank;
  for (std::size_t i = 0; i < often; ++i) rank.push_back(dice.uniform());
  auto top = [&](double steepness) {
    std::vector<double> values;
    for (auto u : rank) values.push_back(shape.hours * 60 * std::pow(u, -steepness));
    return values;
  };
  double flat = 0;
  double steep = 4;
  for (int i = 0; i < 60; ++i) {
    double middle_of = (flat + steep) / 2;
    (sum(top(middle_of)) < rest ? flat : steep) = middle_of;
  }
  for (auto rate : top(flat)) rates.push_back(rate);
  return rates;
}

std::vector<double> arrivals(const Shape& shape, Dice& dice, double rate) {
  std::vector<double> times;
  auto length = shape.hours * 3600;
  auto gap = 3600 * shape.hours / rate;
  auto kind = dice.uniform();
  if (kind < shape.periodic) {
    for (double t = gap * dice.uniform(); t < length; t += gap) times.push_back(t + 0.01 * gap * dice.uniform());
  } else if (kind < shape.periodic + shape.bursty) {
    auto size = std::clamp(rate / 4, 1.0, kBurstSize);  // a rare one has some bursts a day too
    for (double t = dice.exponential(gap * size); t < length; t += dice.exponential(gap * size)) {
      double at = t;
      do {
        times.push_back(at);
        at += dice.exponential(std::min(kBurstGap, gap / 10));
      } while (dice.uniform() > 1 / size);
    }
  } else {
    for (double t = dice.exponential(gap); t < length; t += dice.exponential(gap)) times.push_back(t);
  }
  std::erase_if(times, [length](double t) { return t >= length; });
  return times;
}

Time seconds(double value) {
  return Time(static_cast<std::int64_t>(value * 1e6));
}

}  // namespace

Time draw_start_cost(const std::string& name, std::uint64_t seed) {
  std::uint64_t hash = 14695981039346656037U ^ seed;  // FNV-1a
  for (unsigned char c : name) hash = (hash ^ c) * 1099511628211U;
  Dice dice(hash);
  return seconds(0.4 * dice.lognormal(0, 1));
}

Trace generate(const Shape& shape) {
  Dice dice(shape.seed);
  Trace trace;
  auto rates = draw_rates(shape, dice);
  for (std::size_t i = 0; i < rates.size(); ++i) {
    TraceFunction function;
    function.name = fmt::format("f{:05}", i);
    function.memory = static_cast<std::uint64_t>(dice.burr(11.652, 0.221, 107.083) * (1 << 20));
    function.start_cost = draw_start_cost(function.name, shape.seed);
    // Drawn again where a function would run in more copies than a machine has room for: such a one exists in no
    // trace of this size.
    double duration = 0;
    auto per_second = rates[i] / (shape.hours * 3600);
    do {
      duration = dice.lognormal(-0.38, 2.36);
    } while (duration > kLongest || duration * per_second > kMostAtOnce);
    for (auto time : arrivals(shape, dice, rates[i])) {
      auto noise = dice.lognormal(-kDurationNoise * kDurationNoise / 2, kDurationNoise);
      trace.calls.push_back({seconds(time), seconds(std::min(kLongest, duration * noise)),
                             static_cast<std::uint32_t>(trace.functions.size())});
    }
    trace.functions.push_back(std::move(function));
  }
  std::sort(trace.calls.begin(), trace.calls.end(), [](const auto& a, const auto& b) {
    return a.arrival != b.arrival ? a.arrival < b.arrival : a.function < b.function;
  });
  return trace;
}

std::string describe(const Trace& trace) {
  std::vector<double> counts(trace.functions.size());
  double busy = 0;
  for (const auto& call : trace.calls) {
    ++counts[call.function];
    busy += static_cast<double>(call.duration.count()) * 1e-6;
  }
  auto hours = trace.calls.empty() ? 1 : static_cast<double>(trace.calls.back().arrival.count()) / 3.6e9;
  std::sort(counts.begin(), counts.end());
  auto at_most = [&](double an_hour) {
    auto end = std::upper_bound(counts.begin(), counts.end(), an_hour * hours * 1.02);
    return 100.0 * static_cast<double>(end - counts.begin()) / static_cast<double>(counts.size());
  };
  auto top = static_cast<std::size_t>(0.186 * static_cast<double>(counts.size()));
  auto total = sum(counts);
  auto share = std::accumulate(counts.end() - static_cast<std::ptrdiff_t>(top), counts.end(), 0.0) / total;
  return fmt::format(
      "{} functions, {} calls in {:.1f} h; {:.1f} % of functions called at most once an hour, {:.1f} % at most once a "
      "minute; the top 18.6 % make {:.2f} % of calls; {:.0f} calls run at once on the average",
      counts.size(), trace.calls.size(), hours, at_most(1), at_most(60), 100 * share, busy / (hours * 3600));
}

}  // namespace virga::bench
