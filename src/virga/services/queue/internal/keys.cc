#include "virga/services/queue/internal/keys.h"

#include "virga/base/record.h"

namespace virga::services::queue::internal {
namespace {

constexpr std::uint8_t kFormat = 1;

}  // namespace

void append_number(std::string& out, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift);
}

std::string queue_key(std::string_view name) {
  return std::string(kQueues).append(name);
}

std::string prefix_of(std::string_view kind, std::uint64_t queue) {
  std::string key(kind);
  append_number(key, queue);
  return key;
}

std::string key_of(std::string_view kind, std::uint64_t queue, Number number) {
  auto key = prefix_of(kind, queue);
  append_number(key, number);
  return key;
}

std::string dedup_key(std::uint64_t queue, std::string_view hash) {
  return prefix_of(kDedups, queue).append(hash);
}

std::string end_of(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

std::optional<Number> number_in(std::string_view key) {
  if (key.size() < sizeof(Number)) return std::nullopt;
  Number number = 0;
  for (char c : key.substr(key.size() - sizeof(Number))) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

std::string MessageState::encode() const {
  RecordWriter writer(kFormat);
  writer.time(visible).time(sent).time(first_received);
  writer.number(nonce).number(receives).text(group);
  return writer.take();
}

std::optional<MessageState> MessageState::decode(std::string_view bytes) {
  RecordReader reader(bytes);
  MessageState state;
  state.visible = reader.time();
  state.sent = reader.time();
  state.first_received = reader.time();
  state.nonce = reader.number();
  state.receives = static_cast<std::uint32_t>(reader.number());
  state.group = reader.text();
  if (reader.format() != kFormat || !reader.is_whole()) return std::nullopt;
  return state;
}

std::string DedupRecord::encode() const {
  RecordWriter writer(kFormat);
  writer.time(expires).number(number).text(message_id);
  return writer.take();
}

std::optional<DedupRecord> DedupRecord::decode(std::string_view bytes) {
  RecordReader reader(bytes);
  DedupRecord record;
  record.expires = reader.time();
  record.number = reader.number();
  record.message_id = reader.text();
  if (reader.format() != kFormat || !reader.is_whole()) return std::nullopt;
  return record;
}

}  // namespace virga::services::queue::internal
