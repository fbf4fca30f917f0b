#include "virga/services/queue/settings.h"

#include <algorithm>

#include "virga/base/record.h"

namespace virga::services::queue {
namespace {

constexpr std::uint8_t kFormat = 1;

std::uint64_t count_of(std::chrono::seconds time) {
  return static_cast<std::uint64_t>(time.count());
}

std::chrono::seconds read_seconds(RecordReader& reader) {
  return std::chrono::seconds(static_cast<std::int64_t>(reader.number()));
}

}  // namespace

std::string QueueRecord::encode() const {
  RecordWriter writer(kFormat);
  writer.number(id).text(name);
  writer.number(count_of(settings.visibility)).number(count_of(settings.retention)).number(count_of(settings.delay));
  writer.number(count_of(settings.receive_wait)).number(settings.max_message).number(settings.is_fifo ? 1 : 0);
  writer.number(settings.dedup_by_content ? 1 : 0).number(settings.dedup_by_group ? 1 : 0);
  writer.text(settings.dead_letters).number(settings.max_receives);
  writer.pairs(settings.texts);
  writer.pairs(tags);
  writer.time(created);
  writer.time(modified);
  return writer.take();
}

Result<QueueRecord> QueueRecord::decode(std::string_view bytes) {
  RecordReader reader(bytes);
  QueueRecord record;
  record.id = reader.number();
  record.name = reader.text();
  auto& settings = record.settings;
  settings.visibility = read_seconds(reader);
  settings.retention = read_seconds(reader);
  settings.delay = read_seconds(reader);
  settings.receive_wait = read_seconds(reader);
  settings.max_message = reader.number();
  settings.is_fifo = reader.number() == 1;
  settings.dedup_by_content = reader.number() == 1;
  settings.dedup_by_group = reader.number() == 1;
  settings.dead_letters = reader.text();
  settings.max_receives = static_cast<std::uint32_t>(reader.number());
  settings.texts = reader.pairs<std::map<std::string, std::string>>();
  record.tags = reader.pairs<std::map<std::string, std::string>>();
  record.created = reader.time();
  record.modified = reader.time();
  if (reader.format() != kFormat || !reader.is_whole()) {
    return fail(ErrorCode::DataLoss, "the record of a queue is damaged");
  }
  return record;
}

std::string_view queue_of_arn(std::string_view arn) {
  if (!arn.starts_with("arn:")) return {};
  for (int part = 0; part < 5; ++part) {
    auto colon = arn.find(':');
    if (colon == arn.npos) return {};
    if (part == 2 && arn.substr(0, colon) != "sqs") return {};
    arn.remove_prefix(colon + 1);
  }
  return is_queue_name(arn) ? arn : std::string_view();
}

bool is_queue_name(std::string_view name) {
  if (name.size() > 80) return false;
  if (name.ends_with(kFifoSuffix)) name.remove_suffix(kFifoSuffix.size());
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

}  // namespace virga::services::queue
