#include <algorithm>

#include "virga/services/object/internal/state.h"
#include "virga/telemetry/log.h"

// Files that a crash left without a record, removed in the background after a start.
namespace virga::services::object {

using namespace internal;

io::Task<void> Objects::State::clean_up() {
  for (unsigned folder = 0; folder < Files::kFolders && !is_closing; ++folder) {
    auto cleaned = co_await clean_folder(folder);
    if (cleaned) continue;
    log::warn("files of objects that nothing refers to are not removed", {{"error", cleaned.error().message()}});
    co_return;
  }
  if (!is_closing) spare.open();
}

io::Task<Result<>> Objects::State::clean_folder(unsigned folder) {
  std::function<Result<std::vector<std::string>>()> list = [this, folder] { return files.list(folder); };
  VIRGA_CO_TRY_ASSIGN(auto ids, co_await services.workers.run(services.loop, std::move(list)));
  // Both are in order; those of this run may be in place before their record.
  std::erase_if(ids, [this](const std::string& id) { return files.is_of_this_run(id); });
  if (ids.empty()) co_return Result<>();
  std::vector<std::string> unknown;
  auto next = ids.begin();
  store::Range range{file_key(ids.front().substr(0, 2)), "", 1000, store::Order::Ascending};
  while (next != ids.end() && !is_closing) {
    VIRGA_CO_TRY_ASSIGN(auto records, co_await services.store.scan(range));
    for (const auto& record : records) {
      auto known = std::string_view(record.key).substr(kFiles.size());
      for (; next != ids.end() && *next < known; ++next) unknown.push_back(*next);
      if (next != ids.end() && *next == known) ++next;
    }
    if (records.size() < range.limit) {
      unknown.insert(unknown.end(), next, ids.end());
      break;
    }
    range.from = records.back().key;
  }
  if (is_closing || unknown.empty()) co_return Result<>();
  log::info("files of objects that nothing refers to are removed", {{"count", unknown.size()}});
  remove_files(std::move(unknown));
  co_return Result<>();
}

}  // namespace virga::services::object
