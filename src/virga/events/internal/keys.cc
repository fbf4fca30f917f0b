#include "virga/events/internal/keys.h"

#include "virga/base/encoding.h"
#include "virga/base/hash.h"
#include "virga/base/record.h"

namespace virga::events::internal {
namespace {

constexpr std::uint8_t kFormat = 1;

std::string_view bytes_of(const CallId& id) {
  return {reinterpret_cast<const char*>(id.data()), id.size()};
}

}  // namespace

std::optional<CallId> parse_call_id(std::string_view uuid) {
  constexpr std::array<std::size_t, 4> kDashes = {8, 13, 18, 23};
  if (uuid.size() != 36) return std::nullopt;
  std::string digits(uuid);
  for (auto dash : kDashes) {
    if (uuid[dash] != '-') return std::nullopt;
  }
  std::erase(digits, '-');
  auto bytes = from_hex(digits);
  if (!bytes || bytes->size() != sizeof(CallId)) return std::nullopt;
  CallId id;
  std::copy(bytes->begin(), bytes->end(), reinterpret_cast<char*>(id.data()));
  return id;
}

std::string uuid_of(const CallId& id) {
  auto text = to_hex(id);
  for (std::size_t dash : {8, 13, 18, 23}) text.insert(dash, 1, '-');
  return text;
}

std::string key_of(std::string_view prefix, const CallId& id) {
  std::string key(prefix);
  key += bytes_of(id);
  return key;
}

std::string failed_prefix(const model::FunctionName& function) {
  return std::string(kFailed) + function.text() + '/';
}

std::string failed_key(const model::FunctionName& function, const CallId& id) {
  return key_of(failed_prefix(function), id);
}

std::string expiry_key(WallTime time, const CallId& id) {
  std::string key(kExpiry);
  auto milliseconds = static_cast<std::uint64_t>(unix_milliseconds(time));
  for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>(milliseconds >> shift);
  return key_of(key, id);
}

std::string repeat_key(const model::FunctionName& function, std::string_view key) {
  return std::string(kRepeats) + std::string(as_view(sha256(function.text() + '\n' + std::string(key))));
}

std::optional<CallId> id_in(std::string_view key) {
  CallId id;
  if (key.size() < id.size()) return std::nullopt;
  key.remove_prefix(key.size() - id.size());
  key.copy(reinterpret_cast<char*>(id.data()), id.size());
  return id;
}

std::optional<WallTime> time_in_expiry_key(std::string_view key) {
  if (key.size() != kExpiry.size() + 8 + sizeof(CallId)) return std::nullopt;
  std::uint64_t milliseconds = 0;
  for (char byte : key.substr(kExpiry.size(), 8)) milliseconds = milliseconds << 8 | static_cast<std::uint8_t>(byte);
  return wall_time_at(milliseconds);
}

std::string Waiting::encode() const {
  RecordWriter writer(kFormat);
  writer.text(lane).time(accepted).time(due).number(spent).number(has_history ? 1 : 0);
  return writer.take();
}

std::optional<Waiting> Waiting::decode(std::string_view bytes) {
  RecordReader reader(bytes);
  Waiting waiting;
  waiting.lane = reader.text();
  waiting.accepted = reader.time();
  waiting.due = reader.time();
  waiting.spent = static_cast<std::uint32_t>(reader.number());
  waiting.has_history = reader.number() != 0;
  if (reader.format() != kFormat || !reader.is_whole()) return std::nullopt;
  return waiting;
}

std::string encode_keys(const std::vector<std::string>& keys) {
  RecordWriter writer(kFormat);
  for (const auto& key : keys) writer.text(key);
  return writer.take();
}

std::vector<std::string> decode_keys(std::string_view bytes) {
  RecordReader reader(bytes);
  std::vector<std::string> keys;
  while (reader.is_good() && !reader.is_whole()) keys.push_back(reader.text());
  if (!reader.is_good() || reader.format() != kFormat) keys.clear();
  return keys;
}

}  // namespace virga::events::internal
