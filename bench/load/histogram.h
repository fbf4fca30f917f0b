#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

namespace virga::load {

// How often each value was seen, in log-linear buckets as HdrHistogram has them: every value up to 2,047 has a bucket
// of its own, above that each power of two is divided into 1,024. A quantile is the highest value of its bucket (and
// never more than the largest value seen), so it errs upwards by less than 0.1 %. Mean, smallest and largest value are
// exact. The values are whole numbers of any unit. One thread; another's is added with merge().
class Histogram {
 public:
  void record(std::uint64_t value) {
    std::size_t index = bucket(value);
    if (index >= counts_.size()) counts_.resize(index + 1);
    ++counts_[index];
    ++count_;
    sum_ += static_cast<double>(value);
    min_ = std::min(min_, value);
    max_ = std::max(max_, value);
  }

  void merge(const Histogram& other) {
    if (other.counts_.size() > counts_.size()) counts_.resize(other.counts_.size());
    for (std::size_t index = 0; index < other.counts_.size(); ++index) counts_[index] += other.counts_[index];
    count_ += other.count_;
    sum_ += other.sum_;
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
  }

  std::uint64_t count() const { return count_; }
  // All 0 while nothing was recorded.
  std::uint64_t min() const { return count_ == 0 ? 0 : min_; }
  std::uint64_t max() const { return max_; }
  double mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

  // The value that `fraction` (0 to 1) of what was recorded does not exceed.
  std::uint64_t quantile(double fraction) const {
    auto wanted = static_cast<std::uint64_t>(std::ceil(fraction * static_cast<double>(count_)));
    wanted = std::clamp<std::uint64_t>(wanted, 1, std::max<std::uint64_t>(count_, 1));
    std::uint64_t seen = 0;
    for (std::size_t index = 0; index < counts_.size(); ++index) {
      seen += counts_[index];
      if (seen >= wanted) return std::min(highest_of(index), max_);
    }
    return max_;
  }

 private:
  static constexpr unsigned kBits = 10;  // of a value that count, after its leading one
  static constexpr std::uint64_t kHalf = std::uint64_t{1} << kBits;

  // Below 2 * kHalf the value itself; above, `shift` low bits are dropped and each shift has kHalf buckets.
  static std::size_t bucket(std::uint64_t value) {
    if (value < 2 * kHalf) return static_cast<std::size_t>(value);
    unsigned shift = static_cast<unsigned>(std::bit_width(value)) - (kBits + 1);
    return static_cast<std::size_t>(shift * kHalf + (value >> shift));
  }

  static std::uint64_t highest_of(std::size_t index) {
    if (index < 2 * kHalf) return index;
    std::uint64_t shift = index / kHalf - 1;
    std::uint64_t kept = index - shift * kHalf;
    return (kept << shift) + ((std::uint64_t{1} << shift) - 1);
  }

  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  double sum_ = 0;
  std::uint64_t min_ = UINT64_MAX;
  std::uint64_t max_ = 0;
};

}  // namespace virga::load
