#include "virga/dispatch/stem_uses.h"

#include <set>

namespace virga::dispatch {
namespace {

constexpr std::size_t kPage = 256;

// Each kind once, however many versions of the function use it.
std::set<runtime::StemKind> kinds_of(const catalog::FunctionEntry& function, const runtime::Runtimes& runtimes) {
  std::set<runtime::StemKind> kinds;
  auto add = [&](const catalog::VersionPointer& version) {
    const auto* runtime = runtimes.find(version->config.runtime);
    if (runtime == nullptr) return;
    if (auto kind = runtime::stem_kind(*runtime, version->config.memory)) kinds.insert(*kind);
  };
  add(function.latest);
  for (const auto& [number, version] : function.published) add(version);
  return kinds;
}

}  // namespace

StemUses::StemUses(Parts parts) : parts_(parts) {
  std::string marker;
  do {
    auto page = parts_.catalog.functions(marker, kPage);
    for (const auto& function : page.items) add(*function);
    marker = std::move(page.next_marker);
  } while (!marker.empty());
  watch_ = parts_.catalog.watch([this](const catalog::Change& change) {
    // Called on the thread of the mutation.
    parts_.loop.post([this, before = change.before, after = change.after] {
      if (after != nullptr) add(*after);
      if (before != nullptr) drop(*before);
    });
  });
}

void StemUses::add(const catalog::FunctionEntry& function) {
  for (const auto& kind : kinds_of(function, parts_.runtimes)) parts_.stems.add_use(kind);
}

void StemUses::drop(const catalog::FunctionEntry& function) {
  for (const auto& kind : kinds_of(function, parts_.runtimes)) parts_.stems.drop_use(kind);
}

}  // namespace virga::dispatch
