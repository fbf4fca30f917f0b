#include "virga/services/queue/mapping.h"

#include "virga/base/record.h"

namespace virga::services::queue {
namespace {

constexpr std::uint8_t kFormat = 1;

}  // namespace

std::string Mapping::encode() const {
  RecordWriter writer(kFormat);
  writer.text(id).text(queue).text(function.text()).text(qualifier).number(is_enabled ? 1 : 0).number(batch_size);
  writer.number(static_cast<std::uint64_t>(window.count())).number(reports_failures ? 1 : 0).number(max_concurrency);
  writer.time(modified).number(filters.size());
  for (const auto& filter : filters) writer.text(filter);
  writer.pairs(tags);
  return writer.take();
}

Result<Mapping> Mapping::decode(std::string_view bytes) {
  RecordReader reader(bytes);
  Mapping mapping;
  mapping.id = reader.text();
  mapping.queue = reader.text();
  mapping.function = model::FunctionName(reader.text());
  mapping.qualifier = reader.text();
  mapping.is_enabled = reader.number() == 1;
  mapping.batch_size = static_cast<std::uint32_t>(reader.number());
  mapping.window = std::chrono::seconds(static_cast<std::int64_t>(reader.number()));
  mapping.reports_failures = reader.number() == 1;
  mapping.max_concurrency = static_cast<std::uint32_t>(reader.number());
  mapping.modified = reader.time();
  auto filters = reader.number();
  for (std::uint64_t i = 0; i < filters && reader.is_good(); ++i) mapping.filters.push_back(reader.text());
  mapping.tags = reader.pairs<decltype(mapping.tags)>();
  if (reader.format() != kFormat || !reader.is_whole()) {
    return fail(ErrorCode::DataLoss, "the record of an event source mapping is damaged");
  }
  return mapping;
}

}  // namespace virga::services::queue
