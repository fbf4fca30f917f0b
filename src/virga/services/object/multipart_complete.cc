#include <algorithm>

#include "virga/base/encoding.h"
#include "virga/services/object/internal/state.h"

// An upload becomes an object: its parts' files stay as they are, and one record names them in order.
namespace virga::services::object {

using namespace internal;

namespace {

constexpr std::uint64_t kSmallestPart = 5u << 20;  // bytes, of all but the last one

std::string hex(std::string_view bytes) {
  return to_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

std::string_view without_quotes(std::string_view etag) {
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') return etag.substr(1, etag.size() - 2);
  return etag;
}

// The parts that were chosen, of those that were uploaded, which are in order.
Result<std::vector<Part>> choose(const std::vector<Objects::ChosenPart>& chosen, const std::vector<Part>& uploaded) {
  std::vector<Part> parts;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const auto& wanted = chosen[i];
    // Who sent a part twice may name both: the later one is what is there.
    if (i + 1 < chosen.size() && chosen[i + 1].number == wanted.number) continue;
    auto number = std::to_string(wanted.number);
    if (!parts.empty() && wanted.number <= parts.back().number) {
      return refuse(Fault::InvalidPartOrder, "part " + number + " is named behind part " +
                                                 std::to_string(parts.back().number) + "; parts go in ascending order");
    }
    auto found = std::ranges::lower_bound(uploaded, wanted.number, {}, &Part::number);
    if (found == uploaded.end() || found->number != wanted.number) {
      return refuse(Fault::InvalidPart, "part " + number + " was not uploaded");
    }
    if (hex(found->md5) != without_quotes(wanted.etag)) {
      return refuse(Fault::InvalidPart,
                    "part " + number + " has the ETag \"" + hex(found->md5) + "\", not " + wanted.etag);
    }
    if (!wanted.checksum.empty() && wanted.checksum != found->checksum.bytes) {
      return refuse(Fault::InvalidPart, "part " + number + " has another checksum than the one that is named");
    }
    parts.push_back(*found);
  }
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    if (parts[i].size >= kSmallestPart) continue;
    return refuse(Fault::PartTooSmall, "part " + std::to_string(parts[i].number) + " has " +
                                           std::to_string(parts[i].size) +
                                           " bytes; all parts but the last one have at least 5 MiB");
  }
  return parts;
}

Result<Checksum> whole_checksum(const Upload& upload, const std::vector<Part>& parts) {
  Checksum whole;
  if (upload.algorithm == ChecksumAlgorithm::None) return whole;
  whole.algorithm = upload.algorithm;
  whole.type = upload.type;
  std::string joined;
  for (const auto& part : parts) {
    if (part.checksum.algorithm != upload.algorithm) {
      return refuse(Fault::InvalidPart, "part " + std::to_string(part.number) +
                                            " was uploaded without the checksum that the upload was begun with");
    }
    if (upload.type == ChecksumType::Composite) {
      joined += part.checksum.bytes;
    } else if (whole.bytes.empty()) {
      whole.bytes = part.checksum.bytes;
    } else {
      whole.bytes = combine_crc(upload.algorithm, whole.bytes, part.checksum.bytes, part.size);
    }
  }
  if (upload.type == ChecksumType::Composite) whole.bytes = digest(upload.algorithm, joined);
  return whole;
}

}  // namespace

io::Task<Result<Version>> Objects::complete_upload(std::string bucket_name, std::string key, std::string id,
                                                   std::vector<ChosenPart> chosen, Checksum expected,
                                                   Condition condition, Origin origin) {
  auto& state = *state_;
  auto upload_held = co_await state.locks.take("upload " + id);
  VIRGA_CO_TRY_ASSIGN(auto change, co_await state.enter(std::move(bucket_name)));
  auto bucket = change.bucket();
  auto upload = co_await state.find_upload(bucket->id, key, id);
  if (!upload) {
    // A client that did not get the answer asks once more.
    VIRGA_CO_TRY_ASSIGN(auto now, co_await state.current(bucket->id, key));
    if (now && !id.empty() && now->upload == id) co_return std::move(*now);
    co_return std::unexpected(upload.error());
  }
  VIRGA_CO_TRY_ASSIGN(auto uploaded, co_await state.uploaded_parts(id));
  VIRGA_CO_TRY_ASSIGN(auto parts, choose(chosen, uploaded));

  State::Placing placing;
  auto& version = placing.version;
  VIRGA_CO_TRY_ASSIGN(version.checksum, whole_checksum(*upload, parts));
  if (!expected.bytes.empty() && expected.algorithm == version.checksum.algorithm &&
      expected.bytes != version.checksum.bytes) {
    co_return refuse(Fault::WrongDigest, "the checksum of the whole object is " + to_base64(version.checksum.bytes) +
                                             ", not the one that was sent");
  }
  std::string md5s;
  for (const auto& part : parts) {
    version.size += part.size;
    md5s += part.md5;
  }
  version.etag = hex(digest(ChecksumAlgorithm::Md5, md5s)) + "-" + std::to_string(parts.size());
  version.body = {Body::Kind::Parts, state.random_text(32)};
  version.parts = static_cast<std::uint32_t>(parts.size());
  version.fields = std::move(upload->fields);
  version.tags = std::move(upload->tags);
  version.upload = id;
  placing.condition = std::move(condition);
  placing.kind = ChangeKind::CompleteUpload;
  placing.origin = std::move(origin);

  auto& batch = placing.batch;
  Doomed unused;
  for (const auto& part : uploaded) {
    batch.remove(part_key(id, part.number));
    bool is_used = std::ranges::binary_search(parts, part.number, {}, &Part::number);
    if (!is_used && !part.file.empty()) unused.files.push_back(part.file);
  }
  remove_records(unused, batch);
  batch.remove(upload_key(bucket->id, key, id));
  batch.put(body_key(version.body.id), encode_parts(parts));
  auto lock = co_await state.locks.take(lock_name(*bucket, key));
  VIRGA_CO_TRY_ASSIGN(auto placed, co_await state.place(change, std::move(key), std::move(placing)));
  state.forget(std::move(unused));
  co_return placed;
}

}  // namespace virga::services::object
