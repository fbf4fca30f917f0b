#include <algorithm>

#include "virga/services/object/internal/page.h"
#include "virga/services/object/internal/state.h"

namespace virga::services::object {

using namespace internal;

namespace {

constexpr std::size_t kMostAtOnce = 1000;
constexpr std::size_t kAtOnceWithGroups = 100;  // records that are read to learn that a group goes on

// Records of one kind in the order of their keys, read in pages.
struct Walk {
  Walk(std::string all_prefix, std::string wanted_prefix, std::size_t limit) : all(std::move(all_prefix)) {
    range.prefix = std::move(wanted_prefix);
    range.limit = limit;
  }

  io::Task<Result<>> fill(store::LoopStore& store) {
    if (at < records.size() || is_done) co_return Result<>();
    VIRGA_CO_TRY_ASSIGN(records, co_await store.scan(range));
    at = 0;
    is_done = records.size() < range.limit;
    if (!records.empty()) range.from = records.back().key;
    co_return Result<>();
  }
  bool has_one() const { return at < records.size(); }
  const store::Record& one() const { return records[at]; }
  std::string_view rest_of_key() const { return std::string_view(one().key).substr(all.size()); }
  // Goes on; `group`, as it lies in the store, is of no more interest.
  void pass(std::string_view group) {
    ++at;
    if (group.empty() || has_one()) return;
    range.from = std::max(range.from, all + end_of(group));
  }

  std::string all;  // what all their keys begin with
  store::Range range;
  std::vector<store::Record> records;
  std::size_t at = 0;
  bool is_done = false;
};

std::size_t at_once(const ListWanted& wanted) {
  return wanted.delimiter.empty() ? std::min(wanted.most + 1, kMostAtOnce) : kAtOnceWithGroups;
}

Page page_of(const ListWanted& wanted) {
  return Page({wanted.prefix, wanted.delimiter, wanted.after, wanted.most});
}

}  // namespace

io::Task<Result<ListPage>> Objects::list(std::string bucket_name, ListWanted wanted) {
  auto& state = *state_;
  VIRGA_CO_TRY_ASSIGN(auto bucket, co_await state.bucket(std::move(bucket_name)));
  auto all = current_prefix(bucket->id);
  Walk walk(all, all + wanted.prefix, at_once(wanted));
  auto page = page_of(wanted);
  if (!wanted.after.empty()) {
    walk.range.from = all + (page.begins_behind_group() ? end_of(wanted.after) : wanted.after);
  }
  ListPage listed;
  while (true) {
    VIRGA_CO_TRY(co_await walk.fill(state.services.store));
    if (!walk.has_one()) break;
    VIRGA_CO_TRY_ASSIGN(auto version, Version::decode(walk.one().value));
    if (version.is_marker) {
      walk.pass({});
      continue;
    }
    std::string key(walk.rest_of_key());
    auto verdict = page.offer(key);
    if (verdict == Page::Verdict::Full) break;
    if (verdict == Page::Verdict::Group) listed.groups.push_back(page.group());
    bool is_item = verdict == Page::Verdict::Item;
    walk.pass(is_item ? std::string_view() : page.group());
    if (is_item) listed.items.push_back({std::move(key), std::move(version), true});
  }
  listed.is_truncated = page.is_truncated();
  listed.last = page.last();
  co_return listed;
}

io::Task<Result<ListPage>> Objects::list_versions(std::string bucket_name, ListWanted wanted) {
  auto& state = *state_;
  VIRGA_CO_TRY_ASSIGN(auto bucket, co_await state.bucket(std::move(bucket_name)));
  const auto& id = bucket->id;
  auto page = page_of(wanted);
  Walk current(current_prefix(id), current_prefix(id) + wanted.prefix, at_once(wanted));
  Walk older(older_prefix(id), older_prefix(id) + escape_beginning(wanted.prefix), at_once(wanted));
  if (!wanted.after.empty() && page.begins_behind_group()) {
    current.range.from = current.all + end_of(wanted.after);
    older.range.from = older.all + end_of(escape_beginning(wanted.after));
  } else if (!wanted.after.empty()) {
    current.range.from = current_key(id, wanted.after);
    older.range.from = older_key(id, wanted.after, 0);
  }
  if (!wanted.after_version.empty()) {
    VIRGA_CO_TRY_ASSIGN(auto now, co_await state.current(id, wanted.after));
    VIRGA_CO_TRY_ASSIGN(auto before, co_await state.older(id, wanted.after, wanted.after_version));
    if (before) older.range.from = before->store_key;
    if (now && now->id == wanted.after_version) older.range.from = older_prefix(id, wanted.after);
  }
  ListPage listed;
  while (true) {
    VIRGA_CO_TRY(co_await current.fill(state.services.store));
    VIRGA_CO_TRY(co_await older.fill(state.services.store));
    if (!current.has_one() && !older.has_one()) break;
    std::string key;
    std::string_view rest;
    std::optional<std::string> older_one;
    if (older.has_one()) {
      older_one = unescape(older.rest_of_key(), rest);
      if (!older_one) co_return fail(ErrorCode::DataLoss, "the key of an older version is damaged");
    }
    // The current version of a key comes before the others.
    bool is_latest = current.has_one() && (!older_one || current.rest_of_key() <= *older_one);
    auto& walk = is_latest ? current : older;
    key = is_latest ? std::string(current.rest_of_key()) : std::move(*older_one);
    VIRGA_CO_TRY_ASSIGN(auto version, Version::decode(walk.one().value));
    auto verdict = page.offer(key);
    if (verdict == Page::Verdict::Full) break;
    if (verdict == Page::Verdict::Group) listed.groups.push_back(page.group());
    if (verdict == Page::Verdict::Item) {
      walk.pass({});
      listed.last_version = version.id;
      listed.items.push_back({std::move(key), std::move(version), is_latest});
    } else {
      walk.pass(is_latest ? page.group() : escape_beginning(page.group()));
      listed.last_version.clear();
    }
  }
  listed.is_truncated = page.is_truncated();
  listed.last = page.last();
  co_return listed;
}

io::Task<Result<UploadPage>> Objects::list_uploads(std::string bucket_name, ListWanted wanted) {
  auto& state = *state_;
  VIRGA_CO_TRY_ASSIGN(auto bucket, co_await state.bucket(std::move(bucket_name)));
  const auto& id = bucket->id;
  auto page = page_of(wanted);
  Walk walk(upload_prefix(id), upload_prefix(id) + escape_beginning(wanted.prefix), at_once(wanted));
  if (!wanted.after.empty() && page.begins_behind_group()) {
    walk.range.from = walk.all + end_of(escape_beginning(wanted.after));
  } else if (!wanted.after.empty() && wanted.after_version.empty()) {
    walk.range.from = end_of(upload_prefix(id, wanted.after));
  } else if (!wanted.after.empty()) {
    walk.range.from = upload_key(id, wanted.after, wanted.after_version);
  }
  UploadPage listed;
  while (true) {
    VIRGA_CO_TRY(co_await walk.fill(state.services.store));
    if (!walk.has_one()) break;
    std::string_view rest;
    auto key = unescape(walk.rest_of_key(), rest);
    if (!key) co_return fail(ErrorCode::DataLoss, "the key of an upload is damaged");
    VIRGA_CO_TRY_ASSIGN(auto upload, Upload::decode(walk.one().value));
    auto verdict = page.offer(*key);
    if (verdict == Page::Verdict::Full) break;
    if (verdict == Page::Verdict::Group) listed.groups.push_back(page.group());
    if (verdict == Page::Verdict::Item) {
      walk.pass({});
      listed.last_upload = upload.id;
      listed.items.push_back({std::move(*key), std::move(upload)});
    } else {
      walk.pass(escape_beginning(page.group()));
      listed.last_upload.clear();
    }
  }
  listed.is_truncated = page.is_truncated();
  listed.last = page.last();
  co_return listed;
}

}  // namespace virga::services::object
