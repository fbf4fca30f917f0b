#include "virga/services/object/internal/state.h"

// Uploads in parts, until they are completed.
namespace virga::services::object {

using namespace internal;

namespace {

constexpr std::uint32_t kMostParts = 10'000;

std::string upload_lock(std::string_view id) {
  return "upload " + std::string(id);
}

}  // namespace

io::Task<Result<Upload>> Objects::State::find_upload(std::string bucket_id, std::string key, std::string id) {
  VIRGA_CO_TRY_ASSIGN(auto record, co_await services.store.get(upload_key(bucket_id, key, id)));
  if (!record || id.empty()) {
    co_return refuse(Fault::NoSuchUpload, "there is no upload '" + id +
                                              "' of this object; it may have been completed "
                                              "or aborted");
  }
  co_return Upload::decode(*record);
}

io::Task<Result<std::vector<Part>>> Objects::State::uploaded_parts(std::string id) {
  store::Range range{part_prefix(id), "", kMostParts + 1, store::Order::Ascending};
  VIRGA_CO_TRY_ASSIGN(auto records, co_await services.store.scan(range));
  std::vector<Part> parts;
  for (const auto& record : records) {
    VIRGA_CO_TRY_ASSIGN(auto part, Part::decode(record.value));
    parts.push_back(std::move(part));
  }
  co_return parts;
}

io::Task<Result<Upload>> Objects::begin_upload(std::string bucket_name, std::string key, Upload upload) {
  auto& state = *state_;
  VIRGA_CO_TRY(check_key(key));
  VIRGA_CO_TRY_ASSIGN(auto change, co_await state.enter(std::move(bucket_name)));
  auto bucket = change.bucket();
  upload.id = make_version_id(state.next_sequence(std::nullopt), state.random_text(32));
  upload.started = std::chrono::floor<std::chrono::milliseconds>(state.services.loop.clock().wall());
  store::Batch batch;
  batch.put(upload_key(bucket->id, key, upload.id), upload.encode());
  VIRGA_CO_TRY(co_await state.services.store.commit(std::move(batch)));
  co_return upload;
}

io::Task<Result<Upload>> Objects::upload(std::string bucket_name, std::string key, std::string id) {
  VIRGA_CO_TRY_ASSIGN(auto bucket, co_await state_->bucket(std::move(bucket_name)));
  co_return co_await state_->find_upload(bucket->id, std::move(key), std::move(id));
}

io::Task<Result<>> Objects::put_part(std::string bucket_name, std::string key, std::string id, std::uint32_t number,
                                     StoredFile file, Checksum checksum) {
  auto& state = *state_;
  Part part;
  part.number = number;
  part.file = file.id;
  part.size = file.size;
  part.md5 = file.md5;
  part.checksum = std::move(checksum);
  part.modified = std::chrono::floor<std::chrono::milliseconds>(state.services.loop.clock().wall());
  if (number < 1 || number > kMostParts) {
    discard(std::move(file));
    co_return refuse(Fault::InvalidArgument, "a part's number is from 1 to 10000, and not " + std::to_string(number));
  }
  auto lock = co_await state.locks.take(upload_lock(id));
  auto change = co_await state.enter(std::move(bucket_name));
  Result<Upload> upload;
  if (change) {
    upload = co_await state.find_upload(change->bucket()->id, std::move(key), id);
  } else {
    upload = std::unexpected(change.error());
  }
  if (!upload) {
    discard(std::move(file));
    co_return std::unexpected(upload.error());
  }
  // One that was there is replaced.
  Doomed doomed;
  VIRGA_CO_TRY_ASSIGN(auto before, co_await state.services.store.get(part_key(id, number)));
  if (before) {
    VIRGA_CO_TRY_ASSIGN(auto replaced, Part::decode(*before));
    if (!replaced.file.empty()) doomed.files.push_back(std::move(replaced.file));
  }
  store::Batch batch;
  remove_records(doomed, batch);
  batch.put(part_key(id, number), part.encode());
  if (!part.file.empty()) batch.put(file_key(part.file), "");
  VIRGA_CO_TRY(co_await state.services.store.commit(std::move(batch)));
  state.forget(std::move(doomed));
  co_return Result<>();
}

io::Task<Result<>> Objects::abort_upload(std::string bucket_name, std::string key, std::string id) {
  auto& state = *state_;
  auto lock = co_await state.locks.take(upload_lock(id));
  VIRGA_CO_TRY_ASSIGN(auto change, co_await state.enter(std::move(bucket_name)));
  auto bucket = change.bucket();
  VIRGA_CO_TRY(co_await state.find_upload(bucket->id, key, id));
  VIRGA_CO_TRY_ASSIGN(auto parts, co_await state.uploaded_parts(id));
  Doomed doomed;
  store::Batch batch;
  for (auto& part : parts) {
    batch.remove(part_key(id, part.number));
    if (!part.file.empty()) doomed.files.push_back(std::move(part.file));
  }
  remove_records(doomed, batch);
  batch.remove(upload_key(bucket->id, key, id));
  VIRGA_CO_TRY(co_await state.services.store.commit(std::move(batch)));
  state.forget(std::move(doomed));
  co_return Result<>();
}

io::Task<Result<PartPage>> Objects::list_parts(std::string bucket_name, std::string key, std::string id,
                                               std::uint32_t after, std::size_t most) {
  auto& state = *state_;
  VIRGA_CO_TRY_ASSIGN(auto bucket, co_await state.bucket(std::move(bucket_name)));
  PartPage page;
  VIRGA_CO_TRY_ASSIGN(page.upload, co_await state.find_upload(bucket->id, std::move(key), id));
  store::Range range{part_prefix(id), part_key(id, after), most + 1, store::Order::Ascending};
  VIRGA_CO_TRY_ASSIGN(auto records, co_await state.services.store.scan(range));
  page.is_truncated = records.size() > most;
  if (page.is_truncated) records.pop_back();
  for (const auto& record : records) {
    VIRGA_CO_TRY_ASSIGN(auto part, Part::decode(record.value));
    page.parts.push_back(std::move(part));
  }
  co_return page;
}

}  // namespace virga::services::object
