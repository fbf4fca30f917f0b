// The targets of rules: where something is sent.

#include <fmt/format.h>

#include "virga/dialects/aws/events/operations.h"
#include "virga/json/text.h"

namespace virga::dialects::aws::event_bridge {
namespace {

constexpr std::size_t kMostAtOnce = 10;
constexpr std::size_t kMostTargets = 100;  // of one rule

Refusal no_rule(const std::string& bus, const std::string& name) {
  return {400, "ResourceNotFoundException", fmt::format("Rule {} does not exist on EventBus {}.", name, bus), {}};
}

Answer<std::vector<events::RuleTarget>> read_targets(const Call& call) {
  const auto* list = call.body.if_contains("Targets");
  if (list == nullptr || !list->is_array() || list->get_array().empty()) {
    return std::unexpected(validation_exception("Parameter Targets is not valid: it is a list of targets."));
  }
  if (list->get_array().size() > kMostAtOnce) {
    return std::unexpected(validation_exception(fmt::format("Targets takes at most {} at a time.", kMostAtOnce)));
  }
  std::vector<events::RuleTarget> targets;
  for (const auto& element : list->get_array()) {
    auto target = events::RuleTarget::read(boost::json::serialize(element));
    if (!target) return std::unexpected(validation_exception(target.error().message()));
    auto known = call.targets.check(target->arn);
    // As in EventBridge, a target may be made after the rule that names it.
    if (!known && known.error().code() != ErrorCode::NotFound) {
      return std::unexpected(validation_exception(
          fmt::format("Parameter {} is not valid. Reason: {}", target->arn, known.error().message())));
    }
    targets.push_back(std::move(*target));
  }
  return targets;
}

constexpr std::string_view kAllGood = R"({"FailedEntryCount":0,"FailedEntries":[]})";

}  // namespace

io::Task<Reply> put_targets(Call call) {
  VIRGA_OR_REFUSE_CO(std::string name, name_of(call.body, "Rule", 64));
  VIRGA_OR_REFUSE_CO(auto targets, read_targets(call));
  auto bus = bus_name(call.body);
  auto rule = call.bus.find_rule(bus, name);
  if (!rule) co_return std::unexpected(no_rule(bus, name));
  if (rule->targets.size() + targets.size() > kMostTargets) {
    co_return std::unexpected(
        Refusal{400, "LimitExceededException", fmt::format("A rule has at most {} targets.", kMostTargets), {}});
  }
  std::function<void(events::BusRule&)> change = [targets](events::BusRule& changed) {
    for (const auto& target : targets) changed.targets[target.id] = target;
  };
  auto changed = co_await call.bus.change_rule(bus, name, std::move(change));
  if (!changed) co_return std::unexpected(refusal_of(changed.error()));
  co_return std::string(kAllGood);
}

io::Task<Reply> remove_targets(Call call) {
  VIRGA_OR_REFUSE_CO(std::string name, name_of(call.body, "Rule", 64));
  Violations violations;
  Members members(call.body, violations);
  members.require("Ids");
  auto ids = members.texts("Ids", {1, 100}, {1, 64});
  if (auto refusal = violations.refusal()) co_return std::unexpected(*std::move(refusal));
  std::function<void(events::BusRule&)> change = [ids](events::BusRule& rule) {
    for (const auto& id : *ids) rule.targets.erase(id);
  };
  auto changed = co_await call.bus.change_rule(bus_name(call.body), name, std::move(change));
  if (!changed) co_return std::unexpected(refusal_of(changed.error()));
  co_return std::string(kAllGood);
}

io::Task<Reply> list_targets_by_rule(Call call) {
  VIRGA_OR_REFUSE_CO(std::string name, name_of(call.body, "Rule", 64));
  VIRGA_OR_REFUSE_CO(Page page, read_page(call.body));
  auto bus = bus_name(call.body);
  auto rule = call.bus.find_rule(bus, name);
  if (!rule) co_return std::unexpected(no_rule(bus, name));
  auto all = [](const auto&) { return true; };
  auto write = [](json::Array& list, const auto& target) { list.open() += target.second.raw; };
  co_return page_of(rule->targets, page, "Targets", all, write);
}

}  // namespace virga::dialects::aws::event_bridge
