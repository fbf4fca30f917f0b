#include <array>

#include "virga/services/object/internal/state.h"
#include "virga/telemetry/log.h"

namespace virga::services::object {

using namespace internal;

namespace {

constexpr std::size_t kPage = 1000;

std::unexpected<Error> no_such_bucket(std::string_view name) {
  return refuse(Fault::NoSuchBucket, "there is no bucket '" + std::string(name) + "'");
}

std::string bucket_lock(std::string_view name) {
  return "bucket " + std::string(name);
}

}  // namespace

io::Task<void> Objects::State::load() {
  std::string last;
  while (true) {
    store::Range range{std::string(kBuckets), last, kPage, store::Order::Ascending};
    auto page = co_await services.store.scan(range);
    if (!page) {
      log::error("the buckets cannot be read", {{"error", page.error().message()}});
      load_result = std::unexpected(page.error());
      break;
    }
    for (const auto& record : *page) {
      auto bucket = Bucket::decode(record.value);
      if (!bucket) {
        log::error("the record of a bucket is damaged; it is left where it is", {{"key", record.key}});
        continue;
      }
      auto place = std::make_shared<BucketPlace>();
      auto name = bucket->name;
      place->bucket = std::make_shared<const Bucket>(std::move(*bucket));
      places.emplace(std::move(name), std::move(place));
    }
    if (page->size() < kPage) break;
    last = page->back().key;
  }
  loaded.set();
  co_await clean_up();
}

io::Task<Result<>> Objects::State::wait_until_loaded() {
  if (!loaded.is_set()) VIRGA_CO_TRY(co_await loaded.wait());
  co_return load_result;
}

io::Task<Result<BucketPointer>> Objects::State::bucket(std::string name) {
  if (!loaded.is_set() || !load_result) VIRGA_CO_TRY(co_await wait_until_loaded());
  auto found = places.find(name);
  if (found == places.end() || found->second->is_ending) co_return no_such_bucket(name);
  co_return found->second->bucket;
}

io::Task<Result<BucketChange>> Objects::State::enter(std::string name) {
  if (!loaded.is_set() || !load_result) VIRGA_CO_TRY(co_await wait_until_loaded());
  auto found = places.find(name);
  if (found == places.end() || found->second->is_ending) co_return no_such_bucket(name);
  co_return BucketChange(found->second, change_ended);
}

void Objects::serve() {
  state_->tasks.add(state_->load());
}

void Objects::close() {
  state_->is_closing = true;
  auto spare = state_->spare.close();
  if (!spare.empty()) state_->remove_files(std::move(spare));
}

io::Task<void> Objects::stop() {
  auto joined = co_await state_->tasks.join();
  (void)joined;
}

io::Task<Result<BucketPointer>> Objects::bucket(std::string name) {
  return state_->bucket(std::move(name));
}

BucketPointer Objects::find_bucket(std::string_view name) const {
  auto found = state_->places.find(name);
  return found == state_->places.end() || found->second->is_ending ? nullptr : found->second->bucket;
}

io::Task<Result<std::vector<BucketPointer>>> Objects::buckets() {
  VIRGA_CO_TRY(co_await state_->wait_until_loaded());
  std::vector<BucketPointer> all;
  for (const auto& [name, place] : state_->places) {
    if (!place->is_ending) all.push_back(place->bucket);
  }
  co_return all;
}

io::Task<Result<BucketPointer>> Objects::create_bucket(std::string name) {
  auto& state = *state_;
  VIRGA_CO_TRY(co_await state.wait_until_loaded());
  auto lock = co_await state.locks.take(bucket_lock(name));
  if (state.places.contains(name)) co_return refuse(Fault::BucketExists, "the bucket '" + name + "' exists already");
  Bucket bucket;
  bucket.name = name;
  bucket.id = state.random_text(16);
  bucket.created = std::chrono::floor<std::chrono::milliseconds>(state.services.loop.clock().wall());
  store::Batch batch;
  batch.put(bucket_key(name), bucket.encode());
  VIRGA_CO_TRY(co_await state.services.store.commit(std::move(batch)));
  auto place = std::make_shared<BucketPlace>();
  place->bucket = std::make_shared<const Bucket>(std::move(bucket));
  state.places.insert_or_assign(std::move(name), place);
  co_return place->bucket;
}

io::Task<Result<>> Objects::change_bucket(std::string name, std::function<void(Bucket&)> change, store::Batch batch) {
  auto& state = *state_;
  VIRGA_CO_TRY(co_await state.wait_until_loaded());
  auto lock = co_await state.locks.take(bucket_lock(name));
  VIRGA_CO_TRY_ASSIGN(auto entered, co_await state.enter(name));
  Bucket bucket = *entered.bucket();
  change(bucket);
  batch.put(bucket_key(name), bucket.encode());
  VIRGA_CO_TRY(co_await state.services.store.commit(std::move(batch)));
  state.places.find(name)->second->bucket = std::make_shared<const Bucket>(std::move(bucket));
  co_return Result<>();
}

io::Task<Result<>> Objects::delete_bucket(std::string name) {
  auto& state = *state_;
  VIRGA_CO_TRY(co_await state.wait_until_loaded());
  auto lock = co_await state.locks.take(bucket_lock(name));
  auto found = state.places.find(name);
  if (found == state.places.end()) co_return no_such_bucket(name);
  auto place = found->second;
  // From here on nothing is added to it, and what was under way has ended.
  place->is_ending = true;
  while (place->changes > 0) {
    state.change_ended.reset();
    (void)co_await state.change_ended.wait();
  }
  const auto& id = place->bucket->id;
  store::Batch batch;
  std::vector<Doomed> doomed;
  Result<> done;
  std::array<std::string, 2> prefixes = {current_prefix(id), older_prefix(id)};
  for (std::size_t i = 0; i < prefixes.size() && done; ++i) {
    store::Range range{prefixes[i], "", 1, store::Order::Ascending};
    auto records = co_await state.services.store.scan(range);
    if (!records) done = std::unexpected(records.error());
    if (records && !records->empty()) {
      done = refuse(Fault::BucketNotEmpty, "the bucket '" + name + "' holds objects or versions of them");
    }
  }
  // Uploads that nobody completed go with it.
  store::Range uploads{upload_prefix(id), "", kPage, store::Order::Ascending};
  while (done) {
    auto records = co_await state.services.store.scan(uploads);
    if (!records) done = std::unexpected(records.error());
    if (!records || records->empty()) break;
    for (const auto& record : *records) {
      std::string_view rest;
      (void)unescape(std::string_view(record.key).substr(upload_prefix(id).size()), rest);
      batch.remove(record.key);
      auto parts = co_await state.uploaded_parts(std::string(rest));
      if (!parts) continue;  // their files are found by the cleaning of a start
      Doomed gone;
      for (const auto& part : *parts) {
        if (!part.file.empty()) gone.files.push_back(part.file);
        batch.remove(part_key(rest, part.number));
      }
      remove_records(gone, batch);
      doomed.push_back(std::move(gone));
    }
    uploads.from = records->back().key;
  }
  batch.remove(bucket_key(name));
  if (done) done = co_await state.services.store.commit(std::move(batch));
  if (!done) {
    place->is_ending = false;
    co_return done;
  }
  state.places.erase(name);
  for (auto& gone : doomed) state.forget(std::move(gone));
  co_return Result<>();
}

}  // namespace virga::services::object
