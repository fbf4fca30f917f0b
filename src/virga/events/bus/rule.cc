#include "virga/events/bus/rule.h"

#include "virga/base/record.h"

namespace virga::events {
namespace {

constexpr std::uint8_t kFormat = 1;

}  // namespace

Missed missed_of(const Tags& tags) {
  auto tag = tags.find(std::string(kMissedTag));
  return tag == tags.end() ? Missed::Once : parse_missed(tag->second).value_or(Missed::Once);
}

std::string BusInfo::encode() const {
  RecordWriter writer(kFormat);
  writer.text(name).text(description).time(created).time(modified);
  writer.pairs(tags);
  return writer.take();
}

std::optional<BusInfo> BusInfo::decode(std::string_view bytes) {
  RecordReader reader(bytes);
  BusInfo bus;
  bus.name = reader.text();
  bus.description = reader.text();
  bus.created = reader.time();
  bus.modified = reader.time();
  bus.tags = reader.pairs<Tags>();
  if (reader.format() != kFormat || !reader.is_whole()) return std::nullopt;
  return bus;
}

Result<> BusRule::compile() {
  compiled.reset();
  if (pattern.empty()) return {};
  VIRGA_TRY_ASSIGN(compiled, Pattern::compile(pattern));
  return {};
}

std::string BusRule::encode() const {
  RecordWriter writer(kFormat);
  writer.text(bus).text(name).text(pattern).text(schedule).text(description).text(role);
  writer.number(is_enabled ? 1 : 0).time(created);
  writer.pairs(tags);
  writer.number(targets.size());
  for (const auto& [id, target] : targets) writer.text(target.raw);
  return writer.take();
}

std::optional<BusRule> BusRule::decode(std::string_view bytes) {
  RecordReader reader(bytes);
  BusRule rule;
  rule.bus = reader.text();
  rule.name = reader.text();
  rule.pattern = reader.text();
  rule.schedule = reader.text();
  rule.description = reader.text();
  rule.role = reader.text();
  rule.is_enabled = reader.number() != 0;
  rule.created = reader.time();
  rule.tags = reader.pairs<Tags>();
  for (auto count = reader.number(); count > 0 && reader.is_good(); --count) {
    auto target = RuleTarget::read(reader.view());
    if (!target) return std::nullopt;
    auto id = target->id;
    rule.targets.emplace(std::move(id), std::move(*target));
  }
  if (reader.format() != kFormat || !reader.is_whole() || !rule.compile()) return std::nullopt;
  return rule;
}

std::string bus_arn(const Place& place, std::string_view bus) {
  return "arn:aws:events:" + place.region + ":" + place.account + ":event-bus/" + std::string(bus);
}

std::string rule_arn(const Place& place, const BusRule& rule) {
  auto bus = rule.bus == kDefaultBus ? std::string() : rule.bus + "/";
  return "arn:aws:events:" + place.region + ":" + place.account + ":rule/" + bus + rule.name;
}

}  // namespace virga::events
