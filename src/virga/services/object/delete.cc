#include "virga/services/object/internal/state.h"

// Deleting, and changing what is kept beside the bytes.
namespace virga::services::object {

using namespace internal;

io::Task<Result<Deleted>> Objects::erase(std::string bucket_name, std::string key, std::string version,
                                         Condition condition, Origin origin) {
  auto& state = *state_;
  VIRGA_CO_TRY(check_key(key));
  VIRGA_CO_TRY_ASSIGN(auto change, co_await state.enter(std::move(bucket_name)));
  auto bucket = change.bucket();
  auto lock = co_await state.locks.take(lock_name(*bucket, key));
  if (version.empty() && bucket->versioning != Versioning::Never) {
    if (condition.etag || condition.size || condition.modified) {
      VIRGA_CO_TRY_ASSIGN(auto now, co_await state.current(bucket->id, key));
      // What was to be deleted never was: there is nothing to mark.
      if (!now) co_return Deleted{};
    }
    State::Placing placing;
    placing.version.is_marker = true;
    placing.condition = std::move(condition);
    placing.kind = ChangeKind::PutDeleteMarker;
    placing.origin = std::move(origin);
    VIRGA_CO_TRY_ASSIGN(auto marker, co_await state.place(change, std::move(key), std::move(placing)));
    co_return Deleted{true, marker.id};
  }
  if (version.empty()) version = kNullVersion;
  auto deleted =
      co_await state.erase_version(change, std::move(key), std::move(version), std::move(condition), std::move(origin));
  if (deleted && bucket->versioning == Versioning::Never) deleted->version.clear();
  co_return deleted;
}

io::Task<Result<Deleted>> Objects::State::erase_version(BucketChange& change, std::string key, std::string version,
                                                        Condition condition, Origin origin) {
  auto bucket = change.bucket();
  VIRGA_CO_TRY_ASSIGN(auto now, co_await current(bucket->id, key));
  store::Batch batch;
  Version gone;
  if (now && now->id == version) {
    gone = std::move(*now);
    VIRGA_CO_TRY_ASSIGN(auto next, co_await newest_older(bucket->id, key));
    if (next) {
      batch.put(current_key(bucket->id, key), next->version.encode());
      batch.remove(next->store_key);
    } else {
      batch.remove(current_key(bucket->id, key));
    }
  } else {
    VIRGA_CO_TRY_ASSIGN(auto found, co_await older(bucket->id, key, version));
    // What is not there is deleted.
    if (!found) co_return Deleted{false, version};
    gone = std::move(found->version);
    batch.remove(found->store_key);
  }
  // Who deletes by condition says what he believes to be there.
  VIRGA_CO_TRY(check_condition(condition, gone));
  VIRGA_CO_TRY_ASSIGN(auto doomed, co_await doom(gone.body, gone.size));
  remove_records(doomed, batch);
  std::vector<std::function<void()>> afterwards;
  tell(ChangeKind::Delete, *bucket, key, gone, origin, batch, afterwards);
  VIRGA_CO_TRY(co_await commit(lock_name(*bucket, key), std::move(batch)));
  forget(std::move(doomed));
  for (auto& work : afterwards) work();
  co_return Deleted{gone.is_marker, gone.id};
}

io::Task<Result<Version>> Objects::set_tags(std::string bucket_name, std::string key, std::string version, Tags tags,
                                            ChangeKind kind, Origin origin) {
  auto& state = *state_;
  VIRGA_CO_TRY_ASSIGN(auto change, co_await state.enter(bucket_name));
  auto bucket = change.bucket();
  auto lock = co_await state.locks.take(lock_name(*bucket, key));
  VIRGA_CO_TRY_ASSIGN(auto found, co_await find(std::move(bucket_name), key, std::move(version)));
  VIRGA_CO_TRY_ASSIGN(auto now, co_await state.current(bucket->id, key));
  found.tags = std::move(tags);
  bool is_current = now && now->sequence == found.sequence;
  store::Batch batch;
  batch.put(is_current ? current_key(bucket->id, key) : older_key(bucket->id, key, found.sequence), found.encode());
  std::vector<std::function<void()>> afterwards;
  state.tell(kind, *bucket, key, found, origin, batch, afterwards);
  VIRGA_CO_TRY(co_await state.commit(lock_name(*bucket, key), std::move(batch)));
  for (auto& work : afterwards) work();
  co_return found;
}

}  // namespace virga::services::object
