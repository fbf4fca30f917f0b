#include "virga/events/schedule/zone.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

namespace virga::events {
namespace {

using std::chrono::days;
using std::chrono::seconds;
using std::chrono::sys_days;

constexpr std::size_t kMostBytes = 1 << 20;  // of a file; real ones have up to 4 KB

// Names come from callers: nothing but the letters of real ones, and no way out of the folder.
bool is_zone_name(std::string_view name) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+/";
  return !name.empty() && name.size() <= 64 && name.find_first_not_of(kLetters) == name.npos && name.front() != '/' &&
         name.back() != '/' && name.find("//") == name.npos;
}

}  // namespace

// ---- The rule behind the last entry (POSIX TZ with the extensions of RFC 8536 §3.3.1).

class Zone::RuleReader {
 public:
  explicit RuleReader(std::string_view text) : text_(text) {}

  std::optional<Rule> read() {
    Rule rule;
    if (!name()) return std::nullopt;
    auto west = time();
    if (!west) return std::nullopt;
    rule.standard = -*west;
    rule.summer = rule.standard + seconds(3600);
    if (text_.empty()) return rule;
    rule.has_summer = true;
    if (!name()) return std::nullopt;
    if (!text_.empty() && text_.front() != ',') {
      auto summer = time();
      if (!summer) return std::nullopt;
      rule.summer = -*summer;
    }
    if (!day(rule.begin) || !day(rule.end) || !text_.empty()) return std::nullopt;
    return rule;
  }

 private:
  bool take(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool name() {
    if (take('<')) {
      auto end = text_.find('>');
      if (end == text_.npos) return false;
      text_.remove_prefix(end + 1);
      return true;
    }
    std::size_t length = 0;
    while (length < text_.size() && ((text_[length] | 32) >= 'a' && (text_[length] | 32) <= 'z')) ++length;
    text_.remove_prefix(length);
    return length >= 3;
  }
  std::optional<int> number() {
    int value = 0;
    std::size_t length = 0;
    for (; length < text_.size() && length < 4 && text_[length] >= '0' && text_[length] <= '9'; ++length) {
      value = value * 10 + (text_[length] - '0');
    }
    text_.remove_prefix(length);
    return length == 0 ? std::nullopt : std::optional(value);
  }
  std::optional<seconds> time() {
    bool is_negative = take('-');
    if (!is_negative) (void)take('+');
    seconds sum{};
    seconds unit{3600};
    do {
      auto part = number();
      if (!part) return std::nullopt;
      sum += *part * unit;
      unit /= 60;
    } while (unit.count() > 0 && take(':'));
    return is_negative ? -sum : sum;
  }
  bool day(RuleDay& day) {
    if (!take(',')) return false;
    if (take('M')) {
      auto month = number();
      auto week = take('.') ? number() : std::nullopt;
      auto weekday = take('.') ? number() : std::nullopt;
      if (!month || !week || !weekday || *month < 1 || *month > 12 || *week < 1 || *week > 5 || *weekday > 6)
        return false;
      day.month = static_cast<unsigned>(*month);
      day.week = static_cast<unsigned>(*week);
      day.weekday = static_cast<unsigned>(*weekday);
    } else {
      day.form = take('J') ? RuleDay::Form::DayWithoutLeap : RuleDay::Form::Day;
      auto number = this->number();
      if (!number || *number > 365) return false;
      day.day = *number;
    }
    if (!take('/')) return true;
    auto time = this->time();
    if (time) day.time = *time;
    return time.has_value();
  }

  std::string_view text_;
};

UtcTime Zone::change_in(const RuleDay& day, std::chrono::year year, seconds offset_before) {
  namespace c = std::chrono;
  sys_days date = year / c::January / 1;
  switch (day.form) {
    case RuleDay::Form::MonthWeekDay: {
      c::weekday weekday(day.weekday);
      auto month = year / c::month(day.month);
      date = day.week == 5 ? sys_days(month / weekday[c::last]) : sys_days(month / weekday[day.week]);
      break;
    }
    case RuleDay::Form::Day:
      date += days(day.day);
      break;
    case RuleDay::Form::DayWithoutLeap:
      date += days(day.day - 1 + (year.is_leap() && day.day > 59 ? 1 : 0));
      break;
  }
  return UtcTime(date) + day.time - offset_before;
}

seconds Zone::offset_by(const Rule& rule, UtcTime time) {
  if (!rule.has_summer) return rule.standard;
  auto year = std::chrono::year_month_day(std::chrono::floor<days>(time + rule.standard)).year();
  auto begin = change_in(rule.begin, year, rule.standard);
  auto end = change_in(rule.end, year, rule.summer);
  bool is_summer = begin < end ? time >= begin && time < end : time >= begin || time < end;
  return is_summer ? rule.summer : rule.standard;
}

// ---- The file.

class Zone::Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::optional<Data> read() {
    Header header;
    // The first block is for readers of version 1, with times of four bytes.
    if (!read_header(header) || header.version < '2' || !skip(size_of(header, 4)) || !read_header(header)) {
      return std::nullopt;
    }
    Data data;
    if (header.types == 0 || rest_.size() < size_of(header, 8) || header.times > kMostBytes) return std::nullopt;
    std::vector<UtcTime> times;
    for (std::uint64_t i = 0; i < header.times; ++i) times.emplace_back(seconds(static_cast<std::int64_t>(number(8))));
    std::vector<std::size_t> kinds;
    for (std::uint64_t i = 0; i < header.times; ++i) kinds.push_back(static_cast<std::size_t>(number(1)));
    std::vector<seconds> offsets;
    for (std::uint64_t i = 0; i < header.types; ++i) {
      offsets.emplace_back(static_cast<std::int32_t>(number(4)));
      (void)skip(2);
    }
    if (!skip(header.characters + header.leaps * 12 + header.standards + header.universals)) return std::nullopt;
    data.first = offsets[0];
    for (std::size_t i = 0; i < times.size(); ++i) {
      if (kinds[i] >= offsets.size()) return std::nullopt;
      data.changes.push_back({times[i], offsets[kinds[i]]});
    }
    if (!std::ranges::is_sorted(data.changes, {}, &Change::time)) return std::nullopt;
    if (rest_.starts_with('\n') && rest_.find('\n', 1) != rest_.npos) {
      auto footer = rest_.substr(1, rest_.find('\n', 1) - 1);
      if (!footer.empty()) {
        data.rule = RuleReader(footer).read();
        if (!data.rule) return std::nullopt;
      }
    }
    return data;
  }

 private:
  struct Header {
    char version = 0;
    std::uint64_t universals = 0, standards = 0, leaps = 0, times = 0, types = 0, characters = 0;
  };

  bool skip(std::uint64_t bytes) {
    if (bytes > rest_.size()) return false;
    rest_.remove_prefix(static_cast<std::size_t>(bytes));
    return true;
  }
  std::uint64_t number(std::size_t bytes) {  // the caller knows that they are there
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | static_cast<std::uint8_t>(rest_[i]);
    rest_.remove_prefix(bytes);
    return value;
  }
  bool read_header(Header& header) {
    if (rest_.size() < 44 || !rest_.starts_with("TZif")) return false;
    header.version = rest_[4];
    (void)skip(20);
    for (auto* count :
         {&header.universals, &header.standards, &header.leaps, &header.times, &header.types, &header.characters}) {
      *count = number(4);
    }
    return true;
  }
  static std::uint64_t size_of(const Header& header, std::uint64_t time_size) {
    return header.times * (time_size + 1) + header.types * 6 + header.characters + header.leaps * (time_size + 4) +
           header.standards + header.universals;
  }

  std::string_view rest_;
};

Zone Zone::utc() {
  return Zone(std::make_shared<const Data>());
}

Result<Zone> Zone::parse(std::string_view bytes) {
  auto data = Reader(bytes).read();
  if (!data) return fail(ErrorCode::DataLoss, "this is no TZif file of version 2 or later");
  return Zone(std::make_shared<const Data>(std::move(*data)));
}

Result<Zone> Zone::load(std::string_view name, const std::string& folder) {
  if (name.empty() || name == "UTC" || name == "Etc/UTC" || name == "GMT") return utc();
  auto unknown = [&] {
    return fail(ErrorCode::InvalidArgument, "'" + std::string(name) + "' is no time zone that is known here");
  };
  if (!is_zone_name(name)) return unknown();
  auto path = folder + "/" + std::string(name);
  std::error_code none;
  if (!std::filesystem::is_regular_file(path, none)) return unknown();  // reading a folder would throw
  std::ifstream file(path, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  if (!file || bytes.empty() || bytes.size() > kMostBytes) return unknown();
  auto zone = parse(bytes);
  if (!zone) return fail(zone.error().with_context("the time zone '" + std::string(name) + "'"));
  return zone;
}

seconds Zone::offset_at(UtcTime time) const {
  const auto& changes = data_->changes;
  auto later = std::ranges::upper_bound(changes, time, {}, &Change::time);
  if (later == changes.end() && data_->rule) return offset_by(*data_->rule, time);
  return later == changes.begin() ? data_->first : std::prev(later)->offset;
}

LocalTime Zone::to_local(UtcTime time) const {
  return LocalTime((time + offset_at(time)).time_since_epoch());
}

std::optional<UtcTime> Zone::first_at(LocalTime time) const {
  // Offsets change by less than a day and a bit, so those of the days before and behind are all that can apply.
  UtcTime as_utc(time.time_since_epoch());
  std::set<UtcTime> candidates;
  for (auto near : {as_utc - days(2), as_utc - days(1), as_utc, as_utc + days(1), as_utc + days(2)}) {
    candidates.insert(as_utc - offset_at(near));
  }
  for (auto candidate : candidates) {
    if (candidate + offset_at(candidate) == as_utc) return candidate;
  }
  return std::nullopt;
}

}  // namespace virga::events
