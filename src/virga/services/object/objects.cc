#include "virga/services/object/objects.h"

#include <algorithm>

#include "virga/base/encoding.h"
#include "virga/services/object/internal/state.h"
#include "virga/telemetry/log.h"

// The current version of an object: written, found, read.
namespace virga::services::object {

using namespace internal;

namespace {

constexpr std::size_t kLongestKey = 1024;  // bytes

std::string hex(std::string_view bytes) {
  return to_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

WallTime whole_milliseconds(WallTime time) {
  return std::chrono::floor<std::chrono::milliseconds>(time);
}

}  // namespace

Result<> check_key(std::string_view key) {
  if (key.size() > kLongestKey) {
    return refuse(Fault::KeyTooLong, "the key has " + std::to_string(key.size()) + " bytes; at most 1024 are allowed");
  }
  if (key.empty() || !is_utf8(key)) return refuse(Fault::InvalidArgument, "a key is UTF-8 of 1 to 1024 bytes");
  return {};
}

Result<> check_condition(const Condition& condition, const std::optional<Version>& current) {
  bool exists = current && !current->is_marker;
  if (condition.must_be_absent && exists) {
    return refuse(Fault::ConditionFailed, "the object exists, and If-None-Match says that it must not");
  }
  if (exists && condition.unwanted_etag == current->etag) {
    return refuse(Fault::ConditionFailed, "the object's ETag is the one of If-None-Match");
  }
  if (!condition.etag && !condition.size && !condition.modified) return {};
  if (!current && condition.may_be_absent) return {};
  if (!exists && !condition.may_be_absent)
    return refuse(Fault::NoSuchKey, "there is no object of this key, so the condition cannot hold");
  if (condition.etag && *condition.etag != "*" && *condition.etag != current->etag) {
    return refuse(Fault::ConditionFailed, "the object's ETag is \"" + current->etag + "\", not the one of If-Match");
  }
  if (condition.size && *condition.size != current->size) {
    return refuse(Fault::ConditionFailed, "the object has " + std::to_string(current->size) + " bytes");
  }
  if (condition.modified && *condition.modified != std::chrono::floor<std::chrono::seconds>(current->modified)) {
    return refuse(Fault::ConditionFailed, "the object was changed at " + format_rfc3339(current->modified));
  }
  return {};
}

std::string lock_name(const Bucket& bucket, std::string_view key) {
  return current_key(bucket.id, key);
}

void remove_records(const Doomed& doomed, store::Batch& batch) {
  for (const auto& file : doomed.files) batch.remove(file_key(file));
  if (doomed.body.kind == Body::Kind::Parts) batch.remove(body_key(doomed.body.id));
}

Objects::Objects(std::unique_ptr<State> state) : state_(std::move(state)) {}
Objects::~Objects() = default;

Result<std::unique_ptr<Objects>> Objects::create(Services services, std::string directory) {
  VIRGA_TRY_ASSIGN(auto files, Files::open(std::move(directory), services.random));
  return std::unique_ptr<Objects>(new Objects(std::make_unique<State>(services, std::move(files))));
}

void Objects::listen(ChangeListener& listener) {
  state_->listener = &listener;
}

// ---- Files.

std::size_t Objects::count_spare_files() const {
  return state_->spare.count();
}

std::unique_ptr<FileWriter> Objects::write(std::vector<ChecksumAlgorithm> algorithms) {
  return std::make_unique<FileWriter>(state_->services.loop, state_->services.workers, state_->files, state_->spare,
                                      algorithms, state_->written_bytes);
}

void Objects::discard(StoredFile file) {
  if (file.id.empty() || state_->spare.offer(file.id, file.size)) return;
  state_->remove_files({std::move(file.id)});
}

void Objects::State::remove_files(std::vector<std::string> ids) {
  // By value: it may be done after the end of this.
  services.workers.submit([folder = files, ids = std::move(ids)]() mutable {
    for (const auto& id : ids) {
      auto removed = folder.remove(id);
      if (!removed) log::warn("an object's file could not be removed", {{"error", removed.error().message()}});
    }
  });
}

std::shared_ptr<void> Objects::State::hold(const Body& body) {
  if (body.kind == Body::Kind::Nothing) return nullptr;
  ++held[body.id];
  return {nullptr, [this, id = body.id](void*) { drop(id); }};
}

void Objects::State::drop(const std::string& body_id) {
  auto found = held.find(body_id);
  if (--found->second > 0) return;
  held.erase(found);
  auto doomed = dying.extract(body_id);
  if (doomed.empty()) return;
  let_go(std::move(doomed.mapped()));
}

void Objects::State::let_go(Doomed doomed) {
  doomed_parts.erase(doomed.body.id);
  bool is_kept = doomed.body.kind == Body::Kind::File && spare.offer(doomed.body.id, doomed.size);
  if (!is_kept && !doomed.files.empty()) remove_files(std::move(doomed.files));
}

void Objects::State::forget(Doomed doomed) {
  if (held.contains(doomed.body.id)) {
    auto id = doomed.body.id;
    dying.emplace(std::move(id), std::move(doomed));
  } else {
    let_go(std::move(doomed));
  }
}

io::Task<Result<Doomed>> Objects::State::doom(Body body, std::uint64_t size) {
  Doomed doomed;
  doomed.body = body;
  doomed.size = size;
  if (body.kind == Body::Kind::File) doomed.files.push_back(body.id);
  if (body.kind == Body::Kind::Parts) {
    VIRGA_CO_TRY_ASSIGN(auto record, co_await services.store.get(body_key(body.id)));
    // Without it the files are found by the cleaning of a start.
    auto parts = record ? decode_parts(*record) : std::vector<Part>();
    VIRGA_CO_TRY(parts);
    for (const auto& part : *parts) {
      if (!part.file.empty()) doomed.files.push_back(part.file);
    }
    doomed_parts.insert_or_assign(body.id, std::move(*parts));
  }
  co_return doomed;
}

// ---- Writing.

std::uint64_t Objects::State::next_sequence(const std::optional<Version>& current) {
  auto now = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(services.loop.clock().wall().time_since_epoch()).count());
  last_sequence = std::max(now, last_sequence + 1);
  // The clock may have gone back since it was written.
  if (current) last_sequence = std::max(last_sequence, current->sequence + 1);
  return last_sequence;
}

std::string Objects::State::random_text(std::size_t digits) {
  std::string bytes(digits / 2, '\0');
  services.random.fill({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
  return hex(bytes);
}

io::Task<Result<std::optional<Version>>> Objects::State::current(std::string bucket_id, std::string key) {
  auto name = current_key(bucket_id, key);
  if (const auto* known = recent.find(name)) co_return std::optional<Version>(*known);
  auto ticket = recent.ticket(name);
  VIRGA_CO_TRY_ASSIGN(auto record, co_await services.store.get(name));
  if (!record) co_return std::optional<Version>();
  VIRGA_CO_TRY_ASSIGN(auto version, Version::decode(*record));
  recent.keep(std::move(name), version, ticket);
  co_return std::optional<Version>(std::move(version));
}

io::Task<Result<>> Objects::State::commit(std::string current_key, store::Batch batch) {
  recent.begin_change(current_key);
  auto committed = co_await services.store.commit(std::move(batch));
  recent.end_change(current_key);
  co_return committed;
}

void Objects::State::tell(ChangeKind kind, const Bucket& bucket, std::string_view key, const Version& version,
                          const Origin& origin, store::Batch& batch, std::vector<std::function<void()>>& afterwards) {
  if (listener == nullptr) return;
  Change change{kind, bucket, key, version, services.loop.clock().wall(), origin};
  for (auto& work : listener->changing(change, batch)) afterwards.push_back(std::move(work));
}

io::Task<Result<Version>> Objects::State::place(BucketChange& change, std::string key, Placing placing) {
  auto bucket = change.bucket();
  auto& version = placing.version;
  auto& batch = placing.batch;
  VIRGA_CO_TRY_ASSIGN(auto before, co_await current(bucket->id, key));
  VIRGA_CO_TRY(check_condition(placing.condition, before));

  Doomed doomed;
  bool is_named = bucket->versioning == Versioning::Enabled;
  if (before && !is_named && before->id == kNullVersion) {
    VIRGA_CO_TRY_ASSIGN(doomed, co_await doom(before->body, before->size));
  } else {
    if (before) batch.put(older_key(bucket->id, key, before->sequence), before->encode());
    // There is one version without a name at most.
    if (bucket->versioning == Versioning::Suspended) {
      VIRGA_CO_TRY_ASSIGN(auto replaced, co_await older(bucket->id, key, std::string(kNullVersion)));
      if (replaced) {
        batch.remove(replaced->store_key);
        VIRGA_CO_TRY_ASSIGN(doomed, co_await doom(replaced->version.body, replaced->version.size));
      }
    }
  }
  remove_records(doomed, batch);

  version.sequence = next_sequence(before);
  version.modified = whole_milliseconds(services.loop.clock().wall());
  version.id = is_named ? make_version_id(version.sequence, random_text(16)) : std::string(kNullVersion);
  batch.put(current_key(bucket->id, key), version.encode());
  if (version.body.kind == Body::Kind::File) batch.put(file_key(version.body.id), "");
  std::vector<std::function<void()>> afterwards;
  tell(placing.kind, *bucket, key, version, placing.origin, batch, afterwards);
  VIRGA_CO_TRY(co_await commit(lock_name(*bucket, key), std::move(batch)));
  forget(std::move(doomed));
  for (auto& work : afterwards) work();
  co_return std::move(version);
}

io::Task<Result<Version>> Objects::put(std::string bucket, std::string key, StoredFile file, Description description,
                                       Condition condition, ChangeKind kind, Origin origin) {
  auto& state = *state_;
  State::Placing placing;
  placing.version.size = file.size;
  placing.version.etag = hex(file.md5);
  if (!file.id.empty()) placing.version.body = {Body::Kind::File, file.id};
  placing.version.fields = std::move(description.fields);
  placing.version.tags = std::move(description.tags);
  placing.version.checksum = std::move(description.checksum);
  placing.condition = std::move(condition);
  placing.kind = kind;
  placing.origin = std::move(origin);

  auto good = check_key(key);
  auto change = co_await state.enter(std::move(bucket));
  if (!good || !change) {
    discard(std::move(file));
    co_return std::unexpected(good ? change.error() : good.error());
  }
  auto lock = co_await state.locks.take(lock_name(*change->bucket(), key));
  auto placed = co_await state.place(*change, std::move(key), std::move(placing));
  // After an error of the store it is not known whether a record refers to the file; a start will know.
  if (!placed && read_fault(placed.error()).fault != Fault::None) discard(std::move(file));
  co_return placed;
}

// ---- Reading.

io::Task<Result<std::optional<Objects::State::Older>>> Objects::State::newest_older(std::string bucket_id,
                                                                                    std::string key) {
  store::Range range{older_prefix(bucket_id, key), "", 1, store::Order::Ascending};
  VIRGA_CO_TRY_ASSIGN(auto records, co_await services.store.scan(range));
  if (records.empty()) co_return std::optional<Older>();
  Older found;
  VIRGA_CO_TRY_ASSIGN(found.version, Version::decode(records[0].value));
  found.store_key = std::move(records[0].key);
  co_return std::optional<Older>(std::move(found));
}

io::Task<Result<std::optional<Objects::State::Older>>> Objects::State::older(std::string bucket_id, std::string key,
                                                                             std::string version) {
  Older found;
  if (auto sequence = sequence_in(version)) {
    found.store_key = older_key(bucket_id, key, *sequence);
    VIRGA_CO_TRY_ASSIGN(auto record, co_await services.store.get(found.store_key));
    if (!record) co_return std::optional<Older>();
    VIRGA_CO_TRY_ASSIGN(found.version, Version::decode(*record));
    if (found.version.id != version) co_return std::optional<Older>();
    co_return std::optional<Older>(std::move(found));
  }
  if (version != kNullVersion) co_return std::optional<Older>();
  // Its place is not known by its name: all that came after versioning was switched on lie before it.
  store::Range range{older_prefix(bucket_id, key), "", 100, store::Order::Ascending};
  while (true) {
    VIRGA_CO_TRY_ASSIGN(auto records, co_await services.store.scan(range));
    for (auto& record : records) {
      VIRGA_CO_TRY_ASSIGN(found.version, Version::decode(record.value));
      if (found.version.id != version) continue;
      found.store_key = std::move(record.key);
      co_return std::optional<Older>(std::move(found));
    }
    if (records.size() < range.limit) co_return std::optional<Older>();
    range.from = records.back().key;
  }
}

io::Task<Result<Version>> Objects::find(std::string bucket_name, std::string key, std::string version) {
  auto& state = *state_;
  VIRGA_CO_TRY_ASSIGN(auto bucket, co_await state.bucket(std::move(bucket_name)));
  auto name = current_key(bucket->id, key);
  while (true) {
    auto ticket = state.recent.ticket(name);
    auto found = co_await state.find_once(bucket->id, key, version);
    // The files of what was replaced meanwhile may be gone, or be another object's.
    if (!state.recent.is_valid(name, ticket)) continue;
    if (found) found->hold = state.hold(found->body);
    co_return found;
  }
}

io::Task<Result<Version>> Objects::State::find_once(std::string bucket_id, std::string key, std::string version) {
  VIRGA_CO_TRY_ASSIGN(auto current, co_await this->current(bucket_id, key));
  if (version.empty()) {
    if (!current) co_return refuse(Fault::NoSuchKey, "there is no object '" + key + "'");
    if (current->is_marker) co_return refuse(Fault::DeleteMarker, current->id);
    co_return std::move(*current);
  }
  if (!current || current->id != version) {
    VIRGA_CO_TRY_ASSIGN(auto found, co_await older(bucket_id, key, version));
    if (!found) co_return refuse(Fault::NoSuchVersion, "the object '" + key + "' has no version '" + version + "'");
    current = std::move(found->version);
  }
  if (current->is_marker) co_return refuse(Fault::MarkerNamed, current->id);
  co_return std::move(*current);
}

io::Task<Result<std::vector<Part>>> Objects::parts(Version version) {
  if (version.body.kind != Body::Kind::Parts) co_return std::vector<Part>();
  auto& state = *state_;
  VIRGA_CO_TRY_ASSIGN(auto record, co_await state.services.store.get(body_key(version.body.id)));
  if (record) co_return decode_parts(*record);
  auto doomed = state.doomed_parts.find(version.body.id);
  if (doomed == state.doomed_parts.end()) co_return refuse(Fault::NoSuchKey, "the object was removed at this moment");
  co_return doomed->second;
}

io::Task<Result<std::unique_ptr<Reader>>> Objects::read(Version version, std::uint64_t offset, std::uint64_t size) {
  auto& state = *state_;
  auto hold = version.hold;
  std::vector<Piece> pieces;
  if (version.body.kind == Body::Kind::File) pieces.push_back({version.body.id, 0, version.size, version.size});
  if (version.body.kind == Body::Kind::Parts) {
    VIRGA_CO_TRY_ASSIGN(auto all, co_await parts(version));
    for (auto& part : all) pieces.push_back({std::move(part.file), 0, part.size, part.size});
  }
  co_return std::make_unique<Reader>(state.services.loop, state.services.workers, state.files,
                                     slice(pieces, offset, size), std::move(hold), state.read_bytes);
}

}  // namespace virga::services::object
