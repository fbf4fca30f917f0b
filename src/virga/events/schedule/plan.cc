#include "virga/events/schedule/plan.h"

#include <array>

#include "virga/base/record.h"

namespace virga::events {
namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::array<std::string_view, 3> kMissedNames = {"skip", "once", "all"};

void write_time(RecordWriter& writer, const std::optional<UtcTime>& time) {
  writer.number(time ? 1 : 0).number(time ? static_cast<std::uint64_t>(time->time_since_epoch().count()) : 0);
}

UtcTime time_of(std::uint64_t seconds) {
  return UtcTime(std::chrono::seconds(static_cast<std::int64_t>(seconds)));
}

std::optional<UtcTime> read_time(RecordReader& reader) {
  bool is_there = reader.number() != 0;
  auto time = time_of(reader.number());
  return is_there ? std::optional(time) : std::nullopt;
}

// FNV-1a: the same on every machine and in every version.
std::uint64_t seed_of(std::string_view id) {
  std::uint64_t hash = 0xCBF29CE484222325ull;
  for (char c : id) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001B3ull;
  return hash;
}

}  // namespace

std::string_view name(Missed missed) {
  return kMissedNames[static_cast<std::size_t>(missed)];
}

std::optional<Missed> parse_missed(std::string_view name) {
  for (std::size_t i = 0; i < kMissedNames.size(); ++i) {
    if (kMissedNames[i] == name) return static_cast<Missed>(i);
  }
  return std::nullopt;
}

Result<Plan> PlanText::compile(std::string_view id) const {
  VIRGA_TRY_ASSIGN(auto when, Expression::parse(expression));
  VIRGA_TRY_ASSIGN(auto where, Zone::load(zone));
  if (start && end && *end < *start) {
    return fail(ErrorCode::InvalidArgument, "the end of a schedule must not lie before its start");
  }
  return Plan{std::move(when), std::move(where), start, end, window, missed, is_enabled, created, seed_of(id)};
}

std::string PlanText::encode() const {
  RecordWriter writer(kFormat);
  writer.text(expression).text(zone);
  write_time(writer, start);
  write_time(writer, end);
  writer.number(static_cast<std::uint64_t>(window.count()))
      .number(static_cast<std::uint64_t>(missed))
      .number(is_enabled ? 1 : 0)
      .number(static_cast<std::uint64_t>(created.time_since_epoch().count()));
  return writer.take();
}

std::optional<PlanText> PlanText::decode(std::string_view bytes) {
  RecordReader reader(bytes);
  PlanText plan;
  plan.expression = reader.text();
  plan.zone = reader.text();
  plan.start = read_time(reader);
  plan.end = read_time(reader);
  plan.window = std::chrono::seconds(static_cast<std::int64_t>(reader.number()));
  auto missed = reader.number();
  plan.is_enabled = reader.number() != 0;
  plan.created = time_of(reader.number());
  if (reader.format() != kFormat || !reader.is_whole() || missed >= kMissedNames.size()) return std::nullopt;
  plan.missed = static_cast<Missed>(missed);
  return plan;
}

}  // namespace virga::events
